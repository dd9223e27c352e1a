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
    from zoo.console import expand_commands
    from zoo.data_checks import (
        contact_sheet,
        inspect,
        read_dataset,
        read_folder,
        text,
    )

    kind, _, place = dataset.partition(":")
    if kind == "folder" and place:
        stats = read_folder(place)
    else:
        stats = read_dataset(dataset, data_dir)
    findings = inspect(stats)
    return Answer(
        text.as_json(stats, findings, None),
        expand_commands(text.format_report(stats, findings)),
        lambda: contact_sheet.draw(stats),
    )
