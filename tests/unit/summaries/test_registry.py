"""Which summaries are selected, of which data, and when they are written."""

import pytest

from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.resolve import resolve_names
from zoo.summaries import registry


def names(selected):
    return {spec.name for spec in selected}


def steps(spec, number):
    """The logging steps, of so many before the last, at which it is written."""
    return [n for n in range(number) if registry.should_write(spec, n, False)]


@pytest.mark.parametrize("kind", registry.SUMMARIES, ids=lambda kind: kind.name)
def test_every_kind_has_a_file_with_a_function(kind):
    if kind.writer:
        assert callable(kind.load())


def test_names_are_unique_and_none_is_that_of_a_group():
    assert len(set(registry.NAMES)) == len(registry.NAMES)
    assert not set(registry.NAMES) & set(registry.GROUPS)


def test_what_needs_images_is_not_chosen_for_points():
    of_points = names(registry.select(["all"], {"classes"}))
    of_images = names(registry.select(["all"], {"classes", "images"}))
    assert {
        "misclassified",
        "inputs",
        "templates",
        "feature_maps",
    } <= of_images - of_points
    assert "confusion" in of_points


def test_a_regression_has_no_classes_to_confuse():
    found = names(registry.select(["all"], {"line"}))
    assert not found & {
        "misclassified",
        "confusion",
        "calibration",
        "projector",
    }


def test_points_in_the_plane_and_functions_of_one_number_are_drawn():
    plane = names(registry.select(["default"], {"classes", "plane"}))
    line = names(registry.select(["default"], {"line"}))
    more = names(registry.select(["all"], {"classes"}))
    drawn = {"decision_boundary", "function", "animation"}
    assert drawn & plane == {"decision_boundary", "animation"}
    assert drawn & line == {"function", "animation"}
    assert not drawn & more


def test_a_named_kind_comes_beside_the_default_ones():
    data = {"classes", "images"}
    default = names(registry.select(["default"], data))
    more = names(registry.select(["default", "feature_maps"], data))
    assert more == default | {"feature_maps"} != default


def test_nothing_is_chosen_of_none():
    assert registry.select(["none"], {"classes", "images"}) == []


def test_pictures_are_drawn_ever_more_seldom():
    picture = registry.SummarySpec("x", "about", is_image=True)
    assert steps(picture, 40) == [0, 1, 2, 4, 8, 16, 32]


def test_what_is_no_picture_is_written_at_every_look():
    assert steps(registry.SummarySpec("x", "about"), 5) == [0, 1, 2, 3, 4]


def test_what_is_written_once_is_written_at_the_ends():
    once = registry.SummarySpec("x", "about", ends_only=True)
    assert steps(once, 9) == [0]
    assert registry.should_write(once, 7, last=True)


def test_the_last_look_has_all_pictures():
    picture = registry.SummarySpec("x", "about", is_image=True)
    assert registry.should_write(picture, 7, last=True)


def test_the_default_kinds_of_images_are_those_of_the_contract():
    default = names(registry.select(["default"], {"classes", "images"}))
    assert default == {
        *("scalars", "logits", "weights", "misclassified", "confusion"),
        *("templates", "filters", "graph", "hparams", "config"),
    }


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(UserError, match=r"'confuson'.*did you mean confusion"):
        resolve_names(TrainConfig(summaries=("scalars", "confuson")))
    resolve_names(TrainConfig(summaries=("default", "gradients")))
