"""The training of all that is left to do in a group, and what came of it."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from zoo.commands import Target
from zoo.console import expand_command, pluralize, tensorboard_command
from zoo.errors import Interrupted
from zoo.evaluation import compare
from zoo.io import atomic_write
from zoo.runs import Run
from zoo.tuning import devices, pool
from zoo.tuning.pool import Outcome
from zoo.tuning.repeating import checking, folder, summary, words
from zoo.tuning.repeating.folder import Repeats
from zoo.tuning.repeating.progress import Progress
from zoo.tuning.repeating.request import Member, Request

CURVES = "curves.png"
Work = Callable[[Iterator, int, pathlib.Path], Iterator]
Say = Callable[[str], None]
NO_FLAGS: Mapping[str, Any] = MappingProxyType({})


@dataclasses.dataclass(frozen=True)
class Ending:
    """How a group ended.

    Attributes:
        found: as `summary.summarize` returns it.
        diverged: whether a run did.
        failed: whether a run could not be trained.
        lost: whether the worker of a run was lost in every try.
    """

    found: dict[str, Any]
    diverged: bool
    failed: bool
    lost: bool = False


def begin(
    request: Request,
    parent: Run | None,
    workers: int,
    say: Say,
    work: Work = pool.work,
    resume_flags: Mapping[str, Any] = NO_FLAGS,
) -> Ending:
    """Trains what a request asks for and is not there yet.

    Args:
        request: what to vary, and how often.
        parent: the run that is repeated, if it is one.
        workers: runs that are trained side by side.
        say: prints a line.
        work: trains jobs; see `pool.work`.
        resume_flags: Flags of `zoo resume` that train the rest there again.

    Raises:
        UserError: something cannot work; no folder is made.
        Interrupted: a signal asked for an end; the same again goes on.
    """
    devices.hide_gpus()  # the runs need them
    repeats = checking.settle(folder.find(request), parent)
    repeats.write()
    return go_on(repeats, workers, say, work, resume_flags)


def go_on(
    repeats: Repeats,
    workers: int,
    say: Say,
    work: Work = pool.work,
    resume_flags: Mapping[str, Any] = NO_FLAGS,
) -> Ending:
    """Trains the runs of a group that have not ended; see `begin`."""
    resume = Target.of(repeats.group).typed("resume", **resume_flags)
    with repeats.group.lock():
        left = [m for m in repeats.members if not repeats.run(m).has_ended]
        workers = min(workers, len(left))
        _announce(repeats, left, workers, say)
        ended = {}
        if left:
            ended = _train(repeats, left, workers, say, work, resume)
        found = _conclude(repeats, ended, say, resume)
    statuses = {row["status"] for row in found["runs"]}
    return Ending(
        found,
        "diverged" in statuses,
        not statuses <= {"completed", "stopped_early", "diverged", "lost"},
        "lost" in statuses,
    )


def _announce(
    repeats: Repeats, left: list[Member], workers: int, say: Say
) -> None:
    """Says what will be trained, where, and what need not be."""
    request, group = repeats.request, repeats.group
    if request.knob:
        texts = list(map(request.knob.text, request.knob.values))
        between = "; " if any("," in text for text in texts) else ", "
        say(f"vary       {request.knob.name}: {between.join(texts)}")
    if request.knob is None or len(request.seeds) > 1:
        say(f"seeds      {', '.join(map(str, request.seeds))}")
    pace = f", {workers} side by side" if workers > 1 else ""
    there = len(repeats.members) - len(left)
    text = f"{len(left)} to train{pace}"
    text += f"; {there} there already" if there else ""
    text += _length_in_words(repeats, left)
    say(f"runs       {text}, in {group.path}")
    if left:
        say(f"watch      {tensorboard_command(group.path)}")


def _length_in_words(repeats: Repeats, left: list[Member]) -> str:
    """Says for how many epochs runs are trained, as far as that is known."""
    epochs = [member.epochs for member in left]
    if not left or None in epochs:
        return ""
    same = len(set(epochs)) == 1
    each = f"{pluralize(epochs[0], 'epoch')} each, " if same else ""
    patience = any(m.config.early_stopping_patience for m in left)
    up_to = "up to " if patience else ""
    return f"; {up_to}{each}{pluralize(sum(epochs), 'epoch')} in all"


def _train(
    repeats: Repeats,
    left: list[Member],
    workers: int,
    say: Say,
    work: Work,
    resume: str,
) -> dict[str, Outcome]:
    """Trains, reports each run that ends, and returns outcomes by place."""
    progress = Progress(len(left), say)
    ended = {}
    try:
        log = repeats.group.path / "log.txt"
        for outcome in work(_jobs(repeats, left), workers, log):
            member = outcome.job.tag
            name = repeats.run(member).name
            reason = outcome.reason.removeprefix(f"{name} diverged: ")
            label = _label(repeats, member)
            progress.ended(label, outcome.status, outcome.metrics, reason)
            ended[member.place] = dataclasses.replace(outcome, reason=reason)
    except Interrupted:
        done = len(repeats.members) - sum(
            not repeats.run(member).has_ended for member in repeats.members
        )
        raise Interrupted(
            f"stopped with {done} of {len(repeats.members)} runs done; "
            f"`{resume}` goes on."
        ) from None
    return ended


def _jobs(repeats: Repeats, left: list[Member]) -> Iterator[pool.Job]:
    for member in left:
        name = repeats.run(member).name
        config = member.config.replace(
            run_name=name, runs_dir=str(repeats.group.runs_dir)
        )
        yield pool.Job(config, tag=member, parent=member.parent)


def _label(repeats: Repeats, member: Member) -> str:
    """Returns what a run is called beside the others of its group."""
    request = repeats.request
    words = []
    if request.knob:
        text = request.knob.text(member.value)
        words.append(f"{request.knob.name}={text}")
    if request.knob is None or len(request.seeds) > 1:
        words.append(f"seed {member.config.seed}")
    return ", ".join(words)


def _conclude(
    repeats: Repeats, ended: dict[str, Outcome], say: Say, resume: str
) -> dict:
    """Writes and prints what came of the runs."""
    group, kind = repeats.group, repeats.request.kind
    found = summary.summarize(repeats, ended)
    with atomic_write(group.path / f"{kind}.json") as file:
        file.write((json.dumps(found, indent=1) + "\n").encode())
    say("")
    say(words.text(found))
    say("")
    drawn = [m for m in repeats.members if _has_curves(repeats.run(m))]
    if drawn:
        labels = {repeats.run(m).path: _value(repeats, m) for m in drawn}
        compare.save_learning_curves(
            [repeats.run(m) for m in drawn], group.path / CURVES, labels
        )
        say(f"picture    {group.path / CURVES}")
    say(f"numbers    {group.path / f'{kind}.json'}")
    lost = sum(row["status"] == "lost" for row in found["runs"])
    if lost:
        say(
            f"next       {expand_command(resume)}  "
            f"(tries the {pluralize(lost, 'lost run')} again)"
        )
    else:
        _say_next(repeats, found, say)
    return found


def _has_curves(run: Run) -> bool:
    return any(row["val_loss"] is not None for row in run.history)


def _value(repeats: Repeats, member: Member) -> str:
    """Returns the name of a line in the picture: all seeds of a value."""
    knob = repeats.request.knob
    if knob is None:
        return repeats.group.name
    return f"{knob.name}={knob.text(member.value)}"


def _say_next(repeats: Repeats, found: dict[str, Any], say: Say) -> None:
    """Says what one can do now."""
    group = Target.of(repeats.group)
    knob, best = repeats.request.knob, words.best_value(found)
    ready = [m for m in repeats.members if repeats.run(m).has_model]
    if not ready:
        return
    has_test = repeats.run(ready[0]).resolved["data"]["test"]
    commands = {"next": group.typed("evaluate")}
    if knob and len(ready) > 1:
        commands = {"next": group.typed("compare")}
    tested = group
    if knob and best is not None:
        member = next(m for m in ready if knob.text(m.value) == best)
        tested = Target.of(repeats.run(member))
        if len(repeats.request.seeds) == 1:
            commands[""] = tested.again(seeds=5)
    if has_test:
        commands["test set"] = tested.typed("evaluate", split="test")
    for label, command in commands.items():
        say(f"{label:<10} {expand_command(command)}")
