"""Looks at images before anything is trained on them, and says what is wrong.

    collection.py     what was looked at: a few facts of every image
    folder.py         from a folder of picture files to a collection
    arrays.py         from any other data set to a collection
    files.py          findings on files: unreadable ones, passed over ones
    sizes.py          ... on sizes that differ
    amounts.py        ... on how many images each class and part has
    likeness.py       which images look nearly alike
    duplicates.py     ... on copies, of one class and of several
    shortcuts.py      ... on what gives a class away that is not in the picture
    contact_sheet.py  a picture with a few images of each class
    words.py          all of it as text and as JSON

A finding is made by a rule: a function from `Collection` to findings. To add
one, write it beside its like and give it a line in `RULES`.
"""

from __future__ import annotations

from zoo.inspection import amounts, duplicates, files, shortcuts, sizes
from zoo.inspection.collection import Collection
from zoo.inspection.finding import Finding, Rule

# In this order among equally harmful ones.
RULES: tuple[Rule, ...] = (
    files.unreadable,
    files.empty_classes,
    sizes.different,
    sizes.squeezed,
    duplicates.other_label,
    duplicates.other_part,
    duplicates.twins_of_other_label,
    shortcuts.giveaways,
    files.unused,
    files.passed_over,
    files.scaled,
    files.blank,
    amounts.few,
    amounts.imbalance,
    duplicates.twins,
    duplicates.copies,
    files.frames,
)


def inspect(collection: Collection) -> list[Finding]:
    """Returns all findings, the most harmful first."""
    found = [finding for rule in RULES for finding in rule(collection)]
    return sorted(found, key=lambda finding: -finding.severity)
