"""Options of models: what is known, what is refused, and in which words."""

from typing import Annotated, Any, Literal

import numpy as np
import pytest

from zoo.errors import UserError
from zoo.models import (
    MODELS,
    builder_options,
    check_options,
    create_model,
)
from zoo.models.options import Range, Size, _hints, convert, describe_type


def test_options_are_the_builders_own_with_their_defaults():
    assert builder_options(MODELS.find("lr")) == {
        "initializer": "small_normal",
        "l1": 0.0,
        "l2": 0.0,
    }


def test_what_the_name_fixes_is_no_option():
    options = builder_options(MODELS.find("wrn16_4"))
    assert "depth" not in options
    assert "width" not in options


def test_values_come_back_in_the_types_that_the_builder_declares():
    checked = check_options(
        MODELS.find("mlp"), {"hidden": [np.int64(3), 4], "dropout": 0}
    )
    assert checked == {"hidden": (3, 4), "dropout": 0.0}
    assert type(checked["dropout"]) is float
    assert all(type(width) is int for width in checked["hidden"])


@pytest.mark.parametrize(
    "name, options, words",
    [
        ("lr", {"dropout": 0.5}, "--dropout=0.5 does .* use --l2, or"),
        ("lenet5", {"norm": "local_response"}, "=local.* give none or batch"),
        ("wrn16_4", {"depth": 28}, "=depth=28 does .* fixes depth at 16"),
        ("inception", {"redused": 0}, "mean reduced.* takes modules, reduced,"),
        ("inception", {"reduced": 3}, "=reduced=3 .* give True or False"),
        ("inception", {"modules": 3}, "=modules=3 .* give 1 or 2"),
        ("mlp", {"hidden": (3, "x")}, r"=\(3, 'x'\) .*least 1.* \(256,128\)"),
        ("cnn_cf", {"maps": -1}, "--model_arg=maps=-1 .* number of at least 1"),
        ("alexnet_lite", {"divisor": 65}, "=65 .* whole number from 1 to 64"),
        ("wrn16_0", {}, "wrn16_0 has a width of 0; .* at least 1"),
    ],
)
def test_a_wrong_option_is_answered_with_one_sentence(name, options, words):
    with pytest.raises(UserError, match=words) as error:
        check_options(MODELS.find(name), options)
    assert "\n" not in str(error.value) and str(error.value).endswith(".")


@pytest.mark.parametrize(
    "name, value",
    [("dropout", 1.5), ("l2", -0.5), ("activation", "rleu"), ("l1", "x")],
)
def test_common_options_have_the_ranges_of_their_flags(name, value):
    with pytest.raises(UserError, match=f"^--{name}={value} is "):
        check_options(MODELS.find("mlp"), {name: value})


@pytest.mark.parametrize(
    "value, hint, fitted",
    [
        (3, float, 3.0),
        (3, int | tuple[int, ...], 3),
        ([3, 4], int | tuple[int, ...], (3, 4)),
        ([3, "x"], tuple, (3, "x")),
        (None, int | None, None),
        ("a", Literal["a", "b"], "a"),
        (object, Any, object),
        (True, bool, True),
        (1, Size, 1),
        (64, Annotated[int, Range(1, 64)], 64),
        ([3, 4], Size | tuple[Size, ...], (3, 4)),
    ],
)
def test_values_that_fit_an_annotation(value, hint, fitted):
    found = convert(value, hint)
    assert found == fitted
    assert type(found) is type(fitted)


@pytest.mark.parametrize(
    "value, hint",
    [
        (True, int),
        (True, float),
        (True, Literal[1, 2]),
        (1, bool),
        (1.5, int),
        (float("nan"), float),
        (float("inf"), float),
        ("3", int),
        ("c", Literal["a", "b"]),
        ((3, True), tuple[int, ...]),
        ("ab", tuple[str, ...]),
        ([1], int),
        (None, int),
        (0, Size),
        (-5, Size),
        (True, Size),
        ((3, 0), Size | tuple[Size, ...]),
        (65, Annotated[int, Range(1, 64)]),
    ],
)
def test_values_of_another_type_are_refused(value, hint):
    with pytest.raises(TypeError):
        convert(value, hint)


@pytest.mark.parametrize(
    "hint, text",
    [
        (int | float, "a whole number or a number"),
        (Literal["a", "b", "c"], "a, b or c"),
        (bool | None, "True or False or None"),
    ],
)
def test_annotations_are_described(hint, text):
    assert describe_type(hint) == text


def test_every_number_that_a_builder_takes_is_bounded():
    # A depth has a rule of its own, which its family explains.
    unbounded = {
        f"{entry.name} {name}"
        for entry in MODELS
        for name, hint in _hints(entry.load()).items()
        if name in {**builder_options(entry), **entry.arguments}
        and hint is int
        and name != "depth"
    }
    assert not unbounded


@pytest.mark.parametrize("classes", [1, -1, 2.5, "ten"])
def test_a_number_of_classes_that_makes_no_sense_is_refused(classes):
    with pytest.raises(UserError, match=f"num_classes={classes}"):
        create_model("lr", classes)


@pytest.mark.parametrize("shape", [(), (8, 8), (8, 0, 1), "8x8", 5])
def test_a_shape_that_is_no_image_is_refused(shape):
    with pytest.raises(UserError, match="not the shape of an image"):
        create_model("lr", 10, shape)


@pytest.mark.parametrize(
    "name", ["wrn999994_1", "resnet3002", "densenet40000_12"]
)
def test_a_network_deeper_than_any_can_be_is_refused(name):
    with pytest.raises(UserError, match="depth.*from 1 to 2000"):
        check_options(MODELS.find(name), {})


@pytest.mark.parametrize("hidden", [2**31, 10**30, (64, 10**30)])
def test_a_size_beyond_int32_is_told_the_largest(hidden):
    with pytest.raises(UserError, match="at most 2147483647"):
        check_options(MODELS.find("mlp"), {"hidden": hidden})
