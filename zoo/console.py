"""Output on the terminal: lines, tables, progress, and commands to type.

On a terminal, tables and progress are drawn by rich. Piped or redirected,
output is plain lines. Where a command's answer is JSON, status lines go to
standard error.

Control characters, which names of files and values of options may hold, are
printed escaped: a terminal would obey them.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pathlib
import re
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TextIO

from zoo.io import open_to_append

# Of names that are not UTF-8, in what is written as UTF-8.
ESCAPE = "backslashreplace"
REFRESH_SECONDS = 0.2
# Between two lines of progress where there is no terminal.
PLAIN_REFRESH_SECONDS = 30.0
MODULES = {"zoo": "zoo", "tensorboard": "tensorboard.main"}

# What moves the cursor, turns the direction of writing, or is no character.
CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069"
    "\ud800-\udfff]"
)

_status_stream: TextIO | None = None
_shows_activity = False  # only a command clears the terminal at its end
_activity_stream: TextIO | None = None  # a terminal that shows an activity


def escape(text: str, one_line: bool = False) -> str:
    """Returns a text with its control characters escaped: ESC as `\\x1b`.

    Args:
        text: of which line ends and tabs stay as they are.
        one_line: escapes those, too.
    """
    text = CONTROLS.sub(_escaped, text)
    return re.sub("[\t\n]", _escaped, text) if one_line else text


def _escaped(found: re.Match) -> str:
    return found[0].encode("unicode_escape").decode()


def unescaped(stream: TextIO) -> TextIO:
    """Returns the stream that control sequences of our own go to."""
    return getattr(stream, "unescaped", stream)


def show_activity(text: str) -> None:
    """Shows on a terminal what is going on, until something is printed.

    For what takes seconds and has no progress to show, such as the compilation
    of a training step.
    """
    global _activity_stream
    stream = status_stream()
    if not (_shows_activity and stream.isatty()):
        return
    columns = shutil.get_terminal_size().columns
    line = f"{escape(text, one_line=True)} ..."[: columns - 1]
    _activity_stream = unescaped(stream)
    _activity_stream.write(f"\r\x1b[K{line}")
    _activity_stream.flush()


@contextlib.contextmanager
def activities() -> Iterator[None]:
    """Lets `show_activity` show something while the block runs."""
    global _shows_activity
    _shows_activity = True
    try:
        yield
    finally:
        clear_activity()
        _shows_activity = False


def clear_activity() -> None:
    """Removes what `show_activity` shows."""
    global _activity_stream
    stream, _activity_stream = _activity_stream, None
    if stream is not None:
        stream.write("\r\x1b[K")
        stream.flush()


class Console:
    """Prints lines and progress to a stream, and lines to a log file, too.

    Args:
        stream: where to print; `None` is standard output.
        quiet: whether to print nothing, and only write the log.
        on_log: called with the path of the log, once there is one.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        quiet: bool = False,
        on_log: Callable[[pathlib.Path], None] | None = None,
    ):
        self._on_log = on_log
        self._stream = stream or sys.stdout
        self._quiet = quiet
        self._log: pathlib.Path | None = None
        self._printed: list[str] = []
        self._progress = Progress(self._stream)

    def log_to(self, path: pathlib.Path) -> None:
        """Appends the lines so far, and all later ones, to a log file."""
        self._log = path
        with open_to_append(path, encoding="utf-8", errors=ESCAPE) as file:
            file.writelines(f"{line}\n" for line in self._printed)
        if self._on_log:
            self._on_log(path)

    def print(self, text: str) -> None:
        """Prints whole lines."""
        text = escape(text)
        self._progress.clear()
        clear_activity()
        self._printed.append(text)
        if self._log:
            with open_to_append(
                self._log, encoding="utf-8", errors=ESCAPE
            ) as file:
                file.write(f"{text}\n")
        if not self._quiet:
            print(text, file=self._stream, flush=True)

    def print_fields(self, rows: dict[str, str]) -> None:
        """Prints labelled lines, the labels in one column."""
        for label, text in rows.items():
            self.print(f"{label:<11} {escape(text, one_line=True)}")

    def show_progress(
        self,
        text: str,
        done: int,
        total: int | None,
        details: str = "",
        force: bool = False,
    ) -> None:
        """Shows progress until the next line; see `Progress.update`."""
        if not self._quiet:
            self._progress.update(text, done, total, details, force)

    def show_activity(self, text: str) -> None:
        """Shows what is going on until the next line; see `show_activity`."""
        if not self._quiet and not self._progress.is_shown:
            show_activity(text)

    @property
    def is_progress_due(self) -> bool:
        """Whether `show_progress` would show anything now."""
        return not self._quiet and self._progress.is_due


class Progress:
    """A progress bar on a terminal; elsewhere a plain line now and then.

    Args:
        stream: where to show it.
        plain: whether to print lines where there is no terminal.
    """

    def __init__(self, stream: TextIO, plain: bool = True):
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._plain = plain
        self._bar = None
        self._shown = _now()

    @property
    def is_shown(self) -> bool:
        """Whether there is a bar on the terminal now."""
        return self._bar is not None

    @property
    def is_due(self) -> bool:
        """Whether the last update is long enough ago for another one."""
        if not self._is_terminal and not self._plain:
            return False
        interval = (
            REFRESH_SECONDS if self._is_terminal else PLAIN_REFRESH_SECONDS
        )
        return _now() - self._shown >= interval

    def update(
        self,
        text: str,
        done: int,
        total: int | None,
        details: str = "",
        force: bool = False,
    ) -> None:
        """Shows how far something is, unless it was shown just now.

        Args:
            text: what is going on, such as "epoch 3/20  step".
            done: steps that are done.
            total: steps in all; `None` if not known.
            details: shown behind the bar.
            force: shows it on a terminal even if it was shown just now.
        """
        if not (self.is_due or force and self._is_terminal):
            return
        self._shown = _now()
        text = escape(text, one_line=True)
        counts = f"{done:,}" if total is None else f"{done:,}/{total:,}"
        if not self._is_terminal:
            line = f"{text} {counts}  {details}".rstrip()
            self._stream.write(f"{line}\n")
            self._stream.flush()
            return
        clear_activity()
        if self._bar is None:
            self._bar = _start_bar(unescaped(self._stream))
        self._bar.update(
            self._bar.task_ids[0],
            description=text,
            completed=done,
            total=total,
            details=f"{counts}  {details}",
            refresh=True,
        )

    def clear(self) -> None:
        """Removes the bar, if there is one."""
        self._shown = _now()
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _now() -> float:
    return time.monotonic()


def _start_bar(stream: TextIO):
    """Returns a started `rich.progress.Progress` with one task."""
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as RichProgress
    from rich.table import Column

    console = RichConsole(file=stream, highlight=False)
    details = Column(no_wrap=True, overflow="ellipsis")
    bar = RichProgress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn(
            "{task.fields[details]}", markup=False, table_column=details
        ),
        console=console,
        transient=True,
        auto_refresh=False,  # it is redrawn by `update`; no thread is needed
        redirect_stdout=False,
        redirect_stderr=False,
    )
    bar.add_task("", details="")
    bar.start()
    console.show_cursor(True)  # a killed process could not bring it back
    return bar


def status_stream() -> TextIO:
    """Returns where status lines go."""
    return _status_stream or sys.stdout


def print_status(line: str) -> None:
    """Prints a line about what a command is doing, above its answer."""
    clear_activity()
    line = escape(line, one_line=True)
    print(line, file=status_stream(), flush=True)


@contextlib.contextmanager
def redirect_status(stream: TextIO) -> Iterator[None]:
    """Sends status lines to another stream while the block runs."""
    global _status_stream
    previous, _status_stream = _status_stream, stream
    try:
        yield
    finally:
        _status_stream = previous


def print_table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Sequence[int] = (),
) -> None:
    """Prints a table to standard output; see `format_table`.

    On a terminal, long cells are wrapped within their column.
    """
    if not sys.stdout.isatty():
        print(format_table(heads, rows, right))
        return
    from rich.console import Console as RichConsole
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for index, head in enumerate(heads):
        justify = "right" if index in right else "left"
        table.add_column(Text(head), justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*(Text(escape(cell, one_line=True)) for cell in row))
    clear_activity()
    RichConsole(file=unescaped(sys.stdout)).print(table)


def format_table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    right: Sequence[int] = (),
) -> str:
    """Returns a plain text table, its columns two spaces apart.

    Args:
        right: indices of the columns that are aligned right, as numbers are.
    """
    lines = [
        [escape(cell, one_line=True) for cell in line]
        for line in (heads, *rows)
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(
                zip(line, widths, strict=True)
            )
        ).rstrip()
        for line in lines
    )


def pluralize(count: int, noun: str, nouns: str = "") -> str:
    """Returns a count with its noun: `1 epoch`, `1,230 steps`."""
    return f"{count:,} {noun if count == 1 else nouns or f'{noun}s'}"


def format_count(count: int | None) -> str:
    """Writes 36479194 as 36,479,194, and an unknown count as -."""
    return "-" if count is None else f"{count:,}"


def format_bytes(count: int) -> str:
    """Writes 1881600 as 1.9 MB, with decimal prefixes."""
    for prefix, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {prefix}B"
    return f"{count} B"


def format_shape(shape: Sequence[int | None]) -> str:
    """Writes (28, 28, 1) as 28x28x1."""
    return "x".join(str(side) for side in shape)


def format_duration(seconds: float) -> str:
    """Writes a time span as `40 s`, `3 min` or `2 h 10 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


@functools.cache
def command_prefix(program: str) -> str:
    """Returns how to type `zoo` or `tensorboard` on this machine.

    The name where the shell finds it; otherwise, as after `make train`, the
    Python that is running: `.venv/bin/python -m zoo`.
    """
    if shutil.which(program):
        return program
    python = os.path.relpath(sys.executable)
    if python.startswith(os.pardir):
        python = sys.executable
    return f"{python} -m {MODULES[program]}"


def tensorboard_command(folder: str | os.PathLike) -> str:
    """Returns the command that shows a folder of runs in TensorBoard."""
    prefix = command_prefix("tensorboard")
    return f"{prefix} --logdir {shlex.quote(str(folder))}"


def expand_commands(text: str) -> str:
    """Replaces `zoo` in each "`zoo ..." of a text by what to type here.

    A variable in front of it, as in "`KERAS_BACKEND=jax zoo ...", stays.
    """
    return re.sub(
        r"`((?:[A-Z_]+=\w+ )*)zoo ",
        lambda found: f"`{found[1]}{command_prefix('zoo')} ",
        text,
    )


def expand_command(command: str) -> str:
    """Returns a single command as it is typed here, without backquotes."""
    return expand_commands(f"`{command}`")[1:-1]


def format_percent(fraction: float | None) -> str:
    """Writes 0.98765 as 98.77, and an unknown fraction as -."""
    return "-" if fraction is None else f"{100 * fraction:.2f}"


def format_interval(low: float | None, high: float | None) -> str:
    """Writes an interval of fractions in percent: 97.1 to 98.6."""
    if low is None:
        return "-"
    return f"{format_percent(low)} to {format_percent(high)}"
