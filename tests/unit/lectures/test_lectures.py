"""Lectures: their table, the way through them, and their answers."""

import contextlib
import inspect
import itertools
import json
import pathlib
import re
import types

import numpy as np
import pytest

from zoo import pretrained
from zoo.cli import train
from zoo.cli.main import VERBS, main
from zoo.errors import UserError
from zoo.lectures import answers, calculations, runner, table
from zoo.lectures.network_answers import nonlinear_fraction
from zoo.lectures.runner import LectureSession, find_function
from zoo.lectures.table import Answer, Command, Lecture, Step

WAYS = [(name, way) for name in table.ORDER for way in (False, True)]


@pytest.fixture(params=WAYS, ids=lambda way: f"{way[0]}-{way[1]}")
def lecture(request, tmp_path):
    name, stand_in = request.param
    return table.load(name, runs_dir=str(tmp_path), stand_in=stand_in)


def test_every_file_is_a_lecture():
    files = {path.stem for path in table.FOLDER.glob("*.toml")}
    assert files == set(table.ORDER)


def test_every_text_is_filled_in(lecture):
    for step in lecture.steps:
        texts = [step.about, step.look, step.note, *step.questions]
        texts += map(str, step.commands)
        assert step.about and step.questions
        assert step.answers or "need an extra" in step.about
        assert not any(re.search(r"\{\w+\}", text) for text in texts)


@pytest.mark.parametrize("budget", table.BUDGETS)
def test_every_command_exists_with_its_flags(lecture, budget, capsys, tmp_path):
    lecture = table.load(lecture.name, runs_dir=str(tmp_path), budget=budget)
    if lecture.example_images:
        runner.write_example_images(lecture.example_images)
    for command in (c for step in lecture.steps for c in step.commands):
        assert command.words[0] == "zoo" and command.verb in VERBS
        with contextlib.suppress(SystemExit):
            main([command.verb, "--helpfull"])
        help_text = capsys.readouterr().out
        known = set(re.findall(r"--(?:\[no\])?(\w+)", help_text))
        for word in command.words[2:]:
            if word.startswith("--"):
                assert word[2:].partition("=")[0] in known, command
        if command.verb == "train":
            assert train.read(list(command.words[2:]))


def test_every_answer_is_a_function_of_runs_that_a_step_makes(lecture):
    made = set()
    for step in lecture.steps:
        made |= {c.makes for c in step.commands if c.makes}
        for answer in step.answers:
            function = find_function(answer.function)
            inspect.signature(function).bind(*answer.runs, **answer.options)
            wanted = {f"{lecture.folder}/{run}" for run in answer.runs}
            assert wanted <= made, (step.title, answer)


def test_no_two_commands_of_a_lecture_make_the_same_run(lecture):
    made = [c.makes for s in lecture.steps for c in s.commands if c.makes]
    assert len(made) == len(set(made))


def test_an_unknown_lecture_is_refused_with_the_nearest_name():
    with pytest.raises(UserError, match="svhn"):
        table.load("svnh")


@pytest.mark.parametrize("text", ["0", "3", "x"])
def test_an_unknown_step_is_refused(text):
    with pytest.raises(UserError, match="1 to 2"):
        table.find_step(SMALL, text)


def test_a_step_whose_extra_is_missing_names_it(monkeypatch):
    monkeypatch.setattr(table.importlib.util, "find_spec", lambda name: None)
    step = table.load("transfer").steps[-1]
    assert step.commands == step.answers == ()
    assert "keras-zoo[imagenet]" in step.about


def test_the_smoke_budget_replaces_the_length():
    (first, *_) = table.load("mnist", budget="smoke").steps
    (command,) = first.commands
    lengths = [w for w in command.words if w.startswith(("--steps", "--epoch"))]
    assert lengths == ["--steps=4"]


def test_without_a_name_the_lectures_are_listed(capsys, tmp_path):
    assert main(["lecture", f"--runs_dir={tmp_path}"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in table.ORDER)


def test_without_a_terminal_the_steps_are_printed(capsys, tmp_path):
    assert main(["lecture", "transfer", "2", f"--runs_dir={tmp_path}"]) == 0
    text = capsys.readouterr().out
    assert "\n2/4  " in text and "\n3/4  " not in text
    assert "Predict:" in text
    assert f"--runs_dir={tmp_path}" in text
    assert list(tmp_path.iterdir()) == []


def words(text):
    return Command(tuple(text.split()))


SMALL = Lecture(
    "small",
    "A small lecture",
    "About.",
    "",
    "lectures/small",
    (
        Step(
            "One", "About one.", "seconds",
            (words("zoo train --run_name=lectures/small/one"),),
            "Time Series", ("How many?",),
            (Answer("scores", ("one",), {}),), "",
        ),
        Step(
            "Two", "About two.", "seconds",
            (
                words(
                    "zoo train --weights=lectures/small/one "
                    "--run_name=lectures/small/two"
                ),
                words("zoo evaluate lectures/small/two"),
            ),
            "", (), (), "",
        ),
    ),
)  # fmt: skip


class Processes:
    """Stands in for the processes of commands, and keeps their words."""

    def __init__(self, root, code, status):
        self.root, self.code, self.status = root, code, status
        self.ran = []

    def __call__(self, words):
        self.ran.append(" ".join(words[3:]))
        for word in words:
            if word.startswith("--run_name="):
                end_run(self.root, word.partition("=")[2], self.status)
        return self.code


def end_run(root, name, status="completed"):
    folder = pathlib.Path(root, name)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}")
    metrics = {**pretrained.find("lr:mnist").metrics, "status": status}
    (folder / "metrics.json").write_text(json.dumps(metrics))


@pytest.fixture
def session(tmp_path, monkeypatch):
    """A session whose processes and answers are replaced, and its lines."""
    monkeypatch.setattr(LectureSession, "answer", lambda self, a: a.function)
    lines = []

    def make(ask=None, code=0, status="completed"):
        processes = Processes(tmp_path, code, status)
        monkeypatch.setattr(runner, "_run_process", processes)
        made = LectureSession(SMALL, str(tmp_path), ask, lines.append)
        return made, processes, lines

    return make


def test_steps_run_in_order_and_nothing_is_repeated(session):
    for expected in (["train", "train", "evaluate"], ["evaluate"]):
        made, processes, _ = session()
        made.run()
        assert [ran.split()[0] for ran in processes.ran] == expected


def test_a_step_first_makes_the_runs_that_it_needs(session):
    made, processes, _ = session()
    made.run(2)
    assert "small/one" in processes.ran[0] and "small/two" in processes.ran[1]


def test_an_interrupted_run_is_resumed(session, tmp_path):
    end_run(tmp_path, "lectures/small/one", "interrupted")
    made, processes, _ = session()
    made.run(1)
    (ran,) = processes.ran
    assert ran == f"resume lectures/small/one --runs_dir={tmp_path}"


@pytest.mark.parametrize("code", [1, 2, 4])
def test_a_command_that_fails_ends_the_lecture_with_the_way_on(session, code):
    made, processes, _ = session(code=code)
    with pytest.raises(UserError, match="zoo lecture small"):
        made.run()
    assert len(processes.ran) == 1


def test_a_run_that_diverged_is_no_failure(session):
    made, processes, _ = session(code=3, status="diverged")
    made.run(1)
    assert len(processes.ran) == 1


def test_the_prediction_is_asked_before_the_answer_and_only_once(session):
    asked = []

    def ask(prompt):
        asked.append(prompt)
        return "ninety"

    made, _, lines = session(ask)
    made.run(1)
    text = "\n".join(lines)
    assert text.index("How many?") < text.index("scores")
    assert "You predicted: ninety" in text
    made, _, _ = session(ask)
    made.run(1)
    assert asked == ["your prediction> "]
    assert made.predictions() == {"1": "ninety"}


def test_q_stops_after_a_step(session):
    made, processes, _ = session(lambda prompt: "q")
    made.run()
    assert len(processes.ran) == 1


def test_pages_have_every_step_and_question():
    one = table.load("svhn", stand_in=True)
    page = table.markdown(one)
    for step in one.steps:
        assert step.title in page and all(q in page for q in step.questions)
        assert all(str(command) in page for command in step.commands)


def test_the_list_of_lectures_has_every_question_with_its_command():
    one = table.load("svhn", stand_in=True)
    page = table.index([one])
    assert "(svhn.md)" in page
    assert "| Which one is learning? | `zoo lecture svhn 4` |" in page
    assert all(q in page for step in one.steps for q in step.questions)


def test_the_documentation_has_a_page_of_every_lecture():
    navigation = pathlib.Path("mkdocs.yml").read_text(encoding="utf-8")
    for name in ("index", *table.ORDER):
        assert f"- lectures/{name}.md\n" in navigation


def test_example_images_have_the_two_faults(tmp_path):
    folder = tmp_path / "images"
    runner.write_example_images(folder)
    copies = [folder / "zero" / "00.png", folder / "one" / "copy.png"]
    assert copies[0].read_bytes() == copies[1].read_bytes()
    assert (folder / "one" / "seven.png").exists()
    before = sorted(folder.rglob("*"))
    runner.write_example_images(folder)
    assert sorted(folder.rglob("*")) == before


# Answers against other ways of computing them.


def test_convolution_sizes_follow_the_formula():
    assert calculations.convolve(7, 3, 0, 1, 1, 4) == (5, 36)
    large = calculations.convolve(227, 11, 0, 4, 3, 96)
    assert large == (55, 11 * 11 * 3 * 96)
    assert calculations.convolve(32, 5, 2, 2, 3, 64)[0] == 16
    assert "1,225" in calculations.dense_weights(inputs="49", outputs="25")


def test_a_linear_function_leaves_no_variance():
    random = np.random.default_rng(0)
    inputs = random.normal(size=(50, 3))
    linear = inputs @ random.normal(size=(3, 2)) + 1
    assert nonlinear_fraction(inputs, linear) < 1e-12
    assert nonlinear_fraction(inputs, np.abs(linear)) > 0.1


def test_answers_without_runs_compute_what_they_say():
    text = calculations.overflow()
    assert "nan" in text and "2000" in text
    text = calculations.backpropagation()
    difference = re.search(r"at most ([\d.e+-]+)", text)
    assert float(difference[1].rstrip(".")) < 1e-10
    text = calculations.bumps_by_hand(bumps="3")
    error = re.search(r"difference is ([\d.e+-]+)", text)
    assert float(error[1].rstrip(".")) < 1e-9
    text = calculations.activation_derivatives()
    assert re.search(r"sigmoid +0\.007 +0\.197 +0\.249 +0\.197", text)


def test_a_pair_that_is_chosen_by_its_scores_is_tested_among_all(monkeypatch):
    runs = [
        types.SimpleNamespace(name=name, metrics={"best_val_accuracy": value})
        for name, value in (("a", 0.7), ("b", 0.9), ("c", 0.8))
    ]
    asked = []

    def compare(*given):
        names = [run.name for run in given]
        asked.append(names)
        pair = {"low": 0.0, "high": 0.2, "difference": 0.1, "better": None}
        rows = list(zip("ABC", names, strict=True))
        return {
            "score": "accuracy",
            "configs": [{"config": k, "runs": [name]} for k, name in rows],
            "runs": [{"config": k, "run": name} for k, name in rows],
            "pairs": [
                {**pair, "first": one, "second": other, "p_corrected": 0.3}
                for one, other in itertools.combinations("ABC", 2)
            ],
        }

    monkeypatch.setattr(answers.api, "compare", compare)
    monkeypatch.setattr(answers, "scores", lambda *runs: "scores")
    found = answers.ranking(*runs).splitlines()[1:]
    assert [line.split(":")[0] for line in found] == ["c minus b", "a minus c"]
    assert "+10.00 points (+0.00 to +20.00)" in found[0]
    assert asked == [["b", "c", "a"]]


def test_an_option_of_an_answer_may_have_an_equals_sign():
    options = Answer.parse("vary lr model_arg=hidden=8").options
    assert options == {"model_arg": "hidden=8"}
