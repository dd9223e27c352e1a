"""Models with weights of a run, or with those that come with the zoo."""

import keras
import numpy as np
import pytest

import zoo
from experiments.export_weights import probe
from zoo import pretrained
from zoo.data import Dataset
from zoo.errors import UserError

IMAGES = probe((28, 28, 1))


@pytest.fixture(scope="module")
def mlp():
    return zoo.load_model("mlp:mnist")


def test_raw_pixels_of_any_type_give_the_run_s_logits(mlp):
    wanted = pretrained.find("mlp:mnist").facts["probe"]
    for images in (IMAGES, IMAGES.astype(np.uint8)):
        logits = mlp.predict(images, verbose=0)
        np.testing.assert_allclose(logits, wanted, atol=1e-3)


def test_the_network_inside_is_the_one_that_is_built_without_weights():
    for name in zoo.list_weights():
        model = name.partition(":")[0]
        body = zoo.create_model(model, weights="mnist")
        plain = zoo.create_model(model, input_shape=(28, 28, 1))
        assert [(x.path, x.shape) for x in plain.weights] == [
            (x.path, x.shape) for x in body.weights
        ]


def test_without_classes_it_ends_at_its_features(mlp):
    features = zoo.create_model("mlp", 0, weights="mnist")
    prepare = zoo.load_preprocessing("mlp:mnist")
    seen = features.predict(prepare(IMAGES), verbose=0)
    assert seen.shape == (3, 512)
    kernel, bias = mlp.get_layer("network").get_layer("logits").get_weights()
    logits = mlp.predict(IMAGES, verbose=0)
    np.testing.assert_allclose(seen @ kernel + bias, logits, atol=1e-3)


def test_what_they_were_trained_with_may_be_said():
    zoo.create_model(
        "mlp", 10, [28, 28, 1], weights="mnist", hidden=(512, 512), dropout=0.2
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            {"name": "lenet5", "weights": "imagenet"},
            ("lenet5", "ImageNet", "efficientnet_lite0"),
        ),
        ({"name": "wrn28_10", "weights": "mnist"}, ("of wrn28_10", "lr:mnist")),
        ({"name": "mlp", "weights": ""}, ("'' of mlp", "mlp:mnist")),
        ({"name": "mlpp", "weights": "mnist"}, ("no model 'mlpp'", "mlp")),
        ({"num_classes": 7}, ("num_classes=7", "10 classes", "--new_head")),
        ({"num_classes": 1}, ("num_classes=1", "give 2 or more")),
        ({"input_shape": (32, 32, 3)}, ("(32, 32, 3)", "(28, 28, 1)")),
        ({"input_shape": (784,)}, ("(784,)", "(28, 28, 1)")),
        ({"input_shape": 28}, ("28 is not the shape",)),
        ({"hidden": (64,)}, ("hidden=(64,)", "hidden=(512, 512)")),
        ({"dropout": 0.5}, ("dropout=0.5", "dropout=0.2", "leave it out")),
        ({"activation": "tanh"}, ("activation='tanh'", "'relu'")),
        ({"depth": 3}, ("depth=3 does not apply to mlp",)),
    ],
)
def test_what_contradicts_weights_is_told_in_a_sentence(arguments, words):
    with pytest.raises(UserError) as caught:
        zoo.create_model(**{"name": "mlp", "weights": "mnist", **arguments})
    sentence = str(caught.value)
    assert all(word in sentence for word in words), sentence
    assert sentence.endswith((".", "?")) and "\n" not in sentence


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of three classes, hardly trained."""
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 1), np.uint8)
    data = Dataset.from_arrays(images, np.arange(40) % 3)
    config = zoo.TrainConfig(
        model="mlp",
        steps=1,
        summaries=("none",),
        runs_dir=str(tmp_path_factory.mktemp("home") / "runs"),
    )
    return zoo.train(config, data, verbose=False)


@pytest.mark.parametrize(
    "named",
    [lambda run: run, lambda run: run.path, lambda run: str(run.path)],
    ids=["run", "path", "text"],
)
def test_a_run_s_weights_are_asked_for_by_it_or_its_folder(run, named):
    images = probe((8, 8, 1))
    found = zoo.create_model("mlp", weights=named(run))
    prepared = zoo.load_preprocessing(named(run))(images)
    logits = found.predict(prepared, verbose=0)
    assert logits.shape == (3, 3)
    wanted = zoo.load_model(named(run)).predict(images, verbose=0)
    np.testing.assert_allclose(logits, wanted, atol=1e-5)


def test_preprocessing_is_what_its_numbers_say(run):
    images = probe((8, 8, 1))
    found = run.resolved["statistics"]
    wanted = (images - found["mean"][0]) / found["std"][0]
    seen = zoo.load_preprocessing(run.path)(images)
    np.testing.assert_allclose(seen, wanted, atol=1e-5)


def test_a_network_without_preprocessing_is_given_what_there_is(tmp_path):
    config = zoo.TrainConfig(
        model="lr",
        steps=1,
        train_examples=50,
        mean_subtraction="none",
        scale="none",
        summaries=("none",),
        runs_dir=str(tmp_path),
    )
    run = zoo.train(config, verbose=False)
    images = probe((8, 8, 1))
    seen = zoo.load_preprocessing(run.path)(images)
    np.testing.assert_array_equal(seen, images)


def test_a_trained_network_is_compiled_on_logits_and_fit_further(run):
    model = zoo.load_model(run.path)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(True))
    history = model.fit(
        probe((8, 8, 1)), np.arange(3), epochs=30, verbose=0
    ).history
    assert history["loss"][-1] < history["loss"][0]


def test_a_run_of_another_model_is_refused(run):
    with pytest.raises(UserError, match=f"{run.name} is a mlp, not a lr"):
        zoo.create_model("lr", weights=str(run.path))


def test_what_is_wrong_with_a_run_is_told(run, tmp_path):
    with pytest.raises(UserError, match="is a folder but not a run"):
        zoo.create_model("mlp", weights=str(tmp_path))


def test_the_last_run_is_asked_for_by_last(run, monkeypatch):
    monkeypatch.chdir(run.path.parents[1])
    assert zoo.create_model("mlp", weights="last").output_shape == (None, 3)
