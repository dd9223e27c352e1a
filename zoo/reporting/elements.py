"""HTML as values: text is escaped unless it is markup already."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

VOID = ("meta", "img", "br", "hr")  # elements that have no end


class Markup(str):
    """HTML that stands as it is; every other text is escaped."""

    __slots__ = ()


NOTHING = Markup("")


def element(name: str, /, *children: Any, **attributes: Any) -> Markup:
    """Returns an element.

    Args:
        name: of the element, such as `p`.
        children: markup, text, numbers, or lists of such; `None` is nothing.
        attributes: `class_` stands for `class`, `data_key` for `data-key`;
            `None` and `False` leave one out.
    """
    words = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        told = "" if value is True else f'="{html.escape(str(value))}"'
        words.append(key + told)
    start = f"<{' '.join(words)}>"
    if name in VOID:
        return Markup(start)
    return Markup(f"{start}{joined(*children)}</{name}>")


def joined(*children: Any) -> Markup:
    """Returns children one after the other, texts escaped."""
    return Markup("".join(map(_markup, children)))


def _markup(child: Any) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, str) or not isinstance(child, Iterable):
        return html.escape(str(child))
    return joined(*child)


def section(title: str, *children: Any, note: Any = None) -> Markup:
    """Returns a section with its heading, and a quiet line below that."""
    heading = element(
        "div",
        element("h2", title),
        note and element("p", note, class_="note"),
        class_="heading",
    )
    return element("section", heading, element("div", *children, class_="body"))


def table(
    heads: Sequence[Any],
    rows: Iterable[Sequence[Any]],
    right: Sequence[int] = (),
    caption: Any = None,
) -> Markup:
    """Returns a table whose first column heads the rows.

    Args:
        right: which columns are set flush right, as numbers are.
    """

    def cell(name: str, index: int, child: Any, **attributes) -> Markup:
        number = "number" if index in right else None
        return element(name, child, class_=number, **attributes)

    lines = [
        element(
            "tr",
            [
                cell("td", index, child)
                if index
                else cell("th", index, child, scope="row")
                for index, child in enumerate(row)
            ],
        )
        for row in rows
    ]
    top = [cell("th", i, head, scope="col") for i, head in enumerate(heads)]
    return scrolling(
        element(
            "table",
            caption and element("caption", caption),
            element("thead", element("tr", top)) if any(heads) else None,
            element("tbody", lines),
        ),
        "table",
    )


def scrolling(child: Markup, label: str) -> Markup:
    """Returns what may be wider than a narrow screen, with a bar of its own."""
    return element(
        "div", child, class_="wide", tabindex=0, role="group", aria_label=label
    )


def definitions(rows: Iterable[tuple[Any, Any]]) -> Markup:
    """Returns terms with what they are; those that are nothing left out."""
    pairs = [
        element("div", element("dt", term), element("dd", told))
        for term, told in rows
        if told not in (None, "")
    ]
    return element("dl", pairs)


def code(text: str) -> Markup:
    """Returns a command, to be pasted."""
    return element("pre", element("code", text))


def sentence(text: str) -> Markup:
    """Returns text in which what stands between backquotes is code."""
    parts = text.split("`")
    return joined(
        element("code", part) if index % 2 else part
        for index, part in enumerate(parts)
    )
