"""The language of `--space`."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.api_arguments import space_text, values_text
from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.tuning.space import HyperParameter, SearchSpace, format_values
from zoo.tuning.varied_option import VariedOption


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("optimizer=sgd, adam", ("sgd", "adam")),
        ("dropout=0:0.6:0.1", (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)),
        ("learning_rate=log:1e-4:1e-1:10", (1e-4, 1e-3, 1e-2, 1e-1)),
        ("batch_size=16,64,full", (16, 64, "full")),
        ("batch_size=16:64:16", (16, 32, 48, 64)),
        ("batch_size=log:8:64:2", (8, 16, 32, 64)),
        ("model_arg.hidden=64,(64,32)", (64, (64, 32))),
        ("model_arg.pool=max,average", ("max", "average")),
        ("model_arg.reduced=True,False", (True, False)),
        ("schedule_epochs=(1,2),(3)", ((1.0, 2.0), (3.0,))),
        ("extra_features=(x2,xy),(sin)", (("x2", "xy"), ("sin",))),
    ],
)
def test_a_list_and_a_range_with_steps_name_all_values(text, values):
    assert HyperParameter.parse(text).values == values


def test_a_range_of_a_whole_number_has_whole_ends():
    one = HyperParameter.parse("batch_size=log:8:64")
    assert (one.low, one.high, one.log, one.is_int) == (8, 64, True, True)
    assert not HyperParameter.parse("learning_rate=1:2").is_int


numbers = st.floats(1e-6, 1e6)


@given(numbers, numbers, st.booleans())
def test_ends_come_back_as_they_were_written(first, second, log):
    low, high = sorted((first, second))
    text = f"warmup_epochs={'log:' if log else ''}{low!r}:{high!r}"
    if low == high:
        with pytest.raises(UserError, match="not below"):
            HyperParameter.parse(text)
        return
    one = HyperParameter.parse(text)
    assert (one.low, one.high, one.log) == (low, high, log)
    assert all(low <= value <= high for value in one.grid().values)


@given(st.integers(-50, 50), st.integers(1, 60), st.integers(1, 99))
def test_steps_are_the_decimals_that_a_person_would_write(low, count, step):
    high = low + count * step
    found = HyperParameter.parse(
        f"model_arg.a={low / 100}:{high / 100}:{step / 100}"
    ).values
    assert found == tuple((low + step * i) / 100 for i in range(count + 1))


@given(st.lists(st.integers(0, 999), min_size=2, unique=True))
def test_choices_come_back_in_order(values):
    text = ",".join(map(str, values))
    assert HyperParameter.parse(f"model_arg.a={text}").values == tuple(values)


@given(st.text(max_size=30))
def test_no_text_breaks_the_parser(text):
    for start in ("", "dropout=", "model_arg.a=", "optimizer=", "batch_size="):
        try:
            HyperParameter.parse(start + text)
        except UserError as error:
            assert str(error).endswith((".", "?", "..."))


@given(st.floats(1e-4, 1e-1), st.floats(0, 1))
def test_a_drawn_number_stays_inside_and_gets_short(low, share):
    one = HyperParameter.parse(f"learning_rate=log:{low!r}:0.5")
    drawn = low * (0.5 / low) ** share
    found = one.nearest(drawn)
    assert low <= found <= 0.5
    assert math.isclose(found, drawn, rel_tol=1e-3)


SPACE = SearchSpace.parse(
    ["momentum=0.5,0.9", "optimizer=sgd,momentum,nesterov", "dropout=0,0.5"]
)


def test_an_option_without_effect_is_no_part_of_a_point():
    assert SPACE.count() == 2 * (1 + 2 + 2)
    points = [
        dict(zip(("optimizer", "momentum", "dropout"), values, strict=True))
        for values in itertools.product(
            ("sgd", "momentum", "nesterov"), (0.5, 0.9), (0.0, 0.5)
        )
    ]
    counted = {
        tuple(
            (one.name, point[one.name])
            for one in SPACE.hyperparameters
            if SPACE.is_active(one, point)
        )
        for point in points
    }
    assert len(counted) == SPACE.count()


AUGMENTED = SearchSpace.parse(
    ["augment=none;mixup,crop_flip;mixup", "crop_padding=1,2"]
)


def test_one_of_several_kinds_of_augmentation_makes_an_option_count():
    assert AUGMENTED.count() == 1 + 2 + 1
    (padding,) = map(AUGMENTED.condition, AUGMENTED.hyperparameters[1:])
    assert padding == ("augment", ("mixup,crop_flip",))
    probes = AUGMENTED.corner_points()
    assert {"augment": "mixup,crop_flip", "crop_padding": 2} in probes
    assert {"augment": "mixup"} in probes


def test_probes_have_every_end_and_no_useless_value():
    probes = SPACE.corner_points()
    for one in SPACE.hyperparameters:
        seen = {probe.get(one.name) for probe in probes}
        assert seen >= set(one.bounds)
    assert all(
        "momentum" not in probe or probe["optimizer"] != "sgd"
        for probe in probes
    )


def test_a_point_changes_its_options_and_arguments_alone():
    fixed = TrainConfig(model="mlp", model_arg={"hidden": 8}, seed=3)
    values = {"dropout": 0.5, "model_arg.b": (1, 2)}
    found = SPACE.config(fixed, values)
    assert found == fixed.replace(
        dropout=0.5, model_arg={"hidden": 8, "b": (1, 2)}
    )


def test_a_point_is_told_in_few_words():
    values = {"learning_rate": 0.00237, "model_arg.hidden": (8, 4)}
    assert format_values(values) == "learning_rate 0.00237, hidden (8, 4)"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("augment", ("none", "crop_flip,mixup")),
        ("image_size", (64, (64, 48))),
        ("schedule_epochs", ((1.0, 2.0), (3.0,))),
        ("extra_features", (("x2", "xy"), ("sin",))),
        ("freeze", ("conv1*,conv2*", "features")),
        ("batch_size", (16, "full")),
        ("new_head", (True, False)),
        ("model_arg.hidden", (64, (64, (32, 16)))),
        ("model_arg.mode", ("3", "a,b", "None")),
    ],
)
def test_values_from_python_are_read_back(name, values):
    text = space_text(name, list(values))
    assert HyperParameter.parse(text).values == values
    if "." not in name:
        assert VariedOption.parse(name, values_text(values)).values == values


def test_a_value_from_python_with_a_semicolon_is_refused():
    with pytest.raises(UserError, match="a;b has a semicolon"):
        values_text(["a;b", "c"])


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("dropout=0.5", "--dropout=0.5"),
        ("model_arg.hidden=(64,32)", "--model_arg=hidden=(64,32)"),
        ("schedule_epochs=(1,2)", "--schedule_epochs=1,2"),
    ],
)
def test_a_single_choice_is_refused_with_the_flag_that_gives_it(text, flag):
    with pytest.raises(UserError) as error:
        HyperParameter.parse(text)
    assert str(error.value).endswith(f"write {flag}.")
