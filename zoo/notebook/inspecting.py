"""A look at images before anything is trained on them."""

from __future__ import annotations

from zoo.notebook.answer import Answer


def inspect(dataset: str, *, data_dir: str | None = None) -> Answer:
    """Says what is wrong with images; the picture is a contact sheet.

    Args:
        dataset: one of `zoo datasets`, such as `digits` or `folder:PATH`.
        data_dir: folder of tensorflow-datasets.

    Raises:
        UserError: there is no such data set, or it has no images.
    """
    from zoo.data_checks import (
        contact_sheet,
        inspect,
        read_dataset,
        read_folder,
        text,
    )
    from zoo.program import as_typed

    kind, _, place = dataset.partition(":")
    if kind == "folder" and place:
        stats = read_folder(place)
    else:
        stats = read_dataset(dataset, data_dir)
    findings = inspect(stats)
    return Answer(
        text.as_json(stats, findings, None),
        as_typed(text.format_report(stats, findings)),
        lambda: contact_sheet.draw(stats),
    )
