"""The table of lectures, read from the TOML files of this folder.

A file has a `title`, an `about`, the data of the class, and `[[steps]]`. In
texts and commands, `{runs}` stands for the folder of the lecture's runs, and
other names in braces for values of the dataset: those of `[data]` where it is
on disk, else those of `[stand_in]`, which needs no download.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import pathlib
import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from zoo.commands import FLAGS, RUNS_DIR
from zoo.config import DEFAULTS
from zoo.data import cache, datasets, tfds
from zoo.errors import UserError, unknown_name_error

FOLDER = pathlib.Path(__file__).parent
ORDER = (
    "mnist", "convolution", "svhn", "plane", "approximation", "optimization",
    "features", "depth", "transfer", "generalization", "own_images",
)  # fmt: skip
RUNS = "lectures"  # in the folder of runs, where those of lectures are
BUDGETS = ("smoke", "laptop")
TRAINING_VERBS = ("train", "vary", "sweep")
# Of the smoke budget, in place of what a command says about its length.
LENGTH_FLAGS = ("--steps=", "--epochs=", "--early_stopping_patience=")
SMOKE = ("--steps=4",)
SMOKE_TRIALS = ("--trials=2", "--retrain_seeds=1")
PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclasses.dataclass(frozen=True)
class Answer:
    """A function that answers, with its arguments.

    Attributes:
        function: Name of the function.
        runs: Names of runs, below the folder of the lecture.
        options: Further arguments, as text.
    """

    function: str
    runs: tuple[str, ...]
    options: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Answer:
        """Reads an answer such as `evaluate_on lr dataset=mnist`."""
        function, *words = shlex.split(text)
        pairs = [word.split("=", 1) for word in words if "=" in word]
        runs = tuple(word for word in words if "=" not in word)
        return cls(function, runs, dict(pairs))


@dataclasses.dataclass(frozen=True)
class Command:
    """A command of a step, as it is typed.

    Attributes:
        words: Its words, `zoo` first.
    """

    words: tuple[str, ...]

    @property
    def verb(self) -> str:
        """The command of `zoo`, such as `train`."""
        return self.words[1]

    @property
    def makes(self) -> str:
        """Name of the run, group or sweep that it makes; empty if none."""
        for word in self.words:
            for flag in ("--run_name=", "--sweep_name="):
                if word.startswith(flag):
                    return word.removeprefix(flag)
        return ""

    def __str__(self) -> str:
        return shlex.join(self.words)


@dataclasses.dataclass(frozen=True)
class Step:
    """One step of a lecture.

    Attributes:
        title: What it is about, in a few words.
        about: What it is about, in a paragraph.
        time: How long its commands take on two CPU cores.
        commands: Commands to run, in order.
        look: What to look at in TensorBoard.
        questions: Questions put to the student before the answer.
        answers: What answers them, computed from runs.
        note: What the lecture notes or papers say.
    """

    title: str
    about: str
    time: str
    commands: tuple[Command, ...]
    look: str
    questions: tuple[str, ...]
    answers: tuple[Answer, ...]
    note: str


@dataclasses.dataclass(frozen=True)
class Lecture:
    """A lecture with the data of the class filled in.

    Attributes:
        name: Name on the command line.
        title: Title.
        about: What it shows, in a paragraph.
        data: Sentence on the dataset that it uses.
        folder: Folder of its runs, relative to the folder of runs.
        steps: Its steps, in order.
        example_images: Folder to be filled with images, in place of one's own.
    """

    name: str
    title: str
    about: str
    data: str
    folder: str
    steps: tuple[Step, ...]
    example_images: pathlib.Path | None = None


def load(
    name: str,
    *,
    runs_dir: str = DEFAULTS["runs_dir"],
    data_dir: str | None = None,
    budget: str = "laptop",
    images: str | None = None,
    stand_in: bool = False,
) -> Lecture:
    """Reads a lecture.

    Args:
        name: Name of the lecture.
        runs_dir: Folder of runs; commands name it if it is not the default.
        data_dir: Folder of tensorflow-datasets; commands name it if given.
        budget: `laptop`, or `smoke`, which only checks that commands run.
        images: Folder of one's own images, for the lecture on them.
        stand_in: Whether to use the stand-in even if the dataset is on disk.

    Raises:
        UserError: There is no lecture of this name.
    """
    if name not in ORDER:
        raise unknown_name_error("lecture", name, ORDER, "zoo lecture")
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    content = tomllib.loads(text)
    folder = (
        f"{RUNS}/{name}" if budget == "laptop" else f"{RUNS}-{budget}/{name}"
    )
    values, data = _data(content, data_dir, stand_in)
    values["runs"] = folder
    example_images = None
    if content.get("own_images"):
        if images is None:
            example_images = pathlib.Path(runs_dir, folder, "images")
        else:
            own = f"Your images are in {images}."
            data = f"{data} {own}".strip() if "dataset" in values else own
        values["images"] = str(images or example_images)
    extra = (runs_dir, data_dir, budget)
    return Lecture(
        name,
        content["title"],
        _paragraph(content["about"], values),
        _fill(data, values),
        folder,
        tuple(_step(step, values, extra) for step in content["steps"]),
        example_images,
    )


def _data(
    content: Mapping[str, Any], data_dir: str | None, stand_in: bool
) -> tuple[dict[str, str], str]:
    """Returns the values for braces, and a sentence on the data."""
    own = dict(content.get("data", {}))
    if not own or "stand_in" not in content:
        return own, own.get("about", "")
    source, _ = datasets.find_dataset(own["dataset"])
    is_here = tfds.is_prepared(source, cache.resolve_data_dir(data_dir))
    if is_here and not stand_in:
        return own, f"The dataset is {source.name}."
    other = {**own, **content["stand_in"]}
    return other, (
        f"{other['dataset']} stands in for {source.name}, which is not on this "
        f"machine; `zoo download {source.name}` downloads its "
        f"{source.download_mib:,} MiB."
    )


def _step(
    content: Mapping[str, Any], values: Mapping[str, str], extra: tuple
) -> Step:
    questions = content.get("ask", [])
    about = _paragraph(content["about"], values)
    needs = content.get("needs")
    if needs and importlib.util.find_spec(needs["module"]) is None:
        # The step is shown, and its commands are left out.
        content = {**content, "commands": [], "answers": [], "look": ""}
        about += (
            f" Its commands need an extra: `pip install "
            f"'keras-zoo[{needs['extra']}]'`."
        )
    return Step(
        content["title"],
        about,
        content.get("time", "seconds"),
        tuple(
            _command(_fill(text, values), *extra)
            for text in content.get("commands", [])
        ),
        _paragraph(content.get("look", ""), values),
        tuple(_paragraph(text, values) for text in questions),
        tuple(
            Answer.parse(_fill(text, values))
            for text in content.get("answers", [])
        ),
        _paragraph(content.get("note", ""), values),
    )


def _command(
    text: str, runs_dir: str, data_dir: str | None, budget: str
) -> Command:
    """Returns a command with the flags of a folder and of a budget."""
    words = shlex.split(text)
    verb = words[1]
    if budget == "smoke" and verb in TRAINING_VERBS:
        words = [w for w in words if not w.startswith(LENGTH_FLAGS)]
        words += () if "--model=knn" in words else SMOKE
        words += SMOKE_TRIALS if verb == "sweep" else ()
    flags = FLAGS.get(verb, set())
    is_training = verb in TRAINING_VERBS
    if runs_dir != DEFAULTS["runs_dir"] and (is_training or RUNS_DIR in flags):
        words.append(f"--runs_dir={runs_dir}")
    if data_dir and (is_training or "data_dir" in flags):
        words.append(f"--data_dir={data_dir}")
    return Command(tuple(words))


def _paragraph(text: str, values: Mapping[str, str]) -> str:
    """Returns a text without the line breaks of the file."""
    return " ".join(_fill(text, values).split())


def _fill(text: str, values: Mapping[str, str]) -> str:
    """Replaces names in braces that have a value."""
    return PLACEHOLDER.sub(lambda m: values.get(m[1], m[0]), text)


def find_step(lecture: Lecture, text: str) -> int:
    """Returns the number of a step, from 1, as it was typed.

    Raises:
        UserError: There is no step of this number.
    """
    last = len(lecture.steps)
    if not text.isdecimal() or not 1 <= int(text) <= last:
        raise UserError(
            f"{lecture.name} has no step {text!r}; give a number from 1 to "
            f"{last}."
        )
    return int(text)


def markdown(lecture: Lecture) -> str:
    """Returns a lecture as a page of the documentation."""
    lines = [f"# {lecture.title}", "", lecture.about, "", lecture.data, ""]
    lines += ["```sh", f"zoo lecture {lecture.name}", "```", ""]
    for number, step in enumerate(lecture.steps, 1):
        lines += [f"## {number}. {step.title}", "", step.about, ""]
        lines += [f"*Predict:* {text}\n" for text in step.questions]
        if step.commands:
            typed = map(str, step.commands)
            lines += ["```sh", *typed, "```", "", f"Time: {step.time}.", ""]
        if step.look:
            lines += [f"*Look at:* {step.look}", ""]
        if step.note:
            lines += [f"*The notes:* {step.note}", ""]
    return "\n".join(lines)


def index(lectures: Sequence[Lecture]) -> str:
    """Returns the page that lists the lectures."""
    lines = [
        "# Lectures",
        "",
        "`zoo lecture NAME` goes through a lecture step by step: it asks for a "
        "prediction, runs the commands, names what to look at in TensorBoard, "
        "and answers with numbers of the runs just made. `zoo lecture NAME "
        "STEP` does one step. What is done is not repeated.",
        "",
        "| lecture | steps | about |",
        "| --- | ---: | --- |",
    ]
    lines += [
        f"| [{one.name}]({one.name}.md) | {len(one.steps)} | {one.title} |"
        for one in lectures
    ]
    lines += [
        "",
        "## Every question",
        "",
        "| question | command |",
        "| --- | --- |",
    ]
    lines += [
        f"| {question} | `zoo lecture {one.name} {number}` |"
        for one in lectures
        for number, step in enumerate(one.steps, 1)
        for question in step.questions
    ]
    return "\n".join([*lines, ""])
