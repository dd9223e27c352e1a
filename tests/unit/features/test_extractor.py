"""Features on disk: computed once, for these images and this extractor."""

import keras
import numpy as np
import pytest

from zoo.data import Split
from zoo.errors import UserError
from zoo.features import bag_of_visual_words, handcrafted
from zoo.features import extractor as cache
from zoo.run_store import RunStore


@pytest.fixture(scope="module")
def extractor():
    return handcrafted.build_hog((8, 8, 1))


@pytest.fixture
def split(digits):
    return Split(digits, np.zeros(len(digits), np.int32))


def computed(split, extractor, folder):
    """Returns the vectors, and whether they had to be computed."""
    told = []
    found = cache.extract_features(
        split, extractor, str(folder), lambda done, total: told.append(done)
    )
    return found.images, bool(told)


def test_the_second_time_they_come_from_disk(split, extractor, tmp_path):
    first, was_computed = computed(split, extractor, tmp_path)
    again, was_computed_again = computed(split, extractor, tmp_path)
    assert was_computed
    assert not was_computed_again
    np.testing.assert_array_equal(first, again)


def test_other_images_or_another_extractor_are_computed(
    split, extractor, tmp_path
):
    computed(split, extractor, tmp_path)
    part = split.take(np.arange(40))
    assert computed(part, extractor, tmp_path)[1]
    other = type(extractor)("x", "", extractor.model, {"kind": "other"})
    assert computed(split, other, tmp_path)[1]


@pytest.mark.parametrize("harm", ["cut", "flip", "foreign", "swapped", "empty"])
def test_what_is_damaged_or_foreign_is_told_and_computed_anew(
    split, extractor, tmp_path, harm, capsys
):
    wanted, _ = computed(split, extractor, tmp_path)
    [path] = (tmp_path / cache.CACHE_DIR).iterdir()
    content = bytearray(path.read_bytes())
    if harm == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif harm == "flip":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif harm == "foreign":
        np.savez(path, vectors=np.zeros((3, 2), np.float32))
    elif harm == "swapped":  # whole, of the right shape, and not what was kept
        with np.load(path) as file:
            np.savez(path, **{**file, "vectors": wanted[::-1]})
    else:
        path.write_bytes(b"")
    capsys.readouterr()
    found, was_computed = computed(split, extractor, tmp_path)
    assert was_computed
    assert capsys.readouterr().out.count(f"{path} is corrupt") == 1
    np.testing.assert_array_equal(found, wanted)
    assert not computed(split, extractor, tmp_path)[1]


def test_batches_do_not_change_what_is_computed(digits, extractor):
    whole = cache.compute(digits, extractor)
    alone = [cache.compute(digits[i : i + 1], extractor) for i in (0, 40, 63)]
    np.testing.assert_allclose(
        whole[[0, 40, 63]], np.concatenate(alone), atol=1e-6
    )


def test_no_images_need_no_file(split, extractor, tmp_path):
    found, was_computed = computed(
        split.take(np.arange(0)), extractor, tmp_path
    )
    assert found.shape == (0, 36)
    assert not was_computed
    assert not list(tmp_path.iterdir())


def test_the_cache_is_no_run(split, extractor, tmp_path):
    computed(split, extractor, tmp_path)
    assert RunStore(str(tmp_path)).runs() == []


def test_a_folder_that_cannot_be_written_is_one_sentence(
    split, extractor, tmp_path
):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="choose another --runs_dir"):
        computed(split, extractor, tmp_path / "file")


def test_nothing_in_an_extractor_is_trained(digits):
    for extractor in (
        handcrafted.build_hog((8, 8, 1)),
        bag_of_visual_words.fit(digits),
    ):
        assert not extractor.model.trainable_weights
        assert isinstance(extractor.model, keras.Model)
