"""GoogLeNet against the paper's table 1, row by row."""

import pytest

from zoo.models import create_model
from zoo.models.costs import layer_costs, stage_costs

# Row: output, parameters with biases, multiply-adds in millions. All follow
# from the paper's own widths; its printed counts are rounded.
ROWS = {
    "conv1": ((112, 112, 64), 9_472, 118.0),
    "conv2": ((56, 56, 192), 114_944, 359.7),
    "module3a": ((28, 28, 256), 163_696, 128.0),
    "module3b": ((28, 28, 480), 388_736, 304.3),
    "module4a": ((14, 14, 512), 376_176, 73.6),
    "module4b": ((14, 14, 512), 449_160, 87.9),
    "module4c": ((14, 14, 512), 510_104, 99.9),
    "module4d": ((14, 14, 528), 605_376, 118.5),
    "module4e": ((14, 14, 832), 868_352, 170.0),
    "module5a": ((7, 7, 832), 1_043_456, 51.1),
    "module5b": ((7, 7, 1024), 1_444_080, 70.7),
    "logits": ((1000,), 1_025_000, 1.0),
}


@pytest.fixture(scope="module")
def costs():
    model = create_model("googlenet", 1000, initializer="equal")
    return layer_costs(model)


@pytest.mark.parametrize("row", ROWS)
def test_a_stage_is_a_row_of_the_table(costs, row):
    (stage,) = [one for one in stage_costs(costs) if one["name"] == row]
    output, parameters, millions = ROWS[row]
    assert stage["output"] == output
    assert stage["trainable"] == parameters
    assert stage["multiply_adds"] / 1e6 == pytest.approx(millions, abs=0.051)


def test_the_rows_in_their_order_are_all_that_has_weights(costs):
    names = [one["name"] for one in stage_costs(costs) if one["trainable"]]
    assert names == list(ROWS)


def test_the_mean_of_all_pixels_is_thinned_out_by_four_tenths():
    model = create_model("googlenet", 10, (64, 64, 3), initializer="equal")
    drop = model.get_layer("dropout")
    assert drop.rate == 0.4
    assert drop.input is model.get_layer("features").output
    assert model.get_layer("logits").input is drop.output


@pytest.fixture(scope="module")
def whole():
    return create_model("googlenet", 1000, initializer="equal", auxiliary=True)


def test_auxiliary_heads_cost_eight_million_multiply_adds(whole, costs):
    both, alone = (
        sum(cost.multiply_adds for cost in rows)
        for rows in (layer_costs(whole), costs)
    )
    # 4 * 4 places of 1x1 convolutions, and two dense layers each
    heads = 16 * (512 + 528) * 128 + 2 * (2048 * 1024 + 1024 * 1000)
    assert both - alone == heads


@pytest.mark.parametrize("head, module", [(1, "4a"), (2, "4d")])
def test_an_auxiliary_head_is_the_papers(whole, head, module):
    layer = {
        part: whole.get_layer(f"auxiliary{head}_{part}")
        for part in ("pool", "conv", "dense", "dropout", "logits")
    }
    joined = whole.get_layer(f"module{module}_joined")
    assert layer["pool"].input is joined.output
    assert layer["pool"].pool_size == (5, 5)
    assert layer["pool"].strides == (3, 3)
    assert layer["pool"].output.shape == (None, 4, 4, 512 + 16 * (head - 1))
    assert layer["conv"].kernel_size == (1, 1)
    assert layer["conv"].output.shape == (None, 4, 4, 128)
    assert layer["dense"].output.shape == (None, 1024)
    assert layer["dropout"].rate == 0.7
    assert layer["logits"].input is layer["dropout"].output
    assert whole.outputs[head] is layer["logits"].output


def test_the_first_output_is_the_logits(whole):
    assert len(whole.outputs) == 3
    assert whole.outputs[0] is whole.get_layer("logits").output


def test_an_auxiliary_head_averages_a_map_below_its_window_whole():
    options = {"initializer": "equal", "auxiliary": True}
    small = create_model("googlenet", 10, (64, 64, 3), **options)
    pooled = small.get_layer("auxiliary2_pool")
    assert pooled.input.shape == (None, 4, 4, 528)
    assert pooled.output.shape == (None, 1, 1, 528)
    uneven = create_model("googlenet", 10, (64, 128, 3), **options)
    assert uneven.get_layer("auxiliary2_pool").output.shape[1:3] == (1, 2)


def test_without_classes_there_are_no_auxiliary_heads():
    options = {"initializer": "equal", "auxiliary": True}
    body = create_model("googlenet", 0, (64, 64, 3), **options)
    assert body.output_shape == (None, 1024)
    assert not any("auxiliary" in layer.name for layer in body.layers)


@pytest.mark.parametrize(
    "norm, divisions", [("local_response", 2), ("none", 0)]
)
def test_local_response_stands_beside_the_first_two_poolings(norm, divisions):
    options = {"norm": norm, "initializer": "equal"}
    model = create_model("googlenet", 10, (64, 64, 3), **options)
    names = [operation.name for operation in model.operations]
    assert sum("divide" in name for name in names) == divisions
