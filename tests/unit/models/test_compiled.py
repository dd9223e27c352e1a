"""What a user's model was compiled with: taken over, or refused by name."""

import keras
import pytest
from keras import layers

import zoo
from zoo.errors import UserError

pytestmark = pytest.mark.usefixtures("table_of_models")
DECAY = keras.optimizers.schedules.CosineDecay(0.1, 100)
SUM = keras.losses.SparseCategoricalCrossentropy(True, reduction="sum")


def without_biases():
    optimizer = keras.optimizers.AdamW()
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


def own_loss(labels, logits):
    return keras.ops.mean(logits)


class Adam(keras.optimizers.Adam):
    """An optimizer of the name of Keras's own."""


def categorical_crossentropy(y_true, y_pred):
    """A loss of the name of Keras's own."""
    return keras.ops.mean(y_pred)


def compiled_with(
    optimizer="adam", loss="sparse_categorical_crossentropy", **more
):
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(10)]
    )
    model.compile(optimizer=optimizer, loss=loss, **more)
    return model


def train(model, folder, **options):
    quiet = {"steps": 2, "summaries": ("none",), "verbose": False}
    return zoo.train(model, **quiet, runs_dir=str(folder), **options)


@pytest.mark.parametrize(
    ("optimizer", "expected"),
    [
        (
            keras.optimizers.SGD(0.05, momentum=0.8, nesterov=True),
            {"optimizer": "nesterov", "momentum": 0.8, "learning_rate": 0.05},
        ),
        (
            keras.optimizers.AdamW(2e-3, weight_decay=0.1),
            {"optimizer": "adamw", "weight_decay": 0.1, "learning_rate": 2e-3},
        ),
        (
            keras.optimizers.Adam(3e-4, global_clipnorm=1.0),
            {"optimizer": "adam", "clip_norm": 1.0, "learning_rate": 3e-4},
        ),
        ("rmsprop", {"optimizer": "rmsprop", "learning_rate": 1e-3}),
        (
            keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(3e-4)),
            {"optimizer": "adam", "learning_rate": 3e-4},
        ),
    ],
)
def test_what_a_model_was_compiled_with_is_used(tmp_path, optimizer, expected):
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    model = compiled_with(optimizer, loss, metrics=["accuracy"])
    used = train(model, tmp_path).resolved["config"]
    expected = {**expected, "loss": "cross_entropy", "label_smoothing": 0.1}
    assert {name: used[name] for name in expected} == expected


def test_an_option_goes_before_what_a_model_was_compiled_with(tmp_path):
    model = compiled_with(
        keras.optimizers.SGD(0.05, momentum=0.8, global_clipnorm=1e-3)
    )
    used = train(model, tmp_path, optimizer="adam").resolved["config"]
    assert (used["optimizer"], used["learning_rate"]) == ("adam", 1e-3)
    assert (used["momentum"], used["clip_norm"]) == (None, None)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ({"optimizer": "nadam"}, "Nadam"),
        ({"optimizer": Adam()}, "optimizer Adam, a class of its own"),
        ({"optimizer": keras.optimizers.Adam(beta_1=0.5)}, "beta_1=0.5"),
        ({"optimizer": keras.optimizers.Adam(DECAY)}, "CosineDecay"),
        ({"optimizer": without_biases()}, "exclude_from_weight_decay"),
        ({"loss": SUM}, "reduction='sum'"),
        ({"loss": "binary_crossentropy"}, "binary_crossentropy"),
        ({"loss": lambda y, logits: logits}, "the loss lambda"),
        ({"loss": own_loss}, "the loss own_loss"),
        ({"loss": categorical_crossentropy}, "a function of its own"),
        ({"loss": ["mae"]}, "the loss mae"),
        ({"metrics": [keras.metrics.AUC()]}, "AUC"),
        ({"weighted_metrics": ["accuracy"]}, "weighted_metrics"),
    ],
)
def test_what_has_no_option_is_refused_by_name(tmp_path, arguments, word):
    with pytest.raises(UserError, match=word):
        train(compiled_with(**arguments), tmp_path / "r")
    assert not (tmp_path / "r").exists()


def test_a_loss_and_a_metric_may_stand_in_a_list(tmp_path):
    loss = ["sparse_categorical_crossentropy"]
    model = compiled_with(loss=loss, metrics=[["accuracy"]])
    assert train(model, tmp_path).status == "completed"
