"""Loading of held-out test images.

Training, and all that it imports, never imports this module: test images are
loaded when the user asks for the test split, and never otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

from zoo.data.dataset import Split
from zoo.data.loading import (
    TEST,
    TRAIN,
    DatasetReader,
    find_groups,
    open_reader,
    train_test_indices,
)
from zoo.data.transforms import filter_split, find_labels


def load_test_split(
    name: str,
    *,
    data_dir: str | None = None,
    image_size: int | tuple[int, int] | None = None,
    resize: str = "crop",
    group_by: str | None = None,
    classes: Sequence[str] = (),
    skip_unreadable: bool = False,
) -> Split:
    """Loads the test split of a dataset.

    Args:
        name: one of `zoo datasets`, with a path where it ends in a colon.
        data_dir: as in `load_dataset`.
        image_size: as for the training images.
        resize: as for the training images.
        group_by: as for the training images.
        classes: names of the classes that were trained on; all by default.
        skip_unreadable: as in `load_dataset`.

    Raises:
        UserError: there is no such dataset, or it cannot be read.
    """
    _, reader = open_reader(name, data_dir, image_size, skip_unreadable, resize)
    split = _read_test_split(reader, group_by)
    if not classes:
        return split
    return filter_split(split, find_labels(classes, reader.class_names, name))


def _read_test_split(reader: DatasetReader, group_by: str | None) -> Split:
    if TEST in reader.split_sizes:
        return reader.read(TEST)[0]
    everything, hashes = reader.read(TRAIN)
    groups = find_groups(reader, everything, hashes, group_by)
    _, held_out = train_test_indices(reader, everything, hashes, groups)
    return everything.take(held_out)
