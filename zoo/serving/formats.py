"""THE TABLE of formats that a run can be exported to.

A format is one file with two functions, `write(model, path, about)` and
`load(path)`; to add one, write the file and give it a line here. Reading the
table imports nothing.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
from types import ModuleType

from zoo import backend
from zoo.errors import UserError, join_and, unknown_name_error

EXTRA = "export"  # of pyproject.toml


@dataclasses.dataclass(frozen=True)
class Format:
    """One line of the table.

    Attributes:
        about: what is written, in a few words.
        module: where its functions are.
        ending: of the file's name; a folder has none.
        packages: that it needs besides those of the core.
        engine: the one that can write it; any if none is named.
    """

    name: str
    about: str
    module: str
    ending: str = ""
    packages: tuple[str, ...] = ()
    engine: str = ""

    def load_module(self) -> ModuleType:
        """Returns its `write` and `load`."""
        return importlib.import_module(self.module)

    def check_engine(self) -> None:
        """Raises `UserError` if the engine in use cannot write it."""
        if self.engine and self.engine != backend.selected()[0]:
            raise UserError(
                f"--format={self.name} is written by "
                f"{backend.title(self.engine)} alone, which can load runs of "
                f"either backend; set {backend.ENV_VARIABLE}={self.engine} and "
                "type that again."
            )

    def check_packages(self) -> None:
        """Raises `UserError` if a package that it needs is not there."""
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
                f"`pip install 'keras-zoo[{EXTRA}]'`, or in a checkout "
                f"`pip install -e '.[{EXTRA}]'`."
            )


FORMATS = {
    found.name: found
    for found in (
        Format(
            "keras",
            "a file for Keras, on any of its engines",
            "zoo.serving.keras_file",
            ".keras",
        ),
        Format(
            "saved_model",
            "a folder for TensorFlow and TensorFlow Serving",
            "zoo.serving.saved_model",
            engine="tensorflow",
        ),
        Format(
            "onnx",
            "a file for ONNX Runtime and others",
            "zoo.serving.onnx_file",
            ".onnx",
            ("tf2onnx", "onnx", "onnxruntime"),
            engine="tensorflow",
        ),
    )
}


def find_format(name: str) -> Format:
    """Returns a format by name, or says which ones there are."""
    if name not in FORMATS:
        raise unknown_name_error(
            "export format", name, FORMATS, "zoo export --help"
        )
    return FORMATS[name]
