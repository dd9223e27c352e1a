"""Runs, groups and sweeps in a folder of runs: creating and finding them."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import itertools
import json
import os
import pathlib
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from zoo import backend, io, pretrained
from zoo.commands import Target
from zoo.config import DEFAULTS, OPTIONS, TrainConfig, format_option
from zoo.errors import UserError, close_matches, join_and, join_or
from zoo.runs import (
    GROUP_FILE,
    SWEEP_FILE,
    Run,
    RunGroup,
    SweepFolder,
)

MAX_NAME_CHARS = 120
MAX_PART_BYTES = 255  # of a folder's name, on every common file system
OPTIONS_FILES = ("config.json", GROUP_FILE, SWEEP_FILE)  # of what resumes
NEW_FOLDER = ".new-"  # start of the name of a folder that is being created
# Options that say nothing about what is trained, and are not in names.
UNNAMED_OPTIONS = {
    "model", "dataset", "data_dir", "runs_dir", "run_name", "summaries",
    "summary_every", "debug_every", "checkpoint_every", "steps_per_execution",
    "devices",
}  # fmt: skip
# Options that differ between any two runs.
PER_RUN_OPTIONS = ("run_name", "runs_dir")


@dataclasses.dataclass(frozen=True)
class RunStore:
    """The runs, groups and sweeps in a folder of runs.

    Attributes:
        runs_dir: Path of the folder.
        data_dir: Where the data of the runs are now, if they were moved.
    """

    runs_dir: str = DEFAULTS["runs_dir"]
    data_dir: str | None = None

    @property
    def _root(self) -> pathlib.Path:
        return pathlib.Path(self.runs_dir)

    def runs(self) -> list[Run]:
        """Returns every run, oldest first.

        The order is that of their creation, as the runs themselves keep it:
        a run that is copied, moved or touched keeps its place.
        """
        found = [Run(*pair) for pair in self._folders_with("config.json")]
        return sorted(
            found,
            key=lambda run: (run_id_in(run.path / "resolved.json"), run.name),
        )

    def groups(self) -> list[RunGroup]:
        """Returns every group, in the order of names."""
        found = [RunGroup(*pair) for pair in self._folders_with(GROUP_FILE)]
        return sorted(found, key=lambda group: group.name)

    def sweeps(self) -> list[SweepFolder]:
        """Returns every sweep, oldest first."""
        found = [SweepFolder(*pair) for pair in self._folders_with(SWEEP_FILE)]
        return sorted(
            found, key=lambda s: (run_id_in(s.path / SWEEP_FILE), s.path)
        )

    def unreadable(self) -> list[str]:
        """Returns the names of folders whose contents this user may not read.

        Whether they are runs cannot be told: no other method returns them.
        """
        errors: list[OSError] = []
        for _ in self._walk(errors.append):
            pass
        paths = [
            pathlib.Path(error.filename)
            for error in errors
            # Else it was removed meanwhile, or there are no runs at all.
            if not isinstance(error, FileNotFoundError | NotADirectoryError)
        ]
        return sorted(p.relative_to(self._root).as_posix() for p in paths)

    def _folders_with(self, file_name: str) -> list[tuple[pathlib.Path, str]]:
        """Returns path and name of each folder that holds such a file."""
        self._check_access()
        return [
            (folder, folder.relative_to(self._root).as_posix())
            for folder, files in self._walk()
            if file_name in files
        ]

    def _walk(
        self, on_error: Callable[[OSError], None] | None = None
    ) -> Iterator[tuple[pathlib.Path, list[str]]]:
        """Yields each folder with the names of its files; runs have no inner.

        Folders whose names begin with a dot are left out.
        """
        for folder, inner, files in os.walk(self._root, onerror=on_error):
            is_run = {"config.json", "resolved.json"} <= set(files)
            inner[:] = [] if is_run else [i for i in inner if i[0] != "."]
            yield pathlib.Path(folder), files

    def _check_access(self) -> None:
        """Raises `UserError` for a folder that this user may not read.

        To search it would find nothing, as if there were no runs.
        """
        try:
            with os.scandir(self._root):
                pass
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            raise io.read_error(self._root, error) from error

    def find(
        self,
        name: str | os.PathLike[str] | Run,
        known: Sequence[Run] | None = None,
    ) -> Run:
        """Finds a run by `last`, its name, a unique prefix, or its folder.

        `lenet5:mnist` and the like are weights that come with the zoo.

        Args:
            name: as it was typed; a run stands for itself.
            known: what `runs` returns, if it was called already.

        Raises:
            UserError: there is none, or the prefix matches several.
        """
        if isinstance(name, Run):
            run = name
        else:
            name = os.fspath(name)
            check_name(name)
            run = self._find(name, known)
        return run if self.data_dir is None else run.with_data_at(self.data_dir)

    def _find(self, name: str, known: Sequence[Run] | None) -> Run:
        if pretrained.is_spec(name):
            return pretrained.find(name)
        known = self.runs() if known is None else known
        if name == "last" and known:
            return _check_readable(self._last(known))
        if (self._root / name / GROUP_FILE).is_file():
            raise _group_error(name.rstrip("/"), known)
        matches = [run for run in known if run.name == name]
        matches = matches or [r for r in known if r.name.startswith(name)]
        if len(matches) == 1:
            return _check_readable(matches[0])
        if len(matches) > 1:
            raise _ambiguous_error(name, "runs", matches)
        folder = pathlib.Path(name)
        if (folder / "config.json").is_file():
            return _check_readable(Run(folder, folder.name))
        if folder.is_dir():
            raise UserError(
                f"{name} is a folder but not a run: it has no config.json."
            )
        if name.rstrip("/") in self.unreadable():
            denied = PermissionError(errno.EACCES, "")
            raise io.read_error(self._root / name, denied)
        if not known:
            raise UserError(
                f"there is no run {name!r}, and none at all in "
                f"{self.runs_dir}; `zoo train` makes one."
            )
        close = close_matches(name, [run.name for run in known])
        hint = f"did you mean {join_or(close)}?" if close else "try `last`."
        raise UserError(
            f"there is no run {name!r} in {self.runs_dir}; {hint} `zoo runs` "
            "lists them all."
        )

    def _last(self, known: Sequence[Run]) -> Run:
        """Returns the newest run that is not a trial of a sweep."""
        for run in reversed(known):
            if sweep_path_of(run.path) is None:
                return run
        raise UserError(
            f"`last` is never a trial of a sweep, and {self.runs_dir} has no "
            f"other runs; name one, such as {known[-1].name}."
        )

    def find_group(
        self,
        name: str,
        known: Sequence[Run] | None = None,
        groups: Sequence[RunGroup] | None = None,
    ) -> RunGroup | None:
        """Finds a group by its name, a unique prefix of it, or its folder.

        Args:
            name: as it was typed.
            known: what `runs` returns, if it was called already.
            groups: what `groups` returns, if it was called already.

        Returns:
            `None` if there is none, or if a run has a better claim to the
            name: it is called so, or starts so and is in no such group.
        """
        if name in ("", "last"):
            return None
        check_name(name)
        groups = self.groups() if groups is None else groups
        for group in groups:
            if name.rstrip("/") == group.name:
                return group
        matches = [group for group in groups if group.name.startswith(name)]
        inside = tuple(f"{group.name}/" for group in matches)
        others = [
            run
            for run in (self.runs() if known is None else known)
            if run.name.startswith(name) and not run.name.startswith(inside)
        ]
        if len(matches) == 1 and not others:
            return matches[0]
        folder = pathlib.Path(name)
        if not (folder / GROUP_FILE).is_file():
            return None
        folder = folder.resolve()
        for group in groups:
            if group.path.resolve() == folder:
                return group
        return RunGroup(folder, folder.name)

    def find_sweep(self, name: str) -> SweepFolder | None:
        """Finds a sweep by its name, a unique prefix of it, or its folder.

        Raises:
            UserError: the prefix matches several.
        """
        check_name(name)
        known = self.sweeps()
        matches = [sweep for sweep in known if sweep.name == name]
        matches = matches or [s for s in known if s.name.startswith(name)]
        if len(matches) > 1:
            raise _ambiguous_error(name, "sweeps", matches)
        if matches:
            return matches[0]
        folder = pathlib.Path(name)
        if (folder / SWEEP_FILE).is_file():
            return SweepFolder(folder, folder.resolve().name)
        return None

    def find_all(self, names: Iterable[str]) -> tuple[list[Run], list[Run]]:
        """Finds several runs, in the order given; a group stands for its own.

        Returns:
            The runs, and those of the groups that have no trained model.

        Raises:
            UserError: one is not there, or is named twice.
        """
        found: dict[pathlib.Path, Run] = {}
        left_out = []
        known, groups = self.runs(), self.groups()
        for name in names:
            group = self.find_group(name, known, groups)
            if group is None:
                run = self.find(name, known)
                if run.path.resolve() in found:
                    raise UserError(
                        f"{name!r} names {run.name} a second time; name each "
                        "run once."
                    )
                found[run.path.resolve()] = run
                continue
            members = group.runs()
            if not any(run.has_model for run in members):
                raise UserError(
                    f"no run of {group.name} has a result yet; "
                    f"`{Target.of(group).typed('resume')}` resumes them."
                )
            for run in members:
                if self.data_dir is not None:
                    run = run.with_data_at(self.data_dir)
                if run.has_model:  # groups may share a run
                    found.setdefault(run.path.resolve(), run)
                else:
                    left_out.append(run)
        return list(found.values()), left_out

    def check_full_names(self, names: Sequence[str]) -> None:
        """Raises `UserError` if a run or group is not named in full.

        What evaluates on test examples must not depend on a prefix or `last`.
        """
        if not names:
            raise UserError(
                "--split=test needs the full name of a run; `zoo runs` lists "
                "them."
            )
        known = [group.name for group in self.groups()]
        known += [run.name for run in self.runs()]
        for name in names:
            matches = [full for full in known if full.startswith(name)]
            if name == "last" and not matches:
                matches = [self.find(name).name]
            if matches and name.rstrip("/") not in known:
                raise full_name_error(name, matches)

    def check_free(self, name: str | None) -> None:
        """Raises `UserError` if a run of this name exists already."""
        if name:
            check_name(name)
        if not name or not (self._root / name).exists():
            return
        path = self._root / name
        if not any((path / file).exists() for file in OPTIONS_FILES):
            raise UserError(
                f"{path} exists already, and is not a run; choose another "
                "--run_name."
            )
        resume = Target(name, self.runs_dir).typed("resume")
        raise UserError(
            f"there is a run {name!r} in {self.runs_dir} already; choose "
            f"another --run_name, or resume it: `{resume}`."
        )

    def create(
        self, name: str | None, default: str, texts: Mapping[str, str]
    ) -> Run:
        """Creates a run folder with its first files, whole or not at all.

        Args:
            name: the requested name; `None` takes the default, with a counter
                where that is taken.
            default: the name to use otherwise.
            texts: text of each file to write, by name.

        Raises:
            UserError: the name is taken, or the folder cannot be written.
        """
        check_name(name or default)
        root = self._root
        try:
            root.mkdir(parents=True, exist_ok=True)
            self.remove_leftovers()
            with _new_folder(root) as temporary:
                for file_name, text in texts.items():
                    path = temporary / file_name
                    path.write_bytes(io.encode(text))
                    io.sync_file(path)
                io.sync_folder(temporary)
                for candidate in [name] if name else with_counters(default):
                    if _rename(temporary, root / candidate):
                        return Run(root / candidate, candidate)
        except OSError as error:
            raise UserError(
                f"--runs_dir={self.runs_dir} cannot be written: "
                f"{os.strerror(error.errno or 0)}; choose another folder."
            ) from error
        self.check_free(name)
        raise UserError(
            f"--run_name={name} cannot be created in {self.runs_dir}: a "
            "file of that name is in the way."
        )

    def remove_leftovers(self) -> None:
        """Removes folders of runs whose creation was killed.

        One that is being created is held by its process, and left alone.
        """
        for folder in self._root.glob(f"{NEW_FOLDER}*"):
            if folder.is_symlink():
                continue
            with contextlib.suppress(OSError, UserError):
                folder.rmdir()  # killed, or waiting, before it was locked
                continue
            with contextlib.suppress(OSError, UserError):
                with io.exclusive(folder, folder.name):
                    shutil.rmtree(folder)


@contextlib.contextmanager
def _new_folder(root: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a new folder, locked; removed at the end if it is still there."""
    with contextlib.ExitStack() as stack:
        while True:
            folder = pathlib.Path(tempfile.mkdtemp(prefix=NEW_FOLDER, dir=root))
            try:
                stack.enter_context(io.file_lock(folder / "lock"))
                break
            except FileNotFoundError:  # another process took it for a leftover
                continue
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        yield folder


def check_backend(folder: pathlib.Path, name: str) -> None:
    """Raises `UserError` if runs were trained on another backend.

    Args:
        folder: of runs that belong together, such as those of a sweep.
        name: of that folder, for the error.
    """
    for run in RunStore(str(folder)).runs():
        try:
            original = run.resolved["machine"]["backend"]
        except (UserError, KeyError, TypeError):
            continue  # corrupt, which other readers report
        backend.check_same(name, original)


def run_id_in(path: pathlib.Path) -> str:
    """Returns the `run_id` in a JSON file, by which runs are ordered.

    Empty where the file is corrupt, which other readers report.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return str(json.loads(text)["run_id"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return ""


def group_of(run: Run) -> RunGroup | None:
    """Returns the group in whose folder a run lies, if there is one."""
    for count, folder in enumerate(run.path.parents, 1):
        if (folder / GROUP_FILE).is_file():
            name = "/".join(run.name.split("/")[:-count])
            return RunGroup(folder, name or folder.name)
    return None


def sweep_path_of(path: pathlib.Path) -> pathlib.Path | None:
    """Returns the folder of the sweep that a run is a trial of, if any.

    Args:
        path: of the run.
    """
    nearby = [path.parent, path.parent.parent]
    return next((p for p in nearby if (p / SWEEP_FILE).is_file()), None)


def describe_left_out(runs: Iterable[Run]) -> str:
    """Returns the line about runs of a group that have no trained model."""
    names = join_and(f"{run.name} ({run.status})" for run in runs)
    return f"left out, without a result: {names}"


def new_id() -> str:
    """Returns an id that is unique, and orders runs by creation.

    Nanoseconds since 1970 in 20 digits, and 8 random bytes in hex.
    """
    return f"{time.time_ns():020d}-{secrets.token_hex(8)}"


# Key in `parent` of a run that continues another one.
CONTINUED_AFTER = "continued_after_epochs"


def describe_parent(
    config: TrainConfig, parent: Run | None
) -> dict[str, Any] | None:
    """Returns what a run stores about the run that it repeats.

    Args:
        config: requested options of the new run.
        parent: the run that it repeats, if any.

    Returns:
        The parent's name, the options that differ as [before, now], and if it
        had callbacks, their names: they are not repeated.
    """
    if parent is None:
        return None
    before, now = parent.config.as_dict(), config.as_dict()
    changed = {
        name: [before[name], now[name]]
        for name in OPTIONS
        if before[name] != now[name] and name not in PER_RUN_OPTIONS
    }
    found = {"run": parent.name, "changed": changed}
    callbacks = parent.resolved.get("callbacks", [])
    names = [
        x["class"].rpartition(".")[2] for x in callbacks if not x["passive"]
    ]
    return {**found, "callbacks": names} if names else found


def default_name(config: TrainConfig) -> str:
    """Returns `lenet5-digits-dropout0.5`: model, dataset, changed options.

    Later options are left out where the name would become too long; each one
    that is there is complete.
    """
    words = [config.model, slug(config.dataset)]
    for name, value in config.overrides().items():
        if name not in UNNAMED_OPTIONS:
            words += [
                flag.removeprefix("--").removeprefix("model_arg=")
                for flag in format_option(name, value)
            ]
    parts = [slug(word.replace("=", "", 1)) for word in words]
    ends = itertools.accumulate(len(part) + 1 for part in parts)
    fitting = sum(end <= MAX_NAME_CHARS + 1 for end in ends)
    return "-".join(parts[:fitting]) or parts[0][:MAX_NAME_CHARS]


def slug(text: str) -> str:
    """Returns a text as part of a name; of a path, its last part."""
    if text.startswith("arrays:"):
        return "arrays"  # a digest says nothing
    if ".py:" in text:
        path, _, function = text.partition(".py:")
        text = pathlib.PurePath(path).stem
        return slug(text if function == "build" else f"{text}_{function}")
    if ":" in text:
        text = pathlib.PurePath(text.partition(":")[2]).stem or "data"
    return re.sub(r"[^A-Za-z0-9_.\-]+", "_", text).strip("_.")


def with_counters(name: str) -> Iterator[str]:
    """Yields a name, and then the same name with -2, -3, ... appended."""
    yield name
    for count in itertools.count(2):
        yield f"{name}-{count}"


def full_name_error(name: str, matches: Iterable[str]) -> UserError:
    """Builds the error for a prefix or `last` with --split=test.

    Args:
        name: as it was typed.
        matches: full names that it could stand for.
    """
    return UserError(
        f"--split=test needs a full name, and {name!r} is not one; write "
        f"{join_or(list(matches)[:5])}."
    )


def _rename(source: pathlib.Path, target: pathlib.Path) -> bool:
    """Renames a folder if the new name is free; returns whether it was."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            return False
        os.rename(source, target)
        io.sync_folder(target.parent)
        return True
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            return False
        raise


def check_name(name: str) -> None:
    """Raises `UserError` for a name that no folder can have."""
    if any(len(io.encode(part)) > MAX_PART_BYTES for part in name.split("/")):
        raise UserError(
            f"{name[:20]!r}... is too long for the name of a folder; "
            f"{MAX_PART_BYTES} bytes are the most."
        )
    if "\0" in name:
        raise UserError(f"{name!r} holds a zero byte, as no name of a file.")


def _check_readable(run: Run) -> Run:
    """Returns a run; raises `UserError` if it cannot be understood."""
    _ = run.resolved
    return run


def _ambiguous_error(name: str, nouns: str, matches: Sequence) -> UserError:
    names = join_and(match.name for match in matches[:3])
    return UserError(
        f"{name!r} matches {len(matches)} {nouns}, among them {names}; type "
        "more of it."
    )


def _group_error(name: str, known: Iterable[Run]) -> UserError:
    """Builds the error for the name of a group where one run is meant."""
    inside = [run.name for run in known if run.name.startswith(f"{name}/")]
    example = f", such as {inside[0]}" if inside else ""
    count = f"{len(inside)} run{'' if len(inside) == 1 else 's'}"
    return UserError(
        f"{name!r} is a group of {count}; name one of them{example}."
    )
