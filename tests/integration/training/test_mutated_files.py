"""Files of a run, corrupt in 200 ways each, as every command meets them.

A command says one sentence and changes nothing, or its answer is that of the
whole run.
"""

import json
import random
import shutil

import numpy as np
import pytest

from zoo.api_arguments import training_console
from zoo.cli.main import main
from zoo.config import TrainConfig
from zoo.run_store import RunStore
from zoo.training.console import TrainingConsole
from zoo.training.resume import resume
from zoo.training.train import train

pytestmark = pytest.mark.slow
NUM_MUTATIONS = 200
JSON_FILES = ("config.json", "resolved.json", "metrics.json",
              "layer_stats.json")  # fmt: skip
TEXT_FILES = (*JSON_FILES, "history.csv")
FILES = (*TEXT_FILES, "checkpoints/last.npz", "checkpoints/best")
OPTIONS = {"model": "lr", "epochs": 2, "batch_size": 512}
OTHER_TEXTS = ("", "[]", "{}", "null", "7", '"text"', "\0", '{"format": 1}',
               "[{}]", "epoch,step,loss\n")  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Runs `done` and `paused`, and their `sibling`, with another seed."""
    runs_dir = str(tmp_path_factory.mktemp("runs"))
    config = TrainConfig(**OPTIONS, runs_dir=runs_dir)
    console = training_console(runs_dir, verbose=False)
    train(config.replace(run_name="done"), console=console)
    for name, seed in (("paused", 0), ("sibling", 1)):
        train(
            config.replace(run_name=name, seed=seed),
            console=TrainingConsole(quiet=True),
            until_epoch=1,
        )
    return tmp_path_factory.getbasetemp() / runs_dir


def file_of(run_folder, name):
    if name == "checkpoints/best":
        return next((run_folder / "checkpoints").glob("best-*.npz"))
    return run_folder / name


def mutations(name, content, sibling, seed):
    """Yields 200 other contents of a file, each with what was done.

    Half of them have flipped bits, a quarter are cut; the others are of
    another type, or those of a sibling's run.
    """
    random_ = random.Random(f"{name} {seed}")
    for index in range(NUM_MUTATIONS):
        mutated = bytearray(content)
        if index % 4 == 0:
            size = random_.randrange(len(content))
            yield f"cut to {size} bytes", bytes(mutated[:size])
        elif index % 4 < 3:
            places = [
                random_.randrange(8 * len(content))
                for _ in range(random_.choice((1, 1, 2, 8)))
            ]
            for place in places:
                mutated[place // 8] ^= 1 << place % 8
            if bytes(mutated) == content:  # the same bit twice
                mutated[0] ^= 1
            yield f"bits {places} flipped", bytes(mutated)
        elif index % 8 == 3:
            yield "of a sibling", sibling + b"\n" * (index // 8 % 2)
        else:
            yield "another type", other_type(name, content, random_)


def other_type(name, content, random_):
    """Returns valid JSON with one value of another type, or another text."""
    other = random_.choice((None, [], {}, "text", -1, 1e300, True, [[]]))
    if name not in JSON_FILES or random_.random() < 0.3:
        return random_.choice(OTHER_TEXTS).encode()
    document = json.loads(content)
    place, key = random_.choice(list(places(document)))
    place[key] = other
    return json.dumps(document, indent=1).encode()


def places(value):
    """Yields every container inside a JSON value, with each of its keys."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


def contents(folder, *but):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("lock", *but)
    }


def answer_of(verb, runs, run, capfd):
    """Returns exit code, standard output and error of a command."""
    words = [] if verb == "runs" else [run]
    flags = [] if verb in ("report", "resume") else ["--json"]
    code = main([verb, *words, *flags, f"--runs_dir={runs}"])
    out, err = capfd.readouterr()
    return code, out, err


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("verb", ["runs", "evaluate", "diagnose", "report"])
@pytest.mark.parametrize("has_checksums", [True, False])
def test_no_command_reads_a_damaged_file_for_a_whole_one(
    home, tmp_path, capfd, verb, name, has_checksums
):
    runs = shutil.copytree(home, tmp_path / "runs")
    if not has_checksums:
        (runs / "done" / "SHA256SUMS").unlink()
    path = file_of(runs / "done", name)
    sibling = file_of(runs / "sibling", name)
    content, other = path.read_bytes(), b"{}\n"
    if sibling.exists():
        other = sibling.read_bytes()
    code, expected, _ = answer_of(verb, runs, "done", capfd)
    assert code == 0
    for what, mutated in mutations(name, content, other, seed=0):
        path.write_bytes(mutated)
        before = contents(runs, "report.html")
        code, out, err = answer_of(verb, runs, "done", capfd)
        assert code in (0, 2), (what, err)
        assert "Traceback" not in err, (what, err)
        if code == 2:
            assert err.startswith("zoo: ") and err.count("\n") == 1, (what, err)
        elif has_checksums and verb != "runs":
            assert out == expected, what
        elif has_checksums:
            check_rows(json.loads(out), json.loads(expected))
        assert contents(runs, "report.html") == before, what


def check_rows(rows, expected):
    """Every run is listed, as it is or as corrupt."""
    whole = {row["run"]: row for row in expected}
    assert {row["run"] for row in rows} == set(whole)
    for row in rows:
        is_corrupt = (row["run"], row["status"]) == ("done", "corrupt")
        assert is_corrupt or row == whole[row["run"]]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("run_name", ["done", "paused"])
def test_a_damaged_run_is_refused_or_resumed_to_the_same_end(
    home, tmp_path, capfd, run_name, name
):
    reference = shutil.copytree(home, tmp_path / "whole")
    whole = RunStore(str(reference)).find(run_name)
    if run_name == "paused":
        resume(whole, console=TrainingConsole(quiet=True))
    runs = shutil.copytree(home, tmp_path / "runs")
    path = file_of(runs / run_name, name)
    sibling = file_of(runs / "sibling", name)
    content = path.read_bytes()
    for what, mutated in mutations(
        name, content, sibling.read_bytes(), seed=run_name
    ):
        path.write_bytes(mutated)
        before = contents(runs)
        code, _, err = answer_of("resume", runs, run_name, capfd)
        assert code in (0, 2) and "Traceback" not in err, (what, err)
        if code == 2:
            assert err.startswith("zoo: ") and err.count("\n") == 1, (what, err)
            assert contents(runs) == before, what
            path.write_bytes(content)
            continue
        run = RunStore(str(runs)).find(run_name)
        assert not run.corrupt_files(), what
        if name != "checkpoints/best":  # which may be gone, and is told
            assert scores(run) == scores(whole), what
            for ours, theirs in zip(
                run.load_model().get_weights(),
                whole.load_model().get_weights(),
                strict=True,
            ):
                np.testing.assert_array_equal(ours, theirs, what)
        shutil.rmtree(runs)
        shutil.copytree(home, runs)
        path = file_of(runs / run_name, name)


def scores(run):
    own = ("seconds", "wall_seconds", "examples_per_second")
    rows = [run.metrics, *run.history, *run.layer_stats]
    return [{k: v for k, v in row.items() if k not in own} for row in rows]
