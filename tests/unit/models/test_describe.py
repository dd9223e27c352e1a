"""What `zoo describe` says: rows, parts, totals and memory."""

import json

import keras
import pytest

from zoo.cli.main import main
from zoo.console import format_bytes
from zoo.errors import UserError
from zoo.models import create_model
from zoo.models.costs import layer_costs
from zoo.models.describe import (
    MAX_ROWS,
    describe_model,
    format_description,
    parse_shape,
)
from zoo.models.layers import stage_of

SUMMED = ("trainable", "non_trainable", "multiply_adds", "activation_bytes")


@pytest.fixture(scope="module")
def small():
    return describe_model("wrn16_1", (8, 8, 1), 5, dropout=0.3)


def test_googlenet_is_printed_as_in_the_table_of_its_paper():
    described = describe_model("googlenet", None, 1000)
    table = described["paper_table"]
    rows = {row[0]: row[1:] for row in table["rows"]}
    # Table 1 of arXiv 1409.4842: output size, depth and widths.
    widths = ("128", "128", "192", "32", "96", "64")
    assert rows["inception (3b)"][1:9] == ("28x28x480", "2", *widths)
    assert rows["inception (3b)"][-1] == "304M"
    assert rows["inception (5b)"][1] == "7x7x1024"
    assert rows["avg pool"][:2] == ("7x7/1", "1x1x1024")
    assert rows["linear"][1] == "1x1x1000"
    assert [row[0] for row in table["rows"]].count("max pool") == 4
    text = format_description(described, "paper")
    assert "#5x5 reduce" in text and "dropout (40%)" in text


def test_a_wide_resnet_is_printed_as_in_the_table_of_its_paper():
    table = describe_model("wrn40_4")["paper_table"]
    assert table["rows"] == [
        ("conv1", "32x32", "[3x3, 16]"),
        ("conv2", "32x32", "[3x3, 64; 3x3, 64] x 6"),
        ("conv3", "16x16", "[3x3, 128; 3x3, 128] x 6"),
        ("conv4", "8x8", "[3x3, 256; 3x3, 256] x 6"),
        ("avg-pool", "1x1", "[8x8]"),
    ]


def test_the_pooling_of_images_that_are_not_square_is_in_the_table():
    table = describe_model("wrn16_1", (32, 64, 3))["paper_table"]
    assert table["rows"][-1] == ("avg-pool", "1x1", "[8x16]")


def test_a_model_without_a_table_in_its_paper_says_which_have_one():
    with pytest.raises(UserError, match="--rows=paper.*googlenet"):
        format_description(describe_model("lr"), "paper")


def test_filter_stride_padding_and_the_formula_of_each_size_are_shown():
    name = "cnn_c32k3s2v-p-c64k3-f128-d-f"
    described = describe_model(name, (32, 32, 3))
    rows = {row["name"]: row for row in described["layers"]}
    conv1, pool1 = rows["conv1"], rows["pool1"]
    assert (conv1["filter"], conv1["stride"]) == ((3, 3), (2, 2))
    assert (conv1["padding"], pool1["padding"]) == ("valid", "same 0+1")
    assert conv1["formula"] == "(32 - 3 + 2*0)/2 + 1 = 15.5, so 15"
    assert pool1["formula"] == "(15 - 2 + 0 + 1)/2 + 1 = 8"
    assert rows["dense1"]["filter"] is None
    text = format_description(described)
    (line,) = [line for line in text.splitlines() if "15.5" in line]
    assert "not whole" in line and "last pixel" in line
    assert text.count("not whole") == 1


def test_a_description_sums_up_its_layers():
    described = json.loads(json.dumps(describe_model("lenet5")))
    assert described["totals"] == {
        "trainable": 61_706,
        "non_trainable": 0,
        "multiply_adds": 416_520,
        # 2 * 28*28*6 + 14*14*6 + 2 * 10*10*16 + 2 * 5*5*16, and the vectors,
        # dense ones before and after the activation
        "activation_bytes": 4 * (9_408 + 1_176 + 3_200 + 800 + 240 + 168 + 10),
        "weight_bytes": 4 * 61_706,
    }
    rows = {row["name"]: row for row in described["layers"]}
    # 28 * 28 places, each with 6 filters of 5 * 5
    assert rows["conv1"]["multiply_adds"] == 28 * 28 * 6 * 25
    assert rows["conv1"]["output"] == [28, 28, 6]
    assert rows["conv1"]["activation_bytes"] == 28 * 28 * 6 * 4
    assert rows["dense5"]["trainable"] == 400 * 120 + 120


@pytest.mark.parametrize("key", SUMMED)
def test_layers_and_parts_sum_up_to_the_same(small, key):
    whole = small["totals"][key]
    assert whole == sum(row[key] for row in small["layers"])
    assert whole == sum(stage[key] for stage in small["stages"])


def test_weights_that_are_not_trained_take_memory_too(small):
    totals = small["totals"]
    assert totals["non_trainable"] == 928
    both = totals["trainable"] + totals["non_trainable"]
    assert totals["weight_bytes"] == 4 * both


def test_a_part_ends_in_what_its_last_layer_gives(small):
    stages = {stage["name"]: stage for stage in small["stages"]}
    assert list(stages) == [
        "conv1",
        *(f"group{g}_block{b}" for g in (1, 2, 3) for b in (1, 2)),
        *("final", "features", "logits"),
    ]
    assert stages["group2_block1"]["output"] == (4, 4, 32)
    # norm, activation, conv, norm, activation, dropout, conv, shortcut, sum
    assert stages["group2_block1"]["layers"] == 9


@pytest.mark.parametrize(
    "layer, stage",
    [
        ("module3a_3x3_reduce_activation", "module3a"),
        ("conv2_reduce", "conv2"),
        ("group3_block10_shortcut_norm", "group3_block10"),
        ("block1_layer2_conv", "block1"),
        ("hidden1", "hidden1"),
        ("_odd", "_odd"),
    ],
)
def test_the_name_of_a_layer_gives_its_stage(layer, stage):
    assert stage_of(layer) == stage


def test_operations_without_a_layer_belong_to_what_they_work_on():
    model = create_model("inception", norm="local_response")
    keras.ops.square(keras.Input((2,)))  # moves Keras's own counter on
    again = create_model("inception", norm="local_response")
    rows = layer_costs(model)
    assert rows == layer_costs(again)
    after = [row for row in rows if row.stage == "pool1"]
    assert [row.kind for row in after] == [
        "MaxPooling2D",
        *("Square", "Matmul", "Multiply", "Add", "Power"),
        after[-1].kind,  # Divide or TrueDivide, as Keras calls it
    ]
    assert {row.activation_bytes for row in after} == {4 * 16 * 16 * 32}


def test_a_description_is_a_table_that_ends_in_totals(small):
    text = format_description(small, "layers")
    assert "input 8x8x1, 5 classes" in text
    assert "non-trainable: 928" in text
    assert "dropout=0.3" in text
    totals = small["totals"]
    (line,) = [x for x in text.splitlines() if x.startswith("total")]
    both = totals["trainable"] + totals["non_trainable"]
    assert line.split() == [
        "total",
        f"{both:,}",
        f"{totals['multiply_adds']:,}",
        *format_bytes(totals["activation_bytes"]).split(),
    ]


def test_large_models_are_shown_by_parts_unless_asked(small):
    assert len(small["layers"]) > MAX_ROWS
    names = [stage["name"] for stage in small["stages"]]
    assert shown(format_description(small), "stage") == names
    every = [layer["name"] for layer in small["layers"]]
    assert shown(format_description(small, "layers"), "layer") == every


def test_small_models_are_shown_by_layers_unless_asked():
    described = describe_model("mlp")
    every = [layer["name"] for layer in described["layers"]]
    assert shown(format_description(described), "layer") == every
    assert shown(format_description(described, "stages"), "stage") == [
        *("flatten", "hidden1", "hidden2", "features", "logits"),
    ]


def test_parts_are_followed_by_the_windows_that_leave_pixels_out():
    # (224 - 11) / 4 + 1 = 54.25; the second convolution keeps its size.
    described = describe_model("alexnet", (224, 224, 3))
    text = format_description(described, "stages")
    windows = text[text.index("output size") :]
    assert "conv1" in windows and "conv2" not in windows


def shown(text, head):
    """Reads the first column of a table between its head and its total."""
    column = [line.split()[0] for line in text.splitlines() if line]
    return column[column.index(head) + 1 : column.index("total")]


@pytest.mark.parametrize(
    "argv, parameters",
    [
        # A single number is the length of a vector: 2*10 + 10.
        (["lr", "--input=2"], 30),
        # 96*5 + 5 + 5*4 + 4
        (["mlp", "--input=8x4x3", "--classes=4", "--model_arg=hidden=5"], 509),
    ],
)
def test_what_is_typed_is_described(capsys, argv, parameters):
    assert main(["describe", *argv, "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["totals"]["trainable"] == parameters


def test_a_shape_is_read_as_height_width_channels():
    assert parse_shape("28x30x1") == (28, 30, 1)


@pytest.mark.parametrize(
    "text", ["", "28x28", "28x28x1x1", "axbxc", "abc", "0x8x1", "0"]
)
def test_a_text_that_is_no_shape_is_refused(text):
    with pytest.raises(UserError, match="height x width x channels"):
        parse_shape(text)


def test_rows_are_layers_or_parts(capsys):
    assert main(["describe", "lr", "--rows=blocks"]) == 2
    assert "--rows=blocks" in capsys.readouterr().err


@pytest.mark.parametrize(
    "count, text",
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (2_500_000_000, "2.5 GB")],
)
def test_sizes_have_the_prefixes_of_disks(count, text):
    assert format_bytes(count) == text
