"""Finding Pythons: only one that answers counts."""

import sys
from pathlib import Path

import pytest

from zoo.cli import interpreters
from zoo.cli.interpreters import Interpreter
from zoo.errors import UserError

ELSEWHERE = Path("/nowhere/.venv")


def machine(**versions):
    """Returns an `ask` for a machine on which these commands answer.

    Args:
        **versions: command with `_` for `.`, and its version; a version that
            ends in "/32" is that of a 32-bit Python.
    """
    there = {name.replace("_", "."): told for name, told in versions.items()}

    def ask(command):
        told = there.get(command[0])
        if told is None:
            return None
        version, _, bits = told.partition("/")
        release = version.replace(".", " ")
        return Interpreter(
            command, f"{release}\n/usr\n{command[0]}\n{bits != '32'}\n"
        )

    return ask


def test_the_newest_suitable_python_is_taken():
    ask = machine(python3_11="3.11.9", python3_12="3.12.4", python3="3.10.1")
    found = interpreters.find(None, ELSEWHERE, ask)
    assert found.command == ["python3.12"]


def test_a_too_new_python_is_passed_over():
    ask = machine(python3="3.14.0", python3_11="3.11.2")
    assert interpreters.find(None, ELSEWHERE, ask).version == "3.11.2"


def test_micro_releases_are_compared_as_numbers():
    ask = machine(python3="3.12.10", python3_12="3.12.9")
    assert interpreters.find(None, ELSEWHERE, ask).version == "3.12.10"


def test_where_none_is_suitable_those_there_are_named():
    ask = machine(python3="3.14.0", python="3.10.13", python3_12="3.12.1/32")
    with pytest.raises(UserError) as caught:
        interpreters.find(None, ELSEWHERE, ask)
    said = str(caught.value)
    assert "Python 3.11 to 3.13" in said
    assert "3.14.0" in said and "3.10.13" in said
    assert "install Python 3.13" in said


def test_the_python_of_the_environment_to_be_replaced_is_not_taken():
    ask = machine(python3_12="3.12.1")
    with pytest.raises(UserError, match="there is only 3.12.1"):
        interpreters.find(None, Path("/usr"), ask)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({}, "--python=mine does not start"),
        ({"mine": "3.14.0"}, "--python=mine is Python 3.14.0"),
    ],
)
def test_a_python_that_was_asked_for_and_does_not_suit_is_refused(told, why):
    with pytest.raises(UserError, match=why):
        interpreters.find("mine", ELSEWHERE, machine(**told, python3="3.12.0"))


def test_a_command_that_exists_but_fails_is_no_python(tmp_path):
    shim = tmp_path / "python3.13"
    shim.write_text("#!/bin/sh\necho 'command not found' >&2\nexit 127\n")
    shim.chmod(0o755)
    assert interpreters.ask([str(shim)]) is None


def test_a_command_that_says_something_else_is_no_python(tmp_path):
    shim = tmp_path / "python3"
    shim.write_text("#!/bin/sh\necho hello\n")
    shim.chmod(0o755)
    assert interpreters.ask([str(shim)]) is None


def test_a_command_that_is_not_there_is_no_python(tmp_path):
    assert interpreters.ask([str(tmp_path / "python3")]) is None


def test_this_python_answers_with_its_own_version():
    answer = interpreters.ask([sys.executable])
    assert answer.release == tuple(sys.version_info[:3])
    assert answer.suitable


def test_windows_is_asked_through_its_launcher():
    commands = interpreters.candidates(windows=True)
    assert commands[0] == ["py", "-3.13"]
    assert ["python"] in commands


def test_candidates_start_with_the_newest():
    commands = interpreters.candidates(windows=False)
    names = [["python3.13"], ["python3.12"], ["python3.11"]]
    assert commands[:3] == names
