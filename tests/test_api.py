"""The public names, used as a notebook uses them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.data import Dataset
from zoo.data.seal import open_test
from zoo.evaluation import scoring
from zoo.models.inference import predict_batched
from zoo.training.console import Console

ROOT = Path(__file__).parents[1]


def python(code, *argv):
    """Runs a program in a Python of its own; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, argv)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of one epoch on the digits."""
    config = zoo.TrainConfig(
        model="lenet5",
        dataset="digits",
        epochs=1,
        runs_dir=str(tmp_path_factory.mktemp("runs")),
    )
    return zoo.train(config, console=Console(quiet=True))


def test_every_public_name_is_there():
    for name in zoo.__all__:
        assert getattr(zoo, name) is not None
    assert set(zoo.__all__) <= set(dir(zoo))


def test_a_name_that_is_not_public_is_no_attribute():
    with pytest.raises(AttributeError, match="'tarin'"):
        zoo.tarin  # noqa: B018


def test_models_are_listed_by_wildcard():
    assert "wrn28_10" in zoo.list_models("wrn*")
    assert "lenet5" not in zoo.list_models("wrn*")


def test_a_created_model_predicts_logits():
    model = zoo.create_model("lenet5", num_classes=7)
    logits = model.predict(np.zeros((3, 28, 28, 1)), verbose=0)
    assert logits.shape == (3, 7)


def test_a_loaded_data_set_has_pixels_and_labels():
    data = zoo.load_dataset("digits", val_fraction=0.2)
    assert data.train.images.dtype == np.uint8
    assert len(data.val) == round(0.2 * (1797 - 360))


def test_a_mistake_is_a_value_error_with_the_sentence():
    with pytest.raises(ValueError, match="did you mean lenet5"):
        zoo.create_model("lenet")
    with pytest.raises(zoo.UserError, match="above 0"):
        zoo.TrainConfig(learning_rate=-1)


def test_a_run_is_found_again_and_its_model_loads(trained):
    run = zoo.load_run(str(trained.path))
    assert run.metrics["status"] == "completed"
    assert run.history[0]["epoch"] == 1
    digits = zoo.load_dataset("digits").val
    logits = run.load_model().predict(digits.images, verbose=0)
    right = (logits.argmax(axis=1) == digits.labels).mean()
    assert right == pytest.approx(run.metrics["best_val_accuracy"])


def test_a_person_trains_on_arrays_of_their_own(tmp_path):
    # Two classes that a single pixel tells apart.
    x = np.random.default_rng(0).integers(0, 256, (200, 6, 5))
    y = (x[:, 2, 2] > 127).astype(int)
    data = Dataset.from_arrays(x, y, class_names=["dark", "bright"])
    config = zoo.TrainConfig(
        model="lr", epochs=40, learning_rate=0.1, runs_dir=str(tmp_path)
    )
    run = zoo.train(config, data=data, console=Console(quiet=True))
    assert run.resolved["data"]["class_names"] == ["dark", "bright"]
    assert run.metrics["best_val_accuracy"] >= 0.9
    with pytest.raises(zoo.UserError, match="arrays"):
        scoring.score(run, "val")


def test_a_registered_model_of_ones_own_is_trained(tmp_path, table_of_models):
    import keras

    def build(input_shape, num_classes, *, width: int = 4):
        image = keras.Input(input_shape)
        x = keras.layers.Flatten()(image)
        x = keras.layers.Dense(width, activation="relu", name="features")(x)
        logits = keras.layers.Dense(num_classes, name="logits")(x)
        return keras.Model(image, logits)

    zoo.register_model("my_own", build)
    config = zoo.TrainConfig(
        model="my_own",
        model_arg={"width": 8},
        steps=2,
        runs_dir=str(tmp_path),
    )
    run = zoo.train(config, console=Console(quiet=True))
    assert run.metrics["parameters"] == 64 * 8 + 8 + 8 * 10 + 10


# What is imported, and when.

IMPORTED = """
import contextlib, io, sys
import zoo
from zoo.__main__ import main
with contextlib.redirect_stdout(io.StringIO()):
    code = main(sys.argv[1:]) if sys.argv[1:] else 0
heavy = {"keras", "tensorflow", "tensorboard", "sklearn", "scipy", "PIL"}
print(code, sorted(heavy & set(sys.modules)))
"""


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["--help"],
        ["models"],
        ["datasets"],
        ["recipes"],
        ["runs"],
        ["train", "--help"],
        ["train", "--helpfull"],
        ["resume", "--help"],
        ["evaluate", "--help"],
    ],
    ids=" ".join,
)
def test_looking_around_imports_nothing_heavy(argv):
    assert python(IMPORTED, *argv) == "0 []\n"


def test_a_mistake_in_the_flags_is_answered_without_keras():
    assert python(IMPORTED, "train", "--model=lenet") == "2 []\n"


# The saved model, where there is no zoo.

WITHOUT_ZOO = """
import json, sys
class NoZoo:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "zoo":
            raise ImportError("there is no zoo here")
sys.meta_path.insert(0, NoZoo())
import keras
import numpy as np
model = keras.models.load_model(sys.argv[1])
images = np.load(sys.argv[2])
logits = [
    model.predict(images.astype(kind), verbose=0)
    for kind in ("uint8", "float32", "float64")
]
assert "zoo" not in sys.modules
np.save(sys.argv[3], logits)
"""


@pytest.mark.slow
def test_the_saved_model_gives_the_scored_logits_where_there_is_no_zoo(
    trained, tmp_path
):
    sealed = open_test("digits")
    np.save(tmp_path / "images.npy", sealed.images)
    python(
        WITHOUT_ZOO,
        trained.path / "model.keras",
        tmp_path / "images.npy",
        tmp_path / "logits.npy",
    )
    scored = predict_batched(trained.load_model(), sealed.images)
    for logits in np.load(tmp_path / "logits.npy"):
        np.testing.assert_allclose(logits, scored, rtol=1e-4, atol=1e-4)
        right = int((logits.argmax(axis=1) == sealed.labels).sum())
        assert right == scoring.score(trained, "test")["correct"]


def test_float_pixels_are_not_cut_to_whole_numbers(trained):
    model = trained.load_model()
    image = np.full((1, 8, 8, 1), 100.0, np.float32)
    whole = model.predict(image, verbose=0)
    between = model.predict(image + 0.5, verbose=0)
    assert not np.array_equal(whole, between)


def test_scores_can_be_read_as_json(trained):
    text = json.dumps(scoring.score(trained, "val"))
    assert json.loads(text)["examples"] == 144
