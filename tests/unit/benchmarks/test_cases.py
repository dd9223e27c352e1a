"""The cases of `make bench`, and what is asked of them."""

import dataclasses
import json

import pytest

from benchmarks.config import (
    CASES,
    MAX_IMAGES,
    Case,
    choose_cases,
    one_per_model,
)
from benchmarks.inference import NUM_EXAMPLES
from benchmarks.scaling import SCALINGS
from tests.unit.benchmarks import fake_results
from zoo.errors import UserError
from zoo.models import MODELS

GROWING = [case for growth in SCALINGS for case in growth.cases]


def test_every_case_names_a_model_of_the_zoo():
    for case in (*CASES, *GROWING):
        assert MODELS.find(case.model).name


def test_no_case_takes_more_images_than_are_kept():
    for case in (*CASES, *GROWING):
        train, val = MAX_IMAGES[case.dataset]
        assert (case.train_examples or 0) <= train
        assert (case.val_examples or 0) <= val


def test_every_case_has_an_epoch_that_counts():
    assert min(case.epochs for case in (*CASES, *GROWING)) > 1


def test_names_of_cases_are_unique():
    assert len({case.name for case in CASES}) == len(CASES)


def test_both_sides_train_without_augmentation():
    # The peers' arrays are what they are.
    assert {case.config("runs").augment for case in CASES} == {"none"}


def test_a_case_survives_the_way_to_another_process():
    for case in CASES:
        told = json.loads(json.dumps(dataclasses.asdict(case)))
        assert Case(**told) == case


def test_a_model_stands_for_all_its_cases():
    assert [case.name for case in choose_cases("lr")] == ["lr/128", "lr/32"]


def test_a_single_case_can_be_chosen_and_counts_once():
    assert [case.name for case in choose_cases("mlp/32,mlp/32")] == ["mlp/32"]


def test_all_cases_are_chosen_where_none_is_named():
    assert choose_cases(None) == list(CASES)


@pytest.mark.parametrize("names", ["lr/64", "lenet", ","])
def test_an_unknown_case_is_a_mistake(names):
    with pytest.raises(UserError):
        choose_cases(names)


def test_a_model_is_taken_once_by_its_first_case():
    names = [
        case.name for case in one_per_model(choose_cases("lr/32,mlp,lr/128"))
    ]
    assert names == ["lr/32", "mlp/128"]


def test_every_model_that_answers_has_a_case():
    assert set(NUM_EXAMPLES) <= {case.model for case in CASES}


@pytest.mark.parametrize(
    ("precision", "peer", "ratio"),
    [
        ("float32", "keras", 1.15),
        ("bfloat16", "keras", 1.8),
        ("float32", "torch", 1.0),
        ("bfloat16", "torch", 1.0),
    ],
)
def test_what_is_asked_depends_on_format_and_peer(precision, peer, ratio):
    assert fake_results.PART.expected(precision, peer) == ratio


def test_a_case_says_what_it_is_trained_on():
    assert fake_results.WHOLE.images == "all of mnist"
    assert fake_results.PART.images == "256 of cifar10"
