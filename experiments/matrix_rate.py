"""How fast this machine multiplies matrices, on the engine that Keras has.

    python -m experiments.matrix_rate

What a training step can reach at best. Prints the device, and floating-point
operations a second in float32 and in bfloat16, as JSON.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

SIZES = {"cpu": (512, 1024, 2048), "gpu": (4096, 8192)}  # sides of squares
FORMATS = ("float32", "bfloat16")
SECONDS = 0.5  # of a measurement at least


def main() -> None:
    """Prints the rates."""
    from zoo.training import machine, precision

    device = machine.describe()["device"]
    sizes = SIZES["gpu" if precision.has_accelerator() else "cpu"]
    rates = {name: max(_rate(size, name) for size in sizes) for name in FORMATS}
    print(json.dumps({"device": device, "flop_a_second": rates}))


def _rate(size: int, name: str) -> float:
    """Returns operations a second for matrices of one size and format."""
    product = _product(size, name)
    product(1)  # compiles
    calls = 1
    while True:
        begun = time.perf_counter()
        product(calls)
        seconds = time.perf_counter() - begun
        if seconds > SECONDS:
            return 2 * size**3 * calls / seconds
        calls *= 2


def _product(size: int, name: str) -> Callable[[int], None]:
    """Returns a function that multiplies so often, and waits for the end."""
    import keras

    matrix = keras.random.normal((size, size), seed=0)
    matrix = keras.ops.cast(matrix, name)
    step = _compiled(keras.ops.matmul)

    def product(calls: int) -> None:
        for _ in range(calls):
            result = step(matrix, matrix)
        float(keras.ops.cast(result[0, 0], "float32"))  # waits

    return product


def _compiled(function: Callable) -> Callable:
    import keras

    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function)


if __name__ == "__main__":
    main()
