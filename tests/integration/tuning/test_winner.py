"""A real sweep to its end: its flagfile, and one evaluation of the test set."""

import csv
import json

import pytest

from zoo.cli.main import main

FLAGS = [
    "--model=lr", "--epochs=3", "--deterministic", "--summaries=none",
    "--space=learning_rate=log:1e-4:1e-1", "--space=mean_subtraction=none,"
    "pixel", "--trials=3", "--sweep_name=s", "--retrain_seeds=2",
]  # fmt: skip


def curve(folder):
    with open(folder / "history.csv", encoding="utf-8", newline="") as file:
        return [
            {k: v for k, v in row.items() if "second" not in k}
            for row in csv.DictReader(file)
        ]


def run(capsys, *argv):
    code = main(list(argv))
    said = capsys.readouterr()
    assert code == 0, said.err
    return said.out


@pytest.mark.slow
def test_the_flagfile_of_the_best_trial_gives_its_accuracy_again(
    tmp_path, capsys
):
    where = f"--runs_dir={tmp_path}"
    out = run(capsys, "sweep", *FLAGS, "--open_test", where)
    sweep = tmp_path / "s"
    result = json.loads((sweep / "result.json").read_text())
    run(
        capsys, "train", f"--flagfile={sweep}/best_trial.flags", where,
        "--run_name=again",
    )  # fmt: skip
    assert curve(tmp_path / "again") == curve(sweep / "best_trial" / "seed1")
    metrics = json.loads((tmp_path / "again" / "metrics.json").read_text())
    scores = result["retrained"]["best_trial"]["scores"]
    assert metrics["best_val_accuracy"] == scores[0]
    # One look, however often the sweep is taken up again.
    assert "1st evaluation on this test set" in out
    again = run(capsys, "resume", "s", where)
    assert "1st evaluation on this test set" in again
    log = (tmp_path / "test_evaluations.jsonl").read_text()
    (row,) = map(json.loads, log.splitlines())
    assert [one["run"] for one in row["runs"]] == [
        "s/best_trial/seed1", "s/best_trial/seed2",
    ]  # fmt: skip
    # A kill between the evaluation and its result: the log knows it.
    (sweep / "result.json").unlink()
    run(capsys, "resume", "s", where)
    found = json.loads((sweep / "result.json").read_text())["test"]
    assert found["values"] == result["test"]["values"]
    assert (tmp_path / "test_evaluations.jsonl").read_text() == log
    out = run(capsys, "compare", "s/default_recipe", "s/best_trial", where)
    assert "4 runs of 2 configs" in out
