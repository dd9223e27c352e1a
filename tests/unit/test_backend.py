"""The backend: which one Keras would take, and errors where it is missing."""

import json
import os

import pytest

from zoo import backend
from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.training import setup


@pytest.fixture
def settings(monkeypatch, tmp_path):
    """Keras's settings file, and no variable in the environment."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path / "keras.json"


def install(monkeypatch, *packages):
    """Pretends that these packages are installed, and no others."""
    monkeypatch.setattr(backend, "_is_installed", packages.__contains__)


def sentence():
    with pytest.raises(UserError) as error:
        backend.check()
    return str(error.value)


def test_tensorflow_is_the_default(settings):
    assert backend.selected() == ("tensorflow", "")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"backend": ""}'])
def test_settings_without_a_backend_change_nothing(settings, text):
    settings.write_text(text)
    assert backend.selected() == ("tensorflow", "")


def test_the_settings_file_names_a_backend_and_the_environment_overrides(
    settings, monkeypatch
):
    settings.write_text(json.dumps({"backend": "jax"}))
    assert backend.selected() == ("jax", str(settings))
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert backend.selected() == ("tensorflow", "KERAS_BACKEND=tensorflow")


def test_an_installed_backend_is_no_problem(settings, monkeypatch):
    install(monkeypatch, "keras", "tensorflow")
    backend.check()
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    install(monkeypatch, "keras", "jax")
    backend.check()
    assert backend.is_jax_only()


@pytest.mark.skipif(os.name == "nt", reason="has no such limits")
@pytest.mark.parametrize(("limit", "is_enough"), [(2e9, False), (4e9, True)])
def test_a_limit_on_memory_that_a_backend_cannot_bear_is_told_before_import(
    settings, monkeypatch, limit, is_enough
):
    import resource

    install(monkeypatch, "keras", "tensorflow")
    limits = int(limit), int(limit)
    monkeypatch.setattr(resource, "getrlimit", lambda what: limits)
    if is_enough:
        backend.check()
    else:
        said = sentence()
        assert "limited to 2.0 GB" in said and "reserves 3.5 GB" in said
        assert "`ulimit -v unlimited`" in said


def test_jax_that_is_missing_has_two_remedies(settings, monkeypatch):
    install(monkeypatch, "keras", "tensorflow")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    said = sentence()
    assert "`pip install jax`, or set KERAS_BACKEND=tensorflow." in said


def test_tensorflow_that_is_missing_has_two_remedies(settings, monkeypatch):
    install(monkeypatch, "keras")
    said = sentence()
    assert "`pip install tensorflow`, or run `pip install jax` and" in said
    install(monkeypatch, "keras", "jax")
    assert "`pip install tensorflow`, or set KERAS_BACKEND=jax." in sentence()


@pytest.mark.parametrize("name", ["torch", "openvino", "numpy", "Jax"])
def test_another_backend_is_refused_with_the_two(settings, monkeypatch, name):
    install(monkeypatch, "keras", "tensorflow", "jax", name)
    settings.write_text(json.dumps({"backend": name}))
    said = sentence()
    assert f"backend {name!r} in {settings};" in said
    assert "KERAS_BACKEND=tensorflow or KERAS_BACKEND=jax." in said


def test_where_nothing_is_installed_the_doctor_helps(settings, monkeypatch):
    install(monkeypatch)
    assert "`zoo doctor`" in sentence()


CPU = {"device": "cpu", "backend": "tensorflow"}
TABLE = "processor : 0\nflags : fpu avx512f {} sse2\n"


@pytest.fixture
def processor(tmp_path, monkeypatch):
    """Returns a function that makes this machine's processor another one."""

    def become(flag):
        table = tmp_path / "cpuinfo"
        table.write_text(TABLE.format(flag))
        known = backend.cpu_has_bfloat16(table)
        monkeypatch.setattr(backend, "cpu_has_bfloat16", lambda: known)
        monkeypatch.setattr(backend, "has_accelerator", lambda: False)
        monkeypatch.setattr(backend, "has_onednn", lambda: True)

    return become


@pytest.mark.parametrize(
    ("flag", "asked", "expected"),
    [
        ("avx512_bf16", "auto", "bfloat16"),
        ("amx_bf16", "auto", "bfloat16"),
        ("avx2", "auto", "float32"),
        ("amx_bf16", "float32", "float32"),
    ],
)
def test_auto_takes_what_the_processor_is_fast_in(
    processor, flag, asked, expected
):
    processor(flag)
    assert backend.resolve_precision(asked) == expected


def test_without_onednn_auto_is_float32_and_bfloat16_is_refused(
    processor, monkeypatch
):
    processor("amx_bf16")
    monkeypatch.setattr(backend, "has_onednn", lambda: False)
    assert backend.resolve_precision("auto") == "float32"
    with pytest.raises(UserError, match="would change nothing here"):
        backend.resolve_precision("bfloat16")


def test_a_resumed_run_keeps_its_format_on_another_machine(processor):
    processor("amx_bf16")
    begun = {"precision": "float32"}
    config = TrainConfig(precision="auto")
    assert setup.number_format_of(config, begun) == "float32"
    assert setup.number_format_of(config, None) == "bfloat16"


@pytest.mark.parametrize(
    "flag, words",
    [("avx512_bf16", "by oneDNN"), ("avx2", "only imitate")],
)
def test_a_run_says_who_computes_in_bfloat16(processor, flag, words):
    processor(flag)
    resolved = {"precision": "bfloat16", "machine": CPU}
    assert words in backend.describe_precision(resolved)
