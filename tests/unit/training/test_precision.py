"""Which number format a run computes in, and who says so."""

import pytest

from zoo import backend
from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.training import precision, setup

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
        monkeypatch.setattr(precision, "has_accelerator", lambda: False)

    return become


@pytest.mark.parametrize(
    "flag, expected",
    [
        ("avx512_bf16", "bfloat16"),
        ("amx_bf16", "bfloat16"),
        ("avx2", "float32"),
    ],
)
def test_auto_takes_what_the_processor_is_fast_in(processor, flag, expected):
    processor(flag)
    assert precision.resolve("auto") == expected


def test_auto_takes_float32_where_nobody_rewrites(processor, monkeypatch):
    processor("amx_bf16")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert precision.resolve("auto") == "float32"


def test_bfloat16_is_refused_where_it_would_change_nothing(
    processor, monkeypatch
):
    processor("amx_bf16")
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    with pytest.raises(UserError, match="would change nothing here"):
        precision.resolve("bfloat16")


def test_float32_stays_float32_on_any_processor(processor):
    processor("amx_bf16")
    assert precision.resolve("float32") == "float32"


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
    assert words in precision.in_words(resolved)
