"""Sweeps from the command line: what is understood, made and printed."""

import json

import pytest

from zoo import pretrained, recipes
from zoo.cli.main import main
from zoo.cli.sweep import read
from zoo.config import TrainConfig
from zoo.run_store import RunStore
from zoo.tuning.oracle import TUNERS
from zoo.tuning.space import SearchSpace
from zoo.tuning.sweep import open_folder, read_settings
from zoo.tuning.sweep_config import SweepConfig, resolve_sweep

SWEEPS = [r for r in recipes.list_recipes(sweeps=True) if r.is_sweep]


def test_every_recipe_of_a_sweep_is_understood():
    assert len(SWEEPS) > 1
    for recipe in SWEEPS:
        asked = read([f"--recipe={recipe.name}"])
        assert SearchSpace.parse(asked.choices["texts"]).hyperparameters
        assert recipe.about[0].isupper(), recipe.name


def flagfile(tmp_path, *lines):
    path = tmp_path / "some.flags"
    path.write_text("\n".join(lines) + "\n")
    return f"--flagfile={path}"


def test_a_space_that_is_typed_goes_before_what_a_flagfile_fixes(tmp_path):
    file = flagfile(tmp_path, "--model=mlp", "--dropout=0.5", "--epochs=2")
    asked = read(["--space=dropout=0,0.2", file])
    assert asked.config == TrainConfig(model="mlp", epochs=2)
    assert asked.choices["texts"] == ("dropout=0,0.2",)


def test_a_value_that_is_typed_goes_before_the_space_of_a_flagfile(tmp_path):
    spaces = ["--space=dropout=0,0.2", "--space=learning_rate=0.1,0.2"]
    asked = read(["--dropout=0.3", flagfile(tmp_path, *spaces)])
    assert asked.config.dropout == 0.3
    assert asked.choices["texts"] == ("learning_rate=0.1,0.2",)


def test_a_space_that_is_typed_takes_the_place_of_one_of_a_flagfile(tmp_path):
    file = flagfile(tmp_path, "--space=dropout=0,0.2")
    asked = read([file, "--space", "dropout=0.4,0.5"])
    assert asked.choices["texts"] == ("dropout=0.4,0.5",)


def create_run(runs_dir, name):
    texts = {
        "config.json": TrainConfig().to_json(),
        "resolved.json": json.dumps(pretrained.find("lr:mnist").resolved),
    }
    RunStore(runs_dir).create(name, "", texts)


@pytest.fixture
def folder(tmp_path):
    """A sweep of nothing so far, with one trial that is a run."""
    config = TrainConfig(model="lr", runs_dir=str(tmp_path), val_fraction=0.2)
    asked = SweepConfig(config, ("l2=log:1e-5:1e-2",), trials=3)
    made = open_folder(asked, "mine")
    create_run(str(tmp_path), "mine/trial-000")
    return made


def test_a_sweep_is_repeated_by_its_again_flags(folder):
    asked = read([f"--flagfile={folder.path}/flags.txt"])
    settings = read_settings(folder)
    assert asked.choices["texts"] == settings.space
    assert asked.choices["trials"] == 3
    assert asked.config.overrides() == {"model": "lr", "val_fraction": 0.2}


def test_settings_come_back_as_they_were_written(folder):
    settings = read_settings(folder)
    assert settings.difference(settings) is None
    assert SweepConfig.from_json(settings.to_json()) == settings


def test_a_sweep_is_one_line_among_the_runs(folder, capsys):
    where = f"--runs_dir={folder.runs_dir}"
    assert main(["runs", where]) == 0
    assert capsys.readouterr().out == "sweep mine  killed  0 trainings\n"
    assert main(["runs", where, "--trials"]) == 0
    assert "mine/trial-000" in capsys.readouterr().out


def test_last_is_no_trial_of_a_sweep(folder):
    with pytest.raises(ValueError, match="mine/trial-000"):
        RunStore(folder.runs_dir).find("last")
    create_run(folder.runs_dir, "single")
    create_run(folder.runs_dir, "mine/trial-001")
    assert RunStore(folder.runs_dir).find("last").name == "single"


def test_a_sweep_is_found_by_name_prefix_and_folder(folder):
    store = RunStore(folder.runs_dir)
    assert store.find_sweep("mine") == store.find_sweep("mi") == folder
    elsewhere = RunStore("elsewhere").find_sweep(str(folder.path))
    assert elsewhere.path == folder.path
    assert store.find_sweep("yours") is None


def test_resume_takes_a_sweep_whose_trials_are_newest_for_last(
    folder, monkeypatch
):
    taken = []

    def run(opened, settings, runs_dir, placement, held):
        taken.append((opened().name, placement.max_workers))

    monkeypatch.setattr("zoo.cli.sweep._run", run)
    for name in ("last", "mine", "mi"):
        assert main(["resume", name, f"--runs_dir={folder.runs_dir}"]) == 0
    assert taken == [("mine", None)] * 3


def test_help_has_the_flags_of_sweeps_and_of_training_in_groups(capsys):
    assert main(["sweep", "--help"]) == 0
    out = capsys.readouterr().out
    first, _, rest = out.partition("Model:")
    for flag in ("space", "tuner", "trials", "executions", "objective"):
        assert f"  --{flag} " in first
    assert "  --epochs " in rest


@pytest.mark.parametrize("tuner", TUNERS)
def test_the_flags_of_every_tuner_are_read_back(tmp_path, tuner):
    config = TrainConfig(
        model="lr", train_examples=50, epochs=9, runs_dir=str(tmp_path)
    )
    request = dict(
        tuner=tuner, trials=None, executions=2, objective=None,
        select_epoch="last", factor=4 if tuner == "hyperband" else None,
        keep="all", retrain_seeds=2,
    )  # fmt: skip
    settings = resolve_sweep(config, ("l2=0.1,0.2",), **request)
    (tmp_path / "flags.txt").write_text(settings.flags())
    asked = read([f"--flagfile={tmp_path}/flags.txt"])
    again = resolve_sweep(
        asked.config.replace(runs_dir=str(tmp_path)), **asked.choices
    )
    assert again == settings
