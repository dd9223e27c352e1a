"""The flags of a run on several hosts, and how its processes are reported."""

import json
import signal

import pytest

from zoo.cli import distributed, resume
from zoo.cli.flags import Command
from zoo.errors import Interrupted, Lost, UserError


def read(line):
    command = Command("zoo train", "")
    distributed.define(command)
    command.parse(line.split())
    return distributed.read(command, "train")


ALL = "--coordinator=10.0.0.1:7000 --num_processes=2 --process_id=1"
FIRST = ALL.replace("id=1", "id=0")


@pytest.fixture
def jax(monkeypatch):
    """Selects JAX, which need not be installed."""
    monkeypatch.setenv("KERAS_BACKEND", "jax")


def test_a_run_without_the_flags_is_a_single_process():
    assert read("") is None


@pytest.mark.parametrize(
    ("line", "joined"),
    [
        (ALL, ("10.0.0.1:7000", 2, 1)),
        ("--coordinator=auto", (None, None, None)),  # left to JAX
    ],
)
def test_flags_say_how_a_process_joins(jax, line, joined):
    info = read(line)
    assert (info.coordinator, info.num_processes, info.process_id) == joined


def test_tensorflow_is_refused_in_a_sentence_that_names_jax(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    for line in (ALL, "--coordinator=auto", "--process_id=0"):
        with pytest.raises(UserError, match="needs JAX.*KERAS_BACKEND=jax"):
            read(line)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("--coordinator=a:1", "needs --num_processes and --process_id"),
        ("--process_id=0", "needs --coordinator and --num_processes"),
        ("--coordinator=auto --process_id=0", "auto detects --process_id"),
        (ALL.replace("10.0.0.1:7000", "here"), "not of the form HOST:PORT"),
        (ALL.replace("7000", "70000"), "--coordinator=10.0.0.1:70000 has no"),
        (ALL.replace("=2", "=1"), "--num_processes=1 is out of range"),
        (ALL.replace("=2", "=two"), "--num_processes=two is not a whole"),
        (ALL.replace("id=1", "id=2"), "--process_id=2 is out of range; give"),
    ],
)
def test_an_invalid_flag_is_one_sentence(jax, line, text):
    with pytest.raises(UserError, match=text):
        read(line)


@pytest.fixture
def message(tmp_path):
    """Returns a function that notes what a child wants to be reported."""

    def noted(*content):
        path = tmp_path / "exit.json"
        if content:
            path.write_text(json.dumps(content))
        return path

    return noted


@pytest.mark.parametrize("code", [0, 1, 2, 130])
def test_an_exit_code_of_a_child_is_passed_on(message, code):
    assert distributed._exit_code(code, message("lost.", 4), []) == code


@pytest.mark.parametrize("code", [-signal.SIGABRT, 134, -signal.SIGKILL])
def test_an_aborted_child_is_a_lost_process(message, code):
    with pytest.raises(Lost, match=r"^a process was lost\.$"):
        distributed._exit_code(code, message("a process was lost.", 4), [])


def test_a_child_aborted_before_it_joined_is_a_mistake(message):
    with pytest.raises(UserError, match="nobody joined"):
        distributed._exit_code(-6, message("nobody joined.", 2), [])


@pytest.mark.parametrize("content", [(), ("nobody joined.", 2)])
def test_a_child_killed_before_it_joined_is_reported(message, content):
    with pytest.raises(Lost, match="killed by signal 9 before it joined"):
        distributed._exit_code(-9, message(*content), [])


@pytest.mark.parametrize("number", [1, 2, 15])
def test_a_child_ended_by_a_signal_passed_on_was_interrupted(message, number):
    with pytest.raises(Interrupted) as caught:
        distributed._exit_code(-number, message("nobody joined.", 2), [number])
    assert caught.value.code == 128 + number


def test_what_another_process_announced_keeps_its_exit_code(message):
    with pytest.raises(Interrupted, match="stopped") as caught:
        distributed._exit_code(134, message("stopped and saved.", 129), [])
    assert caught.value.code == 129


@pytest.mark.parametrize(
    ("file", "what"),
    [("group.json", "a group of runs"), ("sweep.json", "a sweep")],
)
def test_several_hosts_resume_a_single_run_alone(jax, file, what, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / file).write_text("{}")
    with pytest.raises(UserError, match=f"has no effect on {what};"):
        resume.run(["mine", f"--runs_dir={tmp_path}", *FIRST.split()])


def test_a_run_that_is_not_there_is_not_waited_for(jax, tmp_path):
    with pytest.raises(UserError, match="mine"):
        resume.run(["mine", f"--runs_dir={tmp_path}", *FIRST.split()])
