"""Which summaries are written, of what, and when."""

import importlib

import pytest

from zoo import kinds


def names(chosen):
    return {kind.name for kind in chosen}


def looks(kind, number):
    """At which of so many looks before the last a kind is written."""
    return [n for n in range(number) if kinds.is_due(kind, n, last=False)]


@pytest.mark.parametrize("kind", kinds.KINDS, ids=lambda kind: kind.name)
def test_every_kind_has_a_file_with_a_function(kind):
    if kind.module:
        assert callable(importlib.import_module(kind.module).write)


def test_names_are_unique_and_none_is_that_of_a_group():
    assert len(set(kinds.NAMES)) == len(kinds.NAMES)
    assert not set(kinds.NAMES) & set(kinds.GROUPS)


def test_what_needs_images_is_not_chosen_for_points():
    of_points = names(kinds.chosen(["all"], {"classes"}))
    of_images = names(kinds.chosen(["all"], {"classes", "images"}))
    assert {"mistakes", "inputs", "templates", "maps"} <= of_images - of_points
    assert "confusion" in of_points


def test_a_regression_has_no_classes_to_confuse():
    found = names(kinds.chosen(["all"], {"line"}))
    assert not found & {"mistakes", "confusion", "calibration", "projector"}


def test_points_in_the_plane_and_functions_of_one_number_are_drawn():
    plane = names(kinds.chosen(["default"], {"classes", "plane"}))
    line = names(kinds.chosen(["default"], {"line"}))
    more = names(kinds.chosen(["all"], {"classes"}))
    drawn = {"boundary", "function", "film"}
    assert drawn & plane == {"boundary", "film"}
    assert drawn & line == {"function", "film"}
    assert not drawn & more


def test_a_named_kind_comes_beside_the_default_ones():
    data = {"classes", "images"}
    default = names(kinds.chosen(["default"], data))
    more = names(kinds.chosen(["default", "maps"], data))
    assert more == default | {"maps"} != default


def test_nothing_is_chosen_of_none():
    assert kinds.chosen(["none"], {"classes", "images"}) == []


def test_pictures_are_drawn_ever_more_seldom():
    picture = kinds.Kind("x", "about", picture=True)
    assert looks(picture, 40) == [0, 1, 2, 4, 8, 16, 32]


def test_what_is_no_picture_is_written_at_every_look():
    assert looks(kinds.Kind("x", "about"), 5) == [0, 1, 2, 3, 4]


def test_what_is_written_once_is_written_at_the_ends():
    once = kinds.Kind("x", "about", once=True)
    assert looks(once, 9) == [0]
    assert kinds.is_due(once, 7, last=True)


def test_the_last_look_has_all_pictures():
    picture = kinds.Kind("x", "about", picture=True)
    assert kinds.is_due(picture, 7, last=True)
