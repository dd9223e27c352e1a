"""Advice is tested by following it.

Each run is spoiled on purpose, by one cause. The first finding must be of
the right kind; its first command is typed as it is printed, and must make
validation better. `python -m pytest -s` prints the table.
"""

import dataclasses
import shlex

import numpy as np
import pytest

from zoo.cli.main import main
from zoo.diagnostics import diagnose
from zoo.diagnostics.findings import RunStats
from zoo.run_store import RunStore

pytestmark = pytest.mark.slow

MLP = "--model=mlp --model_arg=hidden=(64,64) --train_examples=400 --epochs=8"
DEEP = "--model=mlp --model_arg=hidden=(32,32,32,32,32,32) --epochs=8"
SGD = f"{MLP} --optimizer=sgd"


@dataclasses.dataclass(frozen=True)
class Case:
    """A run, what is wrong with it, and what must get better.

    Attributes:
        flags: of `zoo train`; `{...}` names a file of the fixture.
        names: of the findings that name the cause rightly.
        score: of `metrics.json`; a loss is better when lower.
    """

    flags: str
    names: tuple[str, ...]
    score: str = "val_accuracy"


CASES = {
    "learning rate far too high": Case(
        f"{MLP} --learning_rate=10", ("learning_rate_too_high",)
    ),
    "diverged": Case(f"{SGD} --learning_rate=1e30", ("diverged",)),
    "learning rate too low": Case(
        f"{MLP} --learning_rate=1e-7", ("learning_rate_too_low",)
    ),
    "no scaling": Case(
        f"{SGD} --mean_subtraction=none --scale=none", ("inputs",)
    ),
    "shifted data not centered": Case(
        f"{SGD} --mean_subtraction=none --dataset=npz:{{shifted}}",
        ("inputs",),
    ),
    "equal initial weights": Case(
        f"{MLP} --initializer=equal", ("equal_units",)
    ),
    "dead units": Case(
        f"{SGD} --learning_rate=3", ("dead_units", "learning_rate_too_high")
    ),
    "deep net of sigmoids": Case(
        f"{DEEP} --activation=sigmoid --optimizer=sgd", ("vanishing_gradients",)
    ),
    "L2 too strong": Case(f"{MLP} --l2=3", ("regularization",)),
    "L1 too strong": Case(f"{MLP} --l1=0.3", ("regularization",)),
    "weight decay too strong": Case(
        f"{MLP} --weight_decay=3", ("regularization",)
    ),
    "dropout too strong": Case(f"{MLP} --dropout=0.97", ("regularization",)),
    "label smoothing too strong": Case(
        f"{MLP} --label_smoothing=0.9",
        ("calibration", "regularization"),
        "val_loss",
    ),
    "one batch of everything": Case(f"{SGD} --batch_size=full", ("few_steps",)),
    "too few epochs": Case(f"{SGD} --epochs=1", ("few_steps",)),
    "overfitting of few examples": Case(
        "--model=mlp --train_examples=60 --epochs=60 --dropout=0",
        ("overfitting",),
        "val_loss",
    ),
    "imbalanced classes": Case(
        "--model=lr --epochs=20 --learning_rate=0.0003 "
        "--dataset=npz:{imbalanced}",
        ("class_imbalance",),
        "val_balanced_accuracy",
    ),
    "steps of the schedule too early": Case(
        f"{SGD} --schedule=step --schedule_epochs=1,2 --schedule_factor=0.01",
        ("schedule",),
    ),
    "decay too fast": Case(
        f"{SGD} --schedule=exponential --schedule_factor=0.05", ("schedule",)
    ),
    "momentum too high": Case(
        f"{MLP} --optimizer=momentum --momentum=0.999 --learning_rate=0.03",
        ("momentum",),
    ),
    "no activation": Case(
        "--model=mlp --dataset=spiral --activation=none --epochs=30",
        ("linear_model",),
    ),
    "warm-up too long": Case(f"{SGD} --warmup_epochs=8", ("warmup",)),
    "gradients clipped to nothing": Case(
        f"{SGD} --clip_norm=1e-4", ("clipping",)
    ),
    "layers frozen at random": Case(
        "--model=mlp --model_arg=hidden=(4,4) --freeze=features --epochs=8",
        ("frozen_layers",),
    ),
    "batch norm after few steps": Case(
        "--model=resnet20 --steps=10", ("batch_norm",)
    ),
    "early stopping too soon": Case(
        f"{MLP} --activation=sigmoid --optimizer=sgd --learning_rate=0.3 "
        "--batch_size=8 --early_stopping_patience=1 --epochs=30",
        ("early_stopping",),
    ),
    "one class for everything": Case(
        f"{MLP} --learning_rate=1",
        ("one_class", "learning_rate_too_high", "dead_units"),
    ),
    "wrong labels drawn": Case(
        f"{MLP} --randomize_labels=0.9 --epochs=40", ("random_labels",)
    ),
    # Nothing that could be typed helps; the cause must be named.
    "labels in another order": Case(
        "--model=mlp --epochs=30 --dropout=0 --dataset=npz:{shuffled}",
        ("unrelated_labels",),
        "",
    ),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Datasets that spoil a run by what is in them."""
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("data")
    images, labels = load_digits(return_X_y=True)
    images = (images.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    random = np.random.default_rng(0)
    few = np.flatnonzero(labels == 8)[:20]
    uneven = np.r_[np.flatnonzero(labels == 3), few]
    given = {
        "shifted": ((200 + images // 5).astype(np.uint8), labels),
        "imbalanced": (images[uneven], (labels[uneven] == 8).astype(int)),
        "shuffled": (images, random.permutation(labels)),
    }
    paths = {}
    for name, (x, y) in given.items():
        paths[name] = folder / f"{name}.npz"
        np.savez(paths[name], x=x, y=y)
    return paths


def trained(words, runs_dir, name):
    """Types a command, and returns the run and its findings."""
    own = [f"--runs_dir={runs_dir}", f"--run_name={name}"]
    assert main([*words, *own, "--summaries=scalars"]) in (0, 3)
    run = RunStore(str(runs_dir)).find(name)
    return run, diagnose(RunStats.of(run))


@pytest.mark.parametrize("cause", CASES)
def test_the_first_proposal_makes_validation_better(cause, files, tmp_path):
    case = CASES[cause]
    flags = [word.format(**files) for word in case.flags.split()]
    run, findings = trained(["train", *flags], tmp_path, "before")
    first = findings[0]
    assert first.name in case.names
    if not case.score:
        return
    words = shlex.split(first.command)
    assert words[:2] == ["zoo", "train"]
    again, _ = trained(words[1:], tmp_path, "after")
    before, after = (r.metrics[case.score] for r in (run, again))
    shown = " ".join(w for w in words if not w.startswith("--runs_dir"))
    print(f"\n| {cause} | {first.name} | {shown} | {before} | {after} |")
    if case.score.endswith("loss"):
        assert after < before
    else:
        assert after > (before or 0) and run.metrics != again.metrics
