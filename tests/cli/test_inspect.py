"""`zoo inspect`, as it is typed."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.unit.data_checks.conftest import make, textures
from zoo.api_arguments import dataset_name
from zoo.cli.main import main
from zoo.data_checks.report import tile


@pytest.fixture(scope="session")
def photographs(tmp_path_factory):
    """130 images of three unequal classes; do not write there."""
    root = tmp_path_factory.mktemp("inspected") / "photographs"
    return make(root, *textures(180), ("cat", "dog", "emu"), (60, 50, 20))


def say(capsys, *argv):
    code = main(["inspect", *map(str, argv)])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Works in a folder of its own: a sheet is drawn where one stands."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def test_findings_are_numbered_sentences_before_a_table(capsys, photographs):
    code, out, err = say(capsys, photographs.root)
    assert (code, err) == (0, "")
    numbers = [line for line in out.splitlines() if line[:1].isdigit()]
    assert [line.split(".")[0] for line in numbers] == [
        str(n) for n in range(1, len(numbers) + 1)
    ]
    assert all(line.count(";") >= 1 and line.endswith(".") for line in numbers)
    assert "1. 2 of 137 files cannot be read" in out
    assert out.rindex("emu  ") > out.index(numbers[-1])
    assert "test split is not held out yet" in out


def test_json_has_the_same_findings(capsys, photographs):
    found = json.loads(say(capsys, photographs.root, "--json")[1])
    assert found["images"] == 135
    assert found["findings"][0]["severity"] == "critical"
    assert len(found["findings"][0]["images"]) == 2
    rows = {row["class"]: row["images"] for row in found["classes"]}
    assert rows == photographs.counts


def is_picture(path):
    with Image.open(path) as picture:
        return picture.size[0] > 800


def test_the_sheet_is_drawn_here_and_kept(capsys, photographs, elsewhere):
    sheet = elsewhere / "photographs-contact-sheet.png"
    assert "is written" in say(capsys, photographs.root)[1]
    assert is_picture(sheet)
    sheet.write_bytes(b"mine")
    assert "exists" in say(capsys, photographs.root)[1]
    assert sheet.read_bytes() == b"mine"
    say(capsys, photographs.root, "--overwrite")
    assert is_picture(sheet)


def test_the_sheet_never_lies_among_the_pictures(
    capsys, photographs, tmp_path, monkeypatch
):
    root = shutil.copytree(photographs.root, tmp_path / "pictures")
    monkeypatch.chdir(root / "cat")
    assert say(capsys, "..")[0] == 0
    assert (tmp_path / "pictures-contact-sheet.png").exists()
    assert not list(root.rglob("*sheet*"))


def test_a_tile_keeps_the_proportions_of_a_picture():
    wide = np.zeros((10, 40, 1), np.uint8)
    found = tile(wide, 96)
    assert found.shape == (96, 96, 3)
    black = (found == 0).all(axis=2)
    assert (black.any(axis=1).sum(), black.any(axis=0).sum()) == (20, 80)


def test_a_path_and_a_name_of_a_data_set_both_serve(elsewhere):
    (elsewhere / "pictures").mkdir()
    np.savez(elsewhere / "file.npz", x=np.zeros(2))
    assert dataset_name("pictures") == "folder:pictures"
    assert dataset_name("folder:pictures") == "folder:pictures"
    assert dataset_name("file.npz") == "npz:file.npz"
    assert dataset_name("mnist") == "mnist"


def test_arrays_of_a_file_are_looked_at(capsys, elsewhere):
    images, labels = textures(40, classes=2)
    images[3] = images[1]
    np.savez("mine.npz", x=images, y=labels)
    out = say(capsys, "mine.npz")[1]
    assert "npz:mine.npz: 40 images of 2 classes" in out
    assert "train/1 (1) = train/3 (1)" in out
    assert (elsewhere / "mine-contact-sheet.png").exists()


# The files and folders that there are, what is typed, and words of the answer.
MISTAKES = [
    ("pictures/", "pictres", "dataset 'pictres'", "mean pictures?"),
    ("cat.png", "cat.png", "cat.png is a file", "sub-folders"),
    ("empty/", "empty", "no sub-folders"),
    ("one/cat/1.png", "one", "only one class, cat"),
    ("bad/a/1.png bad/b/1.png", "bad", "can be read", "the file is empty"),
    ("bare/a/ bare/b/", "bare", "no image that can be read"),
    ("p/", "p --out=x.jpg", "--out=x.jpg", "PNG"),
    ("p/", "p --out=no/x.png", "--out=no/x.png", "missing folder"),
    ("p/", "p --out=p/x.png", "among the images"),
    ("", "xor", "xor has points"),
    ("", "sine", "sine has points"),
    ("", "cifar10_1", "test set only"),
    ("", "folder:", "folder: needs a path"),
    ("", "", "a PATH is missing"),
]


@pytest.mark.parametrize(
    ("there", "typed", "words"), [(row[0], row[1], row[2:]) for row in MISTAKES]
)
def test_what_cannot_be_looked_at_is_told_in_one_sentence(
    capsys, elsewhere, there, typed, words
):
    for name in there.split():
        folder, _, file = name.rpartition("/")
        (elsewhere / folder).mkdir(parents=True, exist_ok=True)
        if file:
            (elsewhere / name).touch()
    before = sorted(elsewhere.rglob("*"))
    code, out, err = say(capsys, *typed.split())
    assert (code, out) == (2, "")
    assert err.startswith("zoo: ") and err.count("\n") == 1
    for word in words:
        assert word in err
    assert sorted(elsewhere.rglob("*")) == before
