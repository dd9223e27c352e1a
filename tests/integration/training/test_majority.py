"""Majority baselines are counted over all labels of a split."""

import numpy as np

import zoo
from zoo.config import TrainConfig
from zoo.data import Dataset
from zoo.metrics import majority_baseline


def test_a_thousand_classes_have_a_baseline_of_a_thousandth(tmp_path, capfd):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (3000, 4, 4, 1), np.uint8)
    data = Dataset.from_arrays(images, np.arange(3000) % 1000, val_fraction=0.3)
    asked = TrainConfig(
        model="lr", steps=1, summaries=("none",), runs_dir=str(tmp_path)
    )
    run = zoo.train(asked, data)
    kept = run.resolved["data"]["majority"]
    for split, part in (("train", data.train), ("val", data.val)):
        counts = np.unique(part.labels, return_counts=True)[1]
        assert kept[split] == counts.max() / len(part)
    out, _ = capfd.readouterr()
    (line,) = [x for x in out.splitlines() if x.startswith("initial")]
    assert f"(majority baseline: {kept['val']:.3f})" in line
    assert line.endswith("on 256 validation images")


def test_one_example_of_each_of_a_thousand_is_a_thousandth():
    assert (
        majority_baseline(np.random.default_rng(0).permutation(1000)) == 0.001
    )


def test_the_initial_loss_is_the_one_that_is_minimized(tmp_path, capfd):
    images = np.zeros((40, 4, 4, 1), np.uint8)
    data = Dataset.from_arrays(images, np.arange(40) % 4, val_fraction=0.5)
    asked = TrainConfig(
        model="lr",
        model_arg={"initializer": "equal"},
        loss="hinge",
        optimizer="sgd",
        steps=1,
        summaries=("none",),
        runs_dir=str(tmp_path),
    )
    zoo.train(asked, data)
    out, _ = capfd.readouterr()
    (line,) = [x for x in out.splitlines() if x.startswith("initial")]
    # Each of three incorrect classes has the same output as the correct one.
    assert "loss 3.000, accuracy 0.2" in line and "chance" not in line
