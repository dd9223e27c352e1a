"""Training from the command line: what is printed, written and returned."""

import errno
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from zoo.cli.main import main
from zoo.cli.train import read
from zoo.config import TrainConfig
from zoo.errors import UserError, is_out_of_memory
from zoo.run_store import RunStore

ROOT = Path(__file__).parents[2]
QUICK = ["--model=lr", "--steps=6", "--batch_size=256"]
SHORT = [*QUICK, "--summaries=none"]
FILES = {
    "config.json", "flags.txt", "resolved.json", "history.csv", "train",
    "SHA256SUMS",
    "layer_stats.json", "report.html",
    "val", "checkpoints", "model.keras", "metrics.json", "log.txt", "lock",
}  # fmt: skip


def zoo(*argv, code=""):
    """Runs `python -m zoo`, or a program, in a process of its own."""
    start = ["-c", code] if code else ["-m", "zoo"]
    return subprocess.run(
        [sys.executable, *start, *map(str, argv)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """A healthy run as a process, and its folder."""
    runs_dir = tmp_path_factory.mktemp("runs")
    done = zoo("train", *QUICK, f"--runs_dir={runs_dir}", "--run_name=a")
    return done, runs_dir / "a"


def test_a_healthy_run_writes_nothing_to_standard_error(process):
    done, _ = process
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_leaves_exactly_the_files_that_are_promised(process):
    assert set(os.listdir(process[1])) == FILES
    assert set(os.listdir(process[1].parent)) == {"a"}


def test_the_log_has_what_was_printed_and_what_libraries_said(process):
    done, folder = process
    log = (folder / "log.txt").read_text()
    for line in done.stdout.splitlines():
        assert line in log
    assert len(log.splitlines()) > len(done.stdout.splitlines())


def test_the_console_says_what_is_about_to_happen_and_what_came_of_it(process):
    labels = [line.split(" ")[0] for line in process[0].stdout.splitlines()]
    assert labels[:7] == [
        "data", "model", "recipe", "machine", "run", "tensorboard", "initial",
    ]  # fmt: skip
    assert labels[7:9] == ["epoch", "trained:"]
    assert " images/s\n" in process[0].stdout
    assert labels[9:12] == ["result", "finding", "next"]
    assert labels[-1] == "report"
    assert "ln 10 = 2.303" in process[0].stdout


@pytest.mark.slow
def test_the_next_commands_work_as_they_are_printed(process):
    out = process[0].stdout
    for command in re.findall(r"zoo (evaluate .*?)(?:  .*)?$", out, re.M):
        assert main(shlex.split(command)) == 0
    runs_dir = process[1].parent
    for file in runs_dir.glob("*test_evaluations*"):
        file.unlink()
    more = [f"--runs_dir={runs_dir}", "--run_name=next"]
    # One of the finding, if it has one, and one of the commands that follow.
    for command in re.findall(r"zoo (train --like[^`\n]*)", out):
        assert main([*shlex.split(command), *more]) == 0
        shutil.rmtree(runs_dir / "next")


def test_a_mistake_of_a_process_is_one_line_and_exit_2():
    done = zoo("xyzzy")
    assert done.returncode == 2
    assert done.stdout == ""
    assert re.fullmatch(r"zoo: there is no command 'xyzzy'; .*\n", done.stderr)


@pytest.fixture
def train(tmp_path):
    """Returns a function: trains in this process, returns the run."""

    def run(*argv, name, code=0):
        where = [f"--runs_dir={tmp_path}", f"--run_name={name}"]
        assert main(["train", *argv, *where]) == code
        return RunStore(str(tmp_path)).find(name)

    return run


def weights(run):
    path = run.path / "model.keras"
    return keras.models.load_model(path, compile=False).get_weights()


def equal(first, second):
    pairs = zip(weights(first), weights(second), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(
    "argv",
    [
        [*SHORT, "--seed=3", "--scale=unit"],
        [*SHORT, "--model=mlp", "--model_arg=hidden=(8, 4)"],
    ],
)
def test_again_flags_repeat_a_run(train, argv):
    first = train(*argv, name="first")
    again = train(f"--flagfile={first.path}/flags.txt", name="again")
    assert again.config == first.config.replace(run_name="again")
    assert equal(first, again)


def test_like_repeats_a_run_and_notes_what_was_changed(train):
    first = train(*SHORT, "--seed=3", name="first")
    second = train("--like=first", "--l2=0.01", name="second")
    assert second.config.seed == 3
    assert second.resolved["parent"] == {
        "run": "first",
        "changed": {"l2": [None, 0.01]},
    }
    assert not equal(first, second)


def test_like_looks_for_its_run_however_runs_dir_is_written(train, tmp_path):
    train(*SHORT, name="first")
    argv = ["train", "--like", "first", "--runs_dir", str(tmp_path)]
    assert main([*argv, "--run_name", "second"]) == 0
    second = RunStore(str(tmp_path)).find("second")
    assert second.resolved["parent"]["changed"] == {}


@pytest.mark.parametrize(
    "argv",
    [
        ["--steps=2", "--batch_size=64", "--recipe=wrn28_10"],
        ["--recipe=cifar10/wrn28_10", "--steps=2", "--batch_size=64"],
        ["--steps=2", "--recipe", "wrn28_10", "--batch_size=64"],
    ],
)
def test_flags_override_a_recipe_wherever_they_stand(argv):
    config, _ = read(argv)
    assert (config.model, config.dataset) == ("wrn28_10", "cifar10")
    assert (config.epochs, config.steps, config.batch_size) == (None, 2, 64)


def test_flags_override_a_flagfile_wherever_they_stand(tmp_path):
    path = tmp_path / "some.flags"
    path.write_text("# Mine\n--model=lr\n--steps=9\n--batch_size=64\n")
    config, _ = read(["--batch_size=32", f"--flagfile={path}", "--epochs=2"])
    assert config == TrainConfig(model="lr", epochs=2, batch_size=32)


# Training that runs away.


def test_a_loss_that_is_no_number_ends_the_run_with_exit_3(train, capfd):
    run = train(
        "--model=mlp", "--model_arg=hidden=8", "--epochs=3",
        "--learning_rate=1e30", "--summaries=none", name="wild", code=3,
    )  # fmt: skip
    err = capfd.readouterr().err
    assert err.count("\n") == 1
    assert re.match(
        r"zoo: wild diverged: .* not finite any more (at|after) step \d+; "
        r"there was no checkpoint yet\. A lower learning rate often helps: ",
        err,
    )
    assert run.metrics["status"] == "diverged"
    assert run.metrics["best_epoch"] is None
    assert not (run.path / "model.keras").exists()
    assert "NaN" not in (run.path / "metrics.json").read_text()
    assert main(["resume", str(run.path)]) == 2


def test_the_checkpoint_before_a_divergence_is_kept(train, capfd):
    # Each update multiplies the error; numbers of 32 bits hold some epochs.
    run = train(
        "--model=lr", "--loss=squared_error", "--optimizer=sgd",
        "--schedule=constant", "--learning_rate=0.5", "--batch_size=256",
        "--epochs=9", "--summaries=none", name="wild", code=3,
    )  # fmt: skip
    epochs = len(run.history)
    assert epochs and run.metrics["epochs"] == epochs
    kept = f"the checkpoint after step {6 * epochs} is kept"
    assert kept in capfd.readouterr().err
    with np.load(run.path / "checkpoints" / "last.npz") as file:
        assert all(np.isfinite(file[name]).all() for name in file.files)
    best = run.metrics["best_epoch"]
    kept = set(os.listdir(run.path / "checkpoints"))
    assert kept == {"last.npz", f"best-{best:04d}.npz"}
    assert not (run.path / "model.keras").exists()


# A disk that is full, as a limit on the size of files.

LIMITED = """
import resource, sys
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
from zoo.cli.main import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.skipif(os.name == "nt", reason="limits of POSIX")
def test_a_full_disk_is_one_sentence_and_the_checkpoint_is_kept(tmp_path):
    # Room for the checkpoint of 11 kB, not for the model of 26 kB.
    quick = [*QUICK, "--summaries=scalars"]
    argv = ["train", *quick, f"--runs_dir={tmp_path}", "--run_name=a"]
    done = zoo(20_000, *argv, code=LIMITED)
    assert done.returncode == 2
    assert re.fullmatch(r"zoo: .*: File too large; .*resume.*\.\n", done.stderr)
    run = RunStore(str(tmp_path)).find("a")
    assert set(os.listdir(run.path)) == FILES - {"model.keras", "report.html"}
    assert main(["resume", str(run.path)]) == 0
    assert set(os.listdir(run.path)) == FILES


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="limits of POSIX")
def test_a_disk_that_is_full_from_the_start_leaves_no_run(tmp_path):
    argv = ["train", *QUICK, f"--runs_dir={tmp_path}"]
    done = zoo(500, *argv, code=LIMITED)
    assert done.returncode == 2
    assert re.fullmatch(r"zoo: .*: File too large.*\.\n", done.stderr)
    assert os.listdir(tmp_path) == []


class JaxRuntimeError(RuntimeError):
    """As JAX has it, which is not installed everywhere."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        tf.errors.ResourceExhaustedError(None, None, "OOM"),
        tf.errors.InternalError(None, None, "Failed to allocate 8 bytes"),
        JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_a_run_that_needs_too_much_memory_is_kept(
    error, tmp_path, monkeypatch, capfd
):
    def fit(*arguments):
        raise error

    monkeypatch.setattr("zoo.training.train.fit", fit)
    where = f"--runs_dir={tmp_path / 'runs'}"
    assert main(["train", *SHORT, "--run_name=large", where]) == 2
    answer = capfd.readouterr().err
    assert answer.count("\n") == 1 and "more memory than there is" in answer
    assert "--precision=bfloat16" in answer
    run = RunStore(str(tmp_path / "runs")).find("large")
    assert run.status == "interrupted"
    monkeypatch.undo()
    (typed,) = re.findall(r"-m zoo (.*?)`", answer) or re.findall(
        r"`zoo (.*?)`", answer
    )
    assert "--batch_size=128" in typed
    if type(error) is RuntimeError:  # once: the command is the same for all
        assert main(shlex.split(typed)) == 0


def test_memory_that_is_short_before_a_run_begins_is_one_sentence(
    tmp_path, monkeypatch, capfd
):
    def build(*arguments):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM")

    monkeypatch.setattr("zoo.training.setup.build_backbone", build)
    assert main(["train", *SHORT, f"--runs_dir={tmp_path / 'runs'}"]) == 2
    answer = capfd.readouterr().err
    assert answer.count("\n") == 1 and "--batch_size" in answer
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("error", "is_about_memory"),
    [
        (OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), True),
        (RuntimeError("can't start new thread"), True),
        (ImportError("_x.so: failed to map segment from shared object"), True),
        (UserError("out of memory"), False),
        (ValueError("no such label"), False),
        (KeyError, False),
    ],
)
def test_errors_about_memory_are_told_from_others(error, is_about_memory):
    assert is_out_of_memory(error) == is_about_memory
