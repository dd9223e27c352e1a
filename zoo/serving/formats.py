"""The formats that a run can be exported to.

Each format has two functions, `write(model, path, metadata)` and
`load(path)`, and an entry in `FORMATS`. The packages that a format needs are
imported when it is used.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from zoo import backend, model_metadata
from zoo.errors import UserError, join_and, unknown_name_error
from zoo.serving.python_code import SCRIPT_FILE, load_python, write_python

METADATA_FILE = model_metadata.FILE
SIGNATURE = "serving_default"  # of a SavedModel
BATCH_AXIS = "batch"  # name of the ONNX axis whose size is free

# Outputs by name, `logits` and `probabilities`, of float32 `[N, ...]`.
PredictFn = Callable[[np.ndarray], dict[str, np.ndarray]]


# Keras: a `.keras` file with its metadata inside.


def write_keras(model, path: Path, metadata: dict[str, Any]) -> None:
    """Writes a `.keras` file, with `about.json` in its archive."""
    model.save(path)
    model_metadata.put_into(path, metadata)


def load_keras(path: Path) -> PredictFn:
    """Returns a function that predicts with a `.keras` file."""
    import keras

    return keras.models.load_model(path).predict_on_batch


# SavedModel: a folder for TensorFlow Serving. The metadata is in
# `assets.extra/`, which the format leaves to its users.


def write_saved_model(model, path: Path, metadata: dict[str, Any]) -> None:
    """Writes a SavedModel folder."""
    model.export(path, format="tf_saved_model", verbose=False)
    extra = path / "assets.extra"
    extra.mkdir()
    (extra / METADATA_FILE).write_text(
        model_metadata.to_text(metadata), encoding="utf-8"
    )


def load_saved_model(path: Path) -> PredictFn:
    """Returns a function that predicts with a SavedModel folder."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    signature = loaded.signatures[SIGNATURE]
    (name,) = signature.structured_input_signature[1]

    def predict(examples: np.ndarray) -> dict[str, np.ndarray]:
        # Looked up each time: a signature does not keep its model alive.
        outputs = loaded.signatures[SIGNATURE](**{name: tf.constant(examples)})
        return {key: value.numpy() for key, value in outputs.items()}

    return predict


# ONNX: one file, with its metadata as properties.


def write_onnx(model, path: Path, metadata: dict[str, Any]) -> None:
    """Writes an ONNX file.

    Raises:
        UserError: something in the model cannot be expressed in ONNX.
    """
    import onnx

    _make_constants(model)
    try:
        with warnings.catch_warnings():
            # Keras uses a NumPy name that NumPy is going to bring back.
            warnings.simplefilter("ignore", FutureWarning)
            model.export(
                str(path),
                format="onnx",
                verbose=False,
                input_signature=[_input_spec(model.inputs[0])],
            )
        load_onnx(path)  # which refuses operations that were not converted
    except Exception as error:  # of any kind, from inside the converter
        raise UserError(
            f"{metadata['run']} cannot be written as ONNX: "
            f"{' '.join(str(error).split())[:200]}; --format=saved_model may "
            "work."
        ) from error
    exported = onnx.load(path)
    for value in (*exported.graph.input, *exported.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH_AXIS
    onnx.helper.set_model_props(
        exported, model_metadata.to_properties(metadata)
    )
    onnx.save(exported, path)


def load_onnx(path: Path) -> PredictFn:
    """Returns a function that predicts with an ONNX file."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    (name,) = (value.name for value in session.get_inputs())
    outputs = [value.name for value in session.get_outputs()]

    def predict(examples: np.ndarray) -> dict[str, np.ndarray]:
        values = session.run(outputs, {name: examples})
        return dict(zip(outputs, values, strict=True))

    return predict


def _input_spec(tensor):
    import keras

    return keras.InputSpec(tensor.dtype, tensor.shape, name=tensor.name)


def _make_constants(model) -> None:
    """Makes the input statistics constants of the graph that is traced.

    A Normalization of a loaded model holds them as tensors, which a trace
    takes for further inputs.
    """
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.mean = np.asarray(layer.mean)
            layer.variance = np.asarray(layer.variance)
        elif isinstance(layer, keras.Model):
            _make_constants(layer)


# LiteRT, formerly TensorFlow Lite: one file, with its metadata in a zip archive
# behind the model, where its tools look for the files that belong to it.


def write_tflite(
    model,
    path: Path,
    metadata: dict[str, Any],
    calibration: np.ndarray | None = None,
) -> None:
    """Writes a `.tflite` file, float32 in and out.

    Args:
        model: of outputs `logits` and `probabilities`.
        path: file to write.
        metadata: put into the file.
        calibration: inputs, float32 `[N, ...]`, from which the ranges of all
            tensors are found, so that weights and arithmetic become 8-bit
            integers; `None` keeps float32.

    Raises:
        UserError: something in the model cannot be expressed.
    """
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        try:
            model.export(folder, format="tf_saved_model", verbose=False)
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
            if calibration is not None:
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
                converter.representative_dataset = lambda: (
                    [example[None]] for example in calibration
                )
            content = converter.convert()
        except Exception as error:  # of any kind, from inside the converter
            raise UserError(
                f"{metadata['run']} cannot be written for LiteRT: "
                f"{' '.join(str(error).split())[:200]}; --format=saved_model "
                "may work."
            ) from error
    path.write_bytes(content)
    with zipfile.ZipFile(path, "a") as archive:
        entry = zipfile.ZipInfo(METADATA_FILE, (1980, 1, 1, 0, 0, 0))
        archive.writestr(entry, model_metadata.to_text(metadata))


def load_tflite(path: Path) -> PredictFn:
    """Returns a function that predicts with a `.tflite` file.

    It runs in the package ai-edge-litert, or, where that is not installed, in
    the interpreter that TensorFlow still has.
    """
    if importlib.util.find_spec("ai_edge_litert") is not None:
        from ai_edge_litert.interpreter import Interpreter
    else:
        import tensorflow as tf

        Interpreter = tf.lite.Interpreter
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of its deprecation
        interpreter = Interpreter(model_path=str(path))
    runner = interpreter.get_signature_runner(SIGNATURE)
    (name,) = runner.get_input_details()

    def predict(examples: np.ndarray) -> dict[str, np.ndarray]:
        return runner(**{name: examples})

    return predict


# The table.


@dataclasses.dataclass(frozen=True)
class Format:
    """One export format.

    Attributes:
        name: Name, as in `--format=onnx`.
        description: What is written, in a few words.
        write: Writes a model of outputs `logits` and `probabilities`.
        load: Returns a function that predicts with what was written.
        suffix: Suffix of the file; empty if a folder is written.
        packages: Packages that it needs besides the core dependencies.
        backend: Keras backend that can write it; empty if any can.
        marker: File by which a folder of this format is known.
        tag: Ending of the default name, before the suffix.
        is_quantized: Whether it computes in integers, for which `write` takes
            inputs of the training part to calibrate on.
    """

    name: str
    description: str
    write: Callable[..., None]
    load: Callable[[Path], PredictFn]
    suffix: str = ""
    packages: tuple[str, ...] = ()
    backend: str = ""
    marker: str = ""
    tag: str = ""
    is_quantized: bool = False

    def check_backend(self) -> None:
        """Raises `UserError` if the current backend cannot write it."""
        if self.backend and self.backend != backend.selected()[0]:
            raise UserError(
                f"--format={self.name} needs the backend "
                f"{backend.title(self.backend)}, which can load runs of any "
                f"backend; set {backend.ENV_VARIABLE}={self.backend} and try "
                "again."
            )

    def check_packages(self) -> None:
        """Raises `UserError` if a package that it needs is not installed."""
        missing = [
            name
            for name in self.packages
            if importlib.util.find_spec(name) is None
        ]
        if missing:
            verb = "is" if len(missing) == 1 else "are"
            raise UserError(
                f"--format={self.name} needs {join_and(missing)}, "
                f"which {verb} not installed; run "
                f"`pip install {' '.join(missing)}`."
            )


FORMATS = {
    format.name: format
    for format in (
        Format(
            "keras",
            "a file for Keras, on any backend",
            write_keras,
            load_keras,
            suffix=".keras",
        ),
        Format(
            "saved_model",
            "a folder for TensorFlow and TensorFlow Serving",
            write_saved_model,
            load_saved_model,
            backend="tensorflow",
            marker="saved_model.pb",
        ),
        Format(
            "onnx",
            "a file for ONNX Runtime and others",
            write_onnx,
            load_onnx,
            suffix=".onnx",
            packages=("tf2onnx", "onnx", "onnxruntime"),
            backend="tensorflow",
        ),
        Format(
            "tflite",
            "a file for LiteRT, on phones and small devices",
            write_tflite,
            load_tflite,
            suffix=".tflite",
            backend="tensorflow",
        ),
        Format(
            "tflite_int8",
            "the same in 8-bit integers, a quarter of the size",
            write_tflite,
            load_tflite,
            suffix=".tflite",
            backend="tensorflow",
            tag="-int8",
            is_quantized=True,
        ),
        Format(
            "python",
            "a folder with plain Keras code and the weights",
            write_python,
            load_python,
            marker=SCRIPT_FILE,
        ),
    )
}


def find_format(name: str) -> Format:
    """Returns a format by name.

    Raises:
        UserError: there is no such format; the message lists them.
    """
    if name not in FORMATS:
        raise unknown_name_error(
            "export format", name, FORMATS, "zoo export --help"
        )
    return FORMATS[name]
