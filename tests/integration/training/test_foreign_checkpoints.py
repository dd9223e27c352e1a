"""Checkpoints and links that would lead a resumed run out of its folder."""

import json
import shutil

import numpy as np
import pytest

from tests.integration.training.consoles import QUIET
from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.run_store import RunStore
from zoo.training.resume import resume
from zoo.training.train import train


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with two paused runs of one recipe, `a` and `b`."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("a", "b"):
        config = TrainConfig(
            model="lr", epochs=2, summaries=("scalars",),
            runs_dir=str(folder), run_name=name,
        )  # fmt: skip
        train(config, console=QUIET, until_epoch=1)
    return folder


@pytest.fixture
def run(home, tmp_path):
    """A copy of `a`, to be spoiled."""
    shutil.copytree(home, tmp_path / "runs")
    return RunStore(str(tmp_path / "runs")).find("a")


def contents(run):
    return {
        path: path.read_bytes()
        for path in run.path.rglob("*")
        if path.is_file() and path.name != "lock"
    }


def is_refused(run):
    before = contents(run)
    with pytest.raises(UserError):
        resume(run, console=QUIET)
    return contents(run) == before


def goes_on(run):
    return resume(run, console=QUIET).metrics["epochs"]


def test_a_checkpoint_that_could_run_code_is_refused(run):
    path = run.path / "checkpoints" / "last.npz"
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays, pickled=np.array([{}], dtype=object))
    assert is_refused(run)


def change_state(run, **values):
    path = run.path / "checkpoints" / "last.npz"
    with np.load(path) as file:
        arrays = dict(file)
    state = json.loads(arrays["state"].tobytes()) | values
    arrays["state"] = np.frombuffer(json.dumps(state).encode(), np.uint8)
    np.savez(path, **arrays)


@pytest.mark.parametrize("name", ["last.npz", "best-0001.npz"])
def test_a_siblings_checkpoint_changes_nothing_and_ones_own_goes_on(run, name):
    mine = run.path / "checkpoints" / name
    kept = mine.read_bytes()
    shutil.copy(run.path.parent / "b" / "checkpoints" / name, mine)
    assert is_refused(run)
    mine.write_bytes(kept)
    assert goes_on(run) == 2


@pytest.mark.parametrize("place", ["train", "val", ".", "..", "elsewhere"])
@pytest.mark.parametrize("is_absolute", [True, False])
def test_no_event_file_outside_the_run_is_cut(
    run, tmp_path, place, is_absolute
):
    victim = tmp_path / "victim"
    victim.write_text("do not touch")
    name = str(victim) if is_absolute else "../../../victim"
    change_state(run, event_files={place: [name, 5]})
    assert is_refused(run)
    assert victim.read_text() == "do not touch"


@pytest.mark.parametrize(
    "values",
    [
        {"event_files": {"train": ["events.out.tfevents.1", -1]}},
        {"event_files": {"train": [3, 3]}},
        {"event_files": []},
        {"best": {"epoch": "../../x", "accuracy": 1.0, "loss": 0.0}},
        {"epoch": -1},
    ],
)
def test_a_state_that_makes_no_sense_is_refused(run, values):
    change_state(run, **values)
    assert is_refused(run)


@pytest.mark.parametrize(
    "name",
    [
        *("history.csv", "model.keras", "train"),
        pytest.param("log.txt", marks=pytest.mark.slow),
        pytest.param("layer_stats.json", marks=pytest.mark.slow),
        pytest.param("metrics.json", marks=pytest.mark.slow),
        pytest.param("checkpoints/best-0002.npz", marks=pytest.mark.slow),
    ],
)
def test_a_file_that_is_a_link_is_replaced_and_not_written_through(
    run, tmp_path, name
):
    path = run.path / name
    if name == "train":
        path = next(path.glob("events.out.tfevents.*"))
    target = tmp_path / "target"
    target.write_bytes(path.read_bytes() if path.exists() else b"mine")
    before = target.read_bytes()
    path.unlink(missing_ok=True)
    path.symlink_to(target)
    assert goes_on(run) == 2
    assert target.read_bytes() == before
    assert not path.is_symlink()


def test_in_linked_folders_only_files_of_the_run_are_changed(run, tmp_path):
    mine = tmp_path / "another disk"
    foreign = {
        "checkpoints": "best-0099.npz",
        "train": "events.out.tfevents.1.somebody.v2",
    }
    for folder, name in foreign.items():
        shutil.move(run.path / folder, mine / folder)
        (mine / folder / name).write_text("do not touch")
        (run.path / folder).symlink_to(mine / folder)
    assert goes_on(run) == 2
    for folder, name in foreign.items():
        assert (run.path / folder).is_symlink()
        assert (mine / folder / name).read_text() == "do not touch"
    best = run.metrics["best_epoch"]
    left = {path.name for path in (mine / "checkpoints").iterdir()}
    assert left == {f"best-{best:04d}.npz", "best-0099.npz", "last.npz"}
