"""What a trained run looks at: Grad-CAM, patches, features as images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo import backend
from zoo.api_result import Result
from zoo.config import DEFAULTS
from zoo.errors import UserError, close_matches
from zoo.evaluation import evaluate, feature_plots
from zoo.features import hog
from zoo.models.inference import predict_batched
from zoo.run_store import RunStore
from zoo.runs import Run
from zoo.summaries import drawing, explanations
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
    found = _find(run, runs_dir)
    network, preprocess, model = _parts(found)
    layer = explanations.cam_layer(network)
    if layer is None:
        raise UserError(
            f"{found.name} is a {found.config.model}, which has no "
            "convolution; Grad-CAM needs one."
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
    chosen = predicted if classes is None else classes
    chosen = np.broadcast_to(np.asarray(chosen), predicted.shape)
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
    found = _find(run, runs_dir)
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
    found = _find(run, runs_dir)
    kind = found.config.features
    if kind not in ("hog", "bag_of_visual_words"):
        has = f"--features={kind}" if kind else "no --features"
        raise UserError(
            f"{found.name} has {has}; images are drawn of hog and of "
            "bag_of_visual_words."
        )
    if kind == "hog":
        part = evaluate.load_split(found, "val")
        chosen = one_of_each_class(part.labels, feature_plots.MAX_IMAGES)
        images = part.images[chosen].astype(np.float32)
        names = found.resolved["data"]["class_names"]
        return Result(
            {"features": kind, "cells": hog.cell_histograms(images)},
            f"HoG of {len(images)} validation images of {found.name}",
            lambda: feature_plots.draw_hog(images, part.labels[chosen], names),
        )
    (extractor,) = [
        layer for layer in found.load_model().layers if layer.name == EXTRACTOR
    ]
    words = feature_plots.visual_words(extractor)
    return Result(
        {"features": kind, "words": words},
        f"{len(words)} visual words of {found.name}",
        lambda: feature_plots.draw_codebook(words),
    )


def _find(run: Run | str, runs_dir: str) -> Run:
    return run if isinstance(run, Run) else RunStore(runs_dir).find(str(run))


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
