"""A run at work: on new examples, and as a model for other programs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from zoo.errors import UserError
from zoo.notebook.answer import Answer
from zoo.runs import Run

if TYPE_CHECKING:
    import numpy as np


def predict(
    run: Run,
    examples: np.ndarray | os.PathLike | str | Sequence[os.PathLike | str],
    top: int = 2,
) -> Answer:
    """Says what a run sees.

    Args:
        run: finished, a classifier.
        examples: raw pixels 0..255, `[N, H, W, C]`, or points `[N, D]`; or
            paths of files, folders and patterns, one or several.
        top: how many classes to name for each, the most probable first.

    Raises:
        UserError: the run predicts numbers, or the examples do not suit it.
    """
    from zoo.serving.predict import predict as predict_examples

    answers = predict_examples(run, _array_or_words(examples), top)

    def text() -> str:
        notes = list(answers.warnings)
        notes += [answers.unreadable_text] if answers.unreadable else []
        return "\n\n".join([str(answers), *notes])

    return Answer(answers.to_dict(), text)


def _array_or_words(examples) -> np.ndarray | list[str]:
    """Returns arrays as they are, and one or several paths as texts."""
    import numpy as np

    if isinstance(examples, np.ndarray):
        return examples
    if isinstance(examples, (str, os.PathLike)):
        examples = [examples]
    try:
        words = [os.fspath(one) for one in examples]
    except TypeError:
        words = []
    if not words:
        raise UserError(
            f"{examples!r:.60} is no example; give a NumPy array of raw "
            "pixels, or paths of pictures."
        )
    return words


def export(
    run: Run,
    format: str = "keras",
    out: str | None = None,
    overwrite: bool = False,
) -> Answer:
    """Writes a run for programs that do not know the zoo, and checks it.

    Args:
        run: finished, a classifier.
        format: `keras`, `saved_model` or `onnx`.
        out: where to; inside the run's folder if not given.
        overwrite: whether an export that is there may be replaced.

    Raises:
        UserError: something cannot work; nothing is left behind.
    """
    from zoo.serving.export import export as export_run

    made = export_run(run, format, out, overwrite)
    return Answer({**made.metadata, "path": str(made.path)}, str(made))
