"""Run folders among others: making, listing and finding them."""

from __future__ import annotations

import errno
import os
import pathlib
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping

from zoo import backend, pretrained, sweeps
from zoo.commands import Target
from zoo.config import DEFAULTS
from zoo.errors import UserError, close_matches, join_and, join_or
from zoo.run_folder import Run, created

__all__ = [
    "FORMAT",
    "GROUP_FILE",
    "Run",
    "check_engine",
    "check_free",
    "create",
    "find",
    "list_runs",
    "load_run",
    "new_id",
    "with_counters",
]

FORMAT = 1  # of the run folder; a reader refuses what it does not know
GROUP_FILE = "group.json"  # in the folder of runs that belong together


def new_id() -> str:
    """Returns what tells a run from every other, and orders them by creation.

    Nanoseconds since 1970 in 20 digits, and 8 random bytes in hex.
    """
    return f"{time.time_ns():020d}-{secrets.token_hex(8)}"


def check_free(runs_dir: str, name: str | None) -> None:
    """Raises `UserError` if a run of this name is there already."""
    if name and (pathlib.Path(runs_dir) / name).exists():
        resume = Target(name, runs_dir).typed("resume")
        raise UserError(
            f"there is a run {name!r} in {runs_dir} already; choose another "
            f"--run_name, or go on with `{resume}`."
        )


def create(
    runs_dir: str, name: str | None, default: str, texts: Mapping[str, str]
) -> Run:
    """Makes a run folder with its first files, whole or not at all.

    Args:
        runs_dir: folder of all runs; made if it is not there.
        name: the name that was asked for; `None` takes the default, with a
            counter where that is taken.
        default: the name to use otherwise.
        texts: text of each file to write, by name.

    Raises:
        UserError: the name is taken, or the folder cannot be written.
    """
    root = pathlib.Path(runs_dir)
    try:
        root.mkdir(parents=True, exist_ok=True)
        temporary = pathlib.Path(tempfile.mkdtemp(prefix=".new-", dir=root))
    except OSError as error:
        raise UserError(
            f"--runs_dir={runs_dir} cannot be written: "
            f"{os.strerror(error.errno or 0)}; choose another folder."
        ) from error
    try:
        temporary.chmod(0o755)
        for file_name, text in texts.items():
            Run(temporary, default).write(file_name, text)
        for candidate in [name] if name else with_counters(default):
            if _rename(temporary, root / candidate):
                return Run(root / candidate, candidate)
        check_free(runs_dir, name)
        raise UserError(
            f"--run_name={name} cannot be made in {runs_dir}: "
            "a file of such a name is in the way."
        )
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def with_counters(name: str) -> Iterator[str]:
    """Yields a name, and then the same with 2, 3, ... behind it."""
    yield name
    count = 2
    while True:
        yield f"{name}-{count}"
        count += 1


def _rename(source: pathlib.Path, target: pathlib.Path) -> bool:
    """Moves a folder to a name that is free; returns whether it was."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            return False
        os.rename(source, target)
        return True
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            return False
        raise


def check_engine(folder: pathlib.Path, name: str) -> None:
    """Raises `UserError` if runs were made on another engine of Keras.

    Args:
        folder: of runs that belong together, such as those of a sweep.
        name: what it is called.
    """
    for run in list_runs(str(folder)):
        try:
            begun = run.resolved["machine"]["backend"]
        except (UserError, KeyError, TypeError):
            continue  # damaged, which is told of elsewhere
        backend.check_same(name, begun)


def list_runs(runs_dir: str) -> list[Run]:
    """Returns every run below a folder, oldest first.

    The order is that of their creation, as the runs themselves keep it: what
    is copied, moved or touched keeps its place.
    """
    root = pathlib.Path(runs_dir)
    files = [
        path
        for path in root.rglob("config.json")
        if not any(p.startswith(".") for p in path.relative_to(root).parts)
    ]
    found = [
        Run(path.parent, path.parent.relative_to(root).as_posix())
        for path in files
    ]
    return sorted(
        found, key=lambda run: (created(run.path / "resolved.json"), run.name)
    )


def find(name: str, runs_dir: str = DEFAULTS["runs_dir"]) -> Run:
    """Finds a run by `last`, its name, a unique prefix of it, or its folder.

    `lenet5:mnist` and the like are weights that come with the zoo.

    Raises:
        UserError: there is none, or the prefix fits several.
    """
    if pretrained.is_spec(name):
        return pretrained.find(name)
    known = list_runs(runs_dir)
    if name == "last" and known:
        return _checked(_last(known, runs_dir))
    if (pathlib.Path(runs_dir, name) / GROUP_FILE).is_file():
        raise _several(name.rstrip("/"), known)
    fits = [run for run in known if run.name == name]
    fits = fits or [run for run in known if run.name.startswith(name)]
    if len(fits) == 1:
        return _checked(fits[0])
    if len(fits) > 1:
        raise UserError(
            f"{name!r} fits {len(fits)} runs, among them "
            f"{join_and(r.name for r in fits[:3])}; type more of it."
        )
    folder = pathlib.Path(name)
    if (folder / "config.json").is_file():
        return _checked(Run(folder, folder.name))
    if folder.is_dir():
        raise UserError(
            f"{name} is a folder but no run: it has no config.json."
        )
    if not known:
        raise UserError(
            f"there is no run {name!r}, and none at all in {runs_dir}; "
            "`zoo train` makes one."
        )
    close = close_matches(name, [run.name for run in known])
    hint = f"did you mean {join_or(close)}?" if close else ""
    raise UserError(
        f"there is no run {name!r} in {runs_dir}; "
        f"{hint or 'try `last`.'} `zoo runs` lists them all."
    )


def not_whole(name: str, fits: Iterable[str]) -> UserError:
    """Builds the error for a name that test images are not opened to.

    Args:
        name: as it was typed: a beginning, or `last`.
        fits: whole names that it could stand for.
    """
    return UserError(
        f"test images are opened to what is named whole, and {name!r} is not; "
        f"type {join_or(list(fits)[:5])}."
    )


def _several(name: str, known: Iterable[Run]) -> UserError:
    """Builds the error for the name of a group where one run is meant."""
    inside = [run.name for run in known if run.name.startswith(f"{name}/")]
    example = f", such as {inside[0]}" if inside else ""
    count = f"{len(inside)} run{'' if len(inside) == 1 else 's'}"
    return UserError(
        f"{name!r} is a group of {count}; name one of them{example}."
    )


def load_run(name: str, runs_dir: str = DEFAULTS["runs_dir"]) -> Run:
    """Returns a run by name, prefix, folder or `last`, for notebooks."""
    return find(name, runs_dir)


def _last(known: list[Run], runs_dir: str) -> Run:
    """Returns the newest run that is no trial of a sweep."""
    for run in reversed(known):
        if sweeps.home(run.path) is None:
            return run
    raise UserError(
        f"`last` is no trial of a sweep, and {runs_dir} has no other runs; "
        f"name one, such as {known[-1].name}."
    )


def _checked(run: Run) -> Run:
    resolved = run.resolved
    version = resolved.get("format") if isinstance(resolved, dict) else None
    if version is None:
        raise UserError(f"{run.path} is damaged: resolved.json has no format.")
    if version != FORMAT:
        raise UserError(
            f"{run.path} has the format {version} of another version of zoo; "
            f"this one reads format {FORMAT}."
        )
    return run
