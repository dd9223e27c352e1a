"""Every option of `TrainConfig` changes something that can be seen."""

import functools
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)

from tests.integration.training.consoles import QUIET
from zoo.config import OPTIONS, TrainConfig
from zoo.errors import UserError
from zoo.training.console import TrainingConsole
from zoo.training.train import train

MLP = {"model": "mlp", "model_arg": {"hidden": 16}}
# The runs that are compared with, short ones, in what they do not share;
# {...} are places on disk.
BASES = {
    "lr": {},
    "mlp": MLP,
    "from another": {**MLP, "weights": "{source}"},
    "new head": {**MLP, "weights": "{source}", "new_head": True},
    "resized": {"image_size": (8, 4), "dataset": "digits"},
    "steps down": {
        "optimizer": "momentum",
        "schedule": "step",
        "schedule_epochs": (0.5,),
    },
    "normed": {**MLP, "norm": "batch"},
    "warmed": {"schedule": "linear", "warmup_epochs": 0.5, "augment": "crop"},
    "points": {"dataset": "xor"},
    # Far too fast for its validation loss to fall in each epoch.
    "too fast": {
        "epochs": 9,
        "batch_size": 1000,
        "learning_rate": 3.0,
        "summaries": ("logits",),
    },
    "pictures": {"batch_size": 4, "dataset": "folder:{pictures}"},
}

# For each option: a value, the run in which it replaces another, and what
# must then be different.
CHANGES = {
    "model": ("mlp", "lr", "weights"),
    "model_arg": ({"hidden": 8}, "mlp", "weights"),
    "activation": ("tanh", "mlp", "weights"),
    "norm": ("batch", "mlp", "weights"),
    "initializer": ("glorot_uniform", "mlp", "weights"),
    "dataset": ("folder:{pictures}", "lr", "weights"),
    "data_dir": ("{empty}", "lr", "elsewhere"),
    "image_size": (4, "lr", "weights"),
    "resize": ("squash", "resized", "weights"),
    "val_fraction": (0.2, "lr", "weights"),
    "group_by": ("[0-9]+-", "pictures", "fingerprint"),
    "fold": ("2/5", "lr", "weights"),
    "train_examples": (500, "lr", "fingerprint"),
    "randomize_labels": (0.5, "lr", "weights"),
    "classes": (("0", "1", "2"), "lr", "fingerprint"),
    "weights": ("{source}", "mlp", "weights"),
    "new_head": (True, "from another", "weights"),
    "head_epochs": (1, "new head", "weights"),
    "freeze": ("features", "mlp", "weights"),
    "features": ("hog", "lr", "weights"),
    "extra_features": (("x2",), "points", "weights"),
    "mean_subtraction": ("pixel", "lr", "weights"),
    "scale": ("unit", "lr", "weights"),
    "augment": ("crop", "lr", "weights"),
    "crop_padding": (3, "warmed", "weights"),
    "optimizer": ("rmsprop", "lr", "weights"),
    "learning_rate": (0.1, "lr", "weights"),
    "momentum": (0.5, "steps down", "weights"),
    "schedule": ("constant", "lr", "weights"),
    "schedule_epochs": ((0.9,), "steps down", "weights"),
    "schedule_factor": (0.5, "steps down", "weights"),
    "warmup_epochs": (1.0, "lr", "weights"),
    "warmup_start": (0.5, "warmed", "weights"),
    "schedule_end": (0.5, "warmed", "weights"),
    "norm_bias_factor": (8.0, "normed", "weights"),
    "lookahead_every": (5, "lr", "weights"),
    "ema_momentum": (0.9, "lr", "saved"),
    "gradient_accumulation_steps": (2, "lr", "weights"),
    "batch_size": (100, "lr", "weights"),
    "epochs": (2, "lr", "weights"),
    "steps": (3, "lr", "weights"),
    "clip_norm": (1e-3, "steps down", "weights"),
    "loss": ("hinge", "lr", "weights"),
    "label_smoothing": (0.2, "lr", "weights"),
    "class_weight": ("balanced", "lr", "weights"),
    "recompute_batch_norm": (True, "lr", "elsewhere"),
    "early_stopping_patience": (1, "too fast", "status"),
    "dropout": (0.5, "mlp", "weights"),
    "l1": (1e-2, "lr", "weights"),
    "l2": (1e-2, "lr", "weights"),
    "weight_decay": (1e-2, "lr", "weights"),
    "seed": (1, "lr", "weights"),
    "deterministic": (True, "lr", "elsewhere"),
    "devices": (2, "lr", "elsewhere"),
    "precision": ("bfloat16", "lr", "precision"),
    "jit": ("on", "lr", "jit"),
    "steps_per_execution": (2, "lr", "looks"),
    "checkpoint_every": (2, "lr", "checkpoints"),
    "runs_dir": ("{empty}", "lr", "place"),
    "run_name": ("mine", "lr", "place"),
    "summaries": (("config",), "lr", "tags"),
    "summary_every": (3, "too fast", "tags"),
    "debug_every": (2, "lr", "console"),
}
# Given together with the change, where the base has it otherwise.
BESIDES = {
    "steps": {"epochs": None},
    "dataset": {"batch_size": 4},
}


def test_the_table_above_has_every_option():
    # Without it a broken file is refused, see test_unreadable_images.py.
    assert CHANGES.keys() | {"skip_unreadable"} == OPTIONS.keys()


class Witness(TrainingConsole):
    """Counts the looks at Python, and those that saw a checkpoint."""

    def __init__(self):
        self.text = io.StringIO()
        super().__init__(self.text)
        self.looks = self.checkpoints = 0

    def log_to(self, path):
        self.last = path.parent / "checkpoints" / "last.npz"
        super().log_to(path)

    def progress(self, *moment):
        self.looks += 1
        self.checkpoints += self.last.exists()


def observe(options):
    """Trains; returns all that an option could change, by name."""
    console = Witness()
    run = train(TrainConfig(**options), console=console)
    resolved = run.resolved
    with np.load(run.path / "checkpoints" / "last.npz") as file:
        weights = [
            file[name].tobytes() for name in file.files if "weights" in name
        ]
    return {
        "weights": weights,
        "saved": [w.tobytes() for w in run.load_model().get_weights()],
        "status": run.metrics["status"],
        "fingerprint": resolved["data"]["fingerprint"],
        "precision": resolved["precision"],
        "jit": resolved["jit"],
        "looks": console.looks,
        "checkpoints": console.checkpoints,
        "place": str(run.path),
        "tags": tags(run),
        "console": "predicted" in console.text.getvalue(),
    }


def tags(run):
    found = set()
    for split in ("train", "val"):
        events = EventAccumulator(str(run.path / split))
        events.Reload()
        for tag in events.Tags()["tensors"]:
            found |= {(split, tag, e.step) for e in events.Tensors(tag)}
    return found


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Folders that the tables name: {runs}, {empty}, {pictures}, {source}."""
    root = tmp_path_factory.mktemp("places")
    for index in range(40):
        folder = root / "pictures" / ("dark" if index < 20 else "light")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 6 * index).save(
            folder / f"{index // 2}-{index}.png"
        )
    source = TrainConfig(
        **MLP, epochs=1, seed=9, runs_dir=str(root), run_name="source"
    )
    train(source, console=QUIET)
    names = ("runs", "empty", "pictures", "source")
    return {name: root / name for name in names}


@pytest.fixture(scope="module")
def base(places):
    """Returns a function: options and observation of a base, by its name."""

    @functools.cache
    def observed(name):
        common = {
            "model": "lr",
            "epochs": 1,
            "batch_size": 256,
            "summaries": ("scalars",),
            "runs_dir": "{runs}",
        }
        options = put(places, common | BASES[name])
        return options, observe(options)

    return observed


def put(places, options):
    """Returns the options with places instead of their names in {}."""
    return {
        name: value.format_map(places) if isinstance(value, str) else value
        for name, value in options.items()
    }


@pytest.mark.parametrize(
    "name",
    [
        # Those that need a base of their own are slow.
        name
        if base in ("lr", "mlp")
        else pytest.param(name, marks=pytest.mark.slow)
        for name, (_, base, what) in CHANGES.items()
        if what != "elsewhere"
    ],
)
def test_an_option_changes_what_it_should(places, base, name):
    value, base_name, what = CHANGES[name]
    options, before = base(base_name)
    changed = {**options, **BESIDES.get(name, {}), name: value}
    after = observe(put(places, changed))
    assert after[what] != before[what]


def test_equal_options_give_equal_runs(base):
    options, before = base("mlp")
    again = observe(options)
    assert {**again, "place": before["place"]} == before


def test_a_data_dir_is_where_data_sets_are_looked_for(places, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody there
    where = str(places["empty"] / "data")
    with pytest.raises(UserError, match=f"mnist is not in {where}"):
        train(TrainConfig(model="lr", dataset="mnist", data_dir=where))


def test_deterministic_makes_every_operation_so(tmp_path, monkeypatch):
    # Not really: it would hold for the whole process, for ever.
    calls = []
    monkeypatch.setattr(
        tf.config.experimental,
        "enable_op_determinism",
        lambda: calls.append("enabled"),
    )
    for deterministic in (False, True):
        config = TrainConfig(
            model="lr", steps=1, runs_dir=str(tmp_path),
            summaries=("none",), deterministic=deterministic,
        )  # fmt: skip
        train(config, console=QUIET)
        assert calls == ["enabled"] * deterministic
