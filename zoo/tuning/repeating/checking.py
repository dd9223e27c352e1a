"""Every run of a group tried before the first one is trained.

A value that cannot work is told at once, and not after the hours that the
values before it take.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import keras

from zoo.config import TrainConfig
from zoo.evaluation import statistics
from zoo.run_store import describe_parent
from zoo.runs import NOT_STARTED, Run
from zoo.training.setup import TrainSetup, prepare
from zoo.tuning.repeating.folder import Repeats
from zoo.tuning.repeating.request import Member

Prepare = Callable[[TrainConfig, None], TrainSetup]


def settle(
    repeats: Repeats, parent: Run | None, prepare: Prepare = prepare
) -> Repeats:
    """Checks the runs that have not begun, and finds the one that is there.

    Args:
        repeats: a group, on disk or not.
        parent: the run that is repeated; it takes the place of the member
            that has its settings, seed and data, if it is finished.
        prepare: loads the data, and builds and compiles the network.

    Raises:
        UserError: a run could not be trained.
    """
    members, prints = [], {}
    for member in repeats.members:
        if repeats.run(member).status == NOT_STARTED:
            # Seeds of one value are tried once.
            key = repr(member.value)
            if key not in prints:
                prints[key] = _learned(prepare(member.config, None))
                keras.utils.clear_session()
            settings, fingerprint, epochs = prints[key]
            settings = {**settings, "seed": member.config.seed}
            member = _with_parent(repeats, member, parent)
            member = dataclasses.replace(member, epochs=epochs)
            if parent and _is_same(repeats, parent, settings, fingerprint):
                place = "../" * len(repeats.group.name.split("/"))
                member = dataclasses.replace(
                    member, place=f"{place}{parent.name}", reused=True
                )
        members.append(member)
    return dataclasses.replace(repeats, members=tuple(members))


def _learned(setup: TrainSetup) -> tuple[dict, str, int | None]:
    """Returns what a run would learn by: its settings, data and epochs."""
    config = setup.config
    settings = statistics.settings_of(config)
    in_steps = not config.uses_gradients or config.requested.steps is not None
    epochs = None if in_steps else config.num_epochs
    return settings, setup.source.fingerprint, epochs


def _with_parent(
    repeats: Repeats, member: Member, parent: Run | None
) -> Member:
    if member.parent is not None:
        return member
    return dataclasses.replace(
        member, parent=describe_parent(member.config, parent)
    )


def _is_same(
    repeats: Repeats, parent: Run, settings: dict, fingerprint: str
) -> bool:
    """Whether a run that is there is what a member would become."""
    return (
        parent.path == repeats.group.runs_dir / parent.name
        and parent.status in ("completed", "stopped_early")
        and statistics.settings(parent) == settings
        and parent.resolved["data"]["fingerprint"] == fingerprint
    )
