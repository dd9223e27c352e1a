"""A model as plain Keras code: a script that builds it, and its weights.

The folder holds `model.py`, which needs Keras and NumPy only, and
`weights.npz`. One line of the script is one layer or one operation of
`keras.ops`, in order, preprocessing included; models inside the model are
written out. Arguments that are Keras's defaults are left out, and so are
initializers and regularizers, as the weights are read.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import keyword
import re
import runpy
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import model_metadata
from zoo.errors import UserError

if TYPE_CHECKING:
    import keras

SCRIPT_FILE = "model.py"
WEIGHTS_FILE = "weights.npz"
LINE_LENGTH = 79
MAX_INLINE = 16  # numbers of a constant that is written into the script
# What does not change the outputs of a trained model.
LEFT_OUT = ("name", "trainable", "dtype", "seed", "data_format")
LEFT_OUT_PARTS = ("initializer", "regularizer", "constraint")

HEADER = '''"""{title}

Written by `zoo export --format=python`. Inputs are {values},
float32 {shape}; preprocessing is part of the model.

    python model.py             # prints the layers
    python model.py images.npy  # prints the predicted class of each example
"""

import pathlib
import sys

import keras
import numpy as np
from keras import layers, ops  # noqa: F401

with np.load(pathlib.Path(__file__).with_name("{weights}")) as weights:
    WEIGHTS = dict(weights)
CLASS_NAMES = {class_names}


def build():
    """Builds the model, with the weights of its initializers."""
'''

FOOTER = '''


def load():
    """Returns the model with its trained weights."""
    model = build()
    for layer in model.layers:
        keys = [f"{layer.name}/{i}" for i in range(len(layer.weights))]
        if keys:
            layer.set_weights([WEIGHTS[key] for key in keys])
    return model


if __name__ == "__main__":
    model = load()
    if sys.argv[1:]:
        inputs = np.load(sys.argv[1]).astype("float32")
        outputs = model.predict(inputs, verbose=0)["probabilities"]
        for index, row in enumerate(outputs):
            print(index, CLASS_NAMES[row.argmax()], f"{row.max():.4f}")
    else:
        model.summary()
'''


def write_python(model, path: Path, metadata: dict[str, Any]) -> None:
    """Writes a folder with the script and the weights.

    Raises:
        UserError: the model holds a layer that is not one of Keras.
    """
    lines, weights = _Writer(model).write()
    shape = model.inputs[0].shape[1:]
    header = HEADER.format(
        title=f"The model of the run {metadata['run']}.",
        values="raw pixels 0..255" if len(shape) == 3 else "coordinates",
        shape=f"[{', '.join(map(str, ['N', *shape]))}]",
        weights=WEIGHTS_FILE,
        class_names=_format_list(metadata["class_names"]),
    )
    path.mkdir()
    script = header + "\n".join(lines) + FOOTER
    (path / SCRIPT_FILE).write_text(script, encoding="utf-8")
    np.savez(path / WEIGHTS_FILE, **weights)
    (path / model_metadata.FILE).write_text(model_metadata.to_text(metadata))


def load_python(path: Path) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Returns a function that predicts with such a folder."""
    load = runpy.run_path(str(path / SCRIPT_FILE))["load"]
    return load().predict_on_batch


@dataclasses.dataclass(frozen=True)
class _Call:
    """One call of a layer or an operation.

    Attributes:
        operation: What is called.
        args: Positional arguments, with tensors of the model or constants.
        kwargs: Keyword arguments.
        outputs: Tensors that it gives.
    """

    operation: Any
    args: tuple
    kwargs: dict[str, Any]
    outputs: tuple


class _Writer:
    """Writes the code of one functional model.

    Args:
        model: of one input, and outputs by name.
    """

    def __init__(self, model: keras.Model):
        self._model = model
        self._weights: dict[str, np.ndarray] = {}
        self._same: dict[int, int] = {}  # tensors of inner and outer models
        self._calls = list(self._walk(model))
        self._layer_names: set[str] = set()
        self._used = Counter(id(call.operation) for call in self._calls)

    def write(self) -> tuple[list[str], dict[str, np.ndarray]]:
        """Returns the lines of `build`, and arrays by name."""
        (given,) = self._model.inputs
        self._variables = {id(given): "inputs"}
        self._taken = {"inputs", "keras", "layers", "ops", "np", "sys"}
        shape = tuple(given.shape[1:])
        lines = [f'    inputs = keras.Input({shape}, name="{given.name}")']
        for index, call in enumerate(self._calls):
            lines += self._write_call(index, call)
        outputs = ", ".join(
            f'"{key}": {self._variable(tensor)}'
            for key, tensor in self._model.output.items()
        )
        lines.append(f"    outputs = {{{outputs}}}")
        lines.append("    return keras.Model(inputs, outputs)")
        return lines, self._weights

    def _walk(self, model: keras.Model) -> Iterator[_Call]:
        """Yields the calls of a model in order, inner models written out."""
        import keras

        if isinstance(model, keras.Sequential):
            model = model._functional
        nodes = getattr(model, "_nodes_by_depth", None)
        if nodes is None:
            raise UserError(
                f"{model.name} is a subclass of keras.Model, whose code is "
                "its own; export it with --format=keras."
            )
        for depth in sorted(nodes, reverse=True):
            for node in nodes[depth]:
                if node.is_input:
                    continue
                operation, arguments = node.operation, node.arguments
                if not isinstance(operation, keras.Model):
                    yield _Call(
                        operation,
                        arguments.args,
                        arguments.kwargs,
                        tuple(node.outputs),
                    )
                    continue
                inner = operation
                if isinstance(inner, keras.Sequential):
                    inner = inner._functional
                tensors = node.input_tensors
                for tensor, source in zip(inner.inputs, tensors, strict=True):
                    self._same[id(tensor)] = self._root(source)
                yield from self._walk(inner)
                for tensor, source in zip(
                    node.outputs, inner.outputs, strict=True
                ):
                    self._same[id(tensor)] = self._root(source)

    def _root(self, tensor) -> int:
        """Returns the tensor that this one is, across models."""
        key = id(tensor)
        while key in self._same:
            key = self._same[key]
        return key

    def _variable(self, tensor) -> str:
        return self._variables[self._root(tensor)]

    def _write_call(self, index: int, call: _Call) -> list[str]:
        import keras

        operation = call.operation
        kwargs = {
            name: value
            for name, value in call.kwargs.items()
            if name not in ("training", "mask") and value is not None
        }
        arguments = [self._argument(value) for value in call.args]
        arguments += [f"{k}={self._argument(v)}" for k, v in kwargs.items()]
        if isinstance(operation, keras.layers.Layer):
            expression = self._layer(operation)
            if len(arguments) == 1:
                expression += f"({arguments[0]})"
            else:
                expression = f"{expression}({', '.join(arguments)})"
        else:
            expression = self._operation(operation, arguments)
        variable = self._name_output(index, call)
        for output in call.outputs:
            self._variables[self._root(output)] = variable
        if len(call.outputs) > 1:
            for number, output in enumerate(call.outputs):
                self._variables[self._root(output)] = f"{variable}[{number}]"
        shape = ", ".join(map(str, ["B", *call.outputs[0].shape[1:]]))
        return _wrap(f"{variable} = {expression}", f"[{shape}]")

    def _name_output(self, index: int, call: _Call) -> str:
        """Returns `x` where only the next call uses it, else a name."""
        users = [
            number
            for number, other in enumerate(self._calls)
            if any(
                self._root(tensor) == self._root(output)
                for tensor in _tensors((other.args, other.kwargs))
                for output in call.outputs
            )
        ]
        given = {self._root(t) for t in self._model.outputs}
        is_output = any(self._root(o) in given for o in call.outputs)
        if users == [index + 1] and not is_output:
            return "x"
        name = re.sub(r"\W", "_", call.operation.name)
        if not name.isidentifier() or keyword.iskeyword(name):
            name = f"layer_{name}"
        return self._unique(name, self._taken)

    @staticmethod
    def _unique(name: str, taken: set[str]) -> str:
        unique, number = name, 2
        while unique in taken or unique == "x":
            unique, number = f"{name}_{number}", number + 1
        taken.add(unique)
        return unique

    def _layer(self, layer: keras.layers.Layer) -> str:
        """Returns the code that makes a layer, and stores its weights."""
        import keras

        kind = type(layer)
        if getattr(keras.layers, kind.__name__, None) is not kind:
            raise UserError(
                f"{layer.name} is a {kind.__name__}, which is no layer of "
                "Keras, so that no plain code can make it; export with "
                "--format=keras."
            )
        if self._used[id(layer)] > 1:
            raise UserError(
                f"{layer.name} is called more than once, which cannot be "
                "written as code; export with --format=keras."
            )
        # An inner model may have a name of the outer one, one model may not.
        layer_name = self._unique(layer.name, self._layer_names)
        for number, weight in enumerate(layer.weights):
            self._weights[f"{layer_name}/{number}"] = np.asarray(weight)
        config = layer.get_config()
        if isinstance(layer, keras.layers.Normalization):
            # Its statistics are arguments, and no weights.
            for name in ("mean", "variance"):
                if config[name] is not None:
                    config[name] = np.asarray(config[name], np.float32)
        arguments = self._arguments(layer, layer_name, config)
        arguments.append(f'name="{layer_name}"')
        return f"layers.{kind.__name__}({', '.join(arguments)})"

    def _arguments(
        self, layer, layer_name: str, config: dict[str, Any]
    ) -> list[str]:
        """Returns the arguments that are not Keras's defaults."""
        parameters = inspect.signature(type(layer).__init__).parameters
        positional = True
        arguments = []
        for name, parameter in list(parameters.items())[1:]:
            if (
                name in LEFT_OUT
                or name not in config
                or any(part in name for part in LEFT_OUT_PARTS)
            ):
                positional = False
                continue
            value = _plain(layer, name, config[name])
            if parameter.default is parameter.empty and positional:
                arguments.append(self._value(value, f"{layer_name}/{name}"))
                continue
            positional = False
            if name == "activation" and value == "linear":
                value = None  # as people leave it out
            if not _is_default(value, parameter.default):
                text = self._value(value, f"{layer_name}/{name}")
                arguments.append(f"{name}={text}")
        return arguments

    def _operation(self, operation, arguments: list[str]) -> str:
        """Returns the call of a function of `keras.ops`."""
        import keras

        kind = type(operation).__name__
        if kind == "GetItem":
            return f"{arguments[0]}[{arguments[1]}]"
        function = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind).lower()
        function = {"truedivide": "true_divide"}.get(function, function)
        modules = {"ops": keras.ops, "ops.image": keras.ops.image}
        prefix = next((p for p in modules if hasattr(modules[p], function)), "")
        if not prefix:
            raise UserError(
                f"{operation.name} is an operation {kind}, which has no "
                "function in keras.ops; export with --format=keras."
            )
        called = getattr(modules[prefix], function)
        parameters = inspect.signature(called).parameters
        config = operation.get_config()
        for name, parameter in parameters.items():
            if name in config and name != "name":
                value = config[name]
                if not _is_default(value, parameter.default):
                    arguments.append(f"{name}={self._value(value)}")
        return f"{prefix}.{function}({', '.join(arguments)})"

    def _argument(self, value: Any) -> str:
        """Returns what a call is given, as code: a list is no tensor there."""
        text = self._value(value)
        is_array = not isinstance(value, list) and text.startswith("[")
        return f'np.array({text}, "{value.dtype.name}")' if is_array else text

    def _value(self, value: Any, key: str = "") -> str:
        """Returns a value as code; large arrays are stored."""
        import keras

        if isinstance(value, keras.KerasTensor):
            return self._variable(value)
        if isinstance(value, list | tuple):
            items = [self._value(item, key) for item in value]
            if isinstance(value, list):
                return f"[{', '.join(items)}]"
            return f"({', '.join(items)}{',' * (len(items) == 1)})"
        if isinstance(value, slice):
            parts = (value.start, value.stop, value.step)
            return f"slice({', '.join(map(str, parts))})"
        if value is Ellipsis:
            return "..."
        if value is None or isinstance(value, bool | int | float):
            return repr(value)
        if isinstance(value, str):
            return json.dumps(value, ensure_ascii=False)
        array = np.asarray(keras.ops.convert_to_numpy(value))
        if array.size <= MAX_INLINE:
            numbers = repr(array.tolist())
            if array.ndim <= 1:
                return numbers
            return f'np.array({numbers}, "{array.dtype}")'
        stored = self._unique(key or "constant", set(self._weights))
        self._weights[stored] = array
        return f'WEIGHTS["{stored}"]'


def _tensors(tree: Any) -> list[keras.KerasTensor]:
    import keras

    leaves = keras.tree.flatten(tree)
    return [leaf for leaf in leaves if isinstance(leaf, keras.KerasTensor)]


def _plain(layer, name: str, value: Any) -> Any:
    """Returns an argument as a plain value; serialized objects by name.

    Raises:
        UserError: it is an object that only the saved model can hold.
    """
    if isinstance(value, np.ndarray):
        return value.tolist() if value.ndim == 0 else value
    if isinstance(value, tuple | list) and len(set(map(str, value))) == 1:
        # A kernel of 3x3 is 3, as people write it.
        if len(value) == 2 and all(isinstance(item, int) for item in value):
            return value[0]
    if isinstance(value, dict):
        import keras

        found = keras.saving.deserialize_keras_object(value)
        if isinstance(found, np.ndarray):
            return found
        raise UserError(
            f"{name} of {layer.name} is an object, which cannot be written as "
            "code; export with --format=keras."
        )
    return value


def _is_default(value: Any, default: Any) -> bool:
    if isinstance(value, np.ndarray):
        return False
    if isinstance(default, tuple) and isinstance(value, int):
        return all(item == value for item in default)
    if isinstance(value, tuple | list) and isinstance(default, tuple | list):
        return list(value) == list(default)
    return (
        type(value) is type(default)
        and value == default
        or (value is None and default is None)
    )


def _format_list(names: list[str]) -> str:
    """Formats strings as a list, wrapped where it is long."""
    quoted = [json.dumps(name, ensure_ascii=False) for name in names]
    text = f"[{', '.join(quoted)}]"
    if len(text) + len("CLASS_NAMES = ") <= LINE_LENGTH:
        return text
    return "[\n" + "".join(f"    {name},\n" for name in quoted) + "]"


def _wrap(statement: str, comment: str) -> list[str]:
    """Returns a statement of `build` with the shape that it gives."""
    line = f"    {statement}"
    if len(line) + len(comment) + 4 <= LINE_LENGTH:
        return [f"{line}  # {comment}"]
    head, inputs = statement.rsplit("(", 1)
    if len(line) <= LINE_LENGTH or not head.endswith(")"):
        return [line, f"    # {comment}"]
    # The arguments of the layer on a line of their own.
    start, _, arguments = head.partition("(")
    inner = f"        {arguments[:-1]}"
    if len(inner) <= LINE_LENGTH:
        return [f"    {start}(", inner, f"    )({inputs}  # {comment}"]
    parts = [f"        {part}," for part in _split(arguments[:-1])]
    return [f"    {start}(", *parts, f"    )({inputs}  # {comment}"]


def _split(arguments: str) -> list[str]:
    """Splits arguments at the commas outside of brackets."""
    parts, depth, start = [], 0, 0
    for index, char in enumerate(arguments):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and not depth:
            parts.append(arguments[start:index].strip())
            start = index + 1
    return [*parts, arguments[start:].strip()]
