"""A group's folder: found again by what was asked, written, and grown.

`group.json` is written before the first run. The same command goes on with a
group, and one that asks for more values or seeds makes it grow.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from typing import Any

from zoo.config import TrainConfig, format_option
from zoo.errors import UserError, join_and
from zoo.io import atomic_write
from zoo.run_store import RunStore, check_backend, with_counters
from zoo.runs import GROUP_FILE, GROUP_FORMAT, Run, RunGroup
from zoo.tuning.repeating.knob import Knob
from zoo.tuning.repeating.request import Member, Request


@dataclasses.dataclass(frozen=True)
class Repeats:
    """A group with what was asked of it."""

    group: RunGroup
    request: Request
    members: tuple[Member, ...]

    def run(self, member: Member) -> Run:
        """Returns a member's run, which need not be there yet."""
        return self.group.run(member.place)

    def write(self) -> None:
        """Makes the folder, or writes `group.json` anew; whole or not.

        Raises:
            UserError: the name is taken, or the folder cannot be written.
        """
        text = json.dumps(self._facts(), indent=1) + "\n"
        if not self.group.path.exists():
            root, name = str(self.group.runs_dir), self.group.name
            RunStore(root).create(name, name, {GROUP_FILE: text})
            return
        with atomic_write(self.group.path / GROUP_FILE) as file:
            file.write(text.encode())

    def _facts(self) -> dict[str, Any]:
        request, knob = self.request, self.request.knob
        return {
            "format": GROUP_FORMAT,
            "kind": request.kind,
            "option": knob and knob.option,
            "argument": knob and knob.argument,
            "values": knob and list(knob.values),
            "seeds": list(request.seeds),
            "base": request.base.replace(run_name=None).as_dict(),
            "members": [
                {
                    "run": member.place,
                    "value": member.value,
                    "seed": member.config.seed,
                    "reused": member.reused,
                    "parent": member.parent,
                    "epochs": member.epochs,
                }
                for member in self.members
            ],
        }


def find(request: Request) -> Repeats:
    """Returns the group of a request: the one that is there, or a new one.

    A group that is there already has what it had, and what the request adds;
    nothing is written.

    Raises:
        UserError: the name that was asked for is taken by something else.
    """
    root, name = request.base.runs_dir, request.base.run_name
    if name:
        group = RunGroup(pathlib.Path(root, name), name)
        if (group.path / GROUP_FILE).is_file():
            return grown(read(group), request)
        RunStore(root).check_free(name)
        return Repeats(group, request, tuple(request.members()))
    for name in with_counters(request.default_name):
        group = RunGroup(pathlib.Path(root, name), name)
        if not group.path.exists():
            return Repeats(group, request, tuple(request.members()))
        if (group.path / GROUP_FILE).is_file():
            known = read(group)
            if not difference(known.request, request):
                return grown(known, request)
    raise RuntimeError("counters do not end")


def grown(known: Repeats, request: Request) -> Repeats:
    """Returns a group with what a request adds to it.

    Raises:
        UserError: the request asks for less, or for something else.
    """
    why = difference(known.request, request)
    if why:
        raise UserError(
            f"there is a group {known.group.name!r} already, {why}; choose "
            "another --run_name."
        )
    check_backend(known.group.path, known.group.name)
    there = {
        (repr(member.value), member.config.seed): member
        for member in known.members
    }
    places = {member.place for member in known.members}
    members = []
    for member in request.members():
        kept = there.get((repr(member.value), member.config.seed))
        while kept is None and member.place in places:
            member = dataclasses.replace(member, place=f"{member.place}_")
        members.append(kept or member)
    return Repeats(known.group, request, tuple(members))


def difference(old: Request, new: Request) -> str:
    """Says what an old request has that a new one does not ask for.

    Returns:
        Words that go on a sentence; none if the new one has all of it.
    """
    if old.knob is None and new.knob is not None:
        return "in which the seed alone varies"
    if old.knob is not None and (
        new.knob is None or old.knob.name != new.knob.name
    ):
        return f"in which {old.knob.name} is varied"
    before, now = old.common.as_dict(), new.common.as_dict()
    for name, value in before.items():
        if value != now[name]:
            return (
                f"with {_shown(name, value)} and not {_shown(name, now[name])}"
            )
    if old.knob and new.knob:
        texts = [tuple(map(r.knob.text, r.knob.values)) for r in (old, new)]
        if not set(texts[0]) <= set(texts[1]):
            return f"in which {old.knob.name} is {join_and(texts[0])}"
    alone = bool(old.knob) and len(old.seeds) == 1 and len(new.seeds) > 1
    if alone:
        return "with one seed for each value"
    if not set(old.seeds) <= set(new.seeds):
        seeds = join_and(map(str, old.seeds))
        return f"with the seed{'s'[: len(old.seeds) - 1]} {seeds}"
    return ""


def _shown(name: str, value: Any) -> str:
    """Writes an option as it is typed."""
    if value is None or value == {}:
        return f"no --{name}"
    return " ".join(format_option(name, value))


def read(group: RunGroup) -> Repeats:
    """Reads a group back from its folder.

    Raises:
        UserError: `group.json` is damaged.
    """
    facts = group.metadata
    try:
        return _from_facts(group, facts)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{group.path / GROUP_FILE} is damaged: it cannot be read."
        ) from error


def _from_facts(group: RunGroup, facts: dict[str, Any]) -> Repeats:
    base = {**facts["base"], "runs_dir": str(group.runs_dir), "run_name": None}
    option, argument = facts["option"], facts["argument"] or ""

    def config_of(value: Any) -> TrainConfig:
        if argument:
            value = {**base["model_arg"], argument: value}
        values = {**base, option: value} if option else base
        # As text, since lists of JSON stand for tuples.
        return TrainConfig.from_json(json.dumps(values))

    knob = None
    if option:
        reader = Knob(option, (), argument)
        knob = Knob(
            option,
            tuple(reader.value_in(config_of(v)) for v in facts["values"]),
            argument,
        )
    members = []
    for row in facts["members"]:
        config = config_of(row["value"]).replace(seed=row["seed"])
        value = knob and knob.value_in(config)
        members.append(
            Member(
                row["run"],
                value,
                config,
                row["parent"],
                row["reused"],
                row.get("epochs"),
            )
        )
    common = TrainConfig.from_json(json.dumps(base))
    request = Request(common, tuple(facts["seeds"]), knob)
    return Repeats(group, request, tuple(members))
