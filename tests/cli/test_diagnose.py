"""`zoo diagnose` and `zoo check`, as they are typed."""

import json
import re

import pytest

from zoo.cli.main import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a short run with all summaries."""
    runs_dir = tmp_path_factory.mktemp("runs")
    options = ["--model=lr", "--steps=6", "--batch_size=256", "--run_name=a"]
    assert main(["train", *options, f"--runs_dir={runs_dir}"]) == 0
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


def test_a_run_without_summaries_is_explained_by_its_curves(two_seeds, capfd):
    assert not (two_seeds / "a" / "layer_stats.json").exists()
    assert main(["diagnose", str(two_seeds / "a")]) == 0
    assert "This run has no layer_stats.json" in capfd.readouterr().out


def test_layer_stats_have_a_row_before_and_after_training(folder):
    rows = json.loads((folder / "layer_stats.json").read_text())
    assert [row["step"] for row in rows] == [0, 6]


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
