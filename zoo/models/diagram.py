"""A diagram of a model's layers, drawn by Keras through pydot and Graphviz."""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import UserError, join_words
from zoo.files import replacing

if TYPE_CHECKING:
    import keras

ENDINGS = (".png", ".svg", ".pdf")


def missing_tools() -> list[str]:
    """Returns what must be installed before a diagram can be drawn."""
    missing = []
    if importlib.util.find_spec("pydot") is None:
        missing.append("pydot (`pip install pydot`)")
    if shutil.which("dot") is None:
        missing.append("Graphviz, whose command is `dot`")
    return missing


def check_diagram(
    path: Path, missing: Callable[[], list[str]] = missing_tools
) -> None:
    """Checks that a diagram can be drawn, before a model is built for it.

    Raises:
        UserError: the path is no name for a new picture, or a tool that
            draws it is not installed.
    """
    if path.suffix.lower() not in ENDINGS:
        raise UserError(
            f"--diagram={path} is no name for a picture; let it end in "
            f"{join_words(ENDINGS)}."
        )
    if path.exists():
        raise UserError(
            f"--diagram={path} is there already and is kept; choose another "
            "name, or remove it first."
        )
    if not path.parent.is_dir():
        raise UserError(
            f"--diagram={path} has no place, as there is no folder "
            f"{path.parent}; make it first."
        )
    if tools := missing():
        raise UserError(
            f"--diagram={path} needs {join_words(tools, 'and')}, not found "
            "here; without it, `zoo describe` prints the table alone."
        )


def draw_diagram(
    model: keras.Model, path: Path, plot: Callable | None = None
) -> None:
    """Draws every layer with its output shape; the file is whole or absent.

    Args:
        plot: draws a model into a file; else Keras's own `plot_model`.
    """
    if plot is None:
        import keras

        plot = keras.utils.plot_model
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder, f"diagram{path.suffix.lower()}")
        plot(model, drawn, show_shapes=True, show_layer_names=True)
        with replacing(path) as file:
            file.write(drawn.read_bytes())
