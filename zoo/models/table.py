"""The table of models: every model with its paper, recipe and search space.

Importing it does not import Keras: a builder is named by a string and imported
when it is first called. Options given for a run override the default recipe.
"""

from __future__ import annotations

import re
from typing import Any

from zoo.models.registry import ModelEntry

# Optimizers of the default recipes.
ADAM = {"optimizer": "adam", "learning_rate": 2e-3, "schedule": "cosine"}
SLOWER_ADAM = {**ADAM, "learning_rate": 1e-3}
CAREFUL_ADAM = {**ADAM, "learning_rate": 3e-4}
# The papers' optimizers; their step schedules over 90 to 300 epochs are
# shortened to a cosine.
MOMENTUM = {
    "optimizer": "momentum",
    "momentum": 0.9,
    "learning_rate": 0.1,
    "weight_decay": 1e-4,
    "schedule": "cosine",
}
SLOW_MOMENTUM = {**MOMENTUM, "learning_rate": 0.01, "weight_decay": 5e-4}
NESTEROV = {**MOMENTUM, "optimizer": "nesterov", "weight_decay": 5e-4}
LIGHT_NESTEROV = {**NESTEROV, "weight_decay": 1e-4}
CROP = {"augment": "crop_flip"}
# The authors' recipe of airbench94, for 10 epochs. Their learning rates are
# for sums over a batch, these for means: 11.5 / 1024 / (1 + 1 / (1 - 0.85)) * B
# is 1.46 for a batch of B = 1000, and the decay 0.0153 / 11.5.
AIRBENCH = {
    "optimizer": "nesterov",
    "momentum": 0.85,
    "learning_rate": 1.46,
    "weight_decay": 1.33e-3,
    "norm_bias_factor": 64.0,
    "schedule": "linear",
    "warmup_epochs": 2.3,
    "warmup_start": 0.2,
    "schedule_end": 0.07,
    "label_smoothing": 0.2,
    "lookahead_every": 5,
}
ALTERNATING = {"augment": "crop_alternating_flip", "crop_padding": 2}

# Fine-tuning from ImageNet: the new head alone on features computed once, then
# all layers with a small rate and the averages of batch norm as they are.
FINE_TUNING = {
    "head_epochs": 30,
    "freeze": "batch_norm",
    "optimizer": "adam",
    "learning_rate": 1e-4,
    "schedule": "cosine",
    "batch_size": 32,
    "epochs": 7,
    "augment": "crop_flip",
}
# The first layers see edges and colors, which photographs share, in the largest
# maps, which take the longest.
LITE_TUNING = {
    **FINE_TUNING,
    "freeze": "batch_norm,stem*,stage1*,stage2*",
    "learning_rate": 3e-4,
    "label_smoothing": 0.1,
    "epochs": 8,
}
# Level, image side, and factors on width and depth of EfficientNet-Lite.
LITE = ((0, 224, 1.0, 1.0), (1, 240, 1.0, 1.1), (2, 260, 1.1, 1.2))

# Default search spaces, each item the text of one `--space`: few dimensions,
# as a dozen trials cover little of many, and ranges wide enough for small and
# large datasets.
ADAM_RATE = "learning_rate=log:1e-4:1e-1"
SGD_RATE = "learning_rate=log:1e-3:1"  # with momentum
LOW_RATE = "learning_rate=log:1e-5:1e-2"  # deep networks without normalization
DECAY = "weight_decay=log:1e-5:1e-2"
DROPOUT = "dropout=0:0.6:0.1"

LINEAR_SPACE = (
    ADAM_RATE,
    "mean_subtraction=none,channel,pixel,image",
    "l2=log:1e-6:1e-2",
)
MLP_SPACE = (
    ADAM_RATE,
    DROPOUT,
    "model_arg.hidden=128,512,(128,128),(512,512)",
)
KNN_SPACE = ("model_arg.neighbors=1:15:2", "mean_subtraction=none,pixel,image")
CNN_SPACE = (
    ADAM_RATE,
    DROPOUT,
    "model_arg.maps=16,32,64",
    "model_arg.filter_size=3,5",
)
LENET_SPACE = (ADAM_RATE, DROPOUT, "model_arg.pool=average,max")
RATE_SPACE = (LOW_RATE,)
RATE_DROPOUT_SPACE = (LOW_RATE, DROPOUT)
RATE_DECAY_SPACE = (SGD_RATE, DECAY)
WIDE_SPACE = (SGD_RATE, DECAY, "dropout=0:0.4:0.1")


def recipe(
    optimizer: dict[str, Any], batch_size: int, epochs: int, **options: Any
) -> dict[str, Any]:
    """Returns a default recipe, as options of `TrainConfig`."""
    sizes = {"batch_size": batch_size, "epochs": epochs}
    return {**optimizer, **sizes, **options}


GRAY, COLOR, PHOTO = (28, 28, 1), (32, 32, 3), (224, 224, 3)

WRNS = ("wrn16_1", "wrn16_4", "wrn28_2", "wrn40_4", "wrn16_8", "wrn28_10")
CNNS = ("cnn_cf", "cnn_cpcpff", "cnn_cpcpfdf")
CNNS += ("cnn_cnf", "cnn_cpncpnff", "cnn_cpncpnfdf")
# The letters of `cnn_<letters>`: after the first f there are vectors, not maps.
# Numbers stand behind their letter, and hyphens between layers.
CNN_LETTERS = re.sub(
    "N",
    "[1-9][0-9]{0,8}",
    "(?:(?:c(?:N)?(?:kN)?(?:sN)?v?|p[ma]?(?:N)?(?:sN)?v?|[nd])-?)*"
    "(?:(?:f(?:N)?|[nd])-?)*f",
)
# Options of `cnn_<letters>` and what a word must contain for them to have an
# effect: layers for which it gives no number.
CNN_OPTIONS = {
    "filter_size": "c[0-9]*(?![0-9k])",
    "maps": "c(?![0-9])",
    "pool": "p(?![ma])",
    "pool_size": "p[ma]?(?![ma0-9])",
    "dense_width": "f(?![0-9]).*f",
    "activation": "c|f.*f",
    "norm": "n",
    "dropout": "d",
}

TABLE = (
    ModelEntry(
        name="lr",
        builder="zoo.models.linear:build",
        description="multinomial logistic regression",
        default_input_shape=GRAY,
        takes_vectors=True,
        lecture="softmax regression; linear SVM with --loss=hinge",
        unsupported_reason="has no hidden layer; use --l2, or --model=mlp",
        recipe_small=recipe(ADAM, 32, 30, learning_rate=0.01),
        recipe_large=recipe(SLOWER_ADAM, 128, 15),
        search_space=LINEAR_SPACE,
    ),
    ModelEntry(
        name="mlp",
        builder="zoo.models.mlp:build",
        description="multilayer perceptron, two hidden layers of 512 units",
        default_input_shape=GRAY,
        takes_vectors=True,
        year=1986,
        paper="Rumelhart, Hinton and Williams 1986",
        lecture="multi-layer networks",
        recipe_small=recipe(SLOWER_ADAM, 32, 30, dropout=0.2),
        recipe_large=recipe(SLOWER_ADAM, 128, 12, dropout=0.2),
        recipe_vectors=recipe(ADAM, 32, 100),
        search_space=MLP_SPACE,
    ),
    ModelEntry(
        name="knn",
        builder="zoo.models.knn:build",
        description="k-nearest neighbors (non-parametric)",
        default_input_shape=GRAY,
        takes_vectors=True,
        fit="zoo.models.knn:fit_knn",
        year=1967,
        paper="Cover and Hart 1967",
        lecture="shallow competitors of learned features",
        unsupported_reason="is non-parametric; its option "
        "is --model_arg=neighbors=5",
        search_space=KNN_SPACE,
    ),
    ModelEntry(
        name="cnn_<letters>",
        builder="zoo.models.convnet:build",
        description="CNN by letters: c=conv, p=max-pool, n=norm, d=dropout, "
        "f=fully connected",
        default_input_shape=COLOR,
        lecture="letters by layer; with numbers, cnn_c32k3s2v-p-c64k3-f128-d-f",
        members=CNNS,
        name_patterns={"letters": CNN_LETTERS},
        option_patterns=CNN_OPTIONS,
        unsupported_reason="has no letter for it; n is normalization and d "
        "dropout, as in cnn_cnfdf",
        recipe_small=recipe(SLOWER_ADAM, 32, 20),
        recipe_large=recipe(SLOWER_ADAM, 128, 20),
        search_space=CNN_SPACE,
    ),
    ModelEntry(
        name="lenet5",
        builder="zoo.models.lenet:build",
        description="LeNet-5: two convolutions, two poolings, dense layers",
        default_input_shape=GRAY,
        min_size=28,
        year=1998,
        paper="LeCun, Bottou, Bengio and Haffner 1998",
        lecture="convolutional networks",
        recipe_small=recipe(ADAM, 32, 30),
        recipe_large=recipe(ADAM, 128, 20),
        search_space=LENET_SPACE,
    ),
    ModelEntry(
        name="lenet5_1998",
        builder="zoo.models.lenet:build_1998",
        description="LeNet-5 as published: sparse C3, scaled tanh",
        default_input_shape=GRAY,
        min_size=28,
        year=1998,
        paper="LeCun, Bottou, Bengio and Haffner 1998",
        unsupported_reason="has a fixed architecture; use --model=lenet5",
        recipe_small=recipe(ADAM, 32, 30),
        recipe_large=recipe(ADAM, 128, 20),
        search_space=RATE_SPACE,
    ),
    ModelEntry(
        name="alexnet_lite",
        builder="zoo.models.alexnet:build_lite",
        description="AlexNet at a quarter of its widths, for small images",
        default_input_shape=COLOR,
        min_size=28,
        year=2012,
        paper="Krizhevsky, Sutskever and Hinton 2012",
        lecture="local response norm, overlapping pooling, dropout",
        recipe_small=recipe(SLOWER_ADAM, 32, 20),
        recipe_large=recipe(SLOWER_ADAM, 128, 30, **CROP),
        search_space=RATE_DROPOUT_SPACE,
    ),
    ModelEntry(
        name="alexnet",
        builder="zoo.models.alexnet:build",
        description="AlexNet at its full widths, without groups",
        default_input_shape=(227, 227, 3),
        min_size=67,
        year=2012,
        paper="Krizhevsky, Sutskever and Hinton 2012",
        recipe_small=recipe(CAREFUL_ADAM, 32, 10),
        recipe_large=recipe(SLOW_MOMENTUM, 128, 30, **CROP),
        search_space=RATE_DROPOUT_SPACE,
    ),
    ModelEntry(
        name="inception",
        builder="zoo.models.googlenet:build_inception",
        description="one or two inception modules, naive or with 1x1 reduction",
        default_input_shape=COLOR,
        min_size=8,
        year=2014,
        paper="Szegedy et al. 2014, arXiv 1409.4842",
        lecture="inception modules, 1x1 dimension reduction",
        recipe_small=recipe(ADAM, 32, 20),
        recipe_large=recipe(ADAM, 128, 30, **CROP),
        search_space=RATE_DROPOUT_SPACE,
    ),
    ModelEntry(
        name="googlenet",
        builder="zoo.models.googlenet:build",
        paper_table="zoo.models.googlenet:paper_table",
        description="nine inception modules, global average pooling",
        default_input_shape=PHOTO,
        min_size=64,
        year=2014,
        paper="Szegedy et al. 2014, arXiv 1409.4842",
        lecture="GoogLeNet and its table of widths",
        recipe_small=recipe(CAREFUL_ADAM, 32, 10),
        recipe_large=recipe(SLOW_MOMENTUM, 128, 30, **CROP),
        search_space=RATE_SPACE,
    ),
    ModelEntry(
        name="plain<depth>",
        builder="zoo.models.resnet:build",
        description="residual network without its shortcuts",
        default_input_shape=COLOR,
        min_size=8,
        year=2015,
        paper="He, Zhang, Ren and Sun 2015, arXiv 1512.03385",
        lecture="deep plain networks train worse than shallow ones",
        members=("plain20", "plain56"),
        arguments={"shortcut": "none"},
        unsupported_reason="has batch normalization with every convolution "
        "already",
        recipe_small=recipe({**MOMENTUM, "learning_rate": 0.05}, 32, 10),
        recipe_large=recipe(MOMENTUM, 128, 60, **CROP),
        search_space=RATE_DECAY_SPACE,
    ),
    ModelEntry(
        name="resnet<depth>",
        builder="zoo.models.resnet:build",
        description="residual network for small images",
        default_input_shape=COLOR,
        min_size=8,
        year=2015,
        paper="He, Zhang, Ren and Sun 2015, arXiv 1512.03385",
        lecture="residual blocks",
        members=("resnet20", "resnet56"),
        unsupported_reason="has batch normalization with every convolution "
        "already",
        recipe_small=recipe({**MOMENTUM, "learning_rate": 0.05}, 32, 10),
        recipe_large=recipe(MOMENTUM, 128, 60, **CROP),
        search_space=RATE_DECAY_SPACE,
    ),
    *(
        ModelEntry(
            name=f"resnet{depth}",
            builder="zoo.models.resnet:build_for_photographs",
            description="residual network; its stem fits small and large "
            "images",
            default_input_shape=COLOR,
            min_size=8,
            year=2015,
            paper="He, Zhang, Ren and Sun 2015, arXiv 1512.03385",
            lecture="residual blocks",
            arguments={"depth": depth},
            unsupported_reason="has batch normalization with every "
            "convolution already",
            recipe_small=recipe({**MOMENTUM, "learning_rate": 0.05}, 32, 10),
            recipe_large=recipe(NESTEROV, 128, 60, **CROP),
            search_space=RATE_DECAY_SPACE,
        )
        for depth in (18, 34)
    ),
    ModelEntry(
        name="resnet50",
        builder="zoo.models.resnet:build_bottleneck",
        description="residual network with bottlenecks, for large images",
        default_input_shape=PHOTO,
        min_size=64,
        year=2015,
        paper="He, Zhang, Ren and Sun 2015, arXiv 1512.03385",
        lecture="residual blocks",
        arguments={"width": 1},
        unsupported_reason="has batch normalization throughout and no dropout",
        recipe_small=recipe(CAREFUL_ADAM, 32, 6),
        recipe_large=recipe(MOMENTUM, 128, 30, **CROP),
        search_space=RATE_DECAY_SPACE,
    ),
    # Before the other Wide ResNets, whose pattern fits its names as well.
    ModelEntry(
        name="wrn50_<width>",
        builder="zoo.models.resnet:build_bottleneck",
        description="ResNet-50 with wider bottlenecks",
        default_input_shape=PHOTO,
        min_size=64,
        year=2016,
        paper="Zagoruyko and Komodakis 2016, arXiv 1605.07146",
        lecture="width against depth",
        members=("wrn50_2", "wrn50_3"),
        unsupported_reason="has batch normalization throughout and no dropout",
        recipe_small=recipe(CAREFUL_ADAM, 32, 4),
        recipe_large=recipe(MOMENTUM, 128, 30, **CROP),
        search_space=RATE_DECAY_SPACE,
    ),
    ModelEntry(
        name="wrn<depth>_<width>",
        builder="zoo.models.wide_resnet:build",
        paper_table="zoo.models.wide_resnet:paper_table",
        description="wide residual network with pre-activation",
        default_input_shape=COLOR,
        min_size=8,
        year=2016,
        paper="Zagoruyko and Komodakis 2016, arXiv 1605.07146",
        lecture="residual blocks, width against depth",
        members=WRNS,
        unsupported_reason="has batch normalization before every convolution "
        "already",
        recipe_small=recipe({**NESTEROV, "learning_rate": 0.05}, 32, 6),
        recipe_large=recipe(NESTEROV, 128, 60, **CROP),
        search_space=WIDE_SPACE,
    ),
    *(
        ModelEntry(
            name=f"efficientnet_lite{level}",
            builder="zoo.models.efficientnet:build",
            description="EfficientNet-Lite: inverted residual blocks",
            default_input_shape=(side, side, 3),
            min_size=32,
            year=2019,
            paper="Tan and Le 2019, arXiv 1905.11946",
            lecture="transfer from ImageNet",
            arguments={"width": width, "depth": depth},
            unsupported_reason="has batch normalization and ReLU6 throughout",
            recipe_small=recipe(SLOWER_ADAM, 32, 20),
            recipe_large=recipe(NESTEROV, 128, 60, **CROP),
            recipe_transfer=LITE_TUNING,
            search_space=RATE_DECAY_SPACE,
        )
        for level, side, width, depth in LITE
    ),
    ModelEntry(
        name="keras:<application>",
        builder="zoo.models.applications:build",
        description="a network of keras.applications",
        default_input_shape=PHOTO,
        min_size=32,
        name_patterns={"application": r"\w+"},
        unsupported_reason="has an architecture of its own",
        has_preprocessing=True,
        recipe_small=recipe(CAREFUL_ADAM, 32, 10),
        recipe_large=recipe(SLOW_MOMENTUM, 128, 30, **CROP),
        recipe_transfer=FINE_TUNING,
        search_space=RATE_DECAY_SPACE,
    ),
    ModelEntry(
        name="airbench94",
        builder="zoo.models.airbench:build",
        description="fast CIFAR-10 network: patch whitening, identity init",
        default_input_shape=COLOR,
        min_size=16,
        adapt="zoo.models.airbench:adapt",
        year=2024,
        paper="Jordan 2024, arXiv 2404.00498",
        lecture="the effect of a training recipe",
        unsupported_reason="has batch normalization with every convolution "
        "already",
        recipe_small=recipe(AIRBENCH, 64, 10, **ALTERNATING),
        recipe_large=recipe(AIRBENCH, 1000, 10, **ALTERNATING),
        search_space=RATE_DECAY_SPACE,
    ),
    ModelEntry(
        name="densenet<depth>_<growth>",
        builder="zoo.models.densenet:build",
        description="densely connected network (concatenation)",
        default_input_shape=COLOR,
        min_size=8,
        year=2017,
        paper="Huang et al. 2017, arXiv 1608.06993",
        lecture="connections that skip layers by concatenation",
        members=("densenet40_12",),
        arguments={"bottleneck": False},
        unsupported_reason="has batch normalization before every convolution "
        "already",
        recipe_small=recipe(LIGHT_NESTEROV, 32, 10, dropout=0.2),
        recipe_large=recipe(LIGHT_NESTEROV, 64, 60, **CROP),
        search_space=WIDE_SPACE,
    ),
    ModelEntry(
        name="densenet_bc<depth>_<growth>",
        builder="zoo.models.densenet:build",
        description="DenseNet with bottlenecks and compression",
        default_input_shape=COLOR,
        min_size=8,
        year=2017,
        paper="Huang et al. 2017, arXiv 1608.06993",
        members=("densenet_bc100_12",),
        arguments={"bottleneck": True},
        unsupported_reason="has batch normalization before every convolution "
        "already",
        recipe_small=recipe(LIGHT_NESTEROV, 32, 10, dropout=0.2),
        recipe_large=recipe(LIGHT_NESTEROV, 64, 60, **CROP),
        search_space=WIDE_SPACE,
    ),
)
