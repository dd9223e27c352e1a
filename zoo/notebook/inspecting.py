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
    from zoo.inspection import arrays, contact_sheet, folder, inspect, words
    from zoo.program import as_typed

    kind, _, place = dataset.partition(":")
    if kind == "folder" and place:
        collection = folder.look(place)
    else:
        collection = arrays.look(dataset, data_dir)
    findings = inspect(collection)
    return Answer(
        words.as_json(collection, findings, None),
        as_typed(words.text(collection, findings)),
        lambda: contact_sheet.draw(collection),
    )
