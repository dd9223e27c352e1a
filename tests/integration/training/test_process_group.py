"""Processes of a run that would not do the same."""

import pytest

from zoo.training.process_group import config_diff

OURS = {
    "started": "now",
    "config": {"learning_rate": 0.1, "runs_dir": "a", "classes": ("x",)},
    "data": {"fingerprint": "f" * 64, "train": 10},
    "precision": "float32",
    "machine": {"cores": "2"},
}


def changed(section, **values):
    return {**OURS, section: {**OURS[section], **values}}


@pytest.mark.parametrize(
    ("theirs", "text"),
    [
        (
            changed("config", learning_rate=0.2),
            "--learning_rate is 0.2 in process 1 and 0.1 in process 0; ",
        ),
        (
            changed("data", fingerprint="e" * 64),
            'the fingerprint of the data is "eee',
        ),
        ({**OURS, "precision": "bfloat16"}, 'precision is "bfloat16" in'),
    ],
)
def test_a_difference_is_named_with_both_values(theirs, text):
    assert text in config_diff(theirs, OURS, 1)


@pytest.mark.parametrize(
    "theirs",
    [
        {**OURS, "started": "later"},
        changed("config", runs_dir="b"),
        changed("machine", cores="16"),
        changed("config", classes=["x"]),  # as JSON has it
    ],
)
def test_where_things_lie_and_what_machines_are_may_differ(theirs):
    assert config_diff(theirs, OURS, 1) is None
