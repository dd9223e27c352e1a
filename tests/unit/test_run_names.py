"""Names of runs that were given none."""

from hypothesis import given
from hypothesis import strategies as st

from zoo.config import TrainConfig
from zoo.run_store import default_name


def test_the_default_name_says_model_data_and_what_differs():
    config = TrainConfig(
        model="mlp",
        dropout=0.5,
        model_arg={"hidden": 64},
        runs_dir="elsewhere",
        summary_every=3,
    )
    assert default_name(config) == "mlp-digits-hidden64-dropout0.5"


def test_the_default_name_of_a_folder_is_its_last_part():
    config = TrainConfig(dataset="folder:/a b/my photos/")
    assert default_name(config) == "lenet5-my_photos"


def test_a_default_name_that_is_too_long_ends_after_a_whole_part():
    options = {
        "model": "wrn28_10",
        "model_arg": {"a" * n: n for n in range(20, 24)},
        "steps": 60,
        "seed": 7,
    }
    parts = ["wrn28_10-digits", *("a" * n + str(n) for n in range(20, 24))]
    assert len("-".join(parts)) == 113
    # With -steps60 it would have 121 characters; -seed7 would fit alone, but
    # what comes after something unsaid is left unsaid too.
    assert default_name(TrainConfig(**options)) == "-".join(parts)
    options["steps"] = 6
    whole = default_name(TrainConfig(**options))
    assert whole == "-".join([*parts, "steps6"])
    assert len(whole) == 120


@given(st.dictionaries(st.text("ab_", min_size=1, max_size=50), st.integers()))
def test_a_default_name_is_a_folder_name_of_whole_parts(arguments):
    config = TrainConfig(model_arg=arguments, steps=60)
    name = default_name(config)
    parts = [f"{key}{value}".strip("_") for key, value in arguments.items()]
    whole = "-".join(["lenet5-digits", *parts, "steps60"])
    assert len(name) <= 120
    assert whole == name or whole.startswith(f"{name}-")
