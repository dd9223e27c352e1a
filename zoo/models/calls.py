"""The calls inside a functional model: one for each use of an operation.

A layer, or a model inside the model, can be applied several times with the
same weights. Keras lists it once in `operations`, and each of its calls as a
node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras
    from keras.src.ops.node import Node


def as_functional(operation: keras.Operation) -> keras.Model | None:
    """Returns a functional model, also that of a `Sequential`.

    `None` for a layer, and for a subclass of `keras.Model`, whose layers are
    called in code of its own.
    """
    inner = getattr(operation, "_functional", operation)
    return inner if hasattr(inner, "_nodes_by_depth") else None


def calls_of(model: keras.Model) -> list[Node]:
    """Returns the calls inside a functional model, its inputs first.

    Each comes after those that it takes its inputs from, and otherwise in the
    order of `model.operations`. Calls outside the model are left out.
    """
    order = {id(x): number for number, x in enumerate(model.operations)}
    return [
        node
        for depth in sorted(model._nodes_by_depth, reverse=True)
        for node in sorted(
            model._nodes_by_depth[depth],
            key=lambda node: order[id(node.operation)],
        )
    ]


def unused_name(name: str, names: set[str]) -> str:
    """Returns a name, numbered if there is such a one, and adds it."""
    unused, number = name, 0
    while unused in names:
        number += 1
        unused = f"{name}_{number}"
    names.add(unused)
    return unused
