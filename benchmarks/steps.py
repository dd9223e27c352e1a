"""How much of the processors' own rate a training step reaches.

The machine's rate is that of TensorFlow's matrix products, at the best of
some sizes, measured in the same process by turns with the step.
"""

from __future__ import annotations

import json
import statistics
import sys
from typing import Any

from benchmarks import images
from benchmarks.asked import Asked, Row
from benchmarks.cases import Case, one_a_model
from benchmarks.columns import columns, span
from benchmarks.sides import formats
from benchmarks.stepping import FLOP_A_MULTIPLY_ADD, Step, calls_a_second
from benchmarks.stopwatch import task

HERE = "benchmarks.steps"
SIZES = (512, 1024, 2048)  # sides of square matrices

Turn = dict[str, float]  # FLOP a second, of `product` and `step`


def measure(asked: Asked) -> list[Row]:
    """Measures every model, in a process of its own; a row a format."""
    rows = []
    for case in one_a_model(asked.cases):
        asked.say(f"the step of {case.name}")
        names = [side.name for side in formats(case, asked.have_bfloat16)]
        found = asked.run(
            HERE, formats=names, turns=asked.repeats, **asked.about(case)
        )
        rows += [
            {
                "key": f"{case.name} {name}",
                "flop": found["flop"],
                **compare(found["turns"][name]),
            }
            for name in names
        ]
    return rows


def compare(turns: list[Turn]) -> dict[str, Any]:
    """Returns the median share of the machine's rate, and both rates."""
    shares = [turn["step"] / turn["product"] for turn in turns]
    return {
        "step": statistics.median(turn["step"] for turn in turns),
        "product": statistics.median(turn["product"] for turn in turns),
        "share": statistics.median(shares),
        "shares": shares,
    }


def main() -> None:
    """Prints the FLOP a second of products and steps, turn by turn."""
    given = task()
    case = Case(**given["case"])
    data = images.load(given["images"], case)
    found, operations = {}, 0
    for name in given["formats"]:
        product, step = Product(name), Step(case, data, name)
        operations = step.flop
        found[name] = [
            {
                "product": product.flop_a_second(),
                "step": step.flop * step.a_second(),
            }
            for _ in range(given["turns"])
        ]
    print(json.dumps({"flop": operations, "turns": found}))


class Product:
    """The product of two square matrices, of the size that goes best.

    Args:
        precision: of both and of the result.
    """

    def __init__(self, precision: str):
        rates = {size: self._rate(size, precision) for size in SIZES}
        size = max(rates, key=rates.get)
        self._call, self._flop = _product(size, precision)
        self._call()

    def _rate(self, size: int, precision: str) -> float:
        call, operations = _product(size, precision)
        call()
        return operations * calls_a_second(call)

    def flop_a_second(self) -> float:
        """Returns floating-point operations a second."""
        return self._flop * calls_a_second(self._call)


def _product(size: int, precision: str):
    """Returns a product of `[size, size]`, and its operations."""
    import tensorflow as tf

    matrix = tf.random.stateless_normal((size, size), seed=(0, size))
    matrix = tf.cast(matrix, precision)
    multiply = tf.function(tf.linalg.matmul)
    operations = FLOP_A_MULTIPLY_ADD * size**3
    return (lambda: multiply(matrix, matrix).numpy()[0, 0]), operations


def table(rows: list[Row]) -> str:
    """Returns rates in GFLOP/s, and shares."""
    cells = [["step", "GFLOP", "GFLOP/s", "products", "share", "range"]]
    for row in rows:
        cells.append(
            [
                row["key"],
                f"{row['flop'] / 1e9:,.3g}",
                f"{row['step'] / 1e9:,.0f}",
                f"{row['product'] / 1e9:,.0f}",
                f"{100 * row['share']:.0f} %",
                span([100 * share for share in row["shares"]], ".0f") + " %",
            ]
        )
    title = (
        "a training step beside products of large matrices, by turns in one "
        "process; operations of\nconvolutions and dense layers alone, three "
        "times those of the forward pass"
    )
    return f"{title}\n{columns(cells)}"


if __name__ == "__main__":
    sys.exit(main())
