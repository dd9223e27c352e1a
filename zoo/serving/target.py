"""Where an export goes: a name that is checked first and taken at the end."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from zoo.errors import UserError
from zoo.runs import Run
from zoo.serving.formats import FORMATS, Format

FOLDER = "exports"  # inside of a run, where no other place is given
SIGN = "saved_model.pb"  # what every SavedModel has


def choose(run: Run, form: Format, out: str | None, overwrite: bool) -> Path:
    """Returns where to write, which is free, or may be replaced.

    Args:
        out: as given; `None` takes a name inside the run's folder.

    Raises:
        UserError: it does not suit the format, is there already, or has no
            folder to be in.
    """
    if out is None:
        run.check_writable()
        name = f"{run.path.resolve().name}{form.ending}"
        if not form.ending:
            name = f"{name}-{form.name}"
        target = run.path / FOLDER / name
    else:
        target = Path(out).expanduser()
        _check_name(form, target, out)
    if target.exists():
        _check_replaced(form, target, overwrite)
    return target


def _check_name(form: Format, target: Path, out: str) -> None:
    endings = [one.ending for one in FORMATS.values() if one.ending]
    ending = target.suffix if target.suffix in endings else ""
    if ending != form.ending:
        kind = f"ends in {form.ending}" if form.ending else "is a folder"
        plain = target.with_suffix("") if ending else target
        raise UserError(
            f"--out={out} is no name for --format={form.name}, which {kind}; "
            f"write for example --out={plain}{form.ending}."
        )
    if not target.parent.is_dir():
        raise UserError(
            f"--out={out} cannot be written: there is no folder "
            f"{target.parent}; make it first."
        )


def _check_replaced(form: Format, target: Path, overwrite: bool) -> None:
    """Refuses to replace what was not asked for, or is no such export."""
    if target.is_dir() == bool(form.ending):
        kind = "a folder" if target.is_dir() else "a file"
        raise UserError(
            f"{target} is {kind}, which --format={form.name} does not "
            "replace; give another --out."
        )
    if not overwrite:
        raise UserError(
            f"{target} is there already; --overwrite replaces it, or give "
            "another --out."
        )
    # A folder of anything else would be lost by a slip of the hand.
    if target.is_dir() and not (target / SIGN).is_file():
        raise UserError(
            f"{target} is no SavedModel, and is not replaced; give another "
            "--out."
        )


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Gives a path to write to, a file or a folder, which becomes `target`.

    If anything goes wrong, what was there before stays.
    """
    made = not target.parent.exists()
    target.parent.mkdir(parents=True, exist_ok=True)
    # The ending stays, since Keras goes by it.
    temporary = target.with_name(f".new.{target.name}")
    old = target.with_name(f".old.{target.name}")
    _remove(temporary)
    try:
        yield temporary
        if target.is_dir():
            _remove(old)
            os.replace(target, old)
        os.replace(temporary, target)
        _remove(old)
    finally:
        _remove(temporary)
        if made and not any(target.parent.iterdir()):
            target.parent.rmdir()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
