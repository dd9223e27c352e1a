"""`zoo diagnose` and `zoo check`, as they are typed."""

import json
import re

import pytest

from zoo.cli.main import main

QUICK = ["--model=lr", "--steps=6", "--batch_size=256"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A short run."""
    runs_dir = tmp_path_factory.mktemp("runs")
    where = [f"--runs_dir={runs_dir}", "--run_name=a"]
    assert main(["train", *QUICK, *where]) == 0
    return runs_dir / "a"


def test_a_run_is_explained_in_words(folder, capfd):
    assert main(["diagnose", "a", f"--runs_dir={folder.parent}"]) == 0
    out, err = capfd.readouterr()
    assert out.startswith(f"{folder}: completed, 1 epoch, validation accuracy")
    assert "With 144 validation examples" in out
    assert err == ""


def test_a_run_is_explained_in_json(folder, capfd):
    assert main(["diagnose", str(folder), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["status"] == "completed"
    assert all(f["severity"] in (1, 2, 3) for f in found["findings"])


def test_a_run_without_layer_stats_is_explained_by_its_curves(folder, capfd):
    path = folder / "layer_stats.json"
    kept = path.read_text()
    path.unlink()
    try:
        assert main(["diagnose", str(folder)]) == 0
    finally:
        path.write_text(kept)
    assert "This run has no layer_stats.json" in capfd.readouterr().out


def test_no_summaries_at_all_means_no_layer_stats(tmp_path):
    where = [f"--runs_dir={tmp_path}", "--run_name=a"]
    assert main(["train", *QUICK, "--summaries=none", *where]) == 0
    assert not (tmp_path / "a" / "layer_stats.json").exists()


def test_layer_stats_have_a_row_before_and_after_training(folder):
    rows = json.loads((folder / "layer_stats.json").read_text())
    assert [row["step"] for row in rows] == [0, 6]


def test_damaged_layer_stats_are_a_sentence(folder, answer):
    path = folder / "layer_stats.json"
    kept = path.read_text()
    path.write_text("{")
    try:
        said = answer("diagnose", str(folder))
    finally:
        path.write_text(kept)
    assert "layer_stats.json is not as" in said


def test_an_unknown_run_is_a_sentence(answer):
    assert "there is no run 'x'" in answer("diagnose", "x")


def test_check_says_ok_or_not_ok_with_numbers(capfd):
    assert main(["check", "--model=lr"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 5
    assert all(re.match(r"[a-z0-9 ]+ ok {6}", line) for line in lines)
    assert main(["check", "--model=lr", "--scale=none"]) == 1
    assert re.search(r"inputs +not ok +their", capfd.readouterr().out)


def test_check_prints_json(capfd):
    assert main(["check", "--model=lr", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert found["ok"] is True
    assert found["checks"][0].keys() == {"name", "ok", "text"}


def test_a_mistake_is_told_apart_from_what_is_not_ok(answer):
    assert "there is no model" in answer("check", "--model=lenet")


def test_what_remembers_needs_no_check(answer):
    assert "nothing to check" in answer("check", "--model=knn")
