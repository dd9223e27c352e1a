"""Images named in a CSV file, `csv:PATH`."""

import numpy as np
import pytest
from PIL import Image

from zoo.data import load_dataset
from zoo.errors import UserError
from zoo.evaluation.test_set import load_test_split


def write(folder, text, count=24):
    """Writes gray images 0.png, 1.png, ... and a table beside them."""
    random = np.random.default_rng(0)
    for number in range(count):
        pixels = random.integers(0, 256, (5, 4), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    (folder / "t.csv").write_text(text)
    return f"csv:{folder / 't.csv'}"


def rows(columns, line, count=24):
    return "\n".join([columns, *(line(number) for number in range(count))])


def test_images_are_read_in_the_order_of_the_table(tmp_path):
    text = rows("path,label", lambda n: f"{23 - n}.png,{'ab'[n % 2]}")
    data = load_dataset(write(tmp_path, text), val_fraction=0.2)
    assert data.class_names == ("a", "b")
    assert data.train.images.shape[1:] == (5, 4, 1)
    total = len(data.train) + len(data.val) + data.num_test_examples
    assert total == 24 and data.num_test_examples > 0
    first = np.asarray(Image.open(tmp_path / data.train.file_names[0]))
    np.testing.assert_array_equal(data.train.images[0][..., 0], first)


def test_a_column_gives_the_splits_and_another_the_weights(tmp_path):
    def line(n):
        split = "train" if n < 12 else "val" if n < 18 else "test"
        return f"{n}.png,{1 + n % 3},{split},{n / 2}"

    name = write(tmp_path, rows("file_name,class,split,sample_weight", line))
    data = load_dataset(name)
    sizes = len(data.train), len(data.val), data.num_test_examples
    assert sizes == (12, 6, 6) == (12, 6, len(load_test_split(name)))
    assert data.class_names == ("1", "2", "3")
    np.testing.assert_array_equal(data.train.labels, np.arange(12) % 3)
    np.testing.assert_array_equal(data.train.sample_weight, np.arange(12) / 2)


def test_a_subset_keeps_the_weights_of_its_examples(tmp_path):
    text = rows(
        "path,label,sample_weight", lambda n: f"{n}.png,{n % 2},{n + 1}"
    )
    data = load_dataset(write(tmp_path, text), train_examples=6)
    names = [name.removesuffix(".png") for name in data.train.file_names]
    expected = [float(name) + 1 for name in names]
    assert data.train.sample_weight.tolist() == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "has no rows"),
        ("path,label\n", "has no rows"),
        ("a,b\n0.png,1\n", "has no column path, but a and b"),
        ("path,b\n0.png,1\n", "has no column label"),
        ("path,label\n0.png\n", "row 2 .* has 1 cells"),
        ("path,label\n0.png,\n", "row 2 .* has no label"),
        ("path,label,split\n0.png,a,east\n", "is of the split east"),
        ("path,label\n0.png,a\n1.png,a\n", "only one class"),
        ("path,label\n0.png,a\nno.png,b\n", "no.png"),
        (
            "path,label,weight\n0.png,a,1\n1.png,b,-1\n",
            "sample_weight that is not a number of 0 or more",
        ),
    ],
)
def test_what_is_no_table_of_images_is_explained(tmp_path, text, sentence):
    name = write(tmp_path, text, 2)
    with pytest.raises(UserError, match=sentence) as error:
        load_dataset(name)
    assert str(error.value).endswith(".")


@pytest.mark.data
def test_a_name_of_tensorflow_datasets_is_its_dataset(tmp_path, monkeypatch):
    from zoo.data.cache import resolve_data_dir

    genuine = resolve_data_dir(None) / "mnist"
    (tmp_path / "mnist").symlink_to(genuine)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    by_name = load_dataset("tfds:mnist")
    assert by_name.fingerprint == load_dataset("mnist").fingerprint
    assert by_name.num_test_examples == 10_000
