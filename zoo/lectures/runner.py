"""Goes through a lecture: asks, runs the commands, and answers.

The folder of runs holds what is done: a run that has ended is not repeated,
and one that was interrupted is resumed. Commands run in processes of their
own, as if they were typed.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from zoo.config import DEFAULTS
from zoo.console import (
    expand_command,
    expand_commands,
    format_table,
    tensorboard_command,
)
from zoo.errors import Interrupted, UserError
from zoo.io import atomic_write
from zoo.lectures.table import ORDER, Answer, Command, Lecture, Step, load
from zoo.runs import (
    GROUP_FILE,
    NOT_STARTED,
    RESULT_FILE,
    Run,
    RunGroup,
    SweepFolder,
)

COLUMNS = 80
PREDICTIONS = "predictions.json"
# Exit codes of commands that did their work: done, or diverged; `zoo check`
# has 1 where something is not well.
EXPECTED_CODES = (0, 3)
CHECK_CODES = (0, 1)
INTERRUPTED = 130

Ask = Callable[[str], str]
PrintFn = Callable[[str], None]


def find_function(name: str) -> Callable[..., str]:
    """Returns the function of an answer."""
    from zoo.lectures import answers, calculations, network_answers

    modules = (calculations, network_answers, answers)
    return next(getattr(m, name) for m in modules if hasattr(m, name))


class LectureSession:
    """A student's way through a lecture.

    Args:
        lecture: The lecture.
        runs_dir: Folder of runs.
        ask: Asks for a line, as `input` does; `None` asks nothing and waits
            for nothing.
        print_fn: Prints a line.
        hide_stderr: Hides, while answers are computed, what libraries print.
    """

    def __init__(
        self,
        lecture: Lecture,
        runs_dir: str,
        ask: Ask | None,
        print_fn: PrintFn,
        hide_stderr: Callable[
            [], contextlib.AbstractContextManager
        ] = contextlib.nullcontext,
    ):
        self.lecture = lecture
        self._root = pathlib.Path(runs_dir)
        self._runs_dir = runs_dir
        self._ask = ask
        self._print = print_fn
        self._hide_stderr = hide_stderr

    def run(self, number: int | None = None) -> None:
        """Goes through the lecture, or one step of it.

        Raises:
            UserError: A command failed.
            Interrupted: A signal asked for an end; the same call resumes.
        """
        self._print_head()
        if self.lecture.example_images:
            write_example_images(self.lecture.example_images)
        steps = self.lecture.steps
        numbers = range(1, len(steps) + 1) if number is None else [number]
        for each in numbers:
            self._run_step(each)
            is_last = each == numbers[-1]
            if not is_last and self._ask and not self._wants_more():
                return

    def print_steps(self, number: int | None = None) -> None:
        """Prints the lecture, or one step of it, and runs nothing.

        Answers are printed where their runs have ended.
        """
        self._print_head()
        for each, step in enumerate(self.lecture.steps, 1):
            if number in (None, each):
                self._print_step(each, step)
                for question in step.questions:
                    self._paragraph(f"Predict: {question}")
                if step.commands:
                    self._print("")
                for command in step.commands:
                    done = " (done)" * (self._state(command) == "done")
                    self._print(f"{expand_command(str(command))}{done}")
                self._print_look(step)
                if any(answer.runs for answer in step.answers):
                    self._print_answers(step)
        self._paragraph(
            f"On a terminal `zoo lecture {self.lecture.name}` asks, runs these "
            "commands and answers; with --yes it runs them without asking."
        )

    def _run_step(self, number: int) -> None:
        step = self.lecture.steps[number - 1]
        self._print_step(number, step)
        prediction = self._predict(number, step)
        for command in self._earlier(number):
            if self._state(command) != "done":
                self._run_command(command)
        for command in step.commands:
            self._run_command(command)
        self._print_look(step)
        self._print_answers(step)
        if prediction:
            self._paragraph(f"You predicted: {prediction}")
        if step.note:
            self._paragraph(f"The notes: {step.note}")

    # Questions and answers.

    def _predict(self, number: int, step: Step) -> str:
        """Returns the student's prediction, asked for once."""
        for question in step.questions:
            self._paragraph(f"Predict: {question}")
        if not step.questions or self._ask is None:
            return ""
        known = self.predictions()
        if str(number) not in known:
            text = self._ask("your prediction> ").strip()
            known[str(number)] = text
            path = self._path(PREDICTIONS)
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(path) as file:
                file.write((json.dumps(known, indent=1) + "\n").encode())
        return known[str(number)]

    def predictions(self) -> dict[str, str]:
        """Returns the student's predictions by the number of the step."""
        try:
            return json.loads(
                self._path(PREDICTIONS).read_text(encoding="utf-8")
            )
        except (OSError, ValueError):
            return {}

    def _print_answers(self, step: Step) -> None:
        """Prints the answers whose runs have ended."""
        for answer in step.answers:
            if all(self._has_ended(name) for name in answer.runs):
                self._print(f"\n{self.answer(answer)}")

    def _has_ended(self, name: str) -> bool:
        path = f"{self.lecture.folder}/{name}"
        return self._state(Command(("zoo", "", f"--run_name={path}"))) == "done"

    def answer(self, answer: Answer) -> str:
        """Computes an answer from the runs that it names.

        Where a run has no result, such as one that diverged, the answer says
        so.
        """
        with self._hide_stderr():
            function = find_function(answer.function)
            runs = [self._find(name) for name in answer.runs]
            try:
                return function(*runs, **answer.options)
            except UserError as error:
                return expand_commands(str(error))

    def _find(self, name: str) -> Run:
        folder = f"{self.lecture.folder}/{name}"
        return Run(self._root / folder, folder)

    def _wants_more(self) -> bool:
        text = self._ask("Enter continues, q stops> ")
        return not text.strip().lower().startswith("q")

    # Commands.

    def _earlier(self, number: int) -> Iterator[Command]:
        """Yields commands of earlier steps whose runs a step needs."""
        steps = self.lecture.steps
        makers = {
            command.makes: command
            for step in steps[: number - 1]
            for command in step.commands
            if command.makes
        }
        yield from _needed(steps[number - 1], makers, self.lecture.folder)

    def _run_command(self, command: Command) -> None:
        state = self._state(command)
        words = command.words[1:]
        if state == "interrupted":
            words = ("resume", command.makes)
            if self._runs_dir != DEFAULTS["runs_dir"]:
                words += (f"--runs_dir={self._runs_dir}",)
        shown = expand_command(str(Command(("zoo", *words))))
        self._print(f"\n$ {shown}")
        if state == "done":
            self._print("done before; its runs are kept")
            return
        code = _run_process([sys.executable, "-m", "zoo", *words])
        if code in (INTERRUPTED, -2):
            raise Interrupted(INTERRUPTED)
        is_check = command.verb == "check"
        if code not in (CHECK_CODES if is_check else EXPECTED_CODES):
            raise UserError(
                f"the command ended with exit code {code}; `zoo lecture "
                f"{self.lecture.name}` continues there."
            )

    def _state(self, command: Command) -> str:
        """Returns `done`, `interrupted`, or `to do`."""
        name = command.makes
        if not name:
            return "to do"
        path = self._root / name
        if (path / RESULT_FILE).is_file():
            status = SweepFolder(path, name).status
            return "done" if status == "completed" else "to do"
        if (path / GROUP_FILE).is_file():
            ended = all(r.has_ended for r in RunGroup(path, name).runs())
            return "done" if ended else "to do"
        run = Run(path, name)
        if run.status == NOT_STARTED:
            return "to do"
        return "done" if run.has_ended else "interrupted"

    # Text.

    def _print_head(self) -> None:
        lecture = self.lecture
        self._print(lecture.title)
        self._paragraph(lecture.about)
        if lecture.data:
            self._paragraph(lecture.data)
        folder = self._root / lecture.folder
        self._print(f"\ntensorboard  {tensorboard_command(folder)}")

    def _print_step(self, number: int, step: Step) -> None:
        self._print(f"\n{number}/{len(self.lecture.steps)}  {step.title}")
        self._paragraph(step.about)
        if step.commands:
            self._print(f"\ntime: {step.time}")

    def _print_look(self, step: Step) -> None:
        if step.look:
            self._paragraph(f"Look at: {step.look}")

    def _paragraph(self, text: str) -> None:
        wrapped = textwrap.fill(
            expand_commands(text), COLUMNS, break_on_hyphens=False
        )
        self._print(f"\n{wrapped}")

    def _path(self, name: str) -> pathlib.Path:
        return self._root / self.lecture.folder / name


def _needed(
    step: Step, makers: Mapping[str, Command], folder: str
) -> list[Command]:
    """Returns the commands that make the runs that a step names, in order."""
    named = [word for command in step.commands for word in command.words]
    named += [f"{folder}/{run}" for a in step.answers for run in a.runs]
    found: list[Command] = []
    while named:
        value = named.pop(0).rpartition("=")[2]
        for made, command in makers.items():
            is_named = value == made or value.startswith(f"{made}/")
            if is_named and command not in found:
                found.append(command)
                named += [word for word in command.words if made not in word]
    return [command for command in makers.values() if command in found]


def _run_process(words: list[str]) -> int:
    """Runs a process to its end; returns its exit code.

    Ctrl-C reaches it too: it saves its run, and is waited for.
    """
    process = subprocess.Popen(words)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def listing(runs_dir: str, data_dir: str | None = None) -> str:
    """Returns the lectures as text, with how many commands are done."""
    rows = []
    for name in ORDER:
        lecture = load(name, runs_dir=runs_dir, data_dir=data_dir)
        session = LectureSession(lecture, runs_dir, None, print)
        making = [c for step in lecture.steps for c in step.commands if c.makes]
        done = sum(session._state(command) == "done" for command in making)
        rows.append(
            (name, str(len(lecture.steps)), f"{done} of {len(making)}",
             lecture.title)
        )  # fmt: skip
    return format_table(("lecture", "steps", "runs done", "title"), rows, (1,))


def write_example_images(folder: pathlib.Path) -> None:
    """Writes digits as images of one's own would be, with two faults.

    One image is in two folders, and one is in the wrong folder. A folder that
    is there is kept.
    """
    if folder.exists():
        return
    from PIL import Image
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    pixels = np.round(images.reshape(-1, 8, 8) * 255 / 16).astype(np.uint8)
    classes = {"zero": 0, "one": 1, "seven": 7}
    for name, label in classes.items():
        (folder / name).mkdir(parents=True)
        for number, index in enumerate(np.flatnonzero(labels == label)[:60]):
            image = Image.fromarray(pixels[index]).resize((32, 32))
            image = image.convert("RGB")  # for networks of photographs
            image.save(folder / name / f"{number:02d}.png")
    shutil.copyfile(folder / "zero" / "00.png", folder / "one" / "copy.png")
    os.rename(folder / "seven" / "01.png", folder / "one" / "seven.png")
