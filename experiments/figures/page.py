"""`README.md` of this folder: every picture with its caption and command."""

from __future__ import annotations

import textwrap

from experiments.figures import table

PAGE = table.HERE / "README.md"
HEAD = """\
# The lectures' pictures

Written by `python -m experiments.record`; nothing here is typed by hand. Each
picture is made of runs of recipes by the command below it, which trains what is
missing first; `make figure` lists them all.
"""


def text() -> str:
    """Returns the page: a section a picture."""
    return "\n".join([HEAD, *map(_section, table.PICTURES)])


def _section(picture: table.Picture) -> str:
    recipes = (picture.rungs.recipe(label) for label in picture.titles)
    made = f"`{picture.command}`, of " + ", ".join(f"`{r}`" for r in recipes)
    return "\n".join(
        [
            f"## {picture.name}\n",
            f"![{picture.shows}]({picture.path.name})\n",
            f"{textwrap.fill(picture.caption, 80)}\n",
            f"{textwrap.fill(made, 80, break_on_hyphens=False)}\n",
        ]
    )
