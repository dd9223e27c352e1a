"""What a function for notebooks returns: numbers, a text, and a picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image


class Answer(dict):
    """The numbers that a command's `--json` prints, by name.

    Shown in a notebook, or printed, it is the text that the command prints.

    Args:
        values: the numbers.
        text: the same for a person; or what writes it, once it is shown.
        draw: draws the picture, uint8 `[H, W, 3]`; none if not given.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        text: str | Callable[[], str],
        draw: Callable[[], np.ndarray] | None = None,
    ):
        super().__init__(values)
        self._text = text
        self._draw = draw

    def __str__(self) -> str:
        return self._text if isinstance(self._text, str) else self._text()

    def _repr_pretty_(self, printer, cycle: bool) -> None:
        printer.text(str(self))

    @property
    def picture(self) -> Image | None:
        """The picture that goes with it, which a notebook shows, or `None`."""
        from PIL import Image

        return None if self._draw is None else Image.fromarray(self._draw())
