"""What a sweep searches unless told otherwise, by kind of model.

Each is the text of one `--space`. Few dimensions, since twelve trials see
little of many; ranges wide enough for small data and large.
"""

from __future__ import annotations

RATE = "learning_rate=log:1e-4:1e-1"  # for Adam
SGD_RATE = "learning_rate=log:1e-3:1"  # for SGD with momentum
LOW_RATE = "learning_rate=log:1e-5:1e-2"  # for deep networks without norms
DECAY = "weight_decay=log:1e-5:1e-2"
DROPOUT = "dropout=0:0.6:0.1"

LINEAR = (
    RATE,
    "mean_subtraction=none,channel,pixel,image",
    "l2=log:1e-6:1e-2",
)
PERCEPTRON = (
    RATE,
    DROPOUT,
    "model_arg.hidden=128,512,(128,128),(512,512)",
)
NEIGHBORS = ("model_arg.neighbors=1:15:2", "mean_subtraction=none,pixel,image")
LETTERS = (
    RATE,
    DROPOUT,
    "model_arg.maps=16,32,64",
    "model_arg.filter_size=3,5",
)
LENET = (RATE, DROPOUT, "model_arg.pool=average,max")
RATE_ALONE = (LOW_RATE,)
RATE_AND_DROPOUT = (LOW_RATE, DROPOUT)
RATE_AND_DECAY = (SGD_RATE, DECAY)
WIDE = (SGD_RATE, DECAY, "dropout=0:0.4:0.1")
