"""What was seen, as text for a person and as JSON for a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zoo.inspection.collection import Collection, tally
from zoo.inspection.finding import BROKEN, SEVERITIES, Finding
from zoo.inspection.sizes import sides, smallest_and_largest
from zoo.tables import format_table, many

MOST_LINES = 8  # of images under a finding
MOST_KINDS = 4  # sizes, modes or formats in a line
HEADS = (
    "class", "images", "share", "unreadable", "copies", "sizes", "brightness",
)  # fmt: skip


def text(collection: Collection, findings: Sequence[Finding]) -> str:
    """Returns facts, findings by number, and a table of the classes."""
    lines = [f"{head:<10} {told}" for head, told in _facts(collection).items()]
    lines.append("")
    if not findings:
        lines.append(
            "Nothing is wrong with these images that looks could tell."
        )
    for number, finding in enumerate(findings, 1):
        lines.append(f"{number}. {finding.sentence}")
        # What cannot be read is named to the last file: all must be mended.
        count = len(finding.images)
        shown = count if finding.severity == BROKEN else MOST_LINES
        lines += [f"     {line}" for line in finding.images[:shown]]
        more = count - shown
        if more > 0:
            lines.append(f"     ... and {more:,} more, all in --json")
    lines += ["", _table(collection)]
    return "\n".join(lines)


def _facts(collection: Collection) -> dict[str, str]:
    looks = collection.looks
    facts = {
        "data": f"{collection.dataset}: {many(len(looks), 'image')} of "
        f"{many(len(collection.class_names), 'class', 'classes')}",
        "sizes": _sizes(collection),
        "modes": _kinds(look.mode for look in looks),
    }
    if looks[0].format:
        facts["formats"] = _kinds(look.format for look in looks)
    if collection.counts.all():
        parts = {name: len(part) for name, part in collection.parts.items()}
        facts["training"] = (
            f"`zoo train` would have {parts['train']:,} to train on and "
            f"{parts['val']:,} to validate with"
        )
        if collection.sealed is None:
            facts["training"] += f", and seal {parts['test']:,} for the test"
    facts["seen"] = _seen(collection)
    return facts


def _seen(collection: Collection) -> str:
    if collection.sealed is None:
        return (
            "every image; the test part is not cut off yet, and nothing here "
            "says how well a model does on it"
        )
    return (
        "what is trained and validated on; the "
        f"{many(collection.sealed, 'test image')} stay sealed"
    )


def _sizes(collection: Collection) -> str:
    sizes = tally(look.size for look in collection.looks)
    (most, count), *_ = sizes.items()
    if len(sizes) == 1:
        return f"all {sides(most)} pixels (height x width)"
    small, large = smallest_and_largest(collection)
    return (
        f"{len(sizes):,} of them, most often {sides(most)} ({count:,}); from "
        f"{sides(small)} to {sides(large)} pixels (height x width)"
    )


def _kinds(words) -> str:
    found = tally(words)
    told = [f"{word} {count:,}" for word, count in found.items()]
    more = len(told) - MOST_KINDS
    return ", ".join(told[:MOST_KINDS] + [f"{more} more"] * (more > 0))


def _table(collection: Collection) -> str:
    rows = [
        (
            row["class"],
            f"{row['images']:,}",
            f"{100 * row['share']:.1f} %",
            f"{row['unreadable']:,}" if row["unreadable"] else "-",
            f"{row['copies']:,}" if row["copies"] else "-",
            _size_of_class(row["sizes"]),
            "-" if row["brightness"] is None else f"{row['brightness']:.0f}",
        )
        for row in by_class(collection)
    ]
    return format_table(HEADS, rows, right=(1, 2, 3, 4, 6))


def _size_of_class(sizes: dict[str, int]) -> str:
    if not sizes:
        return "-"
    first = next(iter(sizes))
    return first + f" and {len(sizes) - 1} more" * (len(sizes) > 1)


def by_class(collection: Collection) -> list[dict[str, Any]]:
    """Returns the numbers of each class.

    `copies` are images whose pixels are in the collection more than once;
    brightness is a mean of grey levels, 0..255.
    """
    copied = {i for group in collection.groups for i in group}
    rows = []
    for label, name in enumerate(collection.class_names):
        mine = np.flatnonzero(collection.labels == label)
        looks = [collection.looks[i] for i in mine]
        light = [look.brightness for look in looks]
        rows.append(
            {
                "class": name,
                "images": len(looks),
                "share": len(looks) / len(collection.looks),
                "unreadable": sum(b.label == label for b in collection.bad),
                "copies": len(copied.intersection(mine.tolist())),
                "sizes": tally(sides(look.size) for look in looks),
                "modes": tally(look.mode for look in looks),
                "formats": tally(look.format for look in looks if look.format),
                "brightness": float(np.mean(light)) if light else None,
            }
        )
    return rows


def as_json(
    collection: Collection, findings: Sequence[Finding], sheet: str | None
) -> dict[str, Any]:
    """Returns everything that was found, for a program."""
    parts = {}
    if collection.counts.all():
        parts = {name: len(part) for name, part in collection.parts.items()}
    return {
        "dataset": collection.dataset,
        "images": len(collection.looks),
        "test_images_unseen": collection.sealed,
        "parts": parts,
        "classes": by_class(collection),
        "passed_over": collection.passed_over,
        "findings": [
            {
                "name": finding.name,
                "severity": SEVERITIES[finding.severity],
                "sentence": finding.sentence,
                "images": list(finding.images),
            }
            for finding in findings
        ],
        "contact_sheet": sheet,
    }
