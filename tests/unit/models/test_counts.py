"""Parameters against published or hand-derived figures."""

import pytest

from zoo.models import MODELS
from zoo.models.describe import count_all, read_counts

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
    # Of Wide ResNets: counted by hand from the widths of the paper's table 1
    # unless said otherwise; running averages, two a normed map, besides.
    ("wrn16_1", (32, 32, 3), 10): (175_066, 175_994),
    # pluskid/fitting-random-labels prints it in its log
    ("wrn28_1", (32, 32, 3), 10): (369_498, 371_322),
    ("wrn28_2", (32, 32, 3), 10): (1_467_610, 1_471_226),
    # both figures of each stand in public reimplementations
    ("wrn40_2", (32, 32, 3), 10): (2_243_546, 2_248_954),
    ("wrn16_4", (32, 32, 3), 10): (2_748_890, 2_752_506),
    # the authors' own training log, n_parameters
    ("wrn40_4", (32, 32, 3), 10): (8_949_210, 8_959_994),
    # the paper's table 4 rounds to 11.0 M
    ("wrn16_8", (32, 32, 3), 10): (10_961_370, 10_968_570),
    # the paper's "36.5 M"; exact in several public reimplementations
    ("wrn28_10", (32, 32, 3), 10): (36_479_194, 36_497_146),
    # one input channel: 2 * 3*3*16 = 288 fewer
    ("wrn28_10", (28, 28, 1), 10): (36_478_906, 36_496_858),
    # 90 classes more: 640 * 90 + 90 = 57,690
    ("wrn28_10", (32, 32, 3), 100): (36_536_884, 36_554_836),
    # 256 * 90 + 90 = 23,130 more
    ("wrn16_4", (32, 32, 3), 100): (2_772_020, 2_775_636),
    # the paper's own sum, layer by layer in test_lenet_1998; 84 * 10 codes
    ("lenet5_1998", (32, 32, 1), 10): (60_000, 60_840),
    # c 5*5*3*64 + 64 = 4,864 and 5*5*64*64 + 64 = 102,464;
    # f 32*32*64*10 + 10, or 8*8*64*256 + 256 and 256*10 + 10
    ("cnn_cf", (32, 32, 3), 10): (660_234, 660_234),
    ("cnn_cpcpff", (32, 32, 3), 10): (1_158_730, 1_158_730),
    ("cnn_cpcpfdf", (32, 32, 3), 10): (1_158_730, 1_158_730),
    # two scales and two shifts, two running averages for each of 64 maps
    ("cnn_cnf", (32, 32, 3), 10): (660_362, 660_490),
    ("cnn_cpncpnff", (32, 32, 3), 10): (1_158_986, 1_159_242),
    ("cnn_cpncpnfdf", (32, 32, 3), 10): (1_158_986, 1_159_242),
    # the paper's table 6 rounds to 0.27, 0.46, 0.66, 0.85 and 1.7 M; exact
    # for 56 and 110 in public tables
    ("resnet20", (32, 32, 3), 10): (269_722, 271_098),
    ("resnet32", (32, 32, 3), 10): (464_154, 466_426),
    ("resnet44", (32, 32, 3), 10): (658_586, 661_754),
    ("resnet56", (32, 32, 3), 10): (853_018, 857_082),
    # shortcut A has no parameters, so that its absence takes none away
    ("plain20", (32, 32, 3), 10): (269_722, 271_098),
    ("plain56", (32, 32, 3), 10): (853_018, 857_082),
    # kuangliu/pytorch-cifar, with its stem; 4,800 running averages a side
    ("resnet18", (32, 32, 3), 10): (11_173_962, 11_183_562),
    # torchvision's num_params
    ("resnet18", (224, 224, 3), 1000): (11_689_512, 11_699_112),
    # szagoruyko/wide-residual-networks rounds to 25.6 M
    ("resnet50", (224, 224, 3), 1000): (25_557_032, 25_610_152),
    # torchvision's num_params; the authors' pretrained table says 68.9 M
    ("wrn50_2", (224, 224, 3), 1000): (68_883_240, 68_951_464),
    # whitening 24 biases; groups 9*24*64 + 9*64*64 + 128, 9*64*256 +
    # 9*256*256 + 512, 2*9*256*256 + 512; logits 2,560. Besides, a fixed
    # kernel of 2*2*3*24 = 288 and 4 * (64 + 256 + 256) running averages.
    ("airbench94", (32, 32, 3), 10): (1_971_352, 1_973_944),
    # what the published weights have; 4.7 M in the release's table
    ("efficientnet_lite0", (224, 224, 3), 1000): (4_652_008, 4_694_024),
    # liuzhuang13/DenseNet rounds to 1.0 M
    ("densenet40_12", (32, 32, 3), 10): (1_019_722, 1_037_818),
    # 448 * 90 + 90 = 40,410 more
    ("densenet40_12", (32, 32, 3), 100): (1_060_132, 1_078_228),
    # row by row in test_googlenet
    ("googlenet", (224, 224, 3), 1000): (6_998_552, 6_998_552),
    # conv 34,944 + 614,656 + 885,120 + 1,327,488 + 884,992,
    # dense 37,752,832 + 16,781,312 + 4,097,000
    ("alexnet", (227, 227, 3), 1000): (62_378_344, 62_378_344),
    # conv 1,824 + 38,464 + 55,392 + 83,040 + 55,360,
    # dense 590,848 + 1,049,600 + 10,250
    ("alexnet_lite", (32, 32, 3), 10): (1_884_778, 1_884_778),
}
SLOW_PARAMETERS = {
    # the same sources
    ("resnet34", (32, 32, 3), 10): (21_282_122, 21_299_146),
    ("resnet34", (224, 224, 3), 1000): (21_797_672, 21_814_696),
    # 5.4 M and 6.1 M in the release's table
    ("efficientnet_lite1", (240, 240, 3), 1000): (5_416_680, 5_470_344),
    ("efficientnet_lite2", (260, 260, 3), 1000): (6_092_072, 6_150_168),
    # The trainable ones of 16_10, 22_8 and 40_8 are exact in public
    # reimplementations; the others are counted by hand.
    ("wrn16_10", (32, 32, 3), 10): (17_116_634, 17_125_626),
    ("wrn22_8", (32, 32, 3), 10): (17_158_106, 17_168_890),
    ("wrn28_12", (32, 32, 3), 10): (52_517_850, 52_539_386),
    ("wrn40_8", (32, 32, 3), 10): (35_748_314, 35_769_850),
    ("wrn40_10", (32, 32, 3), 10): (55_841_754, 55_868_666),
    # as with 10 classes, and 512 * 90 + 90 = 46,170 more, or 256 * 90 + 90
    ("wrn16_8", (32, 32, 3), 100): (11_007_540, 11_014_740),
    ("wrn22_8", (32, 32, 3), 100): (17_204_276, 17_215_060),
    ("wrn40_4", (32, 32, 3), 100): (8_972_340, 8_983_124),
    # exact in public tables; the paper's table 6 rounds to 1.7 M
    ("resnet110", (32, 32, 3), 10): (1_727_962, 1_736_058),
    # follows from the widths; no other source is known
    ("wrn50_3", (224, 224, 3), 1000): (134_843_944, 134_927_272),
    # 7.0 M and 0.8 M in liuzhuang13/DenseNet; 769,162 in public tables
    ("densenet100_12", (32, 32, 3), 10): (6_979_642, 7_096_858),
    ("densenet_bc100_12", (32, 32, 3), 10): (769_162, 793_150),
}
PREACTIVATION = {"shortcut": "B", "preactivation": True}
# (model, side, channels, classes, options, trainable, all parameters)
VARIANTS = [
    # 784*512 + 512 + 512*10 + 10
    ("mlp", 28, 1, 10, {"hidden": 512}, 407_050, 407_050),
    # LeNet-300-100
    ("mlp", 28, 1, 10, {"hidden": (300, 100)}, 266_610, 266_610),
    # the lecture's 784-256-10
    ("mlp", 28, 1, 10, {"hidden": 256}, 203_530, 203_530),
    # Zhang et al. 2017, arXiv 1611.03530, table 1: crops of CIFAR-10
    ("mlp", 28, 3, 10, {"hidden": 512}, 1_209_866, 1_209_866),
    ("mlp", 28, 3, 10, {"hidden": (512, 512, 512)}, 1_735_178, 1_735_178),
    # conv1, first module, second module, logits: 896 + 34,360 + 97,344 + 2,410
    ("inception", 32, 3, 10, {"reduced": True}, 135_010, 135_010),
    # 32 maps become 32 + 64 + 16 + 32 = 144, these 64 + 96 + 48 + 144: 896 +
    # 32,368 + 306,640 + 3,530
    ("inception", 32, 3, 10, {"reduced": False}, 343_434, 343_434),
    # osmr/imgclsmob, resnet20_cifar10 and resnet56_cifar10
    ("resnet20", 32, 3, 10, {"shortcut": "B"}, 272_474, 274_042),
    ("resnet56", 32, 3, 10, {"shortcut": "B"}, 855_770, 860_026),
    # the same, preresnet20_cifar10: no norm on the two 1x1 convolutions
    ("resnet20", 32, 3, 10, PREACTIVATION, 272_282, 273_658),
    # where the stride stands changes no weight
    ("resnet50", 224, 3, 1000, {"strided": "1x1"}, 25_557_032, 25_610_152),
    # the paper's 60 M: C2, C4 and C5 have half the weights
    ("alexnet", 227, 3, 1000, {"groups": 2}, 60_965_224, 60_965_224),
    # each head has 2048 * 1024 + 1024 and 1024 * 1000 + 1000, and 512 * 128 +
    # 128 after 4a or 528 * 128 + 128 after 4d
    ("googlenet", 224, 3, 1000, {"auxiliary": True}, 13_378_280, 13_378_280),
    # two for each map in place of one bias
    ("googlenet", 224, 3, 1000, {"norm": "batch"}, 7_005_832, 7_020_392),
]
SLOW_VARIANTS = [
    # trainable from the same README; running averages, two for each map that
    # is normed: 2 * (224n + 16) in the pre-activation order, n = 9 and 18
    ("resnet110", 32, 3, 10, {"shortcut": "B"}, 1_730_714, 1_739_002),
    ("resnet56", 32, 3, 10, PREACTIVATION, 855_578, 859_642),
    ("resnet110", 32, 3, 10, PREACTIVATION, 1_730_522, 1_738_618),
]


def slow(cases):
    return [pytest.param(case, marks=pytest.mark.slow) for case in cases]


@pytest.mark.parametrize("case", [*PARAMETERS, *slow(SLOW_PARAMETERS)], ids=str)
def test_parameters_are_the_published_ones(totals, case):
    found = totals(*case)
    both = (found["trainable"], sum(list(found.values())[:2]))
    assert both == {**PARAMETERS, **SLOW_PARAMETERS}[case]


@pytest.mark.parametrize(
    "case", [*VARIANTS, *slow(SLOW_VARIANTS)], ids=lambda case: str(case[:5])
)
def test_parameters_of_variants_are_the_published_ones(totals, case):
    name, side, channels, classes, options, *expected = case
    found = totals(name, (side, side, channels), classes, **options)
    assert [found["trainable"], sum(list(found.values())[:2])] == expected


BIG = (
    *("wrn50_2", "wrn50_3", "densenet_bc100_12"),
    *("efficientnet_lite1", "efficientnet_lite2"),
)


@pytest.mark.parametrize(
    "name", [*(n for n in MODELS.names() if n not in BIG), *slow(BIG)]
)
def test_the_counts_in_the_package_are_those_of_the_code(totals, name):
    assert read_counts()[name] == totals(
        name, MODELS.find(name).default_input_shape, 10
    )


def test_every_listed_model_has_counts():
    assert list(read_counts()) == MODELS.names()


def test_counting_covers_the_table_that_is_given():
    few = [MODELS.find(name) for name in ("lr", "lenet5")]
    assert count_all(few) == {n: read_counts()[n] for n in ("lr", "lenet5")}
