"""Digits in the fonts that come with matplotlib."""

from __future__ import annotations

import functools
import pathlib

import numpy as np

# Those of its fonts that have text digits; no other fonts are installed on
# every machine.
FONTS = (
    *("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique"),
    *("DejaVuSans-BoldOblique", "DejaVuSansMono", "DejaVuSansMono-Bold"),
    *("DejaVuSansMono-Oblique", "DejaVuSansMono-BoldOblique", "DejaVuSerif"),
    *("DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    *("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic"),
    *("STIXGeneralBolIta", "cmr10", "cmb10", "cmss10", "cmti10", "cmtt10"),
)
HEIGHT = 48  # pixels of a digit as it is drawn, before the camera


@functools.cache
def glyph(font: str, digit: int) -> np.ndarray:
    """Returns one digit, uint8 `[HEIGHT, width]`: 255 is ink."""
    from PIL import Image, ImageDraw

    typeface = _typeface(font)
    left, top, right, bottom = typeface.getbbox(str(digit))
    image = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(image).text((-left, -top), str(digit), 255, typeface)
    width = max(1, round(image.width * HEIGHT / image.height))
    resized = image.resize((width, HEIGHT), Image.Resampling.BICUBIC)
    return np.asarray(resized)


@functools.cache
def _typeface(font: str):
    import matplotlib
    from PIL import ImageFont

    folder = pathlib.Path(matplotlib.get_data_path(), "fonts", "ttf")
    # Twice as large as needed: the digits are made equally high afterwards.
    return ImageFont.truetype(str(folder / f"{font}.ttf"), 2 * HEIGHT)
