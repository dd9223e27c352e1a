"""Run folders that were corrupt: told in one sentence, and restored."""

import errno
import itertools
import json
import os
import shutil
import subprocess

import numpy as np
import pytest

from zoo.api_arguments import training_console
from zoo.cli.main import main
from zoo.config import TrainConfig
from zoo.run_store import RunStore
from zoo.training.checkpoints import Checkpoints
from zoo.training.console import TrainingConsole
from zoo.training.train import train

OPTIONS = {"model": "lr", "epochs": 3, "batch_size": 512}
WRITTEN = ("history.csv", "layer_stats.json", "metrics.json", "model.keras")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder of runs: `done`, and `paused` after two of three epochs."""
    runs_dir = str(tmp_path_factory.mktemp("runs"))
    done = TrainConfig(**OPTIONS, runs_dir=runs_dir, run_name="done")
    train(done, console=training_console(runs_dir, verbose=False))
    paused = done.replace(run_name="paused", seed=1)
    train(paused, console=TrainingConsole(quiet=True), until_epoch=2)
    return runs_dir


@pytest.fixture
def runs(home, tmp_path):
    """A copy of that folder, where `answer` looks for runs."""
    return shutil.copytree(home, tmp_path / "runs")


def contents(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }


def resume(runs, name, capsys):
    assert main(["resume", name, f"--runs_dir={runs}"]) == 0
    return capsys.readouterr().out


def cut(path):
    os.truncate(path, path.stat().st_size // 2)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


# What a run is made with.


@pytest.mark.parametrize(
    ("option", "value"),
    [("seed", 99), ("learning_rate", 0.5), ("epochs", 5), ("batch_size", 64)],
)
@pytest.mark.parametrize("has_checksums", [True, False])
def test_a_changed_config_is_not_resumed(
    answer, runs, option, value, has_checksums
):
    path = runs / "paused" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, option: value}))
    if not has_checksums:
        (runs / "paused" / "SHA256SUMS").unlink()
    before = contents(runs)
    sentence = answer("resume", "paused")
    assert "config.json" in sentence and "corrupt" in sentence
    if not has_checksums:
        assert f"{option}={value}" in sentence
    assert contents(runs) == before


@pytest.mark.parametrize("name", ["config.json", "resolved.json"])
def test_the_config_of_a_sibling_is_not_taken_for_ones_own(answer, runs, name):
    shutil.copy(runs / "done" / name, runs / "paused" / name)
    assert name in answer("resume", "paused")


def test_checksums_are_those_of_coreutils(runs):
    program = shutil.which("sha256sum")
    if program is None:
        pytest.skip("there is no sha256sum")
    done = subprocess.run(
        [program, "--check", "--strict", "SHA256SUMS"],
        cwd=runs / "done",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": OK\n") == 3 + len(WRITTEN)


# What a checkpoint restores.


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize(
    "damage",
    [
        cut,
        *(pytest.param(f, marks=pytest.mark.slow) for f in (flip, empty)),
        pytest.param(os.remove, marks=pytest.mark.slow),
    ],
)
def test_a_damaged_file_is_restored_by_resume(runs, capsys, name, damage):
    run = RunStore(str(runs)).find("done")
    path = run.path / name
    before, metrics = path.read_bytes(), run.metrics
    model = run.load_model()
    damage(path)
    assert f"{name} is corrupt" in resume(runs, "done", capsys)
    if name in ("history.csv", "layer_stats.json"):
        assert path.read_bytes() == before
    times = ("wall_seconds", "examples_per_second")
    assert {k: v for k, v in run.metrics.items() if k not in times} == {
        k: v for k, v in metrics.items() if k not in times
    }
    for old, new in zip(
        model.get_weights(), run.load_model().get_weights(), strict=True
    ):
        np.testing.assert_array_equal(old, new)
    assert not run.corrupt_files()


@pytest.mark.parametrize(
    ("verb", "name"),
    [
        *itertools.product(["diagnose", "report"], ["history.csv"]),
        *itertools.product(["diagnose", "report"], ["layer_stats.json"]),
        *itertools.product(["evaluate", "export"], ["model.keras"]),
        ("report", "metrics.json"),
    ],
)
@pytest.mark.parametrize("damage", [cut, flip, empty])
def test_a_damaged_file_is_named_with_the_command_that_restores_it(
    answer, runs, verb, name, damage
):
    damage(runs / "done" / name)
    sentence = answer(verb, "done")
    assert f"{name} is not as the run has written it" in sentence
    assert f"zoo resume done --runs_dir={runs}` restores it" in sentence


def test_without_checksums_a_flipped_bit_of_a_model_is_found(
    answer, runs, capfd
):
    (runs / "done" / "SHA256SUMS").unlink()
    flip(runs / "done" / "model.keras")
    sentence = answer("evaluate", "done")
    assert f"zoo resume done --runs_dir={runs}` restores it" in sentence
    assert "model.keras is corrupt" in resume(runs, "done", capfd)
    assert not RunStore(str(runs)).find("done").corrupt_files()


def test_a_report_that_was_not_written_is_written_by_resume(runs, capsys):
    report = runs / "done" / "report.html"
    report.unlink()
    before = contents(runs / "done")
    resume(runs, "done", capsys)
    assert "<html" in report.read_text()
    after = contents(runs / "done")
    for path, content in before.items():
        assert after[path][: len(content)] == content  # log.txt grew


@pytest.mark.parametrize("damage", [cut, os.remove])
def test_a_lost_event_file_begins_anew_and_the_run_goes_on(
    runs, capsys, damage
):
    folder = runs / "paused" / "train"
    (events,) = folder.iterdir()
    damage(events)
    kept = events.read_bytes() if events.exists() else None
    out = resume(runs, "paused", capsys)
    assert f"the event file in {folder} is gone or cut short" in out
    files = sorted(folder.iterdir())
    assert files[-1].name.startswith("events.out.") and files[-1] != events
    assert [path.read_bytes() for path in files[:-1]] == [kept] * bool(kept)
    assert RunStore(str(runs)).find("paused").metrics["epochs"] == 3


@pytest.mark.parametrize("damage", [cut, flip, os.remove])
def test_a_lost_best_checkpoint_is_told_before_training_goes_on(
    runs, capsys, damage
):
    (best,) = (runs / "paused" / "checkpoints").glob("best-*.npz")
    damage(best)
    out = resume(runs, "paused", capsys)
    assert f"{best} is corrupt or gone" in out
    run = RunStore(str(runs)).find("paused")
    assert run.metrics["best_epoch"] == 3
    assert run.has_model


def test_a_best_checkpoint_of_another_epoch_is_refused(answer, runs):
    checkpoints = runs / "paused" / "checkpoints"
    (best,) = checkpoints.glob("best-*.npz")
    with np.load(best) as file:
        arrays = dict(file)
    np.savez(best, **{**arrays, "epoch": np.array(1 + arrays["epoch"])})
    before = contents(runs)
    assert best.name in answer("resume", "paused")
    assert contents(runs) == before


def test_a_result_whose_best_weights_are_gone_is_not_made_of_others(
    answer, runs
):
    (runs / "done" / "model.keras").unlink()
    (best,) = (runs / "done" / "checkpoints").glob("best-*.npz")
    best.unlink()
    before = contents(runs)
    assert f"{best} is corrupt" in answer("resume", "done")
    assert contents(runs) == before


# Damage is told from a machine that cannot read.


@pytest.mark.parametrize("reason", [errno.EMFILE, errno.EACCES, errno.EIO])
def test_what_the_machine_cannot_read_is_not_called_damaged(
    answer, runs, monkeypatch, reason
):
    last = runs / "paused" / "checkpoints" / "last.npz"
    open_path = type(last).open

    def refuse(path, *rest, **more):
        if path == last:
            raise OSError(reason, os.strerror(reason), str(path))
        return open_path(path, *rest, **more)

    monkeypatch.setattr(type(last), "open", refuse)
    sentence = answer("resume", "paused")
    assert sentence == f"{last} cannot be read: {os.strerror(reason)}."


# Contents of another shape.

TEXTS = [
    *("[]", "null", "3", '"x"', "{", "", "{}", '{"format": 1}', "[" * 10**5),
    '{"status": "flying"}',
    '{"status": "completed", "epochs": "many"}',
    '[{"step": "x"}]',
    "epoch,step\n1\n",
]


@pytest.mark.parametrize("verb", ["diagnose", "report", "evaluate", "resume"])
@pytest.mark.parametrize(
    "name", ["config.json", "resolved.json", "metrics.json", "history.csv"]
)
def test_a_file_of_another_shape_gets_one_sentence(
    answer, runs, capfd, verb, name
):
    (runs / "paused" / "SHA256SUMS").unlink()
    path = runs / "paused" / name
    for text in TEXTS:
        path.write_text(text)
        before = contents(runs)
        code = main([verb, "paused", f"--runs_dir={runs}"])
        err = capfd.readouterr().err
        assert code in (0, 2) and err.count("\n") == bool(code), (text, err)
        if code == 2:
            assert contents(runs) == before
        else:  # read by nobody here, or restored
            break


@pytest.mark.parametrize("text", ["null", "[]", '{"status": ', ""])
@pytest.mark.parametrize("name", ["metrics.json", "history.csv"])
def test_a_damaged_run_does_not_hide_the_others(runs, capsys, name, text):
    (runs / "done" / name).write_text(text)
    assert main(["runs", f"--runs_dir={runs}"]) == 0
    rows = capsys.readouterr().out.splitlines()[1:]
    statuses = dict(row.split()[:2] for row in rows)
    assert statuses == {"done": "corrupt", "paused": "paused"}


# Names and leftovers.

LONG = "a" * 300


@pytest.mark.parametrize(
    "argv",
    [
        *(["evaluate", "NAME"], ["compare", "NAME"], ["export", "NAME"]),
        *(["report", "NAME"], ["diagnose", "NAME"], ["misclassified", "NAME"]),
        *(["landscape", "NAME"], ["resume", "NAME"]),
        *(["vary", "NAME", "--l2=0,1"], ["train", "--like=NAME"]),
        *(["train", "--features=NAME"], ["train", "--weights=NAME"]),
        *(["train", "--run_name=NAME"], ["train", "--run_name=a/NAME"]),
    ],
)
def test_a_name_that_no_folder_can_have_gets_one_sentence(answer, argv):
    sentence = answer(*(word.replace("NAME", LONG) for word in argv))
    assert "too long" in sentence


def test_what_a_killed_creation_left_is_removed_by_the_next_one(tmp_path):
    (tmp_path / ".new-abc").mkdir()
    (tmp_path / ".new-def").mkdir()
    for name in ("lock", "config.json"):
        (tmp_path / ".new-def" / name).touch()
    RunStore(str(tmp_path)).create("a", "a", {"config.json": "{}"})
    assert os.listdir(tmp_path) == ["a"]


def test_a_run_that_is_being_created_is_left_alone(tmp_path):
    store = RunStore(str(tmp_path))

    class Files(dict):
        def items(self):
            store.remove_leftovers()  # as another process would
            return super().items()

    run = store.create("a", "a", Files({"config.json": "{}"}))
    assert (run.path / "config.json").read_text() == "{}"


def test_a_checkpoint_that_promises_too_much_memory_is_damaged(runs):
    path = runs / "paused" / "checkpoints" / "last.npz"
    content = path.read_bytes()
    shape = b"'shape': ("
    at = content.index(shape) + len(shape)
    end = content.index(b")", at)
    huge = b"9" * (end - at - 1) + b","
    path.write_bytes(content[:at] + huge + content[end:])
    with pytest.raises(ValueError, match="corrupt"):
        Checkpoints(path.parent).load_state()
