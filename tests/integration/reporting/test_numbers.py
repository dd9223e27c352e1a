"""Every number on a page is the one that other commands print."""

import json
import math
import re

import pytest

from zoo.cli.main import main
from zoo.run_store import RunStore


def flat(value, name=""):
    """Returns every leaf of nested dicts and lists by its dotted name."""
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    else:
        return {name: value}
    found = {}
    for key, item in pairs:
        found |= flat(item, f"{name}.{key}" if name else str(key))
    return found


def shown_rightly(text, value):
    """Whether what is shown is the value, rounded to the digits shown."""
    digits = text.replace(",", "").removesuffix("%").strip()
    unit = 100 if text.endswith("%") else 1
    places = len(digits.partition(".")[2].partition("e")[0])
    shown = float(digits)
    if "e" in digits or places == 0 and not float(value).is_integer():
        return math.isclose(shown, value * unit, rel_tol=1e-3) or (
            abs(shown - value * unit) <= 0.5
        )
    return any(
        abs(shown - value * factor) <= 0.5 * 10**-places + 1e-9
        for factor in {unit, 100}
    )


@pytest.fixture
def told(trained, capfd):
    """Returns a function: what evaluate, metrics and resolved say of a run."""

    def ask(name):
        flags = [f"--runs_dir={trained}", "--json"]
        assert main(["evaluate", name, *flags]) == 0
        run = RunStore(str(trained)).find(name)
        return flat(
            {
                "evaluate": json.loads(capfd.readouterr().out),
                "metrics": run.metrics,
                "resolved": run.resolved,
            }
        )

    return ask


@pytest.mark.parametrize("name", ["digits", "moons", "sine"])
def test_every_number_is_that_of_evaluate_and_of_the_run_folder(
    read, told, name
):
    found, numbers = told(name), read(name).numbers
    assert len(numbers) > 10
    for key, value, text in numbers:
        assert float(value) == pytest.approx(float(found[key]), rel=1e-12), key
        assert shown_rightly(text, float(value)), (key, value, text)


def test_the_page_of_a_classifier_leaves_no_score_of_evaluate_out(read, told):
    found = {key for key, _, _ in read("digits").numbers}
    for key, value in told("digits").items():
        is_shown = key in found or not value or not key.startswith("evaluate.")
        # How many predictions a class got is the sum of its column.
        known = key.rpartition(".")[2] in (
            "class", "predictions", "run", "split",
        )  # fmt: skip
        assert is_shown or known, key


def test_the_page_of_a_regression_has_its_error_and_r2(read):
    keys = {key for key, _, _ in read("sine").numbers}
    assert {"evaluate.mean_squared_error", "evaluate.r2"} <= keys
    assert not any("accuracy" in key for key in keys)


def test_no_page_opens_the_test_split(read, trained):
    for name in ("digits", "moons", "sine"):
        read(name)
    read("digits", "other")
    assert not (trained / "test_evaluations.jsonl").exists()


def test_a_test_result_is_shown_once_it_was_opened(read, folder, capfd):
    words = read("digits", folder=folder).words
    assert "not evaluated on the test set yet" in words
    assert "Test-set evaluations: none so far" in words
    flags = ["--split=test", f"--runs_dir={folder}", "--json"]
    for _ in range(3):
        assert main(["evaluate", "digits", *flags]) == 0
        said = json.loads(capfd.readouterr().out)
    page = read("digits", folder=folder)
    numbers = {key: float(value) for key, value, _ in page.numbers}
    for name in ("accuracy", "correct", "examples"):
        assert numbers[f"test.{name}"] == said[name]
    for end in ("accuracy_low", "accuracy_high"):
        key = f"test.corrected.{end}"
        assert numbers[key] == pytest.approx(said["corrected"][end])
    assert "for 3 evaluations, Bonferroni" in page.words
    assert "The latest one was the 3rd" in page.words
    # Another run of the same data was not tested, and says who was.
    other = read("other", folder=folder)
    assert "Test-set evaluations: 3, all of other runs" in other.words
    assert not any(key.startswith("test.") for key, _, _ in other.numbers)


def test_the_tables_of_a_comparison_are_those_of_compare(read, trained, capfd):
    assert main(["compare", "digits", "other", f"--runs_dir={trained}"]) == 0
    words = read("digits", "other").words
    for cell in re.findall(r"[+-]?\d+\.\d\d+", capfd.readouterr().out):
        assert cell in words
