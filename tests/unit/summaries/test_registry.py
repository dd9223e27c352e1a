"""Which summaries are selected, of which data, and when they are written."""

import pytest

from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.resolve import resolve_names
from zoo.summaries import registry


def names(selected):
    return {spec.name for spec in selected}


def test_names_are_unique_and_none_is_that_of_a_group():
    assert len(set(registry.NAMES)) == len(registry.NAMES)
    assert not set(registry.NAMES) & set(registry.GROUPS)


OF_CLASSES = {"confusion", "calibration", "projector"}
OF_IMAGES = {"misclassified", "inputs", "templates", "feature_maps"}
DRAWN = {"decision_boundary", "function", "animation"}


@pytest.mark.parametrize(
    ("data", "suitable"),
    [
        ("classes images", OF_CLASSES | OF_IMAGES),
        ("classes plane", OF_CLASSES | {"decision_boundary", "animation"}),
        ("classes", OF_CLASSES),
        ("line", {"function", "animation"}),
    ],
)
def test_kinds_that_the_data_cannot_have_are_not_selected(data, suitable):
    found = names(registry.select(["all"], data.split()))
    assert found & (OF_CLASSES | OF_IMAGES | DRAWN) == suitable


@pytest.mark.parametrize(
    ("data", "own"),
    [
        ("classes images", "misclassified confusion templates filters"),
        ("classes plane", "confusion decision_boundary animation"),
        ("line", "function animation"),
    ],
)
def test_the_default_kinds_are_those_of_the_contract(data, own):
    always = {"scalars", "logits", "weights", "graph", "hparams", "config"}
    found = names(registry.select(["default"], data.split()))
    assert found == always | set(own.split())


def test_a_named_kind_comes_beside_the_default_ones():
    data = {"classes", "images"}
    default = names(registry.select(["default"], data))
    more = names(registry.select(["default", "feature_maps"], data))
    assert more == default | {"feature_maps"} != default


def test_nothing_is_chosen_of_none():
    assert registry.select(["none"], {"classes", "images"}) == []


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ({}, list(range(40))),
        ({"ends_only": True}, [0, 39]),
        ({"is_image": True}, [0, 1, 2, 4, 8, 16, 32, 39]),
    ],
)
def test_images_are_written_ever_more_rarely_and_all_at_the_ends(
    kind, expected
):
    spec = registry.SummarySpec("x", "about", **kind)
    found = [n for n in range(40) if registry.should_write(spec, n, n == 39)]
    assert found == expected


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UserError, match=r"'confuson'.*did you mean confusion"):
        resolve_names(TrainConfig(summaries=("scalars", "confuson")))
    resolve_names(TrainConfig(summaries=("default", "gradients")))
