"""What a person can get wrong, and the one sentence each mistake gets back.

All in this process, through the door that `python -m zoo` uses.
"""

import os
import re
import shlex
import shutil
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from zoo.cli.main import main
from zoo.config import TrainConfig
from zoo.training import train
from zoo.training.console import Console

# One row a mistake: what is typed after `zoo`, and words of the answer.
TYPED = [
    # Names that no table has.
    ("lenet", "no command 'lenet'", "train"),
    ("trian", "did you mean train"),
    ("train --model=wrn28_01", "no model 'wrn28_01'", "wrn28_10"),
    ("train --model=lenet", "no model 'lenet'", "lenet5"),
    ("train --model=wrn29_10", "29", "28", "34"),
    ("train --model=wrn3_1", "3", "10"),
    ("train --model=", "no model ''", "lr, mlp"),
    ("train --dataset=minst", "no data set 'minst'", "mnist"),
    ("train --dataset=folder", "folder:PATH"),
    ("train --dataset=folder:", "folder:pictures"),
    ("train --dataset=npz", "npz:PATH"),
    ("train --optimizer=adma", "--optimizer=adma", "adam", "nesterov"),
    ("train --schedule=cosin", "--schedule=cosin", "cosine", "exponential"),
    ("train --loss=hing", "--loss=hing", "did you mean hinge"),
    ("train --jit=maybe", "--jit=maybe", "auto, on or off"),
    ("train --summaries=scalars,foo", "--summaries=scalars,foo", "logits"),
    ("train --recipe=wrn28_11", "no recipe 'wrn28_11'", "cifar10/wrn28_10"),
    ("train --like=foo", "no run 'foo'"),
    ("resume foo", "no run 'foo'"),
    ("evaluate foo", "no run 'foo'"),
    ("resume last", "no run 'last'", "`zoo train` makes one"),
    ("evaluate last --split=foo", "--split=foo", "val, train or test"),
    # Flags and words that no verb has.
    ("train --modle=lr", "no flag --modle", "--model"),
    ("train --xyzzy", "no flag --xyzzy", "--helpfull"),
    ("train lenet5", "no use for 'lenet5'", "--model=lenet5"),
    ("resume a b", "no use for 'b'"),
    ("resume", "RUN is missing", "`zoo resume RUN`"),
    ("train --learning_rate", "needs a value", "--learning_rate=0.001"),
    ("train --model --epochs=1", "--model needs a value"),
    ("train --recipe --epochs=1", "--recipe needs a value"),
    ("train --deterministic=3", "--deterministic=3", "true nor false"),
    ("train --nodeterministic=1", "--nodeterministic=1", "argument"),
    ("train --flagfile=/no/such", "--flagfile=/no/such", "No such file"),
    ("train --flagfile /no/such", "--flagfile=/no/such", "No such file"),
    ("train --flagfile=/", "--flagfile=/", "directory"),
    ("train --flagfile=/ --flagfile=/no", "--flagfile=/"),
    # Values of the wrong type or out of range.
    ("train --learning_rate=-1", "--learning_rate=-1 ", "a number above 0"),
    ("train --learning_rate=nan", "--learning_rate=nan", "above 0"),
    ("train --learning_rate=inf", "--learning_rate=inf", "above 0"),
    ("train --learning_rate=abc", "--learning_rate=abc", "not a number"),
    ("train --batch_size=0", "at least 1, or the word full"),
    ("train --batch_size=most", "--batch_size=most", "the word full"),
    ("train --epochs=2.5", "--epochs=2.5", "whole number"),
    ("train --seed=-1", "--seed=-1 ", "from 0 to 2147483647"),
    ("train --val_fraction=1", "--val_fraction=1 ", "from 0 to below 1"),
    ("train --dropout=1.5", "--dropout=1.5 ", "from 0 to below 1"),
    ("train --schedule=step --schedule_epochs=3,x", "3,x", "list of numbers"),
    ("train --run_name=../x", "--run_name=../x", "--runs_dir"),
    ("train --run_name=.x", "--run_name=.x", "dot"),
    ("train --run_name=", "--run_name= ", "letters"),
    # Values that do not go together.
    ("train --epochs=3 --steps=4", "--epochs=3 and --steps=4"),
    ("train --optimizer=adam --momentum=0.9", "--momentum=0.9 has no effect"),
    ("train --schedule=cosine --schedule_epochs=3", "--schedule=step"),
    ("train --loss=hinge --label_smoothing=0.1", "--loss=cross_entropy"),
    ("train --group_by=folder", "--group_by", "digits", "folder:PATH"),
    (
        "train --val_fraction=0 --early_stopping_patience=2",
        "--early_stopping_patience",
        "--val_fraction=0.1",
    ),
    ("train --batch_size=1294", "1294", "1,293 training images", "full"),
    (
        "train --steps_per_execution=8 --checkpoint_every=12",
        "--checkpoint_every=12",
        "--steps_per_execution=8",
    ),
    # What a model has no use for, or cannot take.
    ("train --model=lr --dropout=0.5", "--dropout=0.5", "lr", "--model=mlp"),
    ("train --model=lr --norm=batch", "--norm=batch", "--model=mlp"),
    ("train --model_arg=depth", "--model_arg=depth", "name=value"),
    ("train --model_arg=", "--model_arg= ", "name=value"),
    ("train --model_arg=depth=3", "--model_arg=depth=3", "lenet5"),
    ("train --model=wrn16_1 --model_arg=depth=9", "fixes depth at 16"),
    ("train --model=mlp --model_arg=hidden=abc", "hidden=abc", "(256,128)"),
    ("train --model=mlp --model_arg=hidden=0", "hidden=0", "(256,128)"),
    ("train --model=inception --model_arg=reduced=3", "True or False"),
]


@pytest.fixture
def answer(tmp_path, capfd):
    """Returns a function: types a command, checks and returns its answer."""

    def ask(*argv, code=2):
        runs_dir = tmp_path / "runs"
        before = _folders(runs_dir)
        if not any(word.startswith("--runs_dir") for word in argv):
            argv = (*argv, f"--runs_dir={runs_dir}")
        assert main(list(argv)) == code
        return _sentence(capfd.readouterr().err, _folders(runs_dir) - before)

    return ask


def _folders(runs_dir):
    return set(os.listdir(runs_dir)) if runs_dir.is_dir() else set()


def _sentence(err, left_behind):
    assert err.count("\n") == 1 and err.endswith("\n"), err
    assert re.match(r"zoo: [^A-Z\s].*[.?]$", err.rstrip("\n")), err
    assert "Traceback" not in err
    assert not left_behind
    return err.removeprefix("zoo: ").rstrip("\n")


@pytest.mark.parametrize(
    ("typed", "words"), [(row[0], row[1:]) for row in TYPED]
)
def test_a_mistake_gets_one_sentence_and_leaves_nothing(answer, typed, words):
    sentence = answer(*shlex.split(typed))
    for word in words:
        assert word in sentence


def test_an_unknown_flag_inside_a_flagfile_is_named(answer, tmp_path):
    (tmp_path / "bad.flags").write_text("--epochs=1\n--modle=lr\n")
    assert "--modle" in answer("train", f"--flagfile={tmp_path}/bad.flags")


def test_a_flagfile_that_is_no_text_is_refused(answer, tmp_path):
    (tmp_path / "bad.flags").write_bytes(b"\xff\xfe--epochs=1")
    assert "text" in answer("train", f"--flagfile={tmp_path}/bad.flags")


# Pictures and arrays that are no data set. Each maker returns what follows
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


def _png_of(width, height):
    """Returns a PNG of 66 bytes that claims to be this large."""

    def chunk(kind, data):
        sum_ = zlib.crc32(kind + data)
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", sum_)
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(b"\0")),
            chunk(b"IEND", b""),
        ]
    )


def missing_folder(root):
    return f"folder:{root}/none", "does not exist"


def empty_folder(root):
    (root / "empty").mkdir()
    return f"folder:{root}/empty", "no sub-folders"


def folder_with_one_class(root):
    _picture(root / "cat" / "1.png")
    return f"folder:{root}", "one class only, cat"


def folder_with_a_class_without_images(root):
    _two_classes(root)
    (root / "emu").mkdir()
    return f"folder:{root}", "emu has no images"


def folder_with_a_broken_image(root):
    path = _two_classes(root) / "dog" / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\nnot at all")
    return f"folder:{root}", f"{path} cannot be read as a picture"


def folder_with_a_truncated_image(root):
    path = _two_classes(root) / "dog" / "3.png"
    path.write_bytes(path.read_bytes()[:-24])
    return f"folder:{root}", f"{path} cannot be read as a picture"


def folder_with_a_bomb(root):
    path = _two_classes(root) / "dog" / "bomb.png"
    path.write_bytes(_png_of(20_000, 20_000))
    return f"folder:{root}", f"{path} is too large"


def folder_with_two_sizes(root):
    _two_classes(root)
    Image.new("L", (9, 8)).save(root / "dog" / "wide.png")
    return f"folder:{root}", "--image_size=32"


def folder_that_is_a_file(root):
    return f"folder:{_picture(root / 'cat.png')}", "is a file"


X = np.arange(20 * 16, dtype=np.uint8).reshape(20, 4, 4)
Y = np.arange(20) % 2


def _npz(root, **arrays):
    np.savez(root / "data.npz", **arrays)
    return f"npz:{root}/data.npz"


def missing_npz(root):
    return f"npz:{root}/none.npz", "is not a file"


def npz_that_is_none(root):
    (root / "data.npz").write_text("x, y")
    return f"npz:{root}/data.npz", "cannot be read as a NumPy .npz file"


def npz_without_labels(root):
    return _npz(root, x=X), "has no y"


def npz_with_object_labels(root):
    objects = np.array([{"a": 1}] * 20, dtype=object)
    return _npz(root, x=X, y=objects), "Python objects"


def npz_with_a_label_below_zero(root):
    return _npz(root, x=X, y=Y - 1), "label -1"


def npz_with_a_label_without_images(root):
    return _npz(root, x=X, y=Y * 7), "none of class 1"


def npz_with_a_label_that_training_lacks(root):
    made = _npz(root, x=X, y=Y, x_test=X, y_test=Y + 1)
    return made, "label 2", "0 to 1"


def npz_with_pixels_that_are_no_numbers(root):
    pixels = X.astype(np.float32)
    pixels[3, 1, 1] = np.nan
    return _npz(root, x=pixels, y=Y), "1 values that are not numbers"


def npz_with_scaled_pixels(root):
    return _npz(root, x=X / 255.0, y=Y), "multiply by 255"


def npz_of_unequal_lengths(root):
    return _npz(root, x=X, y=Y[:-1]), "20 images", "19 labels"


@pytest.mark.parametrize(
    "make",
    [
        missing_folder,
        empty_folder,
        folder_with_one_class,
        folder_with_a_class_without_images,
        folder_with_a_broken_image,
        folder_with_a_truncated_image,
        folder_with_a_bomb,
        folder_with_two_sizes,
        folder_that_is_a_file,
        missing_npz,
        npz_that_is_none,
        npz_without_labels,
        npz_with_object_labels,
        npz_with_a_label_below_zero,
        npz_with_a_label_without_images,
        npz_with_a_label_that_training_lacks,
        npz_with_pixels_that_are_no_numbers,
        npz_with_scaled_pixels,
        npz_of_unequal_lengths,
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
    assert "no connection" in sentence
    assert not empty.exists()


def test_a_runs_dir_below_a_file_is_refused(answer, tmp_path):
    (tmp_path / "file").touch()
    where = f"{tmp_path}/file/runs"
    assert where in answer("train", "--model=lr", f"--runs_dir={where}")


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs Linux")
def test_a_runs_dir_that_nobody_can_write_is_refused(answer):
    sentence = answer("train", "--model=lr", "--runs_dir=/proc/runs")
    assert "--runs_dir=/proc/runs cannot be written" in sentence


# Runs that cannot do what is asked of them.


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a run that trained to its end."""
    runs_dir = tmp_path_factory.mktemp("runs")
    config = TrainConfig(
        model="lr", steps=8, batch_size=128, runs_dir=str(runs_dir)
    )
    return train(config, console=Console(quiet=True)).path


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the finished run, named `done`, in `tmp_path`/runs."""
    return shutil.copytree(finished, tmp_path / "runs" / "done")


@pytest.fixture
def killed(copy):
    """The same run, as if killed before it could write its result."""
    (copy / "metrics.json").unlink()
    (copy / "model.keras").unlink()
    return copy


def test_a_finished_run_is_not_resumed(answer, copy):
    sentence = answer("resume", "done")
    assert "finished (completed)" in sentence
    assert f"--like={copy}" in sentence


def test_a_name_that_is_taken_is_refused(answer, copy):
    sentence = answer("train", "--model=lr", "--run_name=done")
    assert "'done'" in sentence and "already" in sentence


def test_a_name_inside_another_run_is_refused(answer, copy):
    sentence = answer("train", "--model=lr", "--run_name=done/config.json/x")
    assert "--run_name=done/config.json/x" in sentence


HOLD = """
import sys
from pathlib import Path
from zoo.runs import Run
with Run(Path(sys.argv[1]), "done").lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_run_at_work_in_another_process_is_not_resumed(answer, killed):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(killed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        assert "running in another process" in answer("resume", "done")
        holder.stdin.close()


def _truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def _remove_events(path):
    shutil.rmtree(path)


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("checkpoints/last.npz", _truncate),
        ("checkpoints/last.npz", lambda path: path.write_bytes(b"garbage")),
        ("checkpoints/last.npz", lambda path: np.savez(path, weights=X)),
        ("resolved.json", lambda path: path.write_text("garbage")),
        ("resolved.json", lambda path: path.unlink()),
        ("config.json", lambda path: path.write_text("{")),
        ("config.json", lambda path: path.write_bytes(b"\xff")),
        ("train", _remove_events),
    ],
)
def test_a_damaged_run_is_not_resumed(answer, killed, name, damage):
    damage(killed / name)
    sentence = answer("resume", "done")
    assert f"{killed / name}" in sentence or f": {name}" in sentence
    assert "damaged" in sentence


def test_a_run_of_another_format_is_not_read(answer, killed):
    text = (killed / "resolved.json").read_text()
    newer = text.replace('"format": 1', '"format": 2')
    (killed / "resolved.json").write_text(newer)
    assert "format 2" in answer("resume", "done")


def test_a_folder_that_is_no_run_is_not_resumed(answer, copy):
    (copy / "config.json").unlink()
    assert "no config.json" in answer("resume", str(copy))


def test_a_run_that_is_not_finished_is_not_scored(answer, killed):
    sentence = answer("evaluate", "done")
    assert "no model.keras" in sentence and "killed" in sentence


def test_a_model_file_that_is_damaged_is_named(answer, copy):
    _truncate(copy / "model.keras")
    assert "model.keras" in answer("evaluate", "done")


def test_a_run_without_validation_images_is_not_scored_on_them(
    answer, tmp_path
):
    config = TrainConfig(
        model="lr",
        steps=1,
        val_fraction=0,
        runs_dir=str(tmp_path / "runs"),
        run_name="done",
    )
    train(config, console=Console(quiet=True))
    assert "--split=train or --split=test" in answer("evaluate", "done")


def test_a_prefix_of_several_runs_is_refused(answer, copy):
    shutil.copytree(copy, copy.with_name("donkey"))
    assert "fits 2 runs" in answer("resume", "don")


def test_the_answer_of_a_resume_elsewhere_can_be_typed_as_it_stands(
    answer, copy
):
    command = re.search("`zoo (.*)`", answer("resume", "done")).group(1)
    command = command.replace("--steps=N", "--steps=9 --run_name=again")
    runs_dir = f"--runs_dir={copy.parent}"
    assert main([*shlex.split(command), runs_dir]) == 0
    assert (copy.parent / "again" / "model.keras").exists()
