"""Vectors in the place of images, for a run that has --features.

The run trains on vectors alone, and its checkpoints know nothing of images;
what is saved in the end takes raw pixels again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import keras

from zoo import features
from zoo.data import Dataset
from zoo.features.cache import vectors_of
from zoo.features.extractor import Extractor
from zoo.training.plan import Plan

EXTRACTOR = "extractor"  # name of the layer that makes the vectors


def extract(
    plan: Plan, progress: Callable[[int, int], None] | None = None
) -> tuple[Plan, Extractor | None]:
    """Returns a plan that trains on features, and what made them.

    Args:
        plan: of a run on images; it is returned as it is without --features.
        progress: told how many of how many images are done.
    """
    config, source = plan.config, plan.data
    if config.features is None:
        return plan, None
    extractor = features.find(config.features, source, config.runs_dir)
    train, val = (
        vectors_of(split, extractor, config.runs_dir, progress)
        for split in (source.train, source.val)
    )
    data = Dataset(
        source.name,
        train,
        val,
        source.class_names,
        flips=False,
        test_examples=source.test_examples,
    )
    return dataclasses.replace(plan, data=data), extractor


def joined(extractor: Extractor, classifier: keras.Model) -> keras.Model:
    """Returns the model from raw pixels to logits: one after the other.

    The classifier's layers stay what they are, side by side with the
    extractor, so that `network` is found where it is in every run.
    """
    image = keras.Input(extractor.model.input_shape[1:], name="image")
    body = extractor.model
    body.name = EXTRACTOR
    x = body(image)
    for layer in classifier.layers[1:]:
        x = layer(x)
    return keras.Model(image, x, name=classifier.name)
