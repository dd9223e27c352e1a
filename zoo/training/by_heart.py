"""What a model that learns by heart can be asked: nothing about updates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoo.config import OPTIONS, TrainConfig, format_option
from zoo.data import Dataset
from zoo.errors import UserError

if TYPE_CHECKING:
    import keras

    from zoo.training.plan import Plan

USELESS = {
    *(n for n, o in OPTIONS.items() if o.group == "optimization"),
    *("weight_decay", "augment", "checkpoint_every", "debug_every"),
    *("steps_per_execution", "devices", "weights", "new_head", "freeze"),
}
# What a general recipe fills in, and such a run does not use.
FILLED = ("optimizer", "learning_rate", "schedule", "warmup_epochs", "epochs")


def refuse(asked: TrainConfig, data: Dataset) -> None:
    """Raises `UserError` for what such a model cannot use.

    Options that say how weights are learned, and data without classes.
    """
    if data.task != "classes":
        raise UserError(
            f"{asked.model} lets examples vote for classes, and {data.name} "
            "asks for numbers; use --model=mlp."
        )
    for name, value in asked.overrides().items():
        if name in USELESS:
            raise UserError(
                f"{format_option(name, value)[0]} has no effect on "
                f"{asked.model}, which remembers the training images and "
                "learns no weight; leave it out."
            )
    if "memory" in asked.model_arg:
        raise UserError(
            f"--model_arg=memory={asked.model_arg['memory']} has no effect in "
            f"training: {asked.model} remembers every training image; "
            "--train_examples=N gives it fewer."
        )


def without_learning(config: TrainConfig) -> TrainConfig:
    """Returns a filled config without what such a run does not use."""
    nothing = dict.fromkeys((*FILLED, "momentum", "weight_decay"))
    return config.replace(**nothing, augment="none")


def compile_network(model: keras.Model, plan: Plan) -> None:
    """Gives a model what it takes to be scored: a loss and the accuracy."""
    import keras

    model.compile(
        optimizer=None,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        jit_compile={"auto": "auto", "on": True, "off": False}[plan.config.jit],
    )
