"""What the page of `zoo play` controls: runs, one after another.

The server answers requests in threads of its own; training stays in the main
thread, where Keras compiles and Ctrl-C is heard. Both meet in `PlaySession`.
"""

from __future__ import annotations

import base64
import copy
import functools
import pathlib
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from zoo import api, metrics
from zoo.commands import command
from zoo.config import DEFAULTS, OPTIONS, TrainConfig, parse_option
from zoo.console import expand_command
from zoo.data import load_dataset
from zoo.data.toy_datasets import POINTS
from zoo.errors import Diverged, UserError
from zoo.models import MODELS
from zoo.models.options import builder_options
from zoo.resolve import resolve, resolve_names
from zoo.run_store import RunStore
from zoo.runs import Run
from zoo.summaries.drawing import Axes
from zoo.summaries.inspector import ModelInspector
from zoo.summaries.toy_plots import class_color
from zoo.training.console import TrainingConsole
from zoo.training.model import backbone_of
from zoo.training.train import train

FOLDER = "play"  # of the runs, in the folder of runs
HIDDEN = "hidden"  # the model argument, beside options of `TrainConfig`
# Options with a control, in the order of the page.
CONTROLS = (
    "dataset", "extra_features", HIDDEN, "activation", "initializer", "norm",
    "optimizer", "learning_rate", "batch_size", "epochs", "dropout", "l1",
    "l2", "seed",
)  # fmt: skip
# What the first run differs in from the defaults of `mlp`.
FIRST = {"dataset": "circles", HIDDEN: "4", "epochs": "60"}
# Options that have no effect on `lr`, a network without hidden layers.
OF_HIDDEN_LAYERS = ("activation", "initializer", "norm", "dropout")
MAX_LAYERS, MAX_UNITS = 4, 64  # that the page can draw
SHOWN_UNITS = 12  # of each layer
BOUNDARY_SIDE, UNIT_SIDE = 72, 36  # points in each direction
FRAME_SECONDS = 0.15  # the least time between two frames
SUMMARIES = ("scalars",)  # images would take longer than such a network
WAIT_SECONDS = 10.0  # for news, before the page asks again
HELP_OF_HIDDEN = (
    "units of each hidden layer, such as 8 or 8,4; empty is a linear classifier"
)


def build_config(
    values: Mapping[str, str], runs_dir: str = DEFAULTS["runs_dir"]
) -> TrainConfig:
    """Returns the config that the controls ask for.

    Args:
        values: Text by control; empty for the value of the recipe.
        runs_dir: Folder of runs.

    Raises:
        UserError: There is no such control, or its value is invalid.
    """
    for name in values:
        if name not in CONTROLS:
            raise UserError(f"there is no control {name!r} on this page.")
    given = {n: str(v).strip() for n, v in values.items() if str(v).strip()}
    widths = _widths(given.pop(HIDDEN, ""))
    dataset = given.get("dataset", FIRST["dataset"])
    if dataset not in POINTS:
        raise UserError(
            f"dataset={dataset} has no points in the plane; choose one of "
            f"{', '.join(POINTS)}."
        )
    if not widths:
        given = {n: v for n, v in given.items() if n not in OF_HIDDEN_LAYERS}
    options = {n: parse_option(n, text) for n, text in given.items()}
    if widths:
        options["model_arg"] = {HIDDEN: widths if widths[1:] else widths[0]}
    return TrainConfig(
        model="mlp" if widths else "lr",
        summaries=SUMMARIES,
        runs_dir=runs_dir,
        **options,
    )


def _widths(text: str) -> tuple[int, ...]:
    """Returns the units of each hidden layer.

    Raises:
        UserError: It is no list of widths, or larger than the page can draw.
    """
    words = [word for word in re.split(r"[,\s]+", text) if word]
    if not all(word.isdecimal() for word in words):
        raise UserError(
            f"{HIDDEN}={text} is not a list of widths; write for example 8,4."
        )
    widths = tuple(map(int, words))
    if len(widths) > MAX_LAYERS or not all(
        1 <= width <= MAX_UNITS for width in widths
    ):
        raise UserError(
            f"{HIDDEN}={text} does not fit on the page; give at most "
            f"{MAX_LAYERS} layers of 1 to {MAX_UNITS} units."
        )
    return widths


def command_of(config: TrainConfig) -> str:
    """Returns the command that trains the same network again.

    It writes all default summaries, which the page has no time for.
    """
    options = config.overrides()
    for name in ("run_name", "summaries"):
        options.pop(name, None)
    return expand_command(command("train", **options))


def controls() -> list[dict[str, Any]]:
    """Returns what the page needs to know of each control."""
    recipe = resolve(
        resolve_names(build_config(FIRST)), load_dataset(FIRST["dataset"])
    ).as_dict()
    recipe |= {
        name: value
        for name, value in builder_options(MODELS.find("mlp")).items()
        if recipe.get(name) is None
    }
    found = []
    for name in CONTROLS:
        option = OPTIONS.get(name)
        choices = option.choices if option else ()
        default = recipe.get(name)
        found.append(
            {
                "name": name,
                "group": option.group if option else "model",
                "help": option.help if option else HELP_OF_HIDDEN,
                "choices": list(POINTS if name == "dataset" else choices),
                "several": name == "extra_features",
                "value": FIRST.get(name, ""),
                "recipe": "" if default in (None, ()) else f"{default}",
            }
        )
    return found


class PlaySession:
    """Trains what the page asks for, and tells how far it is.

    Methods but for `work` are called by the server's threads.

    Args:
        runs_dir: Folder of runs; those of the page are in `play/` below it.
    """

    def __init__(self, runs_dir: str = DEFAULTS["runs_dir"]):
        self.runs_dir = runs_dir
        self._changed = threading.Condition()
        self._next: TrainConfig | None = None
        self._compared: tuple[str, ...] = ()
        self._closed = False
        self._stop = threading.Event()
        self._points: dict[str, Any] = {}
        self._version = 0
        self._state: dict[str, Any] = {
            "status": "ready", "name": "", "command": "", "dataset": "",
            "epoch": 0, "epochs": 0, "message": "", "frame": None,
            "history": [], "runs": [], "comparison": None,
        }  # fmt: skip

    # What the page asks for.

    def train(self, values: Mapping[str, str]) -> str:
        """Ends the present run and begins another; returns its command.

        Raises:
            UserError: The values are invalid; the present run continues.
        """
        config = build_config(values, self.runs_dir)
        resolve(resolve_names(config), load_dataset(config.dataset))
        with self._changed:
            self._next = config
            self._stop.set()
            self._changed.notify_all()
        return command_of(config)

    def stop(self) -> None:
        """Ends the present run after its epoch; it keeps its results."""
        self._stop.set()

    def compare(self, names: Sequence[str]) -> None:
        """Asks for a comparison of runs of this page.

        Raises:
            UserError: There are fewer than two, or one is not of this page.
        """
        known = [run["name"] for run in self._state["runs"]]
        unknown = [name for name in names if name not in known]
        if unknown:
            raise UserError(f"{unknown[0]} is not a run of this page.")
        if len(names) < 2:
            raise UserError("choose two runs or more to compare.")
        with self._changed:
            self._compared = tuple(names)
            self._stop.set()
            self._changed.notify_all()

    def state(self, after: int, timeout: float = WAIT_SECONDS) -> dict:
        """Returns the state once it is newer than a version.

        Args:
            after: The version that the page has.
            timeout: Seconds to wait for news; then the state has that version.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._version > after or self._closed, timeout
            )
            return {"version": self._version, **self._state}

    def points(self, dataset: str) -> dict[str, Any]:
        """Returns the examples of a dataset, and the axes around them.

        Raises:
            UserError: It has no points in the plane.
        """
        if dataset not in POINTS:
            raise UserError(f"{dataset} has no points in the plane.")
        return _points(dataset)

    # The main thread.

    def work(self) -> None:
        """Trains and compares, until `close` is called or Ctrl-C is typed."""
        while True:
            with self._changed:
                # In short waits, between which Ctrl-C is heard everywhere.
                while not (self._next or self._compared or self._closed):
                    self._changed.wait(0.5)
                if self._closed:
                    return
                config, self._next = self._next, None
                names, self._compared = self._compared, ()
                self._stop.clear()
            if config is not None:
                self._train(config)
            else:
                self._compare(names)

    def close(self) -> None:
        """Ends `work`, after the present run."""
        with self._changed:
            self._closed = True
            self._stop.set()
            self._changed.notify_all()

    def _train(self, config: TrainConfig) -> None:
        name = self._free_name()
        self._update(
            status="starting", name=name, command=command_of(config),
            dataset=config.dataset, epoch=0, epochs=0, message="", frame=None,
            history=[],
        )  # fmt: skip
        live = LiveFrames(config.dataset, self._update, self._stop)
        status, message = "ready", ""
        try:
            # Without the report of `api.train`, which takes longer.
            train(
                config.replace(run_name=name),
                callbacks=[live],
                console=TrainingConsole(quiet=True),
            )
        except Diverged as error:
            status, message = "diverged", str(error)
        except UserError as error:
            self._update(status="failed", message=str(error))
            return
        finally:
            keras.utils.clear_session(free_memory=False)
        run = Run(pathlib.Path(self.runs_dir, name), name)
        entry = self._entry(run, config, live.frame)
        self._update(
            status=status, message=message, runs=[*self._state["runs"], entry]
        )

    def _entry(
        self, run: Run, config: TrainConfig, frame: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Returns a run as the table of the page shows it."""
        options = config.overrides()
        shown = {"hidden": ""} | dict(options.pop("model_arg", {}))
        for key in ("runs_dir", "run_name", "summaries", "model"):
            options.pop(key, None)
        found = run.metrics
        return {
            "name": run.name,
            "command": command_of(config),
            "options": {k: _text(v) for k, v in (shown | options).items()},
            "status": found["status"],
            "epochs": found["epochs"],
            "train_accuracy": found["train_accuracy"],
            "val_accuracy": found["val_accuracy"],
            "parameters": run.resolved["parameters"]["trainable"],
            "classes": frame["classes"] if frame else "",
        }

    def _compare(self, names: tuple[str, ...]) -> None:
        typed = expand_command(
            command("compare", *names, runs_dir=self.runs_dir)
        )
        self._update(status="comparing", comparison=None)
        try:
            text = str(api.compare(*names, runs_dir=self.runs_dir))
        except UserError as error:
            text = str(error)
        found = {"command": typed, "text": text}
        self._update(status="ready", comparison=found)

    def _free_name(self) -> str:
        """Returns the name of the next run: play/1, play/2, ..."""
        taken = {run.name for run in RunStore(self.runs_dir).runs()}
        numbers = [
            int(name.removeprefix(f"{FOLDER}/"))
            for name in taken
            if re.fullmatch(rf"{FOLDER}/[0-9]+", name)
        ]
        return f"{FOLDER}/{max(numbers, default=0) + 1}"

    def _update(self, **changes: Any) -> None:
        with self._changed:
            self._state = {**self._state, **changes}
            self._version += 1
            self._changed.notify_all()


class LiveFrames(keras.callbacks.Callback):
    """Shows the network as it learns.

    Args:
        dataset: Name of the dataset.
        publish: Called with parts of the state that have changed.
        stop: Set where the run shall end after its epoch.
    """

    def __init__(
        self,
        dataset: str,
        publish: Callable[..., None],
        stop: threading.Event,
    ):
        super().__init__()
        self.frame: dict[str, Any] | None = None
        self._axes = _axes(dataset)
        self._publish = publish
        self._stop = stop
        self._history: list[dict[str, float]] = []
        self._shown = 0.0

    def on_train_begin(self, logs=None):
        """Shows the untrained network."""
        # No loss is needed: gradients are not asked for.
        self._inspector = ModelInspector(
            self.model, backbone_of(self.model), loss=None
        )
        self._publish(status="training", epochs=self.params["epochs"])
        self._show(0)

    def on_epoch_end(self, epoch, logs=None):
        """Shows the network, if the last time is long enough ago."""
        values = {k: float(v) for k, v in (logs or {}).items()}
        kept = ("loss", "val_loss", "accuracy", "val_accuracy")
        values = {
            k: values[k] for k in kept if np.isfinite(values.get(k, np.nan))
        }
        self._history.append({"epoch": epoch + 1, **values})
        if self._stop.is_set():
            self.model.stop_training = True
        if time.monotonic() - self._shown > FRAME_SECONDS:
            self._show(epoch + 1)

    def on_train_end(self, logs=None):
        """Shows the trained network."""
        self._show(self._history[-1]["epoch"] if self._history else 0)
        self._publish(status="saving")

    def _show(self, epoch: int) -> None:
        self.frame = draw_frame(self._inspector, self._axes)
        self._publish(
            epoch=epoch, frame=self.frame, history=copy.copy(self._history)
        )
        self._shown = time.monotonic()


def draw_frame(inspector: ModelInspector, axes: Axes) -> dict[str, Any]:
    """Returns what the page draws of a network.

    Returns:
        `classes`: the probability of the second class on a grid of
        `BOUNDARY_SIDE`, row by row from the top left, as bytes in base64;
        `layers`: of each hidden layer the outputs of its first units on a
        grid of `UNIT_SIDE`, as bytes with 128 for 0 and 255 for `limit`;
        `kernels`: the weights between what is shown, from the inputs on.
    """
    logits = inspector.logits(axes.grid(BOUNDARY_SIDE, BOUNDARY_SIDE))
    with np.errstate(invalid="ignore"):
        probabilities = np.exp(metrics.log_softmax(logits))[:, 1]
    outputs = inspector.activations(axes.grid(UNIT_SIDE, UNIT_SIDE))
    layers = []
    for name, values in outputs.items():
        shown = np.nan_to_num(values[:, :SHOWN_UNITS])
        limit = float(np.abs(shown).max()) or 1.0
        scaled = np.round(128 + 127 * shown / limit)
        layers.append(
            {
                "name": name.removesuffix("_activation"),
                "units": values.shape[1],
                "limit": limit,
                "maps": [_bytes(unit) for unit in scaled.T],
            }
        )
    kernels = [
        np.nan_to_num(kernel[:SHOWN_UNITS, :SHOWN_UNITS])
        for kernel in inspector.weights().values()
        if kernel.ndim == 2
    ]
    return {
        "side": BOUNDARY_SIDE,
        "unit_side": UNIT_SIDE,
        "classes": _bytes(
            np.round(255 * np.nan_to_num(probabilities, nan=0.5))
        ),
        "layers": layers,
        "kernels": [kernel.round(4).tolist() for kernel in kernels],
    }


def _bytes(values: np.ndarray) -> str:
    return base64.b64encode(values.astype(np.uint8).tobytes()).decode("ascii")


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else f"{value}"


@functools.cache
def _points(name: str) -> dict[str, Any]:
    dataset, axes = load_dataset(name), _axes(name)
    parts = {
        split: [
            [*map(float, point), int(label)]
            for point, label in zip(part.images, part.labels, strict=True)
        ]
        for split, part in (("train", dataset.train), ("val", dataset.val))
    }
    colors = [class_color(k) for k in range(dataset.num_classes)]
    return {"low": axes.low, "high": axes.high, "colors": colors, **parts}


@functools.cache
def _axes(name: str) -> Axes:
    dataset = load_dataset(name)
    examples = [dataset.train.images, dataset.val.images]
    return Axes.around(np.concatenate(examples), BOUNDARY_SIDE, BOUNDARY_SIDE)
