"""Parameters and multiply-adds against published or hand-derived figures."""

import functools

import pytest

from zoo.models import MODELS, create_model
from zoo.models.costs import layer_costs, total_costs
from zoo.models.counts import count_all, read_counts

# (model, input, classes): trainable parameters, all parameters.
PARAMETERS = {
    # 784 * 10 + 10
    ("lr", (28, 28, 1), 10): (7_850, 7_850),
    # 3072 * 10 + 10
    ("lr", (32, 32, 3), 10): (30_730, 30_730),
    # 784*512 + 512 + 512*512 + 512 + 512*10 + 10
    ("mlp", (28, 28, 1), 10): (669_706, 669_706),
    # C1 156 + C3 2,416 + C5 48,120 + F6 10,164 + output 850
    ("lenet5", (28, 28, 1), 10): (61_706, 61_706),
    ("lenet5", (32, 32, 1), 10): (61_706, 61_706),
    # C1 has 5*5*3*6 + 6 = 456, 300 more
    ("lenet5", (32, 32, 3), 10): (62_006, 62_006),
    ("wrn16_1", (32, 32, 3), 10): (175_066, 175_994),
    # pluskid/fitting-random-labels prints it in its log
    ("wrn28_1", (32, 32, 3), 10): (369_498, 371_322),
    ("wrn28_2", (32, 32, 3), 10): (1_467_610, 1_471_226),
    ("wrn40_2", (32, 32, 3), 10): (2_243_546, 2_248_954),
    ("wrn16_4", (32, 32, 3), 10): (2_748_890, 2_752_506),
    # the authors' own training log, n_parameters
    ("wrn40_4", (32, 32, 3), 10): (8_949_210, 8_959_994),
    ("wrn16_8", (32, 32, 3), 10): (10_961_370, 10_968_570),
    # the paper's "36.5 M"; exact in several public reimplementations
    ("wrn28_10", (32, 32, 3), 10): (36_479_194, 36_497_146),
    # one input channel: 2 * 3*3*16 = 288 fewer
    ("wrn28_10", (28, 28, 1), 10): (36_478_906, 36_496_858),
    # 90 classes more: 640 * 90 + 90 = 57,690
    ("wrn28_10", (32, 32, 3), 100): (36_536_884, 36_554_836),
    ("wrn16_4", (32, 32, 3), 100): (2_772_020, 2_775_636),
}
SLOW_PARAMETERS = {
    ("wrn16_10", (32, 32, 3), 10): (17_116_634, 17_125_626),
    ("wrn22_8", (32, 32, 3), 10): (17_158_106, 17_168_890),
    ("wrn28_12", (32, 32, 3), 10): (52_517_850, 52_539_386),
    ("wrn40_8", (32, 32, 3), 10): (35_748_314, 35_769_850),
    ("wrn40_10", (32, 32, 3), 10): (55_841_754, 55_868_666),
    ("wrn16_8", (32, 32, 3), 100): (11_007_540, 11_014_740),
    ("wrn22_8", (32, 32, 3), 100): (17_204_276, 17_215_060),
    ("wrn40_4", (32, 32, 3), 100): (8_972_340, 8_983_124),
}
# Multiply-adds of convolutions and dense layers for one image, to the digits
# to which they are published.
MULTIPLY_ADDS = {
    ("lr", (28, 28, 1)): (7.84e3, 10),
    ("lr", (32, 32, 3)): (30.7e3, 50),
    ("mlp", (28, 28, 1)): (0.669e6, 500),
    ("lenet5", (28, 28, 1)): (0.417e6, 500),
    ("lenet5", (32, 32, 3)): (0.651e6, 800),  # 651,720
    ("wrn16_1", (32, 32, 3)): (26.7e6, 5e4),
    ("wrn28_2", (32, 32, 3)): (214e6, 5e5),
    ("wrn16_4", (32, 32, 3)): (393e6, 5e5),
    ("wrn40_4", (32, 32, 3)): (1_299e6, 5e5),
    ("wrn28_10", (32, 32, 3)): (5_243e6, 5e5),
    ("wrn28_10", (28, 28, 1)): (4_014e6, 5e5),
}


@functools.cache
def totals(name, shape, classes=10, **options):
    model = create_model(name, classes, shape, **options)
    found = total_costs(layer_costs(model))
    assert model.count_params() == found["trainable"] + found["non_trainable"]
    return found


@pytest.mark.parametrize(
    "case",
    [
        *PARAMETERS,
        *(pytest.param(c, marks=pytest.mark.slow) for c in SLOW_PARAMETERS),
    ],
    ids=str,
)
def test_parameters_are_the_published_ones(case):
    found = totals(*case)
    both = (found["trainable"], sum(list(found.values())[:2]))
    assert both == {**PARAMETERS, **SLOW_PARAMETERS}[case]


@pytest.mark.parametrize("case", MULTIPLY_ADDS, ids=str)
def test_multiply_adds_are_the_published_ones(case):
    published, last_digit = MULTIPLY_ADDS[case]
    assert abs(totals(*case, 10)["multiply_adds"] - published) <= last_digit


@pytest.mark.parametrize(
    "hidden, parameters",
    [
        (512, 407_050),  # 784*512 + 512 + 512*10 + 10
        ((300, 100), 266_610),  # LeNet-300-100
        (256, 203_530),  # the lecture's 784-256-10
    ],
)
def test_hidden_widths_give_the_known_counts(hidden, parameters):
    found = totals("mlp", (28, 28, 1), hidden=hidden)
    assert found["trainable"] == parameters


@pytest.mark.parametrize(
    "reduced, parameters",
    [
        # conv1, first module, second module, logits
        (True, 896 + 34_360 + 97_344 + 2_410),
        # 32 maps become 32 + 64 + 16 + 32 = 144, these 64 + 96 + 48 + 144
        (False, 896 + 32_368 + 306_640 + 3_530),
    ],
)
def test_both_forms_of_inception_count_as_derived_by_hand(reduced, parameters):
    found = totals("inception", (32, 32, 3), reduced=reduced)
    assert found["trainable"] == parameters


def test_alexnet_lite_counts_as_derived_by_hand():
    convolutions = 1_824 + 38_464 + 55_392 + 83_040 + 55_360
    dense = 590_848 + 1_049_600 + 10_250
    found = totals("alexnet_lite", (32, 32, 3))
    assert found["trainable"] == convolutions + dense


@pytest.mark.parametrize("name", MODELS.names())
def test_the_counts_in_the_package_are_those_of_the_code(name):
    assert read_counts()[name] == totals(name, MODELS.find(name).home, 10)


def test_every_listed_model_has_counts():
    assert list(read_counts()) == MODELS.names()


def test_counting_covers_the_table_that_is_given():
    few = [MODELS.find(name) for name in ("lr", "lenet5")]
    assert count_all(few) == {n: read_counts()[n] for n in ("lr", "lenet5")}
