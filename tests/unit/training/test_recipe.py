"""How asked options, recipe and defaults come together."""

import dataclasses

import numpy as np
import pytest

from zoo import resolve
from zoo.config import TrainConfig
from zoo.data import Dataset, Split
from zoo.errors import UserError
from zoo.models.registry import ModelEntry

RECIPE = {
    "optimizer": "nesterov",
    "learning_rate": 0.05,
    "momentum": 0.9,
    "weight_decay": 5e-4,
    "schedule": "step",
    "schedule_epochs": (3, 6),
    "schedule_factor": 0.2,
    "batch_size": 64,
    "epochs": 9,
    "augment": "crop_flip",
}


def data_of(num_examples=1000, flips=True, shape=(1, 1, 1)):
    """Examples without content: only what they are plays a part here."""
    kind = "uint8" if len(shape) == 3 else "float32"
    inputs = np.zeros((num_examples, *shape), kind)
    train = Split(inputs, np.arange(num_examples, dtype="int32") % 2)
    none = train.take(np.arange(0))
    return Dataset("data", train, none, ("a", "b"), flips, None)


def fill(data=None, recipe=RECIPE, **asked):
    return resolve.apply_recipe(TrainConfig(**asked), recipe, data or data_of())


def test_what_is_not_asked_comes_from_the_recipe():
    filled = fill()
    assert {name: getattr(filled, name) for name in RECIPE} == RECIPE


def test_what_is_asked_goes_before_the_recipe():
    assert fill(learning_rate=0.2, epochs=2).learning_rate == 0.2


def test_another_optimizer_brings_its_own_rate_and_decay():
    filled = fill(optimizer="adam")
    assert filled.learning_rate == 1e-3
    assert filled.momentum is None
    assert filled.weight_decay is None


def test_asking_for_the_recipe_own_optimizer_changes_nothing():
    assert fill(optimizer="nesterov").learning_rate == 0.05


def test_another_schedule_drops_the_recipe_steps():
    assert fill(schedule="cosine").schedule_epochs is None


def test_a_step_schedule_alone_falls_at_a_half_and_three_quarters():
    filled = fill(recipe={"optimizer": "sgd"}, schedule="step", epochs=8)
    assert filled.schedule_epochs == (4.0, 6.0)
    assert filled.schedule_factor == 0.1


def test_mirroring_of_a_recipe_is_left_out_where_it_changes_the_class():
    assert fill(data_of(flips=False)).augment == "crop"


def test_mirroring_that_is_asked_for_is_done():
    assert fill(data_of(flips=False), augment="flip").augment == "flip"


def test_vectors_leave_out_the_augmentation_of_a_recipe():
    assert fill(data_of(shape=(2,))).augment == "none"


def test_an_asked_augmentation_of_vectors_is_refused():
    with pytest.raises(UserError, match="--augment=crop moves the pixels"):
        fill(data_of(shape=(2,)), augment="crop")


def test_a_default_batch_shrinks_to_the_data():
    assert fill(data_of(10)).batch_size == 10


def test_a_stated_batch_larger_than_the_data_is_refused():
    with pytest.raises(UserError, match="larger than the 10 training images"):
        fill(data_of(10), batch_size=11)


def test_full_batch_takes_all_images():
    assert fill(batch_size="full").batch_size == 1000


@pytest.mark.parametrize("steps", [3, 9, 40])
def test_a_step_schedule_falls_at_the_same_fractions_of_steps(steps):
    # 1000 examples are 16 batches of 64.
    asked = {"schedule": "step", "steps": steps, "batch_size": 64}
    filled = fill(recipe={"optimizer": "sgd"}, **asked)
    found = [epochs * 16 / steps for epochs in filled.schedule_epochs]
    assert found == pytest.approx([0.5, 0.75])


def test_steps_replace_the_recipe_epochs():
    filled = fill(steps=40)
    assert filled.steps == 40
    assert filled.epochs is None


@pytest.mark.parametrize(
    "asked, length",
    [
        ({"epochs": 2}, "2 epochs"),
        ({"epochs": 1}, "1 epoch;"),
        ({"steps": 16, "batch_size": 100}, "1.6 epochs"),
    ],
)
def test_a_warmup_longer_than_training_is_refused(asked, length):
    with pytest.raises(UserError, match=f"--warmup_epochs=3 .*{length}"):
        fill(warmup_epochs=3, **asked)


@pytest.mark.parametrize(
    "asked, words",
    [
        ({"epochs": 1}, "16 steps; give at most 16, or give more --epochs"),
        ({"steps": 1}, "1 step; leave it out, or give more --steps"),
    ],
)
def test_an_update_after_more_batches_than_there_are_is_refused(asked, words):
    # 1000 examples are 16 batches of 64.
    asked |= {"batch_size": 64}
    assert fill(epochs=1, batch_size=64, gradient_accumulation_steps=16)
    with pytest.raises(UserError, match=f"_steps=17 .*{words}"):
        fill(gradient_accumulation_steps=17, **asked)


def test_a_warmup_as_long_as_training_is_accepted():
    assert fill(warmup_epochs=2, epochs=2).warmup_epochs == 2


def test_the_warmup_of_a_recipe_may_be_longer_than_a_short_training():
    assert fill(recipe={**RECIPE, "warmup_epochs": 3}, epochs=1).epochs == 1


@pytest.mark.parametrize(
    "asked, word",
    [
        ({"optimizer": "adam", "momentum": 0.5}, "--momentum"),
        ({"schedule": "cosine", "schedule_factor": 0.5}, "--schedule_factor"),
        ({"loss": "hinge", "label_smoothing": 0.1}, "--label_smoothing"),
    ],
)
def test_an_asked_option_without_effect_is_refused(asked, word):
    with pytest.raises(UserError, match=rf"{word}=\S+ has no effect"):
        fill(**asked)


ENTRY = ModelEntry("m", "m:build", "", (8, 8, 1), recipe_small={"epochs": 1})


def test_large_data_takes_the_large_recipe():
    entry = dataclasses.replace(ENTRY, recipe_large={"epochs": 2})
    assert resolve.default_recipe(entry, data_of(9_999)) == {"epochs": 1}
    assert resolve.default_recipe(entry, data_of(10_000)) == {"epochs": 2}


def test_points_take_their_own_recipe_or_that_of_small_data():
    points = data_of(shape=(2,))
    assert resolve.default_recipe(ENTRY, points) == {"epochs": 1}
    entry = dataclasses.replace(ENTRY, recipe_vectors={"epochs": 3})
    assert resolve.default_recipe(entry, points) == {"epochs": 3}
    assert resolve.default_recipe(entry, data_of()) == {"epochs": 1}


def numbers():
    data = data_of(shape=(1,))
    targets = np.zeros(len(data.train), "float32")
    train = dataclasses.replace(data.train, labels=targets)
    return dataclasses.replace(data, train=train, class_names=())


def test_the_loss_is_that_of_the_task_unless_one_is_asked_for():
    assert fill().loss == "cross_entropy"
    assert fill(loss="hinge").loss == "hinge"
    assert fill(numbers()).loss == "squared_error"


@pytest.mark.parametrize("asked", [{"loss": "hinge"}, {"label_smoothing": 0.1}])
def test_what_is_about_classes_is_refused_for_numbers(asked):
    with pytest.raises(UserError, match=f"--{next(iter(asked))}.* classes"):
        fill(numbers(), **asked)


def test_an_argument_of_the_model_is_given_in_one_way():
    twice = TrainConfig(model="mlp", dropout=0.1, model_arg={"dropout": 0.5})
    with pytest.raises(
        UserError,
        match="--dropout=0.1 and --model_arg=dropout=0.5 .* give one of them",
    ):
        resolve.resolve_names(twice)
    once = TrainConfig(model="mlp", model_arg={"dropout": 0.5})
    assert resolve.resolve_names(once) == once
