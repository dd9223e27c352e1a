"""Writes `zoo/train_options.py`: the options of `TrainConfig` as types.

    python -m docs.train_options

With them an editor completes and checks the keyword arguments of `zoo.train`.
A test fails if the file is not up to date.
"""

from __future__ import annotations

import dataclasses
import pathlib
import subprocess
import sys
import textwrap

import zoo
from zoo.config import GROUPS, OPTIONS, TrainConfig
from zoo.options import KINDS, Option

PATH = pathlib.Path(zoo.__file__).with_name("train_options.py")
WIDTH = 80
HEADER = '''"""Keyword arguments of `zoo.train`: the fields of `TrainConfig`.

Written by `python -m docs.train_options`, never by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict


class TrainOptions(TypedDict, total=False):
    """Options of a training; what is not given is the model's own recipe."""
'''


def source() -> str:
    """Returns the text of the file, formatted."""
    types = {
        field.name: field.type for field in dataclasses.fields(TrainConfig)
    }
    lines = [HEADER]
    group = None
    for name, option in OPTIONS.items():
        if name == "model":
            continue  # the first argument of `zoo.train`
        if option.group != group:
            group = option.group
            lines.append(f"    # {GROUPS[group]}.")
        lines.append(f"    {name}: {_type(types[name], _choices(option))}")
        lines.append(_docstring(option.help))
    return subprocess.run(
        [sys.executable, "-m", "ruff", "format", f"--stdin-filename={PATH}"],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def _type(text: str, choices: tuple[str, ...]) -> str:
    """Returns the annotation of an option, its choices spelled out.

    Args:
        text: the annotation in `TrainConfig`.
        choices: none where several can be joined in one string.
    """
    text = text.replace("tuple[str, ...]", "str | Sequence[str]")
    text = text.replace("tuple[float, ...]", "Sequence[float]")
    text = text.replace("tuple[int, int]", "Sequence[int]")
    if choices and "Sequence" not in text:
        literals = ", ".join(f'"{choice}"' for choice in choices)
        text = text.replace("str", f"Literal[{literals}]")
    return text


def _choices(option: Option) -> tuple[str, ...]:
    return () if option.type is KINDS else option.choices


def _docstring(help: str) -> str:
    text = f"{help[:1].upper()}{help[1:]}."
    indent = " " * 4
    one_line = f'{indent}"""{text}"""'
    if len(one_line) <= WIDTH:
        return one_line
    return (
        textwrap.fill(
            f'"""{text}\n',
            WIDTH,
            initial_indent=indent,
            subsequent_indent=indent,
        )
        + f'\n{indent}"""'
    )


if __name__ == "__main__":
    PATH.write_text(source(), encoding="utf-8")
