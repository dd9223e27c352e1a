"""What `zoo models` says."""

import json
import subprocess
import sys

import pytest

from zoo.errors import UserError
from zoo.models import MODELS
from zoo.models.describe import (
    format_entries,
    format_markdown,
    list_entries,
    read_counts,
)

LISTING_WITHOUT_KERAS = """
import sys
from zoo.models.describe import format_entries, list_entries
print(format_entries(list_entries()))
heavy = {"keras", "tensorflow", "numpy", "sklearn"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""


def test_listing_imports_nothing_heavy():
    command = [sys.executable, "-c", LISTING_WITHOUT_KERAS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "36,479,194" in done.stdout


def test_each_model_has_a_line_in_the_order_of_the_table():
    assert shown_names(list_entries()) == MODELS.names()


def shown_names(entries):
    """Reads the names that a table shows; titles are not set in."""
    lines = format_entries(entries).splitlines()
    return [line.split()[0] for line in lines if line.startswith("  ")]


@pytest.mark.parametrize("wide", [False, True])
def test_the_table_fits_a_terminal_of_80_columns(wide):
    lines = format_entries(list_entries(), wide).splitlines()
    assert max(map(len, lines)) <= 80


def test_a_line_has_what_is_known_under_its_head():
    head, _, line, *_ = format_entries(list_entries("wrn28_10")).splitlines()
    assert head.split() == [
        *("model", "parameters", "MACs", "input", "min.", "size", "year"),
    ]
    counts = read_counts()["wrn28_10"]
    assert line.split() == [
        "wrn28_10",
        f"{counts['trainable']:,}",
        f"{counts['multiply_adds']:,}",
        *("32x32x3", "8", "px", "2016"),
    ]


def test_neighbours_of_one_kind_share_a_title():
    entries = list_entries("*wrn*")
    text = format_entries(entries)
    assert shown_names(entries) == MODELS.names("wrn*")
    for title in {entry["description"] for entry in entries}:
        assert text.count(f"\n{title}\n") == 1


def test_lecture_and_paper_are_told_on_demand():
    entries = list_entries("resnet50")
    assert "1512.03385" not in format_entries(entries)
    wide = format_entries(entries, wide=True)
    assert f"\n  lecture: {MODELS.find('resnet50').lecture}\n" in wide
    assert f"\n  paper: {MODELS.find('resnet50').paper}\n" in wide


def test_what_is_not_known_takes_no_line():
    text = format_entries(list_entries("cnn_cf"), wide=True)
    assert "lecture:" in text
    assert "paper:" not in text


def test_markdown_leads_to_the_paper():
    *_, line = format_markdown(list_entries("wrn16_4")).splitlines()
    assert "(https://arxiv.org/abs/1605.07146)" in line
    *_, line = format_markdown(list_entries("lenet5")).splitlines()
    assert "| LeCun, Bottou, Bengio and Haffner 1998 |" in line


def test_every_record_has_all_that_the_table_knows():
    for entry in list_entries():
        known = MODELS.find(entry["name"])
        for fact in ("lecture", "paper", "year", "min_size"):
            assert entry[fact] == getattr(known, fact)


def test_a_member_that_is_not_listed_can_still_be_named():
    (entry,) = list_entries("wrn22_8")
    assert entry["parameters"] is None
    assert "wrn<depth>_<width>" in format_entries([entry])


def test_a_filter_without_a_match_is_a_mistake():
    with pytest.raises(UserError, match="no model 'vgg[*]'"):
        list_entries("vgg*")


def test_entries_are_fit_for_json():
    entries = list_entries()
    assert json.loads(json.dumps(entries)) == entries
