"""Default recipes compared with plain Keras."""

import collections
import dataclasses
import json

import numpy as np
import pytest

from experiments import defaults
from zoo import resolve
from zoo.config import TrainConfig
from zoo.data import load_dataset
from zoo.models import MODELS

ROWS = defaults.read_results()


def test_the_page_is_made_from_the_results():
    assert defaults.PAGE.read_text() == defaults.page(ROWS)


def test_the_default_of_lenet5_loses_to_plain_keras_on_no_set():
    scores = collections.defaultdict(list)
    for row in ROWS:
        if row["model"] == "lenet5":
            scores[row["set"], row["side"]].append(row["accuracy"])
    for one in defaults.SETS:
        found, plain = scores[one.name, "default"], scores[one.name, "plain"]
        assert np.mean(found) >= np.mean(plain) - 0.01, one.name


@pytest.mark.parametrize("model", ["lenet5", "lenet5_1998"])
def test_the_small_networks_move_no_pixels_by_default(model):
    data = load_dataset("digits")
    for flips in (True, False):
        given = dataclasses.replace(data, hflip_safe=flips)
        rules = resolve.default_recipe(MODELS.find(model), given)
        filled = resolve.apply_recipe(TrainConfig(model=model), rules, given)
        assert filled.augment == "none"


def test_gray_is_that_of_the_weights_for_red_green_and_blue():
    data = load_dataset("digits")
    color = np.zeros((4, 8, 8, 3), np.uint8)
    color[0, ..., 0] = color[1, ..., 1] = color[2, ..., 2] = 200
    color[3] = 200
    part = dataclasses.replace(
        data.train, images=color, labels=data.train.labels[:4], file_names=()
    )
    found = defaults.gray(dataclasses.replace(data, train=part, val=part))
    levels = found.train.images[:, 0, 0, 0].tolist()
    assert levels == [60, 117, 23, 200]
    assert found.train.images.shape == (4, 8, 8, 1)


def test_photographs_without_a_folder_are_a_mistake(capsys):
    assert defaults.main(["--sets=photographs"]) == 2
    assert "--folder=PATH" in capsys.readouterr().err


def test_what_is_known_is_not_trained_again(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(defaults, "RESULTS", tmp_path / "kept.json")
    monkeypatch.setattr(defaults, "PAGE", tmp_path / "page.md")
    asked = []

    def side(name, data, model, epochs, seed):
        asked.append((name, seed))
        return 0.5

    monkeypatch.setattr(defaults, "score", side)
    words = ["--sets=digits", "--models=lr"]
    assert defaults.main(words) == 0
    assert asked == [(n, s) for s in (0, 1, 2) for n in ("plain", "default")]
    assert len(json.loads((tmp_path / "kept.json").read_text())) == 6
    assert "0.500 ± 0.000" in (tmp_path / "page.md").read_text()
    assert defaults.main(words) == 0
    assert len(asked) == 6
