"""Generates pages of `make docs`: models, Python API, commands, lectures.

MkDocs calls `on_files` before it reads the pages.
"""

from __future__ import annotations

import contextlib
import io
import os

from mkdocs.structure.files import File

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

MODELS = """\
# Models

Names with numbers or letters stand for families: any name that fits works, such
as `wrn22_8` or `cnn_cpcpff`. Parameters and multiply-adds (MACs) are counted
from the built models, at the input shape of the column `input` with 10 classes
where the dataset has no other number.

"""
PYTHON = """\
# Python API

`import zoo` imports none of these, nor Keras, before its first use.

"""
COMMANDS = """\
# Commands and flags

Printed by `zoo COMMAND --helpfull`; `--help` shows the everyday flags. Booleans
are written `--deterministic` or `--nodeterministic`.

"""


def on_files(files, config):
    """Adds the generated pages."""
    for name, content in (
        ("models", models_page),
        ("python", python_page),
        ("commands", commands_page),
    ):
        path = f"reference/{name}.md"
        files.append(File.generated(config, path, content=content()))
    for path, content in lecture_pages().items():
        files.append(File.generated(config, path, content=content))
    return files


def lecture_pages() -> dict[str, str]:
    """Returns a page for each lecture, and one that lists them."""
    from zoo.lectures import table

    lectures = [table.load(name, stand_in=True) for name in table.ORDER]
    pages = {f"lectures/{one.name}.md": table.markdown(one) for one in lectures}
    return {"lectures/index.md": table.index(lectures), **pages}


def models_page() -> str:
    """Returns the table of models with parameters and multiply-adds."""
    return MODELS + _printed("models", "--markdown")


def python_page() -> str:
    """Returns directives for mkdocstrings, one for each public name."""
    import zoo

    lines = []
    for name in zoo.__all__:
        found = getattr(zoo, name)
        lines.append(f"::: {found.__module__}.{found.__qualname__}")
        lines.append(f"    options:\n      heading: zoo.{name}\n")
        if name == "TrainConfig":
            lines.append(_options_table())
    return PYTHON + "\n".join(lines)


def _options_table() -> str:
    """Returns the options of `TrainConfig`; `None` is the recipe's value."""
    from zoo.config import DEFAULTS, OPTIONS

    lines = ["| option | default | meaning |", "| --- | --- | --- |"]
    for name, option in OPTIONS.items():
        meaning = option.help.replace("|", "\\|")
        lines.append(f"| `{name}` | `{DEFAULTS[name]!r}` | {meaning} |")
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Returns the help of every command."""
    from zoo.cli.main import VERBS

    sections = [
        f"## zoo {verb}\n\n```text\n{_printed(verb, '--helpfull')}\n```\n"
        for verb in VERBS
    ]
    return COMMANDS + "\n".join(sections)


def _printed(*words: str) -> str:
    """Returns what a command prints."""
    from zoo.cli.main import main

    output = io.StringIO()
    with (
        contextlib.redirect_stdout(output),
        contextlib.suppress(SystemExit),
    ):
        main(list(words))
    return output.getvalue().strip()
