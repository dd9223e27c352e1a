"""A `.keras` file in the place of a run: what it says of itself, and answers.

A file of the zoo's own names its classes, so that it is enough for answers
wherever it lies. In a run's folder it stands for the run, which knows more.
"""

from __future__ import annotations

import pathlib
from typing import Any

from zoo import about
from zoo.run_store import RunStore
from zoo.runs import Run, read_model

ENDING = ".keras"


class SavedFile(Run):
    """A saved model that is asked as its run would be."""

    @property
    def resolved(self) -> dict[str, Any]:
        """As much of a run's `resolved.json` as the file knows."""
        told = about.read(self.path)
        classes = told["class_names"]
        return {
            "data": {
                "class_names": classes,
                "input_shape": told["input"]["shape"][1:],
                "task": "classes" if classes else "numbers",
            },
            "statistics": {"mean": None},
        }

    def load_model(self):
        """Returns its Keras model: raw pixels in, logits out."""
        import keras

        model = read_model(self.path)
        if isinstance(model.output, dict):  # of an export
            return keras.Model(model.inputs, model.output["logits"])
        return model


def find(name: str, runs_dir: str) -> Run:
    """Finds a run by its name, or a saved model by the path of its file.

    Raises:
        UserError: there is neither, or the file does not name its classes.
    """
    path = pathlib.Path(name).expanduser()
    if path.suffix != ENDING or not path.is_file():
        return RunStore(runs_dir).find(name)
    if (path.parent / "config.json").is_file() and path.name == "model.keras":
        return RunStore(runs_dir).find(str(path.parent))
    found = SavedFile(path, name)
    about.read(path)  # which refuses a file that says nothing
    return found
