"""Fixed features for `lr`, `mlp` or `knn`, chosen with `--features`.

An extractor is a Keras model from raw pixels to one vector an image. Its
vectors are computed once and cached (`extractor.py`); the classifier trains on
them, and the saved model is both in one.

    hog                    histograms of oriented gradients
    color_histogram        a histogram of colors
    bag_of_visual_words    histograms of visual words
    RUN                    a trained run, up to its layer `features`
    imagenet               efficientnet_lite0:imagenet, which is such a run
    PATH.keras             a saved model of images, up to its last dense layer
    keras:NAME             a model of keras.applications, trained on ImageNet
    keras:NAME:FILE        the same with the weights in a file
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from zoo.config import DEFAULT_IMAGENET_MODEL, IMAGENET
from zoo.errors import UserError, close_matches, unknown_name_error
from zoo.run_store import RunStore
from zoo.runs import Run

if TYPE_CHECKING:
    from zoo.data import Dataset
    from zoo.features.extractor import Extractor

FIXED = ("hog", "color_histogram", "bag_of_visual_words")
KERAS = "keras:"
FILE = ".keras"
FORMS = (*FIXED, IMAGENET, "RUN", f"PATH{FILE}", f"{KERAS}NAME")


def resolve(spec: str, runs_dir: str) -> str:
    """Returns a spec that means the same later: `last` becomes a run's name.

    Needs neither Keras nor data, so that it can be called before either.

    Args:
        spec: one of `FORMS`.
        runs_dir: where runs are looked for.

    Raises:
        UserError: there are no such features.
    """
    if spec in FIXED:
        return spec
    if spec == IMAGENET:
        spec = f"{DEFAULT_IMAGENET_MODEL}:{IMAGENET}"
    if spec.startswith(KERAS):
        weights = weights_file(spec)
        if weights and not pathlib.Path(weights).is_file():
            raise UserError(
                f"--features={spec}: there is no file {weights}; give the path "
                "of weights that Keras has saved, or leave it out for those "
                "of ImageNet."
            )
        return spec
    if spec.endswith(FILE):
        if not pathlib.Path(spec).is_file():
            raise UserError(
                f"--features={spec}: there is no such file; give the path of "
                "a saved Keras model."
            )
        return spec
    return _find_run(spec, runs_dir).name_from(runs_dir)


def weights_file(spec: str) -> str:
    """Returns the path in `keras:NAME:PATH`; empty where there is none."""
    return spec.removeprefix(KERAS).partition(":")[2]


def find(spec: str, data: Dataset, runs_dir: str) -> Extractor:
    """Returns the extractor that a spec names, for the images of a dataset.

    Args:
        spec: one of `FORMS`.
        data: whose training images it is fitted to, where it is fitted.
        runs_dir: where runs are looked for.

    Raises:
        UserError: there is none, or it does not fit the images.
    """
    shape = data.input_shape
    if spec in ("hog", "color_histogram"):
        from zoo.features import handcrafted

        if spec == "hog":
            return handcrafted.build_hog(shape)
        return handcrafted.build_color_histogram(shape, data.name)
    if spec == "bag_of_visual_words":
        from zoo.features import bag_of_visual_words

        return bag_of_visual_words.fit(data.train.images)
    from zoo.features import pretrained

    if spec.startswith(KERAS):
        weights = weights_file(spec) or pretrained.IMAGENET
        return pretrained.from_applications(spec, shape, weights)
    if spec.endswith(FILE):
        return pretrained.from_file(spec, shape)
    return pretrained.from_run(_find_run(spec, runs_dir), shape)


def _find_run(spec: str, runs_dir: str) -> Run:
    try:
        return RunStore(runs_dir).find(spec)
    except UserError as error:
        if close_matches(spec, FIXED):
            raise unknown_name_error(
                "kind of features", spec, FIXED, ""
            ) from None
        raise UserError(f"--features={spec}: {error}") from error
