"""Predictions are those of the run's model on the pixels of the inputs."""

import shutil

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax
from sklearn.datasets import load_digits

from tests.integration.serving.conftest import trained
from zoo import model_metadata
from zoo.data import image_files, load_dataset
from zoo.errors import UserError
from zoo.serving import inputs
from zoo.serving.export import export
from zoo.serving.predict import (
    brightness_warning,
    find_model,
    predict,
    training_mean,
)


def ask(run, *words, **options):
    return predict(run, [str(word) for word in words], **options)


def test_a_picture_gets_the_probabilities_of_its_pixels(run, digit, picture):
    image = digit.images[0]
    (found,) = ask(run, picture(image), top=10)
    logits = run.load_model()(np.float32(image[None])).numpy()[0]
    shares = dict(zip(found.classes, found.probabilities, strict=True))
    expected = softmax(logits.astype(np.float64))
    assert [shares[str(i)] for i in range(10)] == pytest.approx(expected)
    assert list(found.probabilities) == sorted(found.probabilities)[::-1]


def test_most_digits_are_recognized_from_their_pictures(run, digit, picture):
    for i, image in enumerate(digit.images[:50]):
        picture(image, f"digits/{i:02}.png")
    folder = picture(digit.images[0], "digits/00.png").parent
    found = [int(one.classes[0]) for one in ask(run, folder)]
    assert len(found) == 50 and np.mean(found == digit.labels[:50]) > 0.8


def test_a_picture_is_squashed_where_those_of_a_folder_are(picture):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 50), np.uint8)
    path = picture(pixels, "wide.png")
    (batch,) = inputs.read_batches([path], (8, 8, 1), resize="squash")
    expected = Image.fromarray(pixels).resize((8, 8), Image.BILINEAR)
    assert np.array_equal(batch.values[0, ..., 0], np.asarray(expected))


def saved(folder, name, image, **options):
    image.save(folder / name, **options)
    return folder / name


TURNED = Image.Exif()
TURNED[image_files.ORIENTATION] = 6  # the camera lay on its side
ANIMATED = {"save_all": True, "append_images": [Image.new("L", (8, 8), 255)]}
KINDS = {
    "gray": lambda f, p: saved(f, "x.png", p),
    "color": lambda f, p: saved(f, "x.png", p.convert("RGB")),
    "opacity": lambda f, p: saved(f, "x.png", p.convert("RGBA")),
    "palette": lambda f, p: saved(f, "x.gif", p.convert("P")),
    "print": lambda f, p: saved(f, "x.tiff", p.convert("CMYK")),
    "16 bits": lambda f, p: saved(
        f, "x.png", Image.fromarray(np.uint16(np.asarray(p)) * 257)
    ),
    "animated": lambda f, p: saved(f, "x.gif", p, **ANIMATED),
    "turned": lambda f, p: saved(
        f, "x.png", p.transpose(Image.Transpose.ROTATE_90), exif=TURNED
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_picture_is_the_same_digit(tmp_path, digit, kind):
    image = Image.fromarray(digit.images[0][..., 0])
    path = KINDS[kind](tmp_path, image)
    (batch,) = inputs.read_batches([path], (8, 8, 1))
    difference = np.int32(batch.values[0]) - digit.images[0]
    assert np.abs(difference).max() <= 1


def test_batches_of_many_files_keep_the_order(tmp_path, monkeypatch, picture):
    monkeypatch.setattr(inputs, "BATCH_SIZE", 3)
    paths = [
        picture(np.full((8, 8), i, np.uint8), f"{i}.png") for i in range(8)
    ]
    np.save(tmp_path / "x.npy", np.full((4, 8, 8), 99, np.uint8))
    order = [*paths[:4], tmp_path / "x.npy", *paths[4:]]
    found = list(inputs.read_batches(order, (8, 8, 1)))
    values = np.concatenate([batch.values[:, 0, 0, 0] for batch in found])
    assert list(values) == [0, 1, 2, 3, 99, 99, 99, 99, 4, 5, 6, 7]
    assert max(len(batch.names) for batch in found) == 3


@pytest.mark.parametrize("count", [1, 2])
def test_if_nothing_can_be_read_it_is_a_mistake(run, tmp_path, count):
    for i in range(count):
        (tmp_path / f"{i}.png").touch()
    with pytest.raises(UserError, match="can.* be read as"):
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
    images = load_dataset("digits").train.images
    data = run.resolved["data"]
    assert data["pixel_range"] == [images.min(), images.max()]
    means = images.mean(axis=(1, 2, 3))
    assert data["image_mean_range"] == pytest.approx([means.min(), means.max()])


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
    predictions = predict(found, load_digits().images[:6])
    assert predictions.warnings == ()


def test_files_that_are_no_images_are_counted(run, digit, picture):
    folder = picture(digit.images[0], "x/good.png").parent
    (folder / "movie.mp4").touch()
    (folder / "notes.txt").touch()
    (told,) = ask(run, folder).warnings
    assert told.startswith("2 files are skipped")


def test_pictures_of_other_proportions_are_counted(run, digit, picture):
    picture(digit.images[0], "x/square.png")
    wide = np.repeat(digit.images[0], 2, axis=1)
    folder = picture(wide, "x/wide.png").parent
    (told,) = ask(run, folder).warnings
    assert told.startswith("1 image has another aspect ratio than 8x8")


def test_a_color_run_knows_its_classes_by_name(colors, picture):
    pixels = np.zeros((40, 30, 3), np.uint8)
    pixels[..., 1] = 200
    (found,) = ask(colors, picture(pixels))
    assert found.classes[0] == "green"


def test_points_are_predicted_from_text(moons, tmp_path):
    (tmp_path / "p.csv").write_text("0.0,3.0\n1.0,-3.0\n")
    above, below = ask(moons, tmp_path / "p.csv")
    assert above.classes[0] != below.classes[0]
    assert below.name == f"{tmp_path / 'p.csv'}:2"


def test_a_regression_is_refused(curve, picture):
    with pytest.raises(UserError, match="predicts numbers"):
        ask(curve, "x.png")


def test_pictures_have_one_or_three_channels(tmp_path):
    with pytest.raises(UserError, match="4 channels"):
        list(inputs.read_batches([tmp_path / "x.png"], (8, 8, 4)))


# Brightness.

MNIST, PHOTOS = 33.3, 121.9


@pytest.mark.parametrize(
    ("trained", "given"),
    [
        *((MNIST, given) for given in (12, 33, 60)),
        *((PHOTOS, given) for given in (40, 90, 134, 200)),
    ],
)
def test_nothing_is_said_of_images_as_bright_as_in_training(trained, given):
    assert brightness_warning(given, trained) is None


@pytest.mark.parametrize(
    ("trained", "given", "words"),
    [
        *((MNIST, given, "look like negatives") for given in (180, 222, 250)),
        (PHOTOS, 5, "far darker"),
        (PHOTOS, 240, "far brighter"),
        (127.5, 0, "far darker"),  # no negatives around the middle
        (127.5, 255, "far brighter"),
    ],
)
def test_images_of_another_brightness_are_reported(trained, given, words):
    assert words in brightness_warning(given, trained)


def test_the_mean_of_the_training_images_is_read_from_the_run(run):
    images = load_dataset("digits").train.images
    assert training_mean(run.resolved) == pytest.approx(images.mean(), abs=1e-3)


def test_nothing_is_said_where_no_mean_was_measured(run, moons):
    assert training_mean(moons.resolved) is None
    resolved = run.resolved
    assert training_mean({**resolved, "features": {"name": "hog"}}) is None
    statistics = {**resolved["statistics"], "mean": None}
    assert training_mean({**resolved, "statistics": statistics}) is None


def test_a_mean_image_counts_with_all_its_pixels(run):
    mean = np.full((8, 8, 1), 50.0)
    mean[0] = 90.0
    statistics = {**run.resolved["statistics"], "mean": mean.tolist()}
    assert training_mean({**run.resolved, "statistics": statistics}) == 55.0


# A `.keras` file in place of its run.


@pytest.mark.parametrize("how", ["copied", "exported"])
def test_a_saved_model_answers_as_its_run_by_the_names_of_its_classes(
    colors, tmp_path, how
):
    path = tmp_path / "mine.keras"
    pixels = np.random.default_rng(1).integers(0, 256, (5, 16, 16, 3), "u1")
    if how == "copied":
        shutil.copy(colors.path / "model.keras", path)
    else:
        export(colors, "keras", str(path))
    found = predict(find_model(str(path), str(tmp_path)), pixels, top=3)
    expected = predict(colors, pixels, top=3)
    assert {*found[0].classes} == {"red", "green", "blue"}
    for one, other in zip(found, expected, strict=True):
        assert one.classes == other.classes
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)


def test_in_its_folder_it_stands_for_the_run(colors):
    path = colors.path / "model.keras"
    assert find_model(str(path), "runs").path == colors.path


def test_a_name_that_is_not_a_file_is_that_of_a_run(colors):
    found = find_model("colors", str(colors.path.parent))
    assert found.path == colors.path


def test_a_file_that_names_no_classes_is_refused(tmp_path):
    path = tmp_path / "other.keras"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(path)
    with pytest.raises(UserError, match="about.json, which names the classes"):
        find_model(str(path), str(tmp_path))


def test_a_file_that_is_not_an_archive_is_refused(tmp_path):
    path = tmp_path / "text.keras"
    path.write_text("no model")
    with pytest.raises(UserError, match="cannot be read"):
        model_metadata.read(path)
