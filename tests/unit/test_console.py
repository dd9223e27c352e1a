"""Output: tables, progress and commands, on a terminal and piped."""

import io
import sys

import pytest

from zoo import console
from zoo.console import (
    Console,
    Progress,
    activities,
    escape,
    expand_command,
    expand_commands,
    format_bytes,
    format_duration,
    print_status,
    print_table,
    redirect_status,
    show_activity,
)

HEADS, ROWS = ("name", "count"), [("a", "1,000"), ("longer", "2")]


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until the test moves it."""
    now = [0.0]
    monkeypatch.setattr("zoo.console._now", lambda: now[0])
    return now


def test_a_piped_table_is_plain_text(capsys):
    print_table(HEADS, ROWS, right=(1,))
    assert capsys.readouterr().out.splitlines() == [
        "name    count",
        "a       1,000",
        "longer      2",
    ]


def test_a_table_on_a_terminal_has_the_same_cells(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    print_table(HEADS, [*ROWS, ("[bold]", "3")], right=(1,))
    text = sys.stdout.getvalue()
    for cell in ("name", "count", "longer", "1,000", "[bold]"):
        assert cell in text


def test_piped_progress_is_a_line_now_and_then(clock):
    stream = io.StringIO()
    progress = Progress(stream)
    for now in (1, 31, 32, 62):
        clock[0] = now
        progress.update("epoch 1/3  step", now, 100, "loss 0.5")
    progress.clear()
    assert stream.getvalue().splitlines() == [
        "epoch 1/3  step 31/100  loss 0.5",
        "epoch 1/3  step 62/100  loss 0.5",
    ]


def test_progress_on_a_terminal_is_removed_before_the_next_line(
    clock, monkeypatch
):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    stream = Terminal()
    out = Console(stream)
    clock[0] = 1
    out.show_progress("epoch 1/3  step", 20, 100, "loss 0.5")
    shown = stream.getvalue()
    assert "epoch 1/3  step" in shown and "20/100  loss 0.5" in shown
    assert "\x1b[?25h" in shown  # the cursor stays, should the process die
    out.print("epoch 1/3  loss 0.4")
    text = stream.getvalue()[len(shown) :]
    assert "\x1b[2K" in text  # the line of the bar is erased
    assert text.endswith("epoch 1/3  loss 0.4\n")


def test_progress_is_not_written_into_the_log(clock, tmp_path):
    out = Console(io.StringIO())
    out.print("before")
    out.log_to(tmp_path / "log.txt")
    clock[0] = 60
    out.show_progress("step", 1, 2)
    out.print("after")
    assert (tmp_path / "log.txt").read_text() == "before\nafter\n"


def test_a_quiet_console_prints_nothing(clock, capsys):
    out = Console(quiet=True)
    clock[0] = 60
    out.show_progress("step", 1, 2)
    out.print_fields({"data": "digits"})
    assert capsys.readouterr().out == ""


def test_status_lines_go_elsewhere_while_the_answer_is_json(capsys):
    with redirect_status(sys.stderr):
        print_status("downloading")
    print_status("done")
    assert capsys.readouterr() == ("done\n", "downloading\n")


def test_commands_are_expanded_to_what_can_be_typed_here(monkeypatch):
    monkeypatch.setattr(console, "command_prefix", lambda _: "python -m zoo")
    assert expand_commands("try `KERAS_BACKEND=jax zoo train` or `zoo`.") == (
        "try `KERAS_BACKEND=jax python -m zoo train` or `zoo`."
    )
    assert expand_command("zoo runs") == "python -m zoo runs"


@pytest.mark.parametrize(
    "seconds, text", [(89.4, "89 s"), (180, "3 min"), (7800, "2 h 10 min")]
)
def test_durations_are_short(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize("count, text", [(999, "999 B"), (1881600, "1.9 MB")])
def test_sizes_have_decimal_prefixes(count, text):
    assert format_bytes(count) == text


ESCAPES = "\x1b[2J", "\x9b31m", "\x07", "\u202e", "\udce9", "\r"


@pytest.mark.parametrize("control", ESCAPES)
def test_control_characters_are_printed_escaped(control, capsys, tmp_path):
    name = f"a{control}b"
    output = Console()
    output.log_to(tmp_path / "log.txt")
    output.print(name)
    output.print_fields({"class": f"{name}\n"})
    print_status(name)
    print_table(HEADS, [(f"{name}\n", "1")])
    text = capsys.readouterr().out + (tmp_path / "log.txt").read_text()
    assert control not in text
    escaped = f"a{control.encode('unicode_escape').decode()}b"
    assert text.count(escaped) == 6
    assert text.count(escaped + "\\n") == 3


def test_letters_of_every_script_are_printed_as_they_are():
    text = "żółw 猫 قطة 🐱\u200d👤 a\tb\n"
    assert escape(text) == text


@pytest.mark.parametrize("control", ESCAPES)
def test_a_terminal_does_not_obey_what_is_printed(control, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    print_table(HEADS, [(f"a{control}b", "1")])
    assert control not in sys.stdout.getvalue().replace("\r\n", "")


def test_an_activity_is_shown_until_the_next_line(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    with activities():
        show_activity("compiling\x1b[2J")
        assert terminal.getvalue() == "\r\x1b[Kcompiling\\x1b[2J ..."
        Console(terminal).print("done")
    assert terminal.getvalue().endswith("...\r\x1b[Kdone\n")
    show_activity("nothing that a notebook would have to clear")
    assert terminal.getvalue().endswith("...\r\x1b[Kdone\n")


def test_no_activity_is_printed_where_there_is_no_terminal(capsys):
    with activities():
        show_activity("compiling")
    assert capsys.readouterr().out == ""
