"""The number format of the arithmetic; weights are float32 in any case.

TensorFlow on a processor has its graph rewritten for bfloat16 by oneDNN,
invisible in the model. On an accelerator, and under JAX everywhere, it is
Keras's mixed policy, for training alone: the saved model is rebuilt in
float32, and is what gets scored.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from zoo import backend
from zoo.errors import UserError


def has_accelerator() -> bool:
    """Whether the backend would compute on something faster than a CPU."""
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))
    import jax

    return jax.default_backend() != "cpu"


def resolve(asked: str) -> str:
    """Returns `float32` or `bfloat16` for the value of `--precision`.

    Raises:
        UserError: bfloat16 is asked for where nothing would compute in it.
    """
    if asked == "auto":
        pays = has_accelerator() or (rewrites() and backend.cpu_has_bfloat16())
        return "bfloat16" if pays else "float32"
    if asked == "bfloat16" and not (is_mixed(asked) or rewrites()):
        raise UserError(
            "--precision=bfloat16 would change nothing here: on a processor "
            "TensorFlow needs oneDNN for it, which TF_ENABLE_ONEDNN_OPTS=0 "
            "switches off; leave one of them out."
        )
    return asked


def rewrites() -> bool:
    """Whether oneDNN would rewrite TensorFlow's graph for a processor."""
    import keras

    switch = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1").lower()
    return keras.backend.backend() == "tensorflow" and switch not in (
        "0",
        "false",
    )


def in_words(resolved: dict) -> str:
    """Returns the number format of a run, and who sees to it."""
    if resolved["precision"] == "float32":
        return "float32"
    machine = resolved["machine"]
    if machine["device"] != "cpu" or machine["backend"] != "tensorflow":
        return "bfloat16 with weights in float32"
    if backend.cpu_has_bfloat16():
        return "bfloat16 by oneDNN"
    return "bfloat16, which these processors only imitate"


def is_mixed(precision: str) -> bool:
    """Whether layers have Keras's mixed policy while they are trained."""
    import keras

    rewritten = keras.backend.backend() == "tensorflow"
    return precision == "bfloat16" and (has_accelerator() or not rewritten)


@contextlib.contextmanager
def policy(precision: str) -> Iterator[None]:
    """Builds the layers of a block so that they compute in this format."""
    import keras

    if is_mixed(precision):
        before = keras.config.dtype_policy()
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            yield
        finally:
            keras.config.set_dtype_policy(before)
    else:
        yield


@contextlib.contextmanager
def rewriting(precision: str) -> Iterator[None]:
    """Lets oneDNN compute in bfloat16 what TensorFlow traces meanwhile."""
    if precision != "bfloat16" or is_mixed(precision):
        yield
        return
    import tensorflow as tf

    option = "auto_mixed_precision_onednn_bfloat16"
    tf.config.optimizer.set_experimental_options({option: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({option: False})
