"""Sweeps that cannot be, told in one sentence before the first trial."""

import shlex
import sys

import pytest

from zoo.config import TrainConfig
from zoo.tuning.sweep import open_folder
from zoo.tuning.sweep_config import SweepConfig

# One row a mistake: what is typed after `zoo sweep`, and words of the answer.
TYPED = [
    # The language of --space.
    ("--space=foo", "--space=foo", "NAME=VALUES"),
    ("--space=dropot=0:0.5", "no hyperparameter 'dropot'", "mean dropout"),
    ("--space=dropout=0:1.5", "--dropout=1.5 is out of range", "below 1"),
    ("--space=dropout=0.5:0.1", "0.5 is not below the high end 0.1"),
    ("--space=dropout=0:0.6:0.25", "steps of 0.25 from 0 do not end at 0.6"),
    ("--space=dropout=0:0.5:0", "a step of 0 leads nowhere"),
    ("--space=dropout=0:0.5:1e-9", "leave the step out"),
    ("--space=dropout=0:0.1:0.2:3", "low:high:step"),
    ("--space=dropout=a:b", "'a' is not a number"),
    ("--space=dropout=0.5", "nothing to choose from", "--dropout=0.5"),
    ("--space=learning_rate=log:0:1", "--learning_rate=0", "above 0"),
    ("--space=dropout=log:0:0.5", "scale cannot begin at 0"),
    ("--space=optimizer=sgd,,adam", "a choice is empty"),
    ("--space=optimizer=sgd,adma", "--optimizer=adma", "adam"),
    ("--space=optimizer=sgd,sgd", "sgd is given twice"),
    ("--space=epochs=1:9:0.5", "whole number"),
    ("--space=seed=1,2", "--executions=3"),
    ("--space=dataset=mnist,digits", "could not be compared"),
    ("--space=val_fraction=0.1:0.5", "could not be compared"),
    ("--space=model=lr,mlp", "one model"),
    ("--space=runs_dir=a,b", "changes nothing that is learned"),
    ("--space=model_arg=a,b", "model_arg.NAME"),
    ("--space=model_arg.=a,b", "no argument is named"),
    ("--space=l2=0:1 --space=l2=1:2", "both about l2"),
    (
        "--space=dropout=0,0.5 --space=model_arg.dropout=0.1,0.2",
        "both about dropout",
    ),
    (
        "--model=mlp --dropout=0.1 --space=model_arg.dropout=0,0.5",
        "--dropout=0.1 and --space=model_arg.dropout=0,0.5 contradict",
    ),
    (
        "--model=mlp --model_arg=dropout=0.1 --space=dropout=0,0.5",
        "--model_arg=dropout=0.1 and --space=dropout=0,0.5 contradict",
    ),
    # Other flags.
    ("--trials=0", "--trials=0", "at least 1"),
    ("--trials=many", "--trials=many", "whole number"),
    ("--executions=0", "--executions=0", "at least 1"),
    ("--workers=0", "--workers=0", "or the word auto"),
    ("--tuner=bayes", "--tuner=bayes", "bayesian"),
    ("--objective=accuracy", "--objective=accuracy", "val_accuracy"),
    ("--select_epoch=final", "--select_epoch=final", "best or last"),
    ("--keep=none", "--keep=none", "best or all"),
    ("--factor=3", "--factor=3 has no effect", "hyperband"),
    ("--factor=1 --tuner=hyperband", "--factor=1", "from 2"),
    ("--sweep_name=../x", "--sweep_name=../x", "letters"),
    ("--run_name=x", "--run_name=x has no effect", "--sweep_name"),
    ("--spaec=l2=0:1", "unknown flag --spaec", "--space"),
    ("--recipe=mlp_digit", "no recipe 'mlp_digit'", "sweeps/mlp_digits"),
    ("--retrain_seeds=-1", "--retrain_seeds=-1", "at least 0"),
    ("--retrain_seeds=some", "--retrain_seeds=some", "whole number"),
    ("--compare_default=maybe", "--compare_default=maybe", "true or false"),
    # What does not go together.
    ("--retrain_seeds=0 --open_test", "--open_test", "--retrain_seeds=3"),
    (
        "--retrain_seeds=1 --compare_default",
        "--retrain_seeds=1 leaves too few",
        "--retrain_seeds=3",
    ),
    ("--seed=2147483646", "--seed=2147483649", "out of range"),
    ("--dropout=0.5 --space=dropout=0,0.1", "--dropout=0.5", "contradict"),
    (
        "--model=mlp --model_arg=hidden=8 --space=model_arg.hidden=8,16",
        "--model_arg=hidden=8",
        "contradict",
    ),
    ("--space=momentum=0.5,0.9", "no effect with --optimizer=adam"),
    (
        "--space=momentum=0.5,0.9 --space=optimizer=sgd,adam",
        "momentum=0.5,0.9 has no effect with --space=optimizer=sgd,adam",
    ),
    ("--model=lr --space=dropout=0,0.1", "dropout", "does not apply to lr"),
    ("--model=mlp --space=model_arg.hiden=8,9", "hiden=8", "mean hidden"),
    ("--model=mlp --space=model_arg.hidden=0:8", "hidden=0", "at least 1"),
    ("--model=lr --space=batch_size=32,2000", "2000", "1,293"),
    ("--model=foo", "no model 'foo'"),
    ("--dataset=minst", "no dataset 'minst'"),
    ("--val_fraction=0", "needs validation examples", "--val_fraction=0.1"),
    (
        "--model=mlp --dataset=sine --objective=val_accuracy",
        "about classes",
        "val_loss",
    ),
    (
        "--model=lr --objective=val_loss --space=loss=cross_entropy,hinge",
        "cannot compare",
        "val_accuracy",
    ),
    # How many trials.
    ("--tuner=hyperband --epochs=9 --trials=20", "--trials=20", "17 here"),
    (
        "--tuner=hyperband --epochs=2",
        "cannot stop trials early in 2",
        "--epochs=3",
    ),
    ("--tuner=hyperband --steps=20", "these have none", "--epochs"),
    (
        "--tuner=hyperband --space=epochs=3,4",
        "epochs=3,4 has no place with --tuner=hyperband",
    ),
    (
        "--tuner=grid --space=l2=0:0.5:0.001 --space=l1=0,0.1",
        "the grid has 1,002 points",
    ),
    (
        "--tuner=grid --trials=3 --space=l2=0,0.1 --space=l1=0,0.1",
        "does not cover the grid of 4 points",
    ),
    ("--trials=9 --space=l2=0,0.1 --space=l1=0,0.1", "the 4 points"),
    # A cluster.
    ("--cluster=there", "--cluster=there is not an address", ":6379", "=auto"),
    ("--cluster=there:port", "--cluster=there:port is not an address"),
    ("--cluster=there:99999", "--cluster=there:99999 is not an address"),
    ("--trial_gpus=1", "--trial_gpus has no effect", "--cluster=auto"),
    ("--trial_cpus=2", "--trial_cpus has no effect", "--cluster=auto"),
    ("--cluster_without_token", "has no effect without --cluster"),
    ("--cluster=auto --trial_gpus=-1", "--trial_gpus=-1", "at least 0"),
    ("--cluster=auto --trial_cpus=0", "--trial_cpus=0", "above 0"),
    ("--cluster=auto --workers=0", "--workers=0", "from 1 to 256"),
    ("--role=chief", "unknown flag --role"),
]


@pytest.mark.parametrize(
    ("typed", "words"), [(row[0], row[1:]) for row in TYPED]
)
def test_a_mistake_gets_one_sentence_and_leaves_nothing(answer, typed, words):
    sentence = answer("sweep", *shlex.split(typed))
    for word in words:
        assert word in sentence


def test_ray_that_is_not_installed_is_named_with_the_line_that_installs_it(
    answer, monkeypatch
):
    monkeypatch.setitem(sys.modules, "ray", None)
    sentence = answer("sweep", "--model=lr", "--cluster=auto")
    assert "pip install 'ray[default]>=2.52,<3'" in sentence


def test_a_recipe_of_a_sweep_is_not_trained(answer):
    sentence = answer("train", "--recipe=mlp_digits")
    assert "sweep --recipe=sweeps/mlp_digits" in sentence


@pytest.fixture
def folder(tmp_path):
    """The folder of a sweep of lr."""
    config = TrainConfig(model="lr", runs_dir=str(tmp_path / "runs"))
    asked = SweepConfig(
        config, ("l2=0,0.1",), trials=2, epochs=30, retrain_seeds=3
    )
    return open_folder(asked, "mine")


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--tuner=grid", "--tuner is random, not grid"),
        ("--executions=2", "--executions is 1, not 2"),
        ("--epochs=3", "--epochs is 30, not 3"),
        ("--seed=3", "--seed is 0, not 3"),
        ("--retrain_seeds=2", "--retrain_seeds is 3, not 2"),
        ("--nocompare_default", "--compare_default is True, not False"),
        ("--open_test", "--open_test is False, not True"),
    ],
)
def test_a_name_of_another_sweep_is_refused_with_the_difference(
    answer, folder, flag, words
):
    argv = ["--model=lr", "--sweep_name=mine", "--space=l2=0,0.1"]
    assert words in answer("sweep", *argv, flag)


def test_a_name_of_something_else_is_refused(answer, folder):
    folder.path.with_name("other").mkdir()
    argv = ["--model=lr", "--space=l2=0,0.1", "--sweep_name=other"]
    assert "--sweep_name=other is taken" in answer("sweep", *argv)


@pytest.mark.parametrize("text", ["{", "{}", '{"format": 2}'])
def test_a_damaged_sweep_is_not_resumed(answer, folder, text):
    (folder.path / "sweep.json").write_text(text)
    sentence = answer("resume", "mine")
    assert "sweep.json" in sentence or "format 2" in sentence


def test_a_damaged_ledger_names_its_line(answer, folder):
    (folder.path / "trials.jsonl").write_text("{}\n")
    assert "trials.jsonl is corrupt: line 1" in answer("resume", "mine")


def test_a_sweep_at_work_elsewhere_is_not_resumed(answer, folder):
    with folder.lock():
        assert "running in another process" in answer("resume", "mine")
