"""Where a run departs from its recipe, and the command that repeats it."""

import shlex

from zoo.cli.flags import Command
from zoo.reporting import sections
from zoo.run_store import RunStore


def test_settings_that_differ_from_the_recipe_are_told(trained):
    found = sections.recipe_diff(RunStore(str(trained)).find("wild"))
    assert ("learning_rate", 1e30) in [row[:2] for row in found]
    assert {"seed", "run_name", "runs_dir"}.isdisjoint(r[0] for r in found)


def test_a_default_recipe_has_no_differences(folder, spoil):
    run = RunStore(str(folder)).find("digits")
    used = {
        f"config__{name}": own for name, _, own in sections.recipe_diff(run)
    }
    spoil(run.path, "resolved.json", **used)
    assert sections.recipe_diff(run) == []


def test_the_command_repeats_the_run(trained):
    run = RunStore(str(trained)).find("wild")
    words = shlex.split(sections.train_command(run).replace("\\\n", " "))
    assert words[:2] == ["zoo", "train"]
    command = Command("zoo train", "")
    command.options()
    command.parse(words[2:])
    places = {"run_name": None, "runs_dir": "runs"}
    assert command.config() == run.config.replace(**places)


def test_a_run_that_repeats_another_names_it(read, folder, spoil):
    parent = {"run": "first", "changed": {"l2": [None, 0.01]}}
    spoil(folder / "digits", "resolved.json", parent=parent)
    words = read("digits", folder=folder).words
    assert "Based on the run first; changed options: l2." in words


def test_a_network_with_convolutions_shows_what_it_looks_at(read):
    page = read("filters")
    shown = [attrs.get("alt", "") for tag, attrs in page.tags if tag == "img"]
    assert "Grad-CAM of 10 validation images" in shown
    assert [alt for alt in shown if alt.startswith("Patches")] == [
        "Patches that excite conv1",
        "Patches that excite conv2",
    ]
    assert "What it looks at" not in read("digits").words


def test_outputs_of_another_loss_are_shown_as_no_probabilities(
    read, folder, spoil
):
    assert "Calibration" in read("digits", folder=folder).words
    spoil(folder / "digits", "resolved.json", config__loss="hinge")
    assert "Calibration" not in read("digits", folder=folder).words
