"""Which files show the same object, by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from zoo.errors import UserError


def group_keys(
    file_names: Sequence[str], group_by: str | None
) -> list[str] | None:
    """Returns one key a file; files with equal keys belong together.

    Args:
        file_names: paths relative to the folder that was read, with `/`.
        group_by: `folder` for the folder that a file lies in, below that of
            its class; or a regular expression, whose match in the path (its
            first group, if it has one) is the key. `None` groups nothing.

    Raises:
        UserError: the expression is not one, or an image has no key.
    """
    if group_by is None:
        return None
    if not file_names:
        raise UserError(
            f"--group_by={group_by} goes by file names, and these images have "
            "none; it belongs to --dataset=folder:PATH."
        )
    if group_by == "folder":
        return [_folder_key(name) for name in file_names]
    try:
        pattern = re.compile(group_by)
    except re.error as error:
        raise UserError(
            f"--group_by={group_by} is not a regular expression ({error}); "
            "write one, or the word folder."
        ) from None
    return [_pattern_key(pattern, name) for name in file_names]


def _folder_key(name: str) -> str:
    """Returns the folder of a file, where that lies below its class's."""
    folder = PurePosixPath(name).parent
    # CLASS/FOLDER/file, or train/CLASS/FOLDER/file.
    if len(folder.parts) < (3 if folder.parts[0] == "train" else 2):
        raise UserError(
            f"--group_by=folder: {name} lies in the folder of its class "
            "itself, so that the whole class would be one group; put the "
            "images of each object in a sub-folder of their own."
        )
    return str(folder)


def _pattern_key(pattern: re.Pattern, name: str) -> str:
    found = pattern.search(name)
    if not found:
        raise UserError(
            f"--group_by={pattern.pattern} does not match {name}; the "
            "expression must match the path of every image."
        )
    return found[1] or "" if pattern.groups else found[0]
