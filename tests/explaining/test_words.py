"""Findings as they are printed."""

import json

import pytest

from zoo.explaining import explain, words


def test_a_healthy_run_gets_one_sentence(facts):
    given = facts()
    lines = words.text(given, explain(given)).splitlines()
    assert lines[0] == (
        "mlp-digits: completed, 4 epochs, validation accuracy 0.9000 at the end"
    )
    assert lines[2].startswith("No problems found in this run")


def test_a_finding_has_its_number_its_tag_and_a_command_to_paste(facts):
    given = facts(status="diverged")
    text = words.text(given, explain(given))
    assert "1. Training diverged: with a learning rate of 0.001" in text
    assert "   See loss in TensorBoard." in text
    (command,) = [line for line in text.splitlines() if "--like" in line]
    assert command.endswith("train --like=mlp-digits --learning_rate=0.0001")


def test_a_tag_that_this_run_does_not_write_says_how_to_get_it(facts, failing):
    end = {"hidden.features.dead": 1.0}
    hidden = explain(facts(failing, end=end))[0]
    assert "--summaries=default,activations" in hidden.tag
    shown = facts(failing, end=end, config={"summaries": ["all"]})
    assert explain(shown)[0].tag == "dead_units/features"


def test_the_noise_is_half_the_exact_interval(facts):
    # Clopper-Pearson of 90 in 100: 82.38 % to 95.10 %.
    given = facts()
    assert given.noise == pytest.approx((0.95101 - 0.82378) / 2, abs=1e-4)
    assert "+/-6.4\npoints (95% CI)" in words.text(given, [])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"vitals": []}, "no vitals.json"),
        ({"rows": []}, "No epoch was finished"),
        ({"data": {"val": 0}}, "No validation examples"),
    ],
)
def test_what_could_not_be_looked_at_is_said(facts, given, said):
    found = facts(**given)
    assert said in words.text(found, explain(found))


def test_a_run_killed_before_it_was_measured_says_so(facts):
    found = facts(status="killed")
    found = facts(status="killed", vitals=found.vitals[:1])
    assert "not measured after its first update" in words.text(found, [])


def test_json_holds_the_same_findings(facts):
    given = facts(status="diverged")
    found = json.loads(json.dumps(words.as_json(given, explain(given))))
    assert [f["name"] for f in found["findings"]] == ["diverged"]
    assert found["noise"] == pytest.approx(given.noise)


def test_the_headline_is_the_first_finding_and_what_to_try(facts):
    given = facts(status="diverged")
    line = words.headline(given, explain(given))
    assert line.startswith("training diverged") and line.endswith("0.0001`.")
    assert words.headline(given, []).startswith("No problems found")


def test_a_run_that_fails_for_no_reason_found_is_not_called_healthy(
    facts, rows
):
    few = facts(rows(*[(1.9, 0.45, 1.9, 0.44)] * 3), vitals=[])
    assert words.headline(few, []).startswith("Only 45.0% of the training")
    assert "No problems" not in words.text(few, [])
