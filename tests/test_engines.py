"""Engines: which one Keras would take, and what is said where it is missing."""

import json

import pytest

from zoo import engines
from zoo.errors import UserError


@pytest.fixture
def settings(monkeypatch, tmp_path):
    """Keras's file of settings, and no word in the environment."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path / "keras.json"


def install(monkeypatch, *packages):
    """Pretends that these packages are installed, and no others."""
    monkeypatch.setattr(engines, "_is_installed", packages.__contains__)


def sentence():
    with pytest.raises(UserError) as error:
        engines.check()
    return str(error.value)


def test_tensorflow_is_the_default(settings):
    assert engines.chosen() == ("tensorflow", "")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"backend": ""}'])
def test_settings_that_name_no_engine_change_nothing(settings, text):
    settings.write_text(text)
    assert engines.chosen() == ("tensorflow", "")


def test_the_file_of_settings_names_an_engine_and_the_environment_overrides(
    settings, monkeypatch
):
    settings.write_text(json.dumps({"backend": "jax"}))
    assert engines.chosen() == ("jax", str(settings))
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert engines.chosen() == ("tensorflow", "KERAS_BACKEND=tensorflow")


def test_an_engine_that_is_installed_is_no_trouble(settings, monkeypatch):
    install(monkeypatch, "keras", "tensorflow")
    engines.check()
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    install(monkeypatch, "keras", "jax")
    engines.check()
    assert engines.is_jax_alone()


def test_jax_that_is_missing_has_two_remedies(settings, monkeypatch):
    install(monkeypatch, "keras", "tensorflow")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert sentence() == (
        "KERAS_BACKEND=jax asks for JAX, which is not installed; run `pip "
        "install jax`, or set KERAS_BACKEND=tensorflow."
    )


def test_tensorflow_that_is_missing_has_two_remedies(settings, monkeypatch):
    install(monkeypatch, "keras")
    assert sentence() == (
        "TensorFlow, which Keras computes with by default, is not installed; "
        "run `pip install tensorflow`, or run `pip install jax` and set "
        "KERAS_BACKEND=jax."
    )
    install(monkeypatch, "keras", "jax")
    assert sentence().endswith("tensorflow`, or set KERAS_BACKEND=jax.")


@pytest.mark.parametrize("name", ["torch", "openvino", "numpy", "Jax"])
def test_another_engine_is_refused_with_the_two(settings, monkeypatch, name):
    install(monkeypatch, "keras", "tensorflow", "jax", name)
    settings.write_text(json.dumps({"backend": name}))
    assert sentence() == (
        f"{name!r} in {settings} is no engine that the zoo computes with; "
        "choose KERAS_BACKEND=tensorflow or KERAS_BACKEND=jax."
    )


def test_where_nothing_is_installed_the_doctor_helps(settings, monkeypatch):
    install(monkeypatch)
    assert "`zoo doctor`" in sentence()
