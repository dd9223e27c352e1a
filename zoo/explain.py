"""What a trained run looks at: Grad-CAM, patches, features as images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw

from zoo import backend
from zoo.config import DEFAULTS
from zoo.errors import UserError, close_matches
from zoo.evaluation import evaluate
from zoo.features import handcrafted
from zoo.features.bag_of_visual_words import NEARNESS
from zoo.models.inference import predict_batched
from zoo.results import Result
from zoo.run_store import RunStore
from zoo.runs import Run
from zoo.summaries import drawing, explanations
from zoo.summaries.drawing import TEXT
from zoo.summaries.images import one_of_each_class
from zoo.training.setup import EXTRACTOR

if TYPE_CHECKING:
    import keras

MAX_SHOWN = 24  # images in a figure


@backend.fixed_settings()
def grad_cam(
    run: Run | str = "last",
    images: np.ndarray | None = None,
    classes: Sequence[int] | int | None = None,
    *,
    runs_dir: str = DEFAULTS["runs_dir"],
) -> Result:
    """Shows where a run finds a class in images (Selvaraju et al. 2017).

    Args:
        run: A finished run of a network with convolutions.
        images: Raw pixels 0..255, `[N, H, W, C]` of the run's input size; by
            default the first validation images.
        classes: Class to explain, of all images or one for each; by default
            the predicted one.
        runs_dir: Folder in which runs are found by name.

    Returns:
        `layer`, `classes` `[N]`, `predicted` `[N]`, and `cam`, float32
        `[N, H, W]`, 0..1; shown as a figure.

    Raises:
        UserError: the run has no convolution, or the images do not fit.
    """
    found = RunStore(runs_dir).find(run)
    network, preprocess, model = _parts(found)
    layer = explanations.cam_layer(network)
    if layer is None:
        raise UserError(
            f"{found.name} is a {found.config.model}, which has no "
            "convolution that every path to the logits passes once; Grad-CAM "
            "needs one."
        )
    if images is None:
        images = evaluate.load_split(found, "val").images[:MAX_SHOWN]
    images = np.asarray(images, np.float32)
    shape = tuple(found.resolved["data"]["input_shape"])
    if images.ndim != 4 or images.shape[1:] != shape:
        raise UserError(
            f"images has the shape {images.shape}; {found.name} takes "
            f"{('N', *shape)}."
        )
    logits = predict_batched(model, images)
    predicted = logits.argmax(axis=1)
    chosen = predicted if classes is None else np.asarray(classes)
    if chosen.dtype.kind not in "ui" or chosen.shape not in (
        *((), (1,)),
        predicted.shape,
    ):
        raise UserError(
            f"classes={classes!r} is neither one class nor one for each of the "
            f"{len(images)} images; give whole numbers."
        )
    chosen = np.broadcast_to(chosen, predicted.shape)
    if chosen.min() < 0 or chosen.max() >= logits.shape[1]:
        raise UserError(
            f"classes={classes} is out of range: {found.name} has "
            f"{logits.shape[1]} classes, from 0."
        )
    raw = explanations.grad_cam(network, preprocess(images), chosen)
    cam = explanations.resize_cam(raw, images.shape[1:3])
    names = found.resolved["data"]["class_names"]
    values = {
        "layer": layer.name,
        "classes": chosen,
        "predicted": predicted,
        "cam": cam,
    }

    def draw() -> np.ndarray:
        shown = slice(0, MAX_SHOWN)
        heat = explanations.overlay(images[shown], cam[shown])
        tiles = drawing.resize(heat, explanations.CAM_SIDE)
        captions = [[(names[k], drawing.TEXT)] for k in chosen[shown]]
        return drawing.with_title(
            drawing.image_grid(tiles, captions),
            f"Where {layer.name} of {found.name} finds these classes: from "
            "dark to yellow.",
        )

    text = f"Grad-CAM of {layer.name} in {found.name}: {len(images)} images"
    return Result(values, text, draw)


@backend.fixed_settings()
def top_patches(
    run: Run | str = "last",
    layers: Sequence[str] | None = None,
    *,
    num_maps: int = explanations.NUM_MAPS,
    num_patches: int = explanations.NUM_PATCHES,
    runs_dir: str = DEFAULTS["runs_dir"],
) -> Result:
    """Finds the parts of validation images that excite maps most.

    Args:
        run: A finished run of a network with convolutions.
        layers: Names of convolutions; by default a low, a middle and a high
            one.
        num_maps: Maps of each layer.
        num_patches: Patches of each map.
        runs_dir: Folder in which runs are found by name.

    Returns:
        For each layer a `zoo.summaries.explanations.TopPatches`; shown as a
        figure.

    Raises:
        UserError: the run has no such layer.
    """
    found = RunStore(runs_dir).find(run)
    network, preprocess, _ = _parts(found)
    known = explanations.convolutions(network)
    if not known:
        raise UserError(
            f"{found.name} is a {found.config.model}, which has no "
            "convolution; patches need one."
        )
    for name in layers or ():
        if name not in known:
            close = ", ".join(close_matches(name, known) or known[:5])
            raise UserError(
                f"{found.name} has no convolution {name!r}; there is {close}."
            )
    names = list(layers or explanations.low_middle_high(known))
    images = evaluate.load_split(found, "val").images
    patches = explanations.top_patches(
        network,
        preprocess,
        images[: explanations.MAX_IMAGES].astype(np.float32),
        names,
        num_maps,
        num_patches,
    )
    lines = [
        f"{each.layer}: receptive field {each.field[0]} x {each.field[1]}, "
        f"{each.num_maps} maps"
        for each in patches
    ]
    return Result(
        {each.layer: each for each in patches},
        "\n".join(lines),
        lambda: explanations.draw_low_middle_high(patches),
    )


@backend.fixed_settings()
def show_features(
    run: Run | str = "last", *, runs_dir: str = DEFAULTS["runs_dir"]
) -> Result:
    """Shows the features of a run before its classifier as images.

    Args:
        run: A run with `--features=hog` or `bag_of_visual_words`.
        runs_dir: Folder in which runs are found by name.

    Returns:
        `features`, and `cells` `[N, h, w, 9]` of some validation images, or
        `words` `[K, p, p, C]`; shown as a figure.

    Raises:
        UserError: the run has other features, or none.
    """
    found = RunStore(runs_dir).find(run)
    kind = found.config.features
    if kind not in ("hog", "bag_of_visual_words"):
        has = f"--features={kind}" if kind else "no --features"
        raise UserError(
            f"{found.name} has {has}; images are drawn of hog and of "
            "bag_of_visual_words."
        )
    if kind == "hog":
        part = evaluate.load_split(found, "val")
        chosen = one_of_each_class(part.labels, MAX_IMAGES)
        images = part.images[chosen].astype(np.float32)
        names = found.resolved["data"]["class_names"]
        return Result(
            {"features": kind, "cells": handcrafted.cell_histograms(images)},
            f"HoG of {len(images)} validation images of {found.name}",
            lambda: draw_hog(images, part.labels[chosen], names),
        )
    (extractor,) = [
        layer for layer in found.load_model().layers if layer.name == EXTRACTOR
    ]
    words = visual_words(extractor)
    return Result(
        {"features": kind, "words": words},
        f"{len(words)} visual words of {found.name}",
        lambda: draw_codebook(words),
    )


def _parts(run: Run) -> tuple[keras.Model, Any, keras.Model]:
    """Returns network, preprocessing and whole model of a run."""
    import keras

    model = run.load_model()
    network = model.layers[-1]
    if not isinstance(network, keras.Model):
        raise UserError(f"{run.name} holds no network that can be looked into.")
    before = keras.Model(model.input, model.layers[-2].output)

    def preprocess(images: np.ndarray) -> np.ndarray:
        given = np.asarray(images, np.float32)
        return keras.ops.convert_to_numpy(before(given, training=False))

    return network, preprocess, model


# Features before a classifier as images: HoG glyphs, visual words.
#
# A HoG glyph (Dalal and Triggs 2005) has a line for each orientation of edges
# in each cell, as bright as the edges are strong; the lines lie along the
# edges. The codebook of a bag of visual words is its cluster centers as
# patches.

SIDE = 120  # pixels, about, of an image and of its glyphs
MAX_IMAGES = 8
WORD_SIDE = 24  # pixels, about, of a visual word
WORDS_IN_A_ROW = 20
SUPERSAMPLING = 4  # glyphs are drawn at this scale, then reduced


def draw_hog(
    images: np.ndarray, labels: np.ndarray, names: Sequence[str]
) -> np.ndarray:
    """Returns images, and beside each its HoG glyphs.

    Args:
        images: raw, 0..255, `[N, H, W, C]`.
        labels: int `[N]`.
        names: of the classes.
    """
    histograms = handcrafted.cell_histograms(images)
    pixels = drawing.to_rgb(drawing.to_pixels(images, 0, 255))
    shown = drawing.resize(pixels, SIDE)
    glyphs = np.stack(
        [draw_glyphs(each, shown.shape[1:3]) for each in histograms]
    )
    tiles = np.stack([shown, glyphs], axis=1).reshape(-1, *shown.shape[1:])
    captions = []
    for label in labels:
        captions += [[(names[label], TEXT)], [("", TEXT)]]
    cell = handcrafted.cell_size(images.shape[1:])
    return drawing.with_title(
        drawing.image_grid(tiles, captions, columns=4),
        f"HoG: in each cell of {cell} x {cell} pixels the strength of edges in "
        f"{handcrafted.NUM_ORIENTATIONS} directions.",
    )


def draw_glyphs(cells: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns the glyphs of one image, uint8 `[H, W, 3]`.

    Args:
        cells: strength by orientation of the gradient, float `[h, w, 9]`,
            that of d from d * 20 to (d + 1) * 20 degrees, downwards from the
            right.
        size: height and width of the image.
    """
    rows, columns, count = cells.shape
    height, width = (SUPERSAMPLING * side for side in size)
    canvas = Image.new("L", (width, height))
    pen = ImageDraw.Draw(canvas)
    reach = 0.46 * min(height / rows, width / columns)
    largest = cells.max() or 1.0
    # Weak lines first, so that strong ones lie on top.
    for index in np.argsort(cells, axis=None):
        row, column, d = np.unravel_index(index, cells.shape)
        brightness = round(255 * np.sqrt(cells[row, column, d] / largest))
        # An edge is at a right angle to its gradient.
        angle = np.pi * (d + 0.5) / count + np.pi / 2
        y = (row + 0.5) * height / rows
        x = (column + 0.5) * width / columns
        dy, dx = reach * np.sin(angle), reach * np.cos(angle)
        pen.line(
            (x - dx, y - dy, x + dx, y + dy), brightness, SUPERSAMPLING + 2
        )
    small = np.asarray(canvas.reduce(SUPERSAMPLING))
    return np.repeat(small[..., None], 3, axis=-1)


def visual_words(extractor: keras.Model) -> np.ndarray:
    """Returns the words of a bag of visual words, float32 `[K, p, p, C]`.

    Args:
        extractor: from images `[B, H, W, C]` to their histograms.
    """
    kernel = np.asarray(extractor.get_layer(NEARNESS).kernel)  # [p * p * C, K]
    channels = extractor.input_shape[-1]
    side = round((len(kernel) / channels) ** 0.5)
    return kernel.T.reshape(-1, side, side, channels)


def draw_codebook(words: np.ndarray) -> np.ndarray:
    """Returns visual words as patches, the flattest first.

    Args:
        words: contrasts, float `[K, p, p, C]`; 0 is shown as gray.
    """
    order = np.argsort(words.std(axis=(1, 2, 3)), kind="stable")
    limit = float(np.percentile(np.abs(words), 99.5))
    pixels = drawing.to_rgb(drawing.to_pixels(words[order], -limit, limit))
    tiles = drawing.resize(pixels, WORD_SIDE)
    side = words.shape[1]
    # Closer together than images with captions.
    count, height, width = tiles.shape[:3]
    rows = -(-count // WORDS_IN_A_ROW)
    grid = np.full(
        (rows * WORDS_IN_A_ROW, height + 2, width + 2, 3), 255, np.uint8
    )
    grid[:count, :height, :width] = tiles
    grid = grid.reshape(rows, WORDS_IN_A_ROW, *grid.shape[1:])
    image = np.concatenate(np.concatenate(grid, axis=1), axis=1)
    return drawing.with_title(
        image,
        f"The codebook: {count} visual words of {side} x {side} pixels, after "
        "mean and contrast of a patch are taken out.",
    )
