"""The figures of a machine stay until they are measured anew."""

import json

import pytest

from benchmarks import results as stored
from tests.unit.benchmarks import fake_results
from zoo.errors import UserError

MACHINE = {"cpu": "Fast One", "cores": 2}
TODAY = {"measured": "2026-05-06", "repeats": 1, "software": {"keras": "4.0"}}


def test_a_file_that_is_not_there_yet_holds_no_part(tmp_path):
    found = stored.read_results(tmp_path / "new.json", MACHINE)
    assert found["machine"] == MACHINE and not found["parts"]


def test_what_was_written_is_read_back(tmp_path):
    path = tmp_path / "deep" / "figures.json"
    stored.write_results(path, fake_results.results())
    assert stored.read_results(path, MACHINE) == fake_results.results()


def test_a_part_that_is_not_measured_keeps_its_day():
    before = fake_results.results()
    rows = [{"key": "run", "peak_bytes": 1, "expected": 2}]
    after = stored.with_rows(before, "memory", rows, TODAY)
    assert after["parts"]["memory"] == [{**rows[0], **TODAY}]
    assert after["parts"]["training"] == before["parts"]["training"]
    assert before == fake_results.results()


def test_a_case_that_is_not_measured_keeps_its_day():
    before = fake_results.results()
    rows = [{**before["parts"]["training"][0], "key": "mlp/128"}]
    after = stored.with_rows(before, "training", rows, TODAY)
    days = {r["key"]: r["measured"] for r in after["parts"]["training"]}
    assert days == {"lr/128": "2026-01-02", "mlp/128": "2026-05-06"}


def test_a_case_that_is_measured_anew_stays_in_its_place():
    results = fake_results.results()
    for key in ("mlp/128", "lr/128"):
        results = stored.with_rows(
            results, "utilization", [{"key": key}], TODAY
        )
    keys = [row["key"] for row in results["parts"]["utilization"]]
    assert keys == ["lr/128 float32", "mlp/128", "lr/128"]
    again = stored.with_rows(
        results, "utilization", [{"key": "mlp/128"}], TODAY
    )
    assert [row["key"] for row in again["parts"]["utilization"]] == keys


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no JSON", "is not a file"),
        ("[1]", "is not a file"),
        ('{"machine": {}, "pairs": []}', "is not a file"),
        ('{"format": 9, "machine": {}}', "has format 9"),
        (
            '{"format": 2, "machine": {"cpu": "Slow"}}',
            "has results of another machine, cpu Slow;",
        ),
    ],
)
def test_another_file_is_refused_and_kept(text, reason, tmp_path):
    path = tmp_path / "figures.json"
    path.write_text(text)
    with pytest.raises(UserError, match=reason):
        stored.read_results(path, MACHINE)
    assert path.read_text() == text


def test_the_files_that_come_along_can_be_read():
    paths = sorted(stored.RESULTS.glob("*.json"))
    assert paths
    for path in paths:
        owner = json.loads(path.read_text())["machine"]
        assert stored.read_results(path, owner)["parts"]
        assert path.name == stored.file_name(owner)


def test_the_machine_is_named_without_its_trade_marks():
    about = {"cpu": "Intel(R) Xeon(R) @ 2.20GHz", "cores": 4}
    assert stored.file_name(about) == "intel-xeon-2-20ghz-4-cores.json"


def test_the_processor_is_read_from_linux_s_table(tmp_path):
    listing = tmp_path / "cpuinfo"
    listing.write_text("processor\t: 0\nmodel name\t: Fast One\nflags\t: x\n")
    assert stored.cpu_model(listing) == "Fast One"


def test_software_that_is_missing_is_left_out():
    found = stored.software(["numpy", "no-such-package"])
    assert "numpy" in found and "no-such-package" not in found
