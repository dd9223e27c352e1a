"""What `zoo diagnose` says of a run."""

from __future__ import annotations

from zoo.diagnostics.findings import ERROR, INFO, WARNING, Finding
from zoo.diagnostics.text import no_problems
from zoo.reporting.elements import Markup, element, section, sentence
from zoo.reporting.gathering import Story

SEVERITY = {ERROR: "broken", WARNING: "poor", INFO: "hint"}


def findings(story: Story) -> Markup:
    """Returns findings in words, the most severe first."""
    facts, found = story.facts, story.findings
    troubles = [f for f in found if f.severity > INFO]
    healthy = None
    if not troubles:
        healthy = element("p", no_problems(facts, found))
    items = element("ol", [_finding(f) for f in found], class_="findings")
    return section("What its numbers say", healthy, items if found else None)


def _finding(found: Finding) -> Markup:
    text = f"{found.text[:1].upper()}{found.text[1:]}."
    return element(
        "li",
        element("p", sentence(text)),
        element("p", "Try ", sentence(f"{found.advice}."), class_="note"),
        class_=SEVERITY[found.severity],
    )
