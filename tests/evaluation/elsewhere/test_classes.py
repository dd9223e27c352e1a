"""Classes of another data set are found by name, or refused."""

import numpy as np
import pytest

from zoo.data.dataset import Split
from zoo.data.elsewhere import Other
from zoo.errors import UserError
from zoo.evaluation.elsewhere.classes import map_classes

KNOWN = ("airplane", "fire truck", "T-shirt/top")


def other(*names, numbered=False):
    nothing = Split(np.zeros((0, 4, 4, 1), np.uint8), np.zeros(0, np.int32))
    return Other("folder:new", "all", nothing, names, numbered, None)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("airplane", 0),
        ("AirPlane", 0),
        ("fire_truck", 1),
        ("Fire-Truck", 1),
        ("firetruck", 1),
        ("T-shirt_top", 2),
    ],
)
def test_case_and_separators_do_not_matter(name, label):
    assert map_classes(other(name), "run", KNOWN) == [label]


def test_classes_may_stand_in_another_order_and_be_fewer():
    names = other("T-shirt/top", "airplane")
    assert map_classes(names, "run", KNOWN) == [2, 0]


def test_a_class_written_exactly_so_comes_first():
    assert map_classes(other("a b", "a_b"), "run", ("a_b", "a b")) == [1, 0]


def test_a_name_that_fits_two_classes_is_refused():
    with pytest.raises(UserError, match="'A-B'.*may be a_b and a b of run"):
        map_classes(other("A-B"), "run", ("a_b", "a b"))


def test_an_unknown_class_is_named_with_the_nearest_one():
    with pytest.raises(UserError, match="'airplanes'.*did you mean airplane?"):
        map_classes(other("airplane", "airplanes"), "run", KNOWN)


def test_a_class_like_no_other_is_told_what_there_is():
    with pytest.raises(UserError, match="'zebra'.*it knows airplane, fire"):
        map_classes(other("zebra"), "run", KNOWN)


def test_numbers_are_the_same_classes_only_if_there_are_as_many():
    numbers = other("0", "1", "2", numbered=True)
    assert map_classes(numbers, "run", ("0", "1", "2")) == [0, 1, 2]
    with pytest.raises(UserError, match="3 classes without names.*run knows 4"):
        map_classes(numbers, "run", ("0", "1", "2", "3"))


def test_numbers_are_no_names():
    numbers = other("0", "1", numbered=True)
    with pytest.raises(UserError, match="numbers for class names.*airplane"):
        map_classes(numbers, "run", KNOWN)


def test_numbers_that_were_given_as_names_may_be_fewer():
    assert map_classes(other("2", "0"), "run", ("0", "1", "2")) == [2, 0]
