"""Pictures and arrays that are no dataset: each is told in one sentence.

`tests/unit/data` has every reason; here are some, as a command tells them.
"""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def pictures(tmp_path):
    """A folder of eight pictures of each of two classes."""
    for index in range(8):
        for label, value in (("cat", index), ("dog", 100 + index)):
            path = tmp_path / "pictures" / label / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), value).save(path)
    return tmp_path / "pictures"


def test_an_image_that_cannot_be_read_is_named(answer, pictures):
    path = pictures / "dog" / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\nnot at all")
    sentence = answer("train", "--model=lr", f"--dataset=folder:{pictures}")
    assert f"{path} cannot be read as an image" in sentence


def test_images_of_two_sizes_need_one(answer, pictures):
    Image.new("L", (9, 8)).save(pictures / "dog" / "wide.png")
    sentence = answer("train", "--model=lr", f"--dataset=folder:{pictures}")
    assert "--image_size=32" in sentence


def test_a_missing_path_is_told_before_keras_is_imported(tmp_path):
    words = [
        ["train", f"--dataset=folder:{tmp_path}/none"],
        ["train", f"--dataset=npz:{tmp_path}/none.npz"],
        ["check", f"--dataset=points:{tmp_path}/none.csv"],
        ["sweep", f"--dataset=folder:{tmp_path}/none"],
        ["vary", f"--dataset=folder:{tmp_path}/none", "--seed=1,2"],
        ["predict", "lenet5:mnist", f"{tmp_path}/none.png"],
        ["predict", "lenet5:mnist", f"{tmp_path}", "--top=99"],
        ["export", "lenet5:mnist", f"--out={tmp_path}/none/m.keras"],
        ["report", "lenet5:mnist", f"--out={tmp_path}/none/r.html"],
        ["misclassified", "lenet5:mnist", "--split=test"],
    ]
    code = (
        "import json, sys\n"
        "from zoo.cli.main import main\n"
        "codes = [main(words) for words in json.loads(sys.argv[1])]\n"
        "print(codes, 'keras' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(words)],
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"{[2] * len(words)} False\n"
    assert done.stderr.count("\n") == len(words)


X = np.arange(20 * 16, dtype=np.uint8).reshape(20, 4, 4)
Y = np.arange(20) % 2
ARRAYS = {
    "without labels": ({"x": X}, "has no y"),
    "a label without images": ({"x": X, "y": Y * 7}, "none of class 1"),
    "scaled pixels": ({"x": X / 255.0, "y": Y}, "multiply by 255"),
}


@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_that_are_no_dataset_are_explained(answer, tmp_path, case):
    arrays, words = ARRAYS[case]
    np.savez(tmp_path / "data.npz", **arrays)
    dataset = f"--dataset=npz:{tmp_path}/data.npz"
    assert words in answer("train", "--model=lr", dataset)


@pytest.mark.parametrize("name", ["mnist", "cifar10", "svhn"])
def test_a_data_set_that_cannot_be_fetched_is_said_to_be_missing(
    answer, tmp_path, monkeypatch, name
):
    # A proxy that nobody is: port 9 of this machine refuses at once.
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    empty = tmp_path / "empty"
    sentence = answer("train", f"--dataset={name}", f"--data_dir={empty}")
    assert f"{name} is not in {empty}" in sentence
    assert "internet connection" in sentence
    assert not empty.exists()
