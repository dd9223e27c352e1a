"""Images named in a CSV file, `csv:PATH`."""

import numpy as np
import pytest
from PIL import Image

from tests.unit.data.conftest import save, sizes
from zoo.config import TrainConfig
from zoo.data import image_table, load_dataset
from zoo.data.loading import UNUSED_WEIGHTS
from zoo.errors import UserError
from zoo.evaluation.test_set import load_test_split


def write(folder, text, count=24):
    """Writes gray images 0.png, 1.png, ... and a table beside them."""
    random = np.random.default_rng(0)
    for number in range(count):
        pixels = random.integers(0, 256, (5, 4), np.uint8)
        save(folder / f"{number}.png", pixels)
    (folder / "t.csv").write_text(text)
    return f"csv:{folder / 't.csv'}"


def rows(columns, line, count=24):
    return "\n".join([columns, *(line(number) for number in range(count))])


def test_images_are_read_in_the_order_of_the_table(tmp_path):
    text = rows("path,label", lambda n: f"{23 - n}.png,{'ab'[n % 2]}")
    data = load_dataset(write(tmp_path, text), val_fraction=0.2)
    assert data.class_names == ("a", "b")
    assert data.train.images.shape[1:] == (5, 4, 1)
    assert sum(sizes(data)) == 24 and data.num_test_examples > 0
    first = np.asarray(Image.open(tmp_path / data.train.file_names[0]))
    np.testing.assert_array_equal(data.train.images[0][..., 0], first)


def test_a_column_gives_the_splits_and_another_the_weights(tmp_path):
    def line(n):
        split = "train" if n < 12 else "val" if n < 18 else "test"
        return f"{n}.png,{1 + n % 3},{split},{n / 2}"

    name = write(tmp_path, rows("file_name,class,split,sample_weight", line))
    data = load_dataset(name)
    assert sizes(data) == (12, 6, len(load_test_split(name))) == (12, 6, 6)
    assert data.class_names == ("1", "2", "3")
    np.testing.assert_array_equal(data.train.labels, np.arange(12) % 3)
    np.testing.assert_array_equal(data.train.sample_weight, np.arange(12) / 2)


def test_files_of_a_table_can_be_grouped_and_unreadable_ones_skipped(tmp_path):
    name = write(tmp_path, rows("path,label", lambda n: f"{n}.png,{n % 2}"))
    (tmp_path / "23.png").write_bytes(b"")
    options = {"group_by": r"^(\d)", "skip_unreadable": True}
    assert TrainConfig(dataset=name, **options).group_by == options["group_by"]
    data = load_dataset(name, val_fraction=0.2, **options)
    assert sum(sizes(data)) == 23
    first = [
        {file[0] for file in part.file_names} for part in (data.train, data.val)
    ]
    assert first[0] and first[1] and first[0].isdisjoint(first[1])


@pytest.mark.parametrize("has_test", [False, True])
@pytest.mark.parametrize("val_fraction", [0, 0.2])
def test_weights_that_scores_leave_out_are_noted_once(
    tmp_path, val_fraction, has_test
):
    def line(n):
        split = "test" if has_test and n < 6 else "train"
        return f"{n}.png,{n % 2},{split},{n / 2}"

    name = write(tmp_path, rows("path,label,split,sample_weight", line))
    notes = load_dataset(name, val_fraction=val_fraction).notes
    assert [note for note in notes if "weights" in note] == [UNUSED_WEIGHTS]


def test_a_subset_keeps_the_weights_of_its_examples(tmp_path):
    columns = "path,label,sample_weight"
    text = rows(columns, lambda n: f"{n}.png,{n % 2},{n + 1}")
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
        ("path,label\n0.png\n", "line 2 .* has 1 cells"),
        ("path,label\n\n0.png,a\n\n1.png,\n", "line 5 .* has no label"),
        ("path,label,split\n0.png,a,east\n", "is of the split east"),
        ("path;label\n0.png;a\n", "has semicolons between its columns"),
        ("path\tlabel\n0.png\ta\n", "has tabs between its columns"),
        ("path,label\n0.png,a\n1.png,a\n", "only one class"),
        ("path,label\n0.png,a\nno.png,b\n", "no.png"),
        (
            "path,label,sample_weight\n0.png,a,1\n1.png,b,-1\n",
            "sample_weight that is not a number of 0 or more",
        ),
    ],
)
def test_what_is_no_table_of_images_is_explained(tmp_path, text, sentence):
    name = write(tmp_path, text, 2)
    with pytest.raises(UserError, match=sentence) as error:
        load_dataset(name)
    assert str(error.value).endswith(".")


def test_a_weight_in_grams_is_not_the_weight_of_an_example(tmp_path):
    text = rows("path,label,weight", lambda n: f"{n}.png,{n % 2},9")
    data = load_dataset(write(tmp_path, text))
    assert data.train.sample_weight is None


def test_a_split_of_one_kind_of_label_has_the_classes_of_all(tmp_path):
    def line(n):
        if n < 16:
            return f"{n}.png,{'1x'[n % 2]},train"
        return f"{n}.png,1,val"

    data = load_dataset(write(tmp_path, rows("path,label,split", line)))
    assert data.class_names == ("1", "x")
    assert data.val.labels.tolist() == [0] * 8


@pytest.mark.parametrize(
    ("header", "encoding", "expected"),
    [
        ("path,label", "utf-8", True),
        ("Path;Label", "utf-8", True),
        ("file\tclass\tgröße", "latin-1", True),
        ("image,label", "utf-16", True),
        ("x,y,label", "utf-8", False),
    ],
)
def test_a_table_of_images_is_known_by_its_first_line(
    tmp_path, header, encoding, expected
):
    path = tmp_path / "t.csv"
    path.write_text(f"{header}\n1,2,3\n", encoding=encoding)
    assert image_table.is_table(path) == expected


def test_another_encoding_is_named(tmp_path):
    name = write(tmp_path, "", 2)
    text = "path,label\n0.png,\u00e4\n"
    (tmp_path / "t.csv").write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match="is not in UTF-8"):
        load_dataset(name)


class Frame:
    """What is used of a DataFrame of pandas."""

    iloc = None

    def __init__(self, **columns):
        self._columns = columns
        self.columns = list(columns)

    def __getitem__(self, name):
        return self._columns[name]


def stored(tmp_path, **frames):
    write(tmp_path, "", 12)
    return image_table.store_frames(frames, str(tmp_path))


def paths(tmp_path, count=12):
    return [str(tmp_path / f"{n}.png") for n in range(count)]


@pytest.mark.parametrize("labels", [[0.0, 1.0] * 6, [np.float32(1), 0] * 6])
def test_labels_that_pandas_made_floats_are_whole_numbers(tmp_path, labels):
    frame = Frame(path=paths(tmp_path), label=labels)
    data = load_dataset(stored(tmp_path, train=frame))
    assert data.class_names == ("0", "1")


@pytest.mark.parametrize("missing", [None, float("nan")])
@pytest.mark.parametrize("column", ["path", "label"])
def test_a_row_without_path_or_label_is_named(tmp_path, column, missing):
    columns = {"path": paths(tmp_path), "label": [0, 1] * 6}
    columns[column] = [*columns[column][:5], missing, *columns[column][6:]]
    with pytest.raises(UserError, match=f"row 5 .* has no {column}"):
        stored(tmp_path, train=Frame(**columns))


def test_splits_of_several_frames_are_not_those_of_a_column(tmp_path):
    whole = Frame(
        path=paths(tmp_path),
        label=[0, 1] * 6,
        split=["train"] * 6 + ["test"] * 6,
    )
    assert load_dataset(stored(tmp_path, train=whole)).num_test_examples == 6
    with pytest.raises(UserError, match="column split"):
        stored(tmp_path, train=whole, val=whole)


def test_weights_are_given_for_all_frames_or_none(tmp_path):
    plain = {"path": paths(tmp_path), "label": [0, 1] * 6}
    weighted = Frame(**plain, sample_weight=[1.0] * 12)
    for parts in ((weighted, Frame(**plain)), (Frame(**plain), weighted)):
        with pytest.raises(UserError, match="another has none"):
            stored(tmp_path, **dict(zip(("train", "val"), parts, strict=True)))


@pytest.mark.data
def test_a_name_of_tensorflow_datasets_is_its_dataset(tmp_path, monkeypatch):
    from zoo.data.cache import resolve_data_dir

    genuine = resolve_data_dir(None) / "mnist"
    (tmp_path / "mnist").symlink_to(genuine)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    by_name = load_dataset("tfds:mnist")
    assert by_name.fingerprint == load_dataset("mnist").fingerprint
    assert by_name.num_test_examples == 10_000


@pytest.mark.parametrize("label", [float("inf"), np.array([1, 2]), [0, 1]])
def test_a_label_that_is_no_class_is_refused(tmp_path, label):
    frame = Frame(path=paths(tmp_path), label=[0] * 6 + [label] + [1] * 5)
    with pytest.raises(UserError, match="row 6 .* has the label"):
        stored(tmp_path, train=frame)
