"""TrainConfig: one definition an option, checked in one place."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.config import (
    GROUPS,
    OPTIONS,
    TrainConfig,
    format_option,
    option_named,
    parse_option,
)
from zoo.errors import UserError

# A value of each option that is allowed and is not its default.
OTHER = {
    "model": "mlp", "model_arg": {"hidden": (64, 32), "reduced": False},
    "activation": "tanh", "norm": "batch", "initializer": "equal",
    "features": None, "weights": "run7", "new_head": True,
    "head_epochs": 3,
    "freeze": "conv1*,conv3", "classes": ("cat", "1.0"), "train_examples": 500,
    "randomize_labels": 0.5,
    "dataset": "mnist", "data_dir": "some where", "image_size": (16, 24),
    "resize": "pad",
    "val_fraction": 0.25, "group_by": None, "fold": None,
    "skip_unreadable": False,
    "mean_subtraction": "pixel",
    "scale": "unit", "extra_features": ("x2", "sin"), "augment": "crop",
    "crop_padding": 3, "warmup_start": 0.25, "schedule_end": 0.1,
    "norm_bias_factor": 64.0, "lookahead_every": 5, "ema_momentum": None,
    "gradient_accumulation_steps": None,
    "optimizer": "sgd",
    "learning_rate": 3e-05, "momentum": 0.5, "schedule": "step",
    "schedule_epochs": (1.0, 2.5), "schedule_factor": 0.2,
    "warmup_epochs": 0.5, "batch_size": "full", "epochs": 3, "steps": None,
    "clip_norm": 1.0, "loss": "hinge", "label_smoothing": 0.1,
    "class_weight": "balanced",
    "recompute_batch_norm": True, "early_stopping_patience": 4,
    "dropout": 0.5, "l1": 1e-4, "l2": 1e-3,
    "weight_decay": 5e-4, "seed": 7, "deterministic": True,
    "devices": "all", "precision": "auto", "jit": "off",
    "steps_per_execution": 8,
    "checkpoint_every": 50, "runs_dir": "elsewhere", "run_name": "a/b-1",
    "summaries": ("scalars",), "summary_every": 2, "debug_every": 100,
}  # fmt: skip


def test_the_table_above_has_every_option():
    assert OTHER.keys() == OPTIONS.keys()


def test_a_config_comes_back_from_json_as_it_was():
    config = TrainConfig(**OTHER)
    assert TrainConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize("name", [n for n, v in OTHER.items() if v is not None])
def test_a_flag_written_is_read_back_as_the_same_value(name):
    value = OTHER[name]
    found = {} if isinstance(value, dict) else None
    for flag in format_option(name, value):
        text = flag.removeprefix(f"--{name}=")
        parsed = parse_option(name, text)
        found = {**found, **parsed} if isinstance(value, dict) else parsed
    assert found == value


@given(st.floats(1e-12, 1e6))
def test_no_digit_of_a_rate_is_lost_on_the_way_through_a_flag(rate):
    (flag,) = format_option("learning_rate", rate)
    assert parse_option("learning_rate", flag.partition("=")[2]) == rate


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=4))
def test_no_digit_of_a_list_is_lost_on_the_way_through_a_flag(epochs):
    (flag,) = format_option("schedule_epochs", tuple(epochs))
    text = flag.partition("=")[2]
    assert parse_option("schedule_epochs", text) == tuple(epochs)


def test_only_what_is_not_default_was_asked():
    assert TrainConfig(seed=3, model="lenet5").overrides() == {"seed": 3}


def test_a_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainConfig().seed = 1


def test_every_option_has_a_group_and_a_help_text():
    for name, option in OPTIONS.items():
        assert option.group in GROUPS, name
        assert option.help and not option.help.endswith("."), name


def test_about_a_dozen_options_are_common():
    common = [n for n, option in OPTIONS.items() if option.common]
    assert 10 <= len(common) <= 14


@pytest.mark.parametrize(
    "name, value",
    [
        ("learning_rate", 0.0),
        ("learning_rate", float("inf")),
        ("learning_rate", 1e39),
        ("learning_rate", 1e-50),
        ("l2", 1e39),
        ("epochs", 2**31),
        ("steps", 10**30),
        ("schedule_epochs", (1e23,)),
        ("warmup_epochs", 1e23),
        ("dataset", "folder:a\nb"),
        ("learning_rate", "0.1"),
        ("batch_size", 0),
        ("batch_size", "half"),
        ("batch_size", True),
        ("val_fraction", 1.0),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("seed", -1),
        ("seed", 1.5),
        ("optimizer", "sdg"),
        ("summaries", (None,)),
        ("deterministic", 1),
        ("schedule_epochs", (1.0, float("nan"))),
        ("schedule_epochs", (6.0, 3.0)),
        ("schedule_epochs", (3.0, 3.0)),
        ("run_name", "../x"),
        ("run_name", "/x"),
        ("run_name", "x/"),
        ("run_name", ".x"),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_flag(name, value):
    with pytest.raises(UserError, match=rf"--{name}=.*\.$"):
        TrainConfig(**{name: value})


def test_a_number_that_is_too_small_is_told_the_smallest_alone():
    with pytest.raises(UserError, match=r"whole number of at least 1\b"):
        TrainConfig(epochs=0)


def test_a_number_beyond_int32_is_told_the_largest():
    with pytest.raises(UserError, match="from 1 to 2147483647"):
        TrainConfig(epochs=9_999_999_999_999_999_999)
    assert TrainConfig(epochs=2**31 - 1).epochs == 2**31 - 1


@pytest.mark.parametrize("name", ["last", "config.json", "a/group.json"])
def test_a_name_that_means_something_else_is_no_name_of_a_run(name):
    with pytest.raises(UserError, match="has a meaning of its own"):
        TrainConfig(run_name=name)


def test_an_unknown_option_names_the_nearest_one():
    with pytest.raises(UserError, match="did you mean --learning_rate"):
        option_named("lerning_rate")


def test_scalars_of_numpy_are_numbers():
    config = TrainConfig(
        epochs=np.int64(3),
        learning_rate=np.float32(0.5),
        schedule_epochs=[np.float64(1.5), 2],
    )
    assert type(config.epochs) is int and config.learning_rate == 0.5
    assert config.schedule_epochs == (1.5, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"schedule_epochs": ("30", "60")},
        {"schedule_epochs": (True, 2)},
        {"classes": (None,)},
        {"summaries": (1.5,)},
    ],
)
def test_a_list_of_other_things_is_refused(wrong):
    with pytest.raises(UserError, match="is not a list of"):
        TrainConfig(**wrong)


def test_a_list_may_be_text_and_class_names_may_be_numbers():
    assert TrainConfig(classes="cat, dog").classes == ("cat", "dog")
    assert TrainConfig(classes=(1, 2)).classes == ("1", "2")
    assert TrainConfig(schedule_epochs="1,2").schedule_epochs == (1.0, 2.0)


def test_arguments_of_a_model_are_the_same_after_json():
    config = TrainConfig(model_arg={"hidden": [64, [32, 16]], "b": {"c": [1]}})
    assert config.model_arg == {"hidden": (64, (32, 16)), "b": {"c": (1,)}}
    assert TrainConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    "text", ["3", "1e-3", "None", "False", "(1, 2)", " a", "'a'", "", "relu"]
)
def test_a_text_that_looks_like_a_number_comes_back_as_a_text(text):
    (flag,) = format_option("model_arg", {"a": text})
    read = parse_option("model_arg", flag.removeprefix("--model_arg="))
    assert read == {"a": text}
    (flag,) = format_option("model_arg", {"a": "relu"})
    assert flag == "--model_arg=a=relu"
