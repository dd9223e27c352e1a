"""Errors that a user can fix, and how their messages are written.

The message of a `UserError` is one finished sentence: what was given, why it
cannot work, and the nearest thing that would. The command line prints it and
exits with 2; a notebook shows it as the message of a `ValueError`. Anything
else that is raised is a bug of ours and keeps its traceback.

For "did you mean" there are the names that other tools use. A name of those
is answered with ours before names that only look alike: `--lr` means the
learning rate, however much it looks like `--l2`.
"""

from __future__ import annotations

import difflib
import errno
import pathlib
import re
import sys
from collections.abc import Iterable


class UserError(ValueError):
    """An error that one sentence can explain and the user can fix."""


class Locked(UserError):
    """Another process holds the folder."""


class Lost(Exception):
    """A process of a distributed run was lost; the run can be resumed."""


class Diverged(ArithmeticError):
    """Training produced numbers that are not finite; the run is kept."""


class Interrupted(Exception):
    """Training was asked to stop, and saved a checkpoint first.

    Args:
        text: one sentence.
        code: exit code of the process. `None` takes that of the interruption
            that is being handled, else that of Ctrl-C.
    """

    def __init__(self, text: str = "", code: int | None = None):
        super().__init__(text)
        handled = sys.exception()
        inherited = handled.code if isinstance(handled, Interrupted) else 130
        self.code = inherited if code is None else code


FULL_DISK = (
    errno.ENOSPC,
    errno.EFBIG,
    getattr(errno, "EDQUOT", errno.ENOSPC),
)

DASHES = "\u2013\u2014\u2212"  # as text processors write a hyphen

# Backends raise the same kinds for other errors, too.
_NO_MEMORY = re.compile(
    "RESOURCE_EXHAUSTED|out of memory|OOM when allocating|failed to allocate"
    "|bad_alloc|cannot allocate memory|can't start new thread"
    "|failed to map segment",
    re.IGNORECASE,
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory was used up, of the machine or of its accelerator."""
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, UserError) or not isinstance(error, Exception):
        return False
    kind = type(error).__name__
    if is_full_disk(error):
        return False
    return kind == "ResourceExhaustedError" or bool(
        kind.endswith(("Error", "Exception")) and _NO_MEMORY.search(str(error))
    )


def is_full_disk(error: BaseException) -> bool:
    """Whether a disk has no room, as Python or TensorFlow says it."""
    if isinstance(error, OSError):
        return error.errno in FULL_DISK
    kind = type(error).__name__
    return kind == "ResourceExhaustedError" and "No space left" in str(error)


def close_matches(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Returns up to `count` known names similar to `name`, best first."""
    known = list(known)
    close = difflib.get_close_matches(name.lower(), known, count, cutoff=0.51)
    inside = [k for k in known if name and (name in k or k in name)]
    return list(dict.fromkeys([*close, *inside]))[:count]


def join_or(words: Iterable[str]) -> str:
    """Joins words as in a sentence: "a", "a or b", "a, b or c"."""
    return _join(words, "or")


def join_and(words: Iterable[str]) -> str:
    """Joins words as in a sentence: "a", "a and b", "a, b and c"."""
    return _join(words, "and")


def _join(words: Iterable[str], last: str) -> str:
    words = list(words)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def unknown_name_error(
    kind: str,
    name: str,
    known: Iterable[str],
    where: str,
    meant: Iterable[str] = (),
) -> UserError:
    """Builds the error for a name that is not in a table.

    Args:
        kind: what the name should have named, such as "model".
        name: what was given.
        known: every valid name, the most basic first.
        where: the command that lists them all, such as `zoo models`.
        meant: the names to suggest; if empty, those that are spelled alike.
    """
    known = list(known)
    close = list(meant) or close_matches(name, known)
    if close:
        hint = f"did you mean {join_or(close)}?"
    elif len(known) <= 8:
        hint = f"choose {join_or(known)}."
    else:
        hint = f"choose one of {', '.join(known[:6])}, ..."
    tail = f" `{where}` lists them all." if where else ""
    return UserError(f"there is no {kind} {name!r}; {hint}{tail}")


FLAG_SYNONYMS = {
    "lr": "learning_rate", "lr0": "learning_rate", "eta": "learning_rate",
    "step_size": "learning_rate", "base_lr": "learning_rate",
    "bs": "batch_size", "batch": "batch_size", "b": "batch_size",
    "train_batch_size": "batch_size", "mini_batch_size": "batch_size",
    "wd": "weight_decay", "decay": "weight_decay",
    "n_epochs": "epochs", "num_epochs": "epochs", "nb_epochs": "epochs",
    "max_epochs": "epochs", "epoch": "epochs", "num_train_epochs": "epochs",
    "iterations": "steps", "iters": "steps", "max_steps": "steps",
    "optim": "optimizer", "opt": "optimizer", "solver": "optimizer",
    "data": "dataset", "data_set": "dataset", "ds": "dataset",
    "train_data": "dataset", "train_dir": "dataset", "data_path": "dataset",
    "root": "data_dir", "dataset_dir": "data_dir", "cache_dir": "data_dir",
    "imgsz": "image_size", "img_size": "image_size", "imsize": "image_size",
    "input_size": "image_size", "resolution": "image_size",
    "size": "image_size",
    "pretrained": "weights", "ckpt": "weights", "checkpoint": "weights",
    "finetune": "weights", "resume_from": "weights", "transfer": "weights",
    "initial_weights": "weights",
    "arch": "model", "architecture": "model", "net": "model",
    "network": "model", "backbone": "model", "m": "model",
    "augmentation": "augment", "aug": "augment", "augmentations": "augment",
    "data_augmentation": "augment", "flip": "augment", "crop": "augment",
    "patience": "early_stopping_patience",
    "early_stopping": "early_stopping_patience",
    "gpus": "devices", "gpu": "devices", "device": "devices",
    "num_gpus": "devices", "num_devices": "devices",
    "n_jobs": "workers", "jobs": "workers", "num_workers": "workers",
    "warmup": "warmup_epochs", "scheduler": "schedule",
    "lr_schedule": "schedule", "lr_scheduler": "schedule",
    "milestones": "schedule_epochs", "gamma": "schedule_factor",
    "lr_decay": "schedule_factor",
    "drop": "dropout", "dropout_rate": "dropout", "drop_rate": "dropout",
    "grad_clip": "clip_norm", "clip_grad": "clip_norm",
    "max_grad_norm": "clip_norm", "clipnorm": "clip_norm",
    "smoothing": "label_smoothing", "criterion": "loss", "loss_fn": "loss",
    "val_split": "val_fraction", "validation_split": "val_fraction",
    "val_size": "val_fraction", "test_size": "val_fraction",
    "random_state": "seed", "random_seed": "seed", "manual_seed": "seed",
    "n_seeds": "seeds", "repeats": "seeds",
    "class_weights": "class_weight", "balanced": "class_weight",
    "subset": "train_examples", "num_examples": "train_examples",
    "num_samples": "train_examples", "max_train_samples": "train_examples",
    "init": "initializer", "kernel_initializer": "initializer",
    "act": "activation", "nonlinearity": "activation",
    "normalization": "norm", "bn": "norm", "batch_norm": "norm",
    "precise_bn": "recompute_batch_norm", "mean": "mean_subtraction",
    "normalize": "scale", "rescale": "scale",
    "mixed_precision": "precision", "amp": "precision",
    "fp16": "precision", "bf16": "precision", "dtype": "precision",
    "xla": "jit", "compile": "jit", "jit_compile": "jit",
    "log_dir": "runs_dir", "logdir": "runs_dir", "output_dir": "runs_dir",
    "save_dir": "runs_dir", "out_dir": "runs_dir", "project": "runs_dir",
    "name": "run_name", "exp_name": "run_name", "experiment": "run_name",
    "config": "flagfile", "cfg": "flagfile", "flags": "flagfile",
    "output": "out", "o": "out", "k": "top", "topk": "top", "top_k": "top",
    "freeze_layers": "freeze", "frozen": "freeze", "trainable": "freeze",
    "save_every": "checkpoint_every", "save_freq": "checkpoint_every",
    "log_every": "summary_every", "n_trials": "trials",
    "num_trials": "trials", "max_trials": "trials",
}  # fmt: skip

COMMAND_SYNONYMS = {
    "fit": "train", "run": "train", "learn": "train", "finetune": "train",
    "eval": "evaluate", "test": "evaluate", "score": "evaluate",
    "val": "evaluate", "validate": "evaluate",
    "search": "sweep", "tune": "sweep", "hpo": "sweep", "grid": "sweep",
    "optimize": "sweep", "ablate": "vary", "ablation": "vary",
    "continue": "resume", "restart": "resume",
    "infer": "predict", "inference": "predict", "classify": "predict",
    "convert": "export", "save": "export", "deploy": "export",
    "diff": "compare", "html": "report", "page": "report",
    "explain": "diagnose", "why": "diagnose", "analyze": "diagnose",
    "mistakes": "misclassified", "errors": "misclassified",
    "sanity": "check", "surface": "landscape",
    "summary": "describe", "info": "describe", "show": "describe",
    "list": "models", "zoo": "models", "weights": "models",
    "ls": "runs", "history": "runs", "log": "runs", "experiments": "runs",
    "data": "inspect", "look": "inspect", "dataset": "datasets",
    "prepare": "download", "fetch": "download", "suite": "reproduce",
    "setup": "doctor", "install": "doctor", "diagnostics": "doctor",
}  # fmt: skip

# Values that other tools call otherwise.
VALUE_SYNONYMS = {
    **dict.fromkeys(("mse", "mean_squared_error", "l2"), "squared_error"),
    **dict.fromkeys(
        ("ce", "crossentropy", "sparse_categorical_crossentropy",
         "categorical_crossentropy", "nll"), "cross_entropy"),
}  # fmt: skip
# Flags of one command that are looked for in another.
FLAG_COMMANDS = {
    "trials": "sweep", "tuner": "sweep", "space": "sweep",
    "executions": "sweep", "retrain_seeds": "sweep", "objective": "sweep",
    "folds": "train", "seeds": "train", "recipe": "train",
    "tta": "evaluate", "split": "evaluate", "format": "export",
    "suite": "reproduce", "budget": "reproduce",
}  # fmt: skip
# Networks that people ask for, and what there is of their kind.
MODEL_SYNONYMS = (
    (r"resnet[-_]?\d+.*|resnext.*|preact.*|se_?resnet.*|regnet.*",
     ("resnet20", "resnet50", "wrn16_4")),
    (r"wide_?resnet.*|wrn.*", ("wrn16_4", "wrn28_10")),
    (r"dense_?net.*", ("densenet40_12", "densenet_bc100_12")),
    (r"xception.*", ("keras:Xception", "inception")),
    (r"(inception|google).*", ("inception", "googlenet")),
    (r"alex_?net.*|squeezenet.*", ("alexnet_lite", "alexnet")),
    (r"le_?net.*", ("lenet5", "lenet5_1998")),
    (r"vgg_?-?19.*", ("keras:VGG19", "cnn_cpncpnff")),
    (r"vgg.*", ("keras:VGG16", "cnn_cpncpnff")),
    (r"efficientnet.*", ("efficientnet_lite0",)),
    (r"(mobilenet|mnasnet|ghostnet|shufflenet).*",
     ("keras:MobileNetV2", "efficientnet_lite0")),
    (r"convnext.*", ("keras:ConvNeXtTiny", "wrn16_4")),
    (r"(vit|deit|swin|beit|mixer|transformer).*",
     ("wrn16_4", "resnet50")),
    (r"(softmax|logistic|linear|logreg|lin).*", ("lr",)),
    (r"(perceptron|dense|fc|ffn|nn|dnn).*", ("mlp",)),
    (r"(k_?nn|nearest|neighbou?rs).*", ("knn",)),
    (r"(cnn|conv|convnet).*", ("cnn_cpcpff", "lenet5")),
)  # fmt: skip


def models_like(name: str) -> list[str]:
    """Returns the models of the kind that a name of another zoo means."""
    plain = name.lower()
    for pattern, ours in MODEL_SYNONYMS:
        if re.fullmatch(pattern, plain):
            return list(ours)
    return []


def dataset_at(path: str) -> str:
    """Returns the dataset that a path is, such as `folder:photos`.

    Returns:
        Empty where nothing is there, or nothing that is read as data.
    """
    place = pathlib.Path(path).expanduser()
    if place.is_dir():
        return f"folder:{path}"
    if place.is_file():
        kind = {".npz": "npz", ".csv": "points", ".tsv": "points"}
        found = kind.get(place.suffix.lower())
        return f"{found}:{path}" if found else ""
    return ""
