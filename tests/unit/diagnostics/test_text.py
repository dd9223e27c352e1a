"""Findings as they are printed."""

import json

import pytest

from tests.unit.diagnostics.example_runs import FAILS, stats, steady
from zoo.diagnostics import diagnose, findings


def test_a_healthy_run_gets_one_sentence():
    given = stats()
    lines = findings.format_findings(given, diagnose(given)).splitlines()
    assert lines[0] == (
        "mlp-digits: completed, 4 epochs, validation accuracy 0.9000 at the end"
    )
    assert lines[2].startswith("No problems found in this run")


def test_a_finding_has_its_number_its_tag_and_a_command_to_paste():
    given = stats(status="diverged")
    shown = findings.format_findings(given, diagnose(given))
    assert "1. Training diverged: with a learning rate of 0.001" in shown
    assert "   See loss in TensorBoard." in shown
    (command,) = [line for line in shown.splitlines() if "--like" in line]
    assert command.endswith("train --like=mlp-digits --learning_rate=0.0001")


def test_a_tag_that_this_run_does_not_write_says_how_to_get_it():
    end = {"hidden.features.dead": 1.0}
    hidden = diagnose(stats(FAILS, end=end))[0]
    assert "--summaries=default,activations" in hidden.tag
    shown = stats(FAILS, end=end, config={"summaries": ["all"]})
    assert diagnose(shown)[0].tag == "dead_units/features"


def test_the_margin_of_error_is_half_the_exact_interval():
    # Clopper-Pearson of 90 in 100: 82.38% to 95.10%.
    given = stats()
    assert given.margin_of_error == pytest.approx(
        (0.95101 - 0.82378) / 2, abs=1e-4
    )
    assert "+/-6.4\npoints (95% CI)" in findings.format_findings(given, [])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"layer_stats": []}, "no layer_stats.json"),
        (
            {"layer_stats": stats().layer_stats[:1]},
            "not measured after its first step",
        ),
        (
            {"end": {"unmeasured": ["base"]}},
            "hidden layers inside base could not",
        ),
        ({"rows": []}, "No epoch was finished"),
        ({"data": {"val": 0}}, "No validation examples"),
    ],
)
def test_what_could_not_be_checked_is_reported(given, said):
    found = stats(**given)
    assert said in findings.format_findings(found, diagnose(found))


def test_json_holds_the_same_findings():
    given = stats(status="diverged")
    found = json.loads(json.dumps(findings.as_json(given, diagnose(given))))
    assert [f["name"] for f in found["findings"]] == ["diverged"]
    assert found["margin_of_error"] == pytest.approx(given.margin_of_error)


def test_the_headline_is_the_first_finding_and_what_to_try():
    given = stats(status="diverged")
    line = findings.headline(given, diagnose(given))
    assert line.startswith("training diverged") and line.endswith("0.0001`.")
    assert findings.headline(given, []).startswith("No problems found")


def test_a_run_that_fails_for_no_reason_found_is_not_called_healthy():
    few = stats(steady(1.9, 0.45, 1.9, 0.44), layer_stats=[])
    assert findings.headline(few, []).startswith(
        "Training accuracy is only 45.0%"
    )
    assert "No problems" not in findings.format_findings(few, [])
