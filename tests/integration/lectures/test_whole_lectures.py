"""Every lecture, whole: its commands run, its answers are of its runs."""

import json
import re

import pytest

from zoo.cli.main import main
from zoo.lectures import runner, table


@pytest.mark.slow
@pytest.mark.parametrize("name", table.ORDER)
def test_every_lecture_runs_whole_and_answers_from_its_runs(
    name, tmp_path, capfd, monkeypatch
):
    """The smoke budget: every command works, every answer is computed.

    In this process, which has imported TensorFlow already, and on the data
    sets that are small and always here.
    """
    monkeypatch.setattr(table.tfds, "is_prepared", lambda *args: False)
    monkeypatch.setattr(runner, "_run_process", lambda words: main(words[3:]))
    flags = ["--yes", "--budget=smoke", f"--runs_dir={tmp_path}"]
    code = main(["lecture", name, *flags])
    text = capfd.readouterr().out
    assert code == 0, text[-3000:]
    lecture = table.load(name, runs_dir=str(tmp_path), budget="smoke")
    assert f"{len(lecture.steps)}/{len(lecture.steps)}" in text
    check_scores(lecture, tmp_path, text)


def check_scores(lecture, root, text):
    """Accuracies in tables are those that the runs themselves recorded."""
    for answer in (a for step in lecture.steps for a in step.answers):
        if answer.function not in ("scores", "ranking"):
            continue
        for run in answer.runs:
            path = root / lecture.folder / run / "metrics.json"
            accuracy = json.loads(path.read_text())["best_val_accuracy"]
            row = rf"^{run} .* {100 * accuracy:.1f} "
            assert re.search(row, text, re.M), (run, accuracy)
