"""Every option of `TrainConfig` changes something that can be seen."""

import io
import json

import numpy as np
import pytest

from zoo import runs
from zoo.config import OPTIONS, TrainConfig
from zoo.errors import UserError
from zoo.training import train
from zoo.training.console import Console

# The runs that are compared with: one epoch each, in half a second.
BASES = {
    "lr": {"model": "lr", "epochs": 1, "batch_size": 256},
    "mlp": {
        "model": "mlp",
        "epochs": 1,
        "batch_size": 256,
        "model_arg": {"hidden": 16},
    },
    "fixed step": {
        "model": "lr",
        "epochs": 1,
        "batch_size": 256,
        "optimizer": "momentum",
        "schedule": "step",
        "schedule_epochs": (0.5,),
    },
    "two epochs": {
        "model": "lr",
        "epochs": 2,
        "batch_size": 256,
        "learning_rate": 5.0,
    },
}

# For each option: its changed value, the run that it is changed in, and what
# must then differ.
CHANGES = {
    "model": ("mlp", "lr", "weights"),
    "model_arg": ({"hidden": 8}, "mlp", "weights"),
    "activation": ("tanh", "mlp", "weights"),
    "norm": ("batch", "mlp", "weights"),
    "initializer": ("glorot_uniform", "mlp", "weights"),
    "dataset": ("npz", "lr", "weights"),
    "data_dir": ("empty", "lr", "mistake"),
    "image_size": (4, "lr", "weights"),
    "val_fraction": (0.2, "lr", "weights"),
    "group_by": ("folder", "lr", "mistake"),
    "mean_subtraction": ("pixel", "lr", "weights"),
    "scale": ("unit", "lr", "weights"),
    "augment": ("crop", "lr", "weights"),
    "optimizer": ("rmsprop", "lr", "weights"),
    "learning_rate": (0.1, "lr", "weights"),
    "momentum": (0.5, "fixed step", "weights"),
    "schedule": ("constant", "lr", "weights"),
    "schedule_epochs": ((0.9,), "fixed step", "weights"),
    "schedule_factor": (0.5, "fixed step", "weights"),
    "warmup_epochs": (1.0, "lr", "weights"),
    "batch_size": (128, "lr", "weights"),
    "epochs": (2, "lr", "weights"),
    "steps": (3, "lr", "weights"),
    "clip_norm": (1e-3, "fixed step", "weights"),
    "loss": ("hinge", "lr", "weights"),
    "label_smoothing": (0.2, "lr", "weights"),
    "early_stopping_patience": (1, "two epochs", "history"),
    "dropout": (0.5, "mlp", "weights"),
    "l1": (1e-2, "lr", "weights"),
    "l2": (1e-2, "lr", "weights"),
    "weight_decay": (1e-2, "lr", "weights"),
    "seed": (1, "lr", "weights"),
    "deterministic": (True, "lr", "elsewhere"),
    "precision": ("bfloat16", "lr", "resolved"),
    "jit": ("on", "lr", "resolved"),
    "steps_per_execution": (1, "lr", "resolved"),
    "checkpoint_every": (4, "lr", "checkpoints"),
    "runs_dir": ("elsewhere", "lr", "place"),
    "run_name": ("mine", "lr", "place"),
    "summaries": (("config",), "lr", "tags"),
    "summary_every": (2, "two epochs", "tags"),
    "debug_every": (2, "lr", "console"),
}
