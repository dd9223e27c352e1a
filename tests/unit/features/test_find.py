"""What `--features` can name."""

import json

import pytest

from zoo import features, pretrained
from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.run_store import RunStore


def make_run(folder, name):
    files = {
        "config.json": TrainConfig().to_json(),
        "resolved.json": json.dumps(pretrained.find("lr:mnist").resolved),
    }
    return RunStore(str(folder)).create(name, name, files)


def test_the_last_run_is_resolved_to_its_name(tmp_path):
    make_run(tmp_path, "first")
    assert features.resolve("last", str(tmp_path)) == "first"


def test_a_run_elsewhere_is_resolved_to_its_path(tmp_path):
    run = make_run(tmp_path / "there", "one")
    assert features.resolve(str(run.path), str(tmp_path)) == str(run.path)


@pytest.mark.parametrize(
    "spec", ["hog", "color_histogram", "bag_of_visual_words", "keras:any"]
)
def test_the_others_mean_what_they_say(spec, tmp_path):
    assert features.resolve(spec, str(tmp_path)) == spec


@pytest.mark.parametrize(
    "spec, words",
    [
        ("color", "did you mean color_histogram"),
        ("hogs", "did you mean hog"),
        ("lenet5", "no run 'lenet5'"),
        ("here.keras", "--features=here.keras: there is no such file"),
    ],
)
def test_what_names_nothing_is_refused(spec, words, tmp_path):
    with pytest.raises(UserError, match=words):
        features.resolve(spec, str(tmp_path))
