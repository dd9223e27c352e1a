"""Pictures and arrays that are no dataset: each is told in one sentence.

`tests/unit/data` has every reason; here are some, as a command tells them.
"""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

# Each maker returns what follows
# `--dataset=` and words of the answer.


def _picture(path, value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), value).save(path)
    return path


def _two_classes(root):
    for index in range(8):
        _picture(root / "cat" / f"{index}.png", index)
        _picture(root / "dog" / f"{index}.png", 100 + index)
    return root


def folder_with_a_broken_image(root):
    path = _two_classes(root) / "dog" / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\nnot at all")
    return f"folder:{root}", f"{path} cannot be read as an image"


def folder_with_two_sizes(root):
    _two_classes(root)
    Image.new("L", (9, 8)).save(root / "dog" / "wide.png")
    return f"folder:{root}", "--image_size=32"


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


def _npz(root, **arrays):
    np.savez(root / "data.npz", **arrays)
    return f"npz:{root}/data.npz"


def missing_npz(root):
    return f"npz:{root}/none.npz", "is not a file"


def npz_without_labels(root):
    return _npz(root, x=X), "has no y"


def npz_with_a_label_without_images(root):
    return _npz(root, x=X, y=Y * 7), "none of class 1"


def npz_with_scaled_pixels(root):
    return _npz(root, x=X / 255.0, y=Y), "multiply by 255"


@pytest.mark.parametrize(
    "make",
    [
        folder_with_a_broken_image,
        folder_with_two_sizes,
        missing_npz,
        npz_without_labels,
        npz_with_a_label_without_images,
        npz_with_scaled_pixels,
    ],
)
def test_data_that_is_none_is_explained(answer, tmp_path, make):
    root = tmp_path / "data"
    root.mkdir()
    dataset, *words = make(root)
    sentence = answer("train", "--model=lr", f"--dataset={dataset}")
    for word in words:
        assert word in sentence


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
