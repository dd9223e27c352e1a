"""What the functions of `zoo` return: numbers by name, a text, a figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image


class Result(dict):
    """Numbers by name, as `--json` prints them, with a text and a figure.

    Printed, or shown in a notebook, it is the text that the command prints.

    Args:
        values: The numbers.
        text: The text, or a function that returns it.
        draw: Draws the figure, uint8 `[H, W, 3]`; there is none if not given.
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
    def image(self) -> Image | None:
        """The figure, which a notebook shows; `None` if there is none."""
        from PIL import Image

        return None if self._draw is None else Image.fromarray(self._draw())
