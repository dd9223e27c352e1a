"""What a run says of files is what its model says of their pixels."""

import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax
from sklearn.datasets import load_digits

from tests.serving.conftest import trained
from zoo.data import pictures
from zoo.errors import UserError
from zoo.serving import batches, predict


def ask(run, *words, **options):
    return predict(run, [str(word) for word in words], **options)


def test_a_picture_gets_the_probabilities_of_its_pixels(run, digit, picture):
    image = digit.images[0]
    (found,) = ask(run, picture(image), top=10).predictions
    logits = run.load_model()(np.float32(image[None])).numpy()[0]
    shares = dict(zip(found.classes, found.probabilities, strict=True))
    expected = softmax(logits.astype(np.float64))
    assert [shares[str(i)] for i in range(10)] == pytest.approx(expected)
    assert list(found.probabilities) == sorted(found.probabilities)[::-1]


def test_most_digits_are_recognized_from_their_pictures(run, digit, picture):
    for i, image in enumerate(digit.images[:50]):
        picture(image, f"digits/{i:02}.png")
    folder = picture(digit.images[0], "digits/00.png").parent
    found = ask(run, folder).predictions
    right = [
        one.classes[0] == str(label)
        for one, label in zip(found, digit.labels, strict=False)
    ]
    assert len(found) == 50 and np.mean(right) > 0.8


def test_a_picture_is_stretched_as_those_of_a_folder_are(picture):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 50), np.uint8)
    path = picture(pixels, "wide.png")
    (batch,) = batches.read([path], (8, 8, 1))
    expected = Image.fromarray(pixels).resize((8, 8), Image.BILINEAR)
    assert np.array_equal(batch.values[0, ..., 0], np.asarray(expected))


def saved(folder, name, image, **options):
    image.save(folder / name, **options)
    return folder / name


KINDS = {
    "grey": lambda f, p: saved(f, "x.png", p),
    "colour": lambda f, p: saved(f, "x.png", p.convert("RGB")),
    "opacity": lambda f, p: saved(f, "x.png", p.convert("RGBA")),
    "palette": lambda f, p: saved(f, "x.gif", p.convert("P")),
    "print": lambda f, p: saved(f, "x.tiff", p.convert("CMYK")),
    "16 bits": lambda f, p: saved(
        f, "x.png", Image.fromarray(np.uint16(np.asarray(p)) * 257)
    ),
    "animated": lambda f, p: saved(
        f,
        "x.gif",
        p,
        save_all=True,
        append_images=[Image.new("L", p.size, 255)],
    ),
    "turned": lambda f, p: saved(
        f, "x.png", p.transpose(Image.Transpose.ROTATE_90), exif=turned()
    ),
}


def turned():
    """Says that the camera lay on its side: turn it clockwise."""
    exif = Image.Exif()
    exif[pictures.ORIENTATION] = 6
    return exif


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_picture_is_the_same_digit(tmp_path, digit, kind):
    image = Image.fromarray(digit.images[0][..., 0])
    path = KINDS[kind](tmp_path, image)
    (batch,) = batches.read([path], (8, 8, 1))
    difference = np.int32(batch.values[0]) - digit.images[0]
    assert np.abs(difference).max() <= 1


def test_batches_of_many_files_keep_the_order(tmp_path, monkeypatch, picture):
    monkeypatch.setattr(batches, "SIZE", 3)
    paths = [
        picture(np.full((8, 8), i, np.uint8), f"{i}.png") for i in range(8)
    ]
    np.save(tmp_path / "x.npy", np.full((4, 8, 8), 99, np.uint8))
    order = [*paths[:4], tmp_path / "x.npy", *paths[4:]]
    found = list(batches.read(order, (8, 8, 1)))
    values = np.concatenate([batch.values[:, 0, 0, 0] for batch in found])
    assert list(values) == [0, 1, 2, 3, 99, 99, 99, 99, 4, 5, 6, 7]
    assert max(len(batch.names) for batch in found) == 3


def test_what_cannot_be_read_is_left_out_and_named(run, digit, picture):
    good = picture(digit.images[0], "x/good.png")
    bad = good.with_name("bad.png")
    bad.write_text("no picture")
    answers = ask(run, good.parent)
    assert [one.name for one in answers.predictions] == [str(good)]
    assert [one.name for one in answers.unreadable] == [str(bad)]
    assert "cannot be read as a picture" in answers.unreadable[0].why


@pytest.mark.parametrize("count", [1, 2])
def test_if_nothing_can_be_read_it_is_a_mistake(run, tmp_path, count):
    for i in range(count):
        (tmp_path / f"{i}.png").touch()
    with pytest.raises(UserError, match="can.* be read as a picture"):
        ask(run, tmp_path)


def test_negatives_are_told_of_and_originals_are_not(run, digit, picture):
    assert ask(run, picture(digit.images[0])).warnings == ()
    (told,) = ask(run, picture(255 - digit.images[0])).warnings
    assert "negatives" in told


def test_one_negative_among_many_pictures_is_named(run, digit, picture):
    for i, image in enumerate(digit.images[:20]):
        picture(image, f"mix/{i:02}.png")
    folder = picture(255 - digit.images[20], "mix/negative.png").parent
    (told,) = ask(run, folder).warnings
    assert "negative.png looks like a negative" in told


def test_the_range_of_the_training_images_is_kept_with_the_run(run):
    from zoo.data import load_dataset

    images = load_dataset("digits").train.images
    data = run.resolved["data"]
    assert data["pixel_range"] == [images.min(), images.max()]
    means = images.mean(axis=(1, 2, 3))
    assert data["image_means"] == pytest.approx([means.min(), means.max()])


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_integers_of_another_range_are_told_of(run, dtype):
    sixteen = load_digits().images[:6].astype(dtype)
    told = predict(run, sixteen).warnings
    assert any("the largest pixel is 16" in sentence for sentence in told)


def test_floats_of_another_range_are_refused(run):
    with pytest.raises(UserError, match=r"255 / 16\)"):
        predict(run, load_digits().images[:6])


def test_a_run_on_pixels_to_sixteen_takes_such_floats(tmp_path):
    x = load_digits().images.astype(np.uint8)
    np.savez(tmp_path / "x.npz", x=x, y=load_digits().target)
    found = trained(tmp_path, "r", model="lr", dataset=f"npz:{tmp_path}/x.npz")
    assert found.resolved["data"]["pixel_range"] == [0, 16]
    answers = predict(found, load_digits().images[:6])
    assert answers.warnings == ()


def test_files_that_are_no_images_are_counted(run, digit, picture):
    folder = picture(digit.images[0], "x/good.png").parent
    (folder / "movie.mp4").touch()
    (folder / "notes.txt").touch()
    (told,) = ask(run, folder).warnings
    assert told.startswith("2 files are left out")


def test_pictures_of_other_proportions_are_counted(run, digit, picture):
    picture(digit.images[0], "x/square.png")
    wide = np.repeat(digit.images[0], 2, axis=1)
    folder = picture(wide, "x/wide.png").parent
    (told,) = ask(run, folder).warnings
    assert told.startswith("1 picture has other proportions than 8x8")


def test_a_colour_run_knows_its_classes_by_name(colours, picture):
    pixels = np.zeros((40, 30, 3), np.uint8)
    pixels[..., 1] = 200
    (found,) = ask(colours, picture(pixels)).predictions
    assert found.classes[0] == "green"


def test_points_are_predicted_from_text(moons, tmp_path):
    (tmp_path / "p.csv").write_text("0.0,3.0\n1.0,-3.0\n")
    above, below = ask(moons, tmp_path / "p.csv").predictions
    assert above.classes[0] != below.classes[0]


def test_a_run_that_predicts_numbers_is_refused(curve, picture):
    with pytest.raises(UserError, match="predicts numbers"):
        ask(curve, "x.png")


@pytest.mark.parametrize("top", [0, 11])
def test_more_classes_than_there_are_cannot_be_named(run, top):
    with pytest.raises(UserError, match="give 1 to 10"):
        ask(run, "x.png", top=top)


def test_pictures_have_one_or_three_channels(tmp_path):
    with pytest.raises(UserError, match="4 channels"):
        list(batches.read([tmp_path / "x.png"], (8, 8, 4)))
