"""Numbers on a page, each with the name of what it is.

A number is taken from where it is kept by its name, `evaluate.accuracy`, and
stands in the page as `<data data-key="evaluate.accuracy" value="0.9822">`.
What is shown is rounded; the value is not. So programs can read a page, and
tests can hold every number against its origin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from zoo.console import format_count
from zoo.evaluation import words
from zoo.reporting.elements import Markup, element

Write = Callable[[Any], str]
LARGE = 1e5


class Numbers:
    """Everything that is known of one run, by name.

    Args:
        sources: dicts and lists, as JSON holds them, by the first word of a
            name.
    """

    def __init__(self, sources: Mapping[str, Any]):
        self._sources = sources

    def value(self, key: str) -> Any:
        """Returns what has a name such as `evaluate.classes.0.recall`.

        `None` where there is no such thing.
        """
        found: Any = self._sources
        for word in key.split("."):
            if isinstance(found, list):
                found = found[int(word)]
            elif isinstance(found, Mapping):
                found = found.get(word)
            else:
                return None
        return found

    def show(self, key: str, write: Write) -> Markup:
        """Returns a number as it is written for people."""
        value = self.value(key)
        if value is None:
            return element("span", "–", class_="none")
        return element("data", write(value), data_key=key, value=value)

    def percent(self, key: str) -> Markup:
        """Returns a share in percent, two digits behind the point."""
        return self.show(key, percent)

    def share(self, key: str) -> Markup:
        """Returns a share in percent without the sign, for a table."""
        return self.show(key, words.percent)

    def count(self, key: str) -> Markup:
        """Returns a count."""
        return self.show(key, format_count)

    def decimal(self, key: str) -> Markup:
        """Returns a number with four digits behind the point."""
        return self.show(key, decimal)

    def significant(self, key: str) -> Markup:
        """Returns a number with four significant digits."""
        return self.show(key, significant)


def percent(share: float) -> str:
    """Writes 0.98765 as 98.77 %; the space is one that does not break."""
    return f"{words.percent(share)}\N{NO-BREAK SPACE}%"


def decimal(value: float) -> str:
    """Writes a loss; one that has run away without its countless digits."""
    return f"{value:.4f}" if abs(value) < LARGE else f"{value:.4g}"


def significant(value: float) -> str:
    """Writes a number of any size."""
    return f"{value:.4g}"
