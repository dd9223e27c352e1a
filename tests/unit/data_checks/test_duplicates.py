"""Copies and near copies, against pictures that were copied on purpose."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.fft import dct
from scipy.stats import pearsonr

from tests.unit.data.conftest import save
from tests.unit.data_checks.conftest import make, textures
from zoo.data import image_files, load_dataset, near_duplicates
from zoo.data_checks import inspect, read_dataset, read_folder
from zoo.data_checks.stats import thumbnail
from zoo.evaluation.test_set import load_test_split


@pytest.fixture(scope="module")
def findings(photographs):
    return by_name(photographs.root)


def by_name(root):
    return {found.name: found for found in inspect(read_folder(str(root)))}


def test_copies_of_one_class_are_found(findings, photographs):
    told = {
        tuple(line.split(" = ")) for line in findings["exact_duplicates"].images
    }
    assert told == set(photographs.copies)
    assert findings["exact_duplicates"].sentence.startswith(
        "2 images are exact duplicates"
    )


def test_the_same_pixels_under_two_labels_are_found(findings, photographs):
    found = findings["conflicting_labels"]
    assert found.images == (" = ".join(photographs.mislabelled),)


def near_pairs(findings):
    lines = findings["near_duplicates"].images
    return {frozenset(line.split(" (")[0].split(" ~ ")) for line in lines}


def test_near_copies_are_found_and_nothing_else(findings, photographs):
    assert near_pairs(findings) == set(map(frozenset, photographs.near))
    assert "conflicting_near_duplicates" not in findings


@pytest.fixture(scope="module")
def doubled(tmp_path_factory):
    """A folder of 24 pictures, each a second time and a little darker."""
    root = tmp_path_factory.mktemp("doubled")
    images, labels = textures(24, classes=2)
    for i, pixels in enumerate(images):
        folder = root / "ab"[labels[i]]
        save(folder / f"{i}.png", pixels)
        darker = (pixels * 0.8).astype(np.uint8)
        save(folder / f"{i}_again.png", darker)
    return f"folder:{root}"


@pytest.mark.parametrize("size", [None, 8])
def test_near_copies_are_kept_in_one_split(doubled, size):
    options = {"group_by": "near_duplicates", "image_size": size}
    dataset = load_dataset(doubled, val_fraction=0.3, **options)
    parts = dataset.train, dataset.val, load_test_split(doubled, **options)
    places = {}
    for index, part in enumerate(parts):
        assert len(part) >= 4
        for name in part.file_names:
            picture = name.split("/")[1].split(".")[0].removesuffix("_again")
            places.setdefault(picture, set()).add(index)
    assert len(places) == 24
    assert all(len(found) == 1 for found in places.values())


def test_a_chain_of_near_copies_is_one_group(monkeypatch):
    pairs = [
        near_duplicates.Pair(0, 2, 1, 0.99),
        near_duplicates.Pair(2, 5, 1, 0.99),
    ]
    monkeypatch.setattr(near_duplicates, "find_pairs", lambda *_: pairs)
    keys = near_duplicates.find_groups(np.zeros((6, 32, 32), np.uint8), [])
    assert keys[0] == keys[2] == keys[5]
    assert len(set(keys)) == 4


def test_a_wrong_label_is_more_harmful_than_a_copy(findings):
    order = list(findings)
    assert order.index("unreadable_files") == 0
    assert order.index("conflicting_labels") < order.index("exact_duplicates")


def test_validation_images_that_are_trained_on_are_found(tmp_path):
    images, labels = textures(24, classes=2)
    for i, pixels in enumerate(images):
        part = "train" if i < 16 else "val"
        save(tmp_path / part / "ab"[labels[i]] / f"{i}.png", pixels)
    save(tmp_path / "val" / "a" / "leak.png", images[0])
    found = by_name(tmp_path)["train_val_leakage"]
    assert found.images == ("train/a/0.png = val/a/leak.png",)
    assert found.sentence.startswith("1 validation image is among")


@pytest.fixture
def three_splits(tmp_path):
    """A folder with splits of its own, none of whose images is a copy."""
    images, labels = textures(24, classes=2)
    for i, pixels in enumerate(images):
        part = ("train", "val", "test")[i // 8]
        save(tmp_path / part / "ab"[labels[i]] / f"{i}.png", pixels)
    return tmp_path


def test_test_images_that_are_copies_are_named(three_splits):
    assert "test_leakage" not in by_name(three_splits)
    for source, target in (("train/a/0", "test/b/x"), ("val/b/9", "test/a/y")):
        pixels = Image.open(three_splits / f"{source}.png")
        pixels.save(three_splits / f"{target}.tif")  # another file, same pixels
    found = by_name(three_splits)["test_leakage"]
    assert set(found.images) == {
        "test/b/x.tif = train/a/0.png", "test/a/y.tif = val/b/9.png",
    }  # fmt: skip
    assert found.sentence.startswith(
        "2 test images are copies of training or validation images;"
    )


def test_a_test_image_of_another_size_is_not_decoded(three_splits, monkeypatch):
    large = Image.new("RGB", (50, 40))
    large.save(three_splits / "test" / "a" / "large.png")
    decoded = []
    decode = image_files.decode
    monkeypatch.setattr(
        image_files,
        "decode",
        lambda path, n: decoded.append(path.name) or decode(path, n),
    )
    assert len(read_folder(str(three_splits)).test_digests) == 8
    assert len(decoded) == 24 and "large.png" not in decoded


def test_copies_in_a_test_split_of_arrays_are_named(tmp_path):
    images, labels = textures(24, classes=2)
    splits = {"x_train": images[:16], "y_train": labels[:16]}
    splits |= {"x_test": images[15:], "y_test": labels[15:]}
    np.savez(tmp_path / "leak.npz", **splits)
    stats = read_dataset(f"npz:{tmp_path / 'leak.npz'}")
    (found,) = (f for f in inspect(stats) if f.name == "test_leakage")
    assert found.images == ("test/0 = train/15 (1)",)
    assert found.sentence.startswith(
        "1 test image is a copy of a training image;"
    )


def test_a_hash_has_the_bits_of_a_transform_done_by_hand():
    grey = textures(1)[0][..., 0]
    low = dct(dct(np.float64(grey[0]), axis=0), axis=1)[1:9, 1:9].ravel()
    bits = low > np.median(low)
    (found,) = near_duplicates.perceptual_hashes(grey)
    expected = np.packbits(bits).view(np.uint64)[0]
    assert found == expected


def test_correlation_is_pearsons():
    images, _ = textures(2)
    (found,) = near_duplicates.correlations(images[:1], images[1:])
    expected = pearsonr(images[0].ravel(), images[1].ravel()).statistic
    assert found == pytest.approx(expected, abs=1e-5)


def changed(picture, how):
    if how == "jpeg":
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=50)
        return Image.open(stream).convert("RGB")
    if how == "gray":
        return picture.convert("L").convert("RGB")
    side = {"larger": 80, "smaller": 24}[how]
    return picture.resize((side, side), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("how", ["jpeg", "gray", "larger", "smaller"])
def test_a_picture_that_was_saved_again_is_known_among_others(how):
    images, _ = textures(60, seed=4)
    again = np.asarray(changed(Image.fromarray(images[7]), how))
    thumbnails = [thumbnail(x) for x in [*images, again]]
    digests = [bytes([i]) for i in range(61)]
    pairs = near_duplicates.find_pairs(np.stack(thumbnails), digests)
    assert [(pair.first, pair.second) for pair in pairs] == [(7, 60)]


@given(st.integers(0, 2**32 - 1))
def test_every_close_pair_is_found_once(seed):
    random = np.random.default_rng(seed)
    codes = random.integers(0, 2**64, 40, np.uint64)
    codes[20:] = codes[:20] ^ random.integers(0, 2**9, 20, np.uint64)
    found = {
        (int(i), int(j))
        for left, right, _ in near_duplicates._close_hashes(codes)
        for i, j in zip(left, right, strict=True)
    }
    expected = {
        (i, j)
        for i in range(40)
        for j in range(i + 1, 40)
        if bin(int(codes[i]) ^ int(codes[j])).count("1")
        <= near_duplicates.MAX_BITS
    }
    assert found == expected


def test_blocks_leave_no_pair_out(monkeypatch):
    monkeypatch.setattr(near_duplicates, "BLOCK_SIZE", 7)
    codes = np.zeros(20, np.uint64)
    count = sum(
        len(left) for left, _, _ in near_duplicates._close_hashes(codes)
    )
    assert count == 20 * 19 / 2


@pytest.mark.data
def test_photographs_of_cifar10_are_told_apart_and_their_copies_found(tmp_path):
    data = load_dataset("cifar10").train
    keep = np.isin(data.labels, (3, 5, 6, 7))
    labels = np.searchsorted((3, 5, 6, 7), data.labels[keep])
    made = make(
        tmp_path,
        data.images[keep],
        labels,
        ("cat", "dog", "frog", "horse"),
        (200, 120, 100, 40),
    )
    found = by_name(tmp_path)
    assert found["conflicting_labels"].images == (" = ".join(made.mislabelled),)
    assert near_pairs(found) == set(map(frozenset, made.near))
