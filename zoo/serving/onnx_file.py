"""The format `onnx`: one file, with what it says of itself as metadata."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from zoo.about import to_properties
from zoo.errors import UserError

BATCH = "batch"  # name of the axis whose size is free


def write(model, path: Path, about: dict[str, Any]) -> None:
    """Writes a model of outputs `logits` and `probabilities`.

    Raises:
        UserError: something in it has no counterpart in ONNX.
    """
    import onnx

    _hold_constants(model)
    try:
        with warnings.catch_warnings():
            # Keras asks NumPy for a name that it is going to bring back.
            warnings.simplefilter("ignore", FutureWarning)
            model.export(
                str(path),
                format="onnx",
                verbose=False,
                input_signature=[_signature(model.inputs[0])],
            )
        load(path)  # which refuses what the translator left as it was
    except Exception as error:  # of any kind, out of a translator's depths
        raise UserError(
            f"{about['run']} cannot be written as ONNX: "
            f"{' '.join(str(error).split())[:200]}; --format=saved_model may."
        ) from error
    made = onnx.load(path)
    for value in (*made.graph.input, *made.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    onnx.helper.set_model_props(made, to_properties(about))
    onnx.save(made, path)


def load(path: Path) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Returns what the file answers: outputs by name, of float32 examples."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    (name,) = (one.name for one in session.get_inputs())
    outputs = [one.name for one in session.get_outputs()]

    def answer(examples: np.ndarray) -> dict[str, np.ndarray]:
        found = session.run(outputs, {name: examples})
        return dict(zip(outputs, found, strict=True))

    return answer


def _signature(given):
    import keras

    return keras.InputSpec(given.dtype, given.shape, name=given.name)


def _hold_constants(model) -> None:
    """Makes the statistics of inputs part of the graph that is traced.

    Models saved earlier have them in a Normalization, which holds them as
    tensors, and a trace takes these for further inputs.
    """
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.mean = np.asarray(layer.mean)
            layer.variance = np.asarray(layer.variance)
        elif isinstance(layer, keras.Model):
            _hold_constants(layer)
