"""Keras's settings: the zoo sets what it needs, and the caller's come back."""

import contextlib
import json
import os
import platform
import subprocess
import sys

import keras
import numpy as np
import pytest

import zoo
from zoo import backend
from zoo.cli import doctor
from zoo.errors import UserError

NAMES = ("image_data_format", "floatx", "epsilon", "max_epochs", "dtype_policy")


def settings():
    found = {name: getattr(keras.config, name)() for name in NAMES}
    return {**found, "dtype_policy": found["dtype_policy"].name}


@contextlib.contextmanager
def set_by_the_caller():
    """Settings under which every network is another one, or fails."""
    before = settings()
    keras.config.set_image_data_format("channels_first")
    keras.config.set_floatx("float16")
    keras.config.set_epsilon(1e-3)
    keras.config.set_max_epochs(1)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        yield settings()
    finally:
        for name, value in before.items():
            getattr(keras.config, f"set_{name}")(value)


@pytest.fixture
def hostile():
    with set_by_the_caller() as found:
        yield found


def test_a_network_has_its_parameters_whatever_the_caller_has_set(hostile):
    model = zoo.create_model("cnn_cnf", input_shape=(8, 8, 1))
    trainable = sum(int(np.prod(x.shape)) for x in model.trainable_weights)
    assert trainable == 42_762
    assert {x.dtype for x in model.weights} == {"float32"}
    assert settings() == hostile


def test_the_caller_s_settings_come_back_after_a_mistake(hostile):
    with pytest.raises(UserError):
        zoo.create_model("lr", num_classes=1)
    assert settings() == hostile


def test_inside_a_block_a_policy_that_is_set_there_stays():
    with backend.fixed_settings():
        keras.config.set_dtype_policy("mixed_bfloat16")
        with backend.fixed_settings():
            assert keras.config.dtype_policy().name == "mixed_bfloat16"
        keras.config.set_dtype_policy("float32")


def train(folder, **options):
    config = zoo.TrainConfig(
        model="cnn_cnf",
        epochs=2,
        train_examples=200,
        runs_dir=str(folder),
        summaries=("none",),
        **options,
    )
    return zoo.train(config, verbose=False)


@pytest.mark.slow
def test_runs_scores_and_exports_are_the_same_under_any_settings(tmp_path):
    wanted = train(tmp_path / "plain")
    scores = zoo.evaluate(wanted)
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)
    answers = zoo.predict(wanted, images)
    with set_by_the_caller() as hostile:
        run = train(tmp_path / "hostile")
        same = ("epochs", "train_loss", "val_loss", "val_accuracy")
        for name in same:
            assert run.metrics[name] == wanted.metrics[name]
        assert dict(zoo.evaluate(run))["loss"] == (scores["loss"])
        np.testing.assert_array_equal(
            zoo.predict(run, images).probabilities, answers.probabilities
        )
        assert zoo.compare(run, wanted) and zoo.misclassified(run)
        zoo.export(run, out=str(tmp_path / "made.keras"))
        assert settings() == hostile


def test_a_model_works_on_under_the_settings_of_its_caller(hostile):
    model = zoo.create_model("cnn_cnf", 3, (8, 8, 3))
    images = np.random.default_rng(0).normal(size=(6, 8, 8, 3))
    inside = np.asarray(model(images.astype(np.float32)))
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    np.testing.assert_allclose(
        model(images.astype(np.float32)), inside, atol=1e-6
    )


def test_preprocessing_per_channel_does_not_depend_on_the_data_format():
    from zoo.data import preprocess

    images = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 3), np.uint8)
    statistics = preprocess.fit_statistics(images, "channel", "std")
    image = keras.Input((4, 4, 3))
    model = keras.Model(image, preprocess.normalize(image, statistics))
    with set_by_the_caller():
        seen = np.asarray(model(images.astype(np.float32)))
    flat = images.reshape(-1, 3).astype(np.float64)
    wanted = (images - flat.mean(axis=0)) / flat.std(axis=0)
    np.testing.assert_allclose(seen, wanted, atol=1e-5)
    layers = [
        {"class_name": type(layer).__name__, "config": layer.get_config()}
        for layer in model.layers
    ]
    found = preprocess.statistics_of_layers(layers)
    np.testing.assert_allclose(found.mean, statistics.mean, rtol=1e-6)
    np.testing.assert_allclose(found.std, statistics.std, rtol=1e-6)


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path / "keras.json"


def test_the_doctor_names_each_setting_that_is_overridden(file):
    values = {"floatx": "float16", "image_data_format": "channels_first"}
    file.write_text(json.dumps({"backend": "tensorflow", **values}))
    texts = [finding.text for finding in doctor.check_keras_settings()]
    assert len(texts) == 2
    for name, value in values.items():
        (line,) = [text for text in texts if name in text]
        assert value in line and str(backend.REQUIRED_SETTINGS[name]) in line


@pytest.mark.parametrize("text", ["", "[]", '{"backend": "jax"}'])
def test_a_file_without_other_settings_overrides_nothing(file, text):
    file.write_text(text)
    assert not list(doctor.check_keras_settings())


@pytest.mark.parametrize(
    "values",
    [{"floatx": "half"}, {"image_data_format": "NHWC"}, {"epsilon": 1}],
)
def test_a_file_that_keras_cannot_read_is_named(file, values):
    file.write_text(json.dumps(values))
    with pytest.raises(UserError) as error:
        backend.check()
    assert str(file) in str(error.value)
    assert next(iter(values)) in str(error.value)


# oneDNN, about which TensorFlow decides as it is imported.


needs_x86 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="needs an x86 CPU"
)
PRINTED = """
from tensorflow.python.framework import test_util
print(backend.has_onednn(), test_util.IsMklEnabled())
"""


def run_code(code, *words, onednn=None):
    """Runs code in a process where the environment may decide; its output."""
    environment = dict(os.environ)
    environment.pop(backend.ONEDNN_VARIABLE, None)
    if onednn is not None:
        environment[backend.ONEDNN_VARIABLE] = onednn
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@needs_x86
@pytest.mark.parametrize(("given", "used"), [(None, True), ("0", False)])
def test_onednn_is_on_unless_the_environment_turns_it_off(given, used):
    code = f"from zoo import backend{PRINTED}"
    assert run_code(code, onednn=given) == f"{used} {used}"


@needs_x86
def test_whether_onednn_is_on_is_known_if_keras_was_imported_first():
    first, second = run_code(
        f"import keras; from zoo import backend{PRINTED}"
    ).split()
    assert first == second


@needs_x86
def test_a_run_made_without_onednn_is_resumed_without_it(tmp_path):
    train = """
import sys, keras, zoo
from zoo.config import TrainConfig
from zoo.training.train import train
train(TrainConfig(model="mlp", epochs=2, summaries=("none",), run_name="half",
                  runs_dir=sys.argv[1]), until_epoch=int(sys.argv[2]))
"""
    resume = "import sys, zoo; zoo.resume('half', runs_dir=sys.argv[1])"
    run_code(train, str(tmp_path / "one"), "1", onednn="0")
    run_code(resume, str(tmp_path / "one"))
    run_code(train, str(tmp_path / "other"), "2", onednn="0")
    weights = [
        zoo.load_run("half", str(tmp_path / name)).load_model().get_weights()
        for name in ("one", "other")
    ]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


@needs_x86
def test_a_run_is_not_resumed_where_tensorflow_rounds_differently():
    used = "off" if backend.has_onednn() else "on"
    with pytest.raises(UserError, match=f"run was trained with oneDNN {used}"):
        backend.check_onednn("run", {"onednn": used})
    backend.check_onednn("run", {})  # of a run that does not say
