"""A knob: values read from a flag, put into a config, and named in folders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.tuning.repeating.knob import divide, read


@pytest.mark.parametrize(
    ("option", "text", "values"),
    [
        ("learning_rate", "1e-3, 0.01", (0.001, 0.01)),
        ("batch_size", "64,full", (64, "full")),
        ("deterministic", "true,false", (True, False)),
        ("schedule_epochs", "4,8;6,9", ((4.0, 8.0), (6.0, 9.0))),
        (
            "summaries",
            "default;default,all",
            (("default",), ("default", "all")),
        ),
        ("model_arg", "hidden=64,(64,32)", (64, (64, 32))),
        ("model_arg", "hidden=(8,8);16", ((8, 8), 16)),
    ],
)
def test_values_are_read_as_each_alone_would_be(option, text, values):
    assert read(option, text).values == values


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("learning_rate", "0.1"),
        ("schedule_epochs", "60,120"),
        ("group_by", "a{1,2};"),
        ("model_arg", "hidden=(64,32)"),
        ("no_such_option", "1,2"),
    ],
)
def test_one_value_is_one(option, text):
    assert divide(option, text) == [text.removesuffix(";")]


@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        ("learning_rate", "0.1,-1,1", "--learning_rate=-1 is out of range"),
        ("learning_rate", "0.1,,1", "empty value; take the comma out"),
        ("learning_rate", "0.1;;1", "empty value; take the semicolon out"),
        ("learning_rate", "0.1,1e-1", "has 1e-1 twice"),
        ("optimizer", "sgd,adma", "--optimizer=adma is not known"),
        ("seed", "1,2", "--seeds=3"),
        ("run_name", "a,b", "names all the runs"),
    ],
)
def test_a_wrong_value_is_named_in_a_sentence(option, text, words):
    with pytest.raises(UserError, match=words):
        read(option, text)


@given(
    st.lists(
        st.floats(1e-9, 1e9, allow_nan=False),
        min_size=2,
        max_size=5,
        unique=True,
    )
)
def test_what_is_written_is_read_back(values):
    text = ",".join(map(repr, values))
    knob = read("learning_rate", text)
    assert knob.values == tuple(values)
    again = read("learning_rate", ",".join(map(knob.text, knob.values)))
    assert again == knob
    assert len(set(knob.folders())) == len(values)


def test_a_turned_config_differs_in_this_option_alone():
    base = TrainConfig(model="mlp", model_arg={"hidden": 8}, l2=0.1)
    knob = read("model_arg", "hidden=16,32")
    turned = knob.turn(base, 32)
    assert turned == base.replace(model_arg={"hidden": 32})
    assert knob.value_in(turned) == 32
    assert knob.typed(32) == "--model_arg=hidden=32"
    assert knob.neutral(turned) == base.replace(model_arg={})


def test_values_whose_names_would_be_alike_get_folders_of_their_own():
    knob = read("dataset", "folder:a/pets,folder:b/pets")
    assert knob.folders() == ["dataset-pets", "dataset-pets_2"]
