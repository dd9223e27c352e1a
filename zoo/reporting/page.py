"""The whole page: one run at length, or several in short."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

import zoo
from zoo.reporting import about, caution, classes
from zoo.reporting.answers import calibration, mistakes
from zoo.reporting.comparing import comparison
from zoo.reporting.curves import curves
from zoo.reporting.elements import Markup, element, joined
from zoo.reporting.findings import findings
from zoo.reporting.gathering import Story
from zoo.reporting.headline import head
from zoo.reporting.plane import plane_picture
from zoo.reporting.settings import settings

STYLE = Path(__file__).with_name("page.css")
# The answer, then what it rests on, then what one needs to repeat it.
AT_LENGTH = (
    curves,
    plane_picture,
    findings,
    classes.by_class,
    classes.confusion,
    mistakes,
    calibration,
    about.data,
    about.model,
    settings,
    about.machine,
    caution.looks,
    caution.limits,
)
IN_SHORT = (curves, findings, settings, caution.looks)


def page(stories: Sequence[Story]) -> str:
    """Returns the text of an HTML file about one run, or several."""
    if len(stories) == 1:
        title, body = stories[0].name, _article(stories[0])
    else:
        title = ", ".join(story.name for story in stories)
        body = joined(
            element(
                "header",
                element("h1", f"{len(stories)} runs"),
                element("p", title, class_="lede"),
            ),
            comparison(stories),
            [_short(story) for story in stories],
        )
    return _document(title, body)


def _article(story: Story) -> Markup:
    return element(
        "article",
        head(story),
        [tell(story) for tell in AT_LENGTH],
        data_run=story.name,
    )


def _short(story: Story) -> Markup:
    return element(
        "article",
        head(story, "h2"),
        [tell(story) for tell in IN_SHORT],
        data_run=story.name,
        class_="short",
    )


def _document(title: str, body: Markup) -> str:
    style = element("style", Markup(STYLE.read_text(encoding="utf-8")))
    top = element(
        "head",
        element("meta", charset="utf-8"),
        element(
            "meta",
            name="viewport",
            content="width=device-width, initial-scale=1",
        ),
        element("meta", name="generator", content=f"zoo {zoo.__version__}"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{title} – zoo report"),
        style,
    )
    now = datetime.datetime.now()
    written = f"{now.day} {now:%B %Y, %H:%M}"
    footer = element(
        "footer",
        f"Written by zoo {zoo.__version__} on {written}. Validation examples "
        "chose the weights; the test split was not opened for this page.",
    )
    whole = element("body", element("main", body), footer)
    return f"<!doctype html>\n{element('html', top, whole, lang='en')}\n"
