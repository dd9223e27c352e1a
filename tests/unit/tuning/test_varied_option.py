"""Values of a varied option: read, put into a config, and named in folders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.tuning.varied_option import VariedOption, split_values


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
    assert VariedOption.parse(option, text).values == values


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
    assert split_values(option, text) == [text.removesuffix(";")]


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
        VariedOption.parse(option, text)


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
    varied = VariedOption.parse("learning_rate", text)
    assert varied.values == tuple(values)
    again = VariedOption.parse(
        "learning_rate", ",".join(map(varied.format, varied.values))
    )
    assert again == varied
    assert len(set(varied.folder_names())) == len(values)


def test_a_turned_config_differs_in_this_option_alone():
    base = TrainConfig(model="mlp", model_arg={"hidden": 8}, l2=0.1)
    varied = VariedOption.parse("model_arg", "hidden=16,32")
    turned = varied.apply(base, 32)
    assert turned == base.replace(model_arg={"hidden": 32})
    assert varied.value_of(turned) == 32
    assert varied.flag(32) == "--model_arg=hidden=32"
    assert varied.without(turned) == base.replace(model_arg={})


def test_values_whose_names_would_be_alike_get_folders_of_their_own():
    varied = VariedOption.parse("dataset", "folder:a/pets,folder:b/pets")
    assert varied.folder_names() == ["dataset-pets", "dataset-pets_2"]


def test_a_whole_number_is_named_without_its_fraction_and_a_text_as_it_is():
    varied = VariedOption.parse("learning_rate", "1,0.5")
    assert varied.folder_names() == ["learning_rate-1", "learning_rate-0.5"]
    varied = VariedOption.parse("dataset", "folder:v1.0,folder:v2.0")
    assert varied.format("folder:v1.0") == "folder:v1.0"


def test_no_weights_are_the_same_value_in_a_group_and_as_typed():
    varied = VariedOption.parse("weights", "none,lenet5:mnist")
    assert varied.values == (None, "lenet5:mnist")
    assert varied.format(None) == "none"
    assert varied.folder_names()[0] == "weights-none"
    with pytest.raises(UserError, match="has none twice"):
        VariedOption.parse("weights", "none,none")
