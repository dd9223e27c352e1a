"""Checks of the runs of a group, before any of them is trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

from zoo.errors import UserError
from zoo.evaluation import statistics
from zoo.models import plugins
from zoo.run_store import describe_parent
from zoo.runs import CORRUPT, NOT_STARTED, Run

if TYPE_CHECKING:
    from zoo.config import TrainConfig
    from zoo.training.setup import TrainSetup
    from zoo.tuning.multirun import Multirun, RunSpec


def check_members(multirun: Multirun) -> dict[str, tuple[Run, dict]]:
    """Checks that the runs there are belong together.

    A run may have been replaced by one of another config. What runs learn from
    may have changed between them under its name: data, features or initial
    weights.

    Returns:
        For each of these that has a name of its own, the first run that
        learned from it, and the digests.

    Raises:
        UserError: Runs do not belong together.
    """
    by_inputs: dict[str, tuple[Run, dict]] = {}
    for spec, run in _started(multirun):
        if not _is_run_of(spec, run):
            raise UserError(
                f"{run.name} is not the run that the group "
                f"{multirun.group.name} had, since it was trained with other "
                "options or on other data; remove it, or choose another "
                "--run_name."
            )
        inputs = statistics.input_digests(run.resolved)
        first, known = by_inputs.setdefault(
            _input_names(spec.config), (run, inputs)
        )
        if inputs != known:
            raise _changed_error(multirun, run, f"{first.name} was")
    return by_inputs


def check_rest(multirun: Multirun) -> dict[str, tuple[Run, dict]]:
    """Checks that runs that are left would learn from the same data.

    Returns:
        As `check_members` does.

    Raises:
        UserError: Runs do not belong together, or the data were changed.
    """
    from zoo.training.setup import load_dataset

    by_inputs = check_members(multirun)
    if all(multirun.run(spec).has_ended for spec in multirun.specs):
        return by_inputs
    configs = {
        _input_names(spec.config): spec.config for spec in multirun.specs
    }
    for names, (run, inputs) in by_inputs.items():
        if inputs["data"] != load_dataset(configs[names]).fingerprint:
            raise _changed_error(multirun, run, "there are now")
    return by_inputs


def _input_names(config: TrainConfig) -> str:
    """Returns the options that say what a run learns from."""
    from zoo.training.setup import LOADING_OPTIONS

    names = {*LOADING_OPTIONS, "train_examples", "classes", "model"}
    names |= {"features", "weights"}
    return repr([getattr(config, name) for name in sorted(names)])


def _changed_error(multirun: Multirun, run: Run, other: str) -> UserError:
    return UserError(
        f"{run.name} was trained on other data, features or initial weights "
        f"than {other}, though their names are the same, so that the group "
        f"{multirun.group.name} cannot go on; restore them, or choose another "
        "--run_name."
    )


def _started(multirun: Multirun) -> Iterator[tuple[RunSpec, Run]]:
    """Yields the runs there are, except corrupt ones, which readers report."""
    for spec in multirun.specs:
        run = multirun.run(spec)
        if run.status in (NOT_STARTED, CORRUPT):
            continue
        try:
            statistics.config_hash(run), run.config
        except (UserError, KeyError, TypeError):
            continue
        yield spec, run


def _is_run_of(spec: RunSpec, run: Run) -> bool:
    """Whether a run has the config of a spec."""
    if spec.reused:
        known = spec.config_hash
        return known in (None, statistics.config_hash(run, with_seed=True))
    settings = statistics.settings_of
    return settings(run.config) == settings(spec.config)


def check_runs(multirun: Multirun, parent: Run | None) -> Multirun:
    """Builds the runs that have not started, so that invalid ones are refused.

    Args:
        multirun: A group, on disk or not.
        parent: The run that is varied; it takes the place of the run that
            has its settings, seed and data, if it is finished.

    Raises:
        UserError: A run cannot be trained, or is not what the group would
            train.
    """
    import keras

    from zoo.training.setup import prepare

    known = check_rest(multirun)
    specs, prepared = [], {}
    for spec in multirun.specs:
        if multirun.run(spec).status == NOT_STARTED:
            # Seeds of one value are checked once.
            key = repr(spec.value)
            if key not in prepared:
                prepared[key] = _settings_of(prepare(spec.config, None))
                keras.utils.clear_session()
            settings, inputs, epochs = prepared[key]
            run, before = known.get(_input_names(spec.config), (None, inputs))
            if run and before != inputs:
                raise _changed_error(multirun, run, "there are now")
            settings = {**settings, "seed": spec.config.seed}
            spec = _with_parent(multirun, spec, parent)
            spec = dataclasses.replace(
                spec, epochs=epochs, reused=False, config_hash=None
            )
            if parent and _is_same(multirun, parent, settings, inputs):
                home = "../" * len(multirun.group.name.split("/"))
                spec = dataclasses.replace(
                    spec,
                    path=f"{home}{parent.name}",
                    reused=True,
                    config_hash=statistics.config_hash(parent, with_seed=True),
                )
        specs.append(spec)
    return dataclasses.replace(multirun, specs=tuple(specs))


def _settings_of(setup: TrainSetup) -> tuple[dict, dict, int | None]:
    """Returns the settings, digests of the inputs and epochs of a run."""
    config = setup.config
    settings = statistics.settings_of(config)
    in_steps = not config.uses_gradients or config.requested.steps is not None
    epochs = None if in_steps else config.num_epochs
    made = {"features": setup.extractor, "weights": setup.transferred}
    resolved = {
        "data": {"fingerprint": setup.source.fingerprint},
        **{name: each and each.to_json() for name, each in made.items()},
    }
    return settings, statistics.input_digests(resolved), epochs


def _with_parent(
    multirun: Multirun, spec: RunSpec, parent: Run | None
) -> RunSpec:
    if spec.parent is not None:
        return spec
    return dataclasses.replace(
        spec, parent=describe_parent(spec.config, parent)
    )


def _is_same(
    multirun: Multirun, parent: Run, settings: dict, inputs: dict
) -> bool:
    """Whether an existing run is what a run of the group would become."""
    return (
        parent.path == multirun.group.runs_dir / parent.name
        and parent.status in ("completed", "stopped_early")
        and statistics.settings(parent) == settings
        and statistics.follows_from_config(parent)
        and statistics.input_digests(parent.resolved) == inputs
        and plugins.is_unchanged(parent)
    )
