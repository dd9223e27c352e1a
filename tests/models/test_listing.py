"""What `zoo models` and `zoo describe` say."""

import json
import subprocess
import sys

import pytest

from zoo.errors import UserError
from zoo.models import MODELS
from zoo.models.describe import (
    describe_model,
    format_description,
    parse_shape,
)
from zoo.models.listing import format_entries, list_entries
from zoo.tables import format_table

LISTING_WITHOUT_KERAS = """
import sys
from zoo.models.listing import format_entries, list_entries
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
    lines = format_entries(list_entries()).splitlines()
    found = [line.split()[0] for line in lines[1 : 1 + len(MODELS.names())]]
    assert found == MODELS.names()


def test_a_filter_keeps_what_matches():
    names = [entry["name"] for entry in list_entries("wrn*")]
    assert names == MODELS.names("wrn*")
    assert names


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


def test_a_description_sums_up_its_layers():
    described = json.loads(json.dumps(describe_model("lenet5")))
    totals = described["totals"]
    for key in ("trainable", "non_trainable", "multiply_adds"):
        assert totals[key] == sum(row[key] for row in described["layers"])
    assert totals == {
        "trainable": 61_706,
        "non_trainable": 0,
        "multiply_adds": 416_520,
    }
    rows = {row["name"]: row for row in described["layers"]}
    # 28 * 28 places, each with 6 filters of 5 * 5
    assert rows["conv1"]["multiply_adds"] == 28 * 28 * 6 * 25
    assert rows["conv1"]["output"] == [28, 28, 6]
    assert rows["dense5"]["trainable"] == 400 * 120 + 120


def test_a_description_is_a_table_that_ends_in_totals():
    described = describe_model("wrn16_1", (8, 8, 1), 5, dropout=0.3)
    text = format_description(described)
    assert "input 8x8x1, 5 classes" in text
    assert "928 are not" in text
    assert "dropout=0.3" in text
    totals = described["totals"]
    (line,) = [x for x in text.splitlines() if x.startswith("total")]
    both = totals["trainable"] + totals["non_trainable"]
    assert line.split() == [
        "total",
        f"{both:,}",
        f"{totals['multiply_adds']:,}",
    ]


def test_a_shape_is_read_as_height_width_channels():
    assert parse_shape("28x30x1") == (28, 30, 1)


@pytest.mark.parametrize("text", ["", "28x28", "28x28x1x1", "axbxc", "0x8x1"])
def test_a_text_that_is_no_shape_is_refused(text):
    with pytest.raises(UserError, match="height x width x channels"):
        parse_shape(text)


def test_columns_are_as_wide_as_their_widest_cell():
    table = format_table(("name", "n"), [("a", "1,000"), ("long", "2")], (1,))
    assert table == "name      n\na     1,000\nlong      2"
