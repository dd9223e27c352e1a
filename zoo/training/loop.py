"""Training: from the first update or from a checkpoint to the end."""

from __future__ import annotations

import contextlib
import time

from zoo import backend, kinds
from zoo.commands import Target
from zoo.config import TrainConfig
from zoo.console import pluralize
from zoo.data import Dataset, pipeline
from zoo.errors import Diverged, Interrupted
from zoo.run_store import RunStore, default_name, new_id
from zoo.runs import Run, RunWriter
from zoo.summaries import Summaries
from zoo.training import (
    beginning,
    epochs,
    memory,
    outcome,
    precision,
    report,
    resuming,
    transfer,
)
from zoo.training.checkpoints import Checkpoints
from zoo.training.console import Console
from zoo.training.distributed import replica
from zoo.training.distributed.data_parallel import DistributedRecorder
from zoo.training.distributed.process_group import (
    SINGLE_PROCESS,
    ProcessGroup,
)
from zoo.training.job import Job, prepare
from zoo.training.plan import Plan
from zoo.training.recorder import Recorder
from zoo.training.state import TrainState
from zoo.training.stopping import listen
from zoo.training.watch import Watch


@backend.fixed_settings()
def train(
    config: TrainConfig,
    data: Dataset | None = None,
    *,
    console: Console | None = None,
    parent: dict | None = None,
    until_epoch: int | None = None,
    group: ProcessGroup = SINGLE_PROCESS,
) -> Run:
    """Trains a model and returns its run folder.

    Args:
        config: what to train; everything left at `None` is the recipe's.
        data: the user's own images, from `Dataset.from_arrays`; else what
            the config names is loaded.
        console: where to print.
        parent: the run that this one repeats, and what was changed.
        until_epoch: where to pause, if that comes before the end. Rates and
            batches are those of the whole run, which `resume` goes on with.
        group: Processes that train together; this one keeps the run.

    Raises:
        UserError: something asked for cannot work; no folder is made.
        Diverged: loss or weights are no longer numbers; the run is kept.
        Interrupted: a signal asked for an end; the run can be resumed.
    """
    console = console or Console()
    job = prepare(config, data, console.extracting)
    config = job.plan.asked
    if data is not None:
        config = config.replace(dataset=data.name)
    resolved = beginning.describe(job, parent)
    replica.assert_same_config(group, job, resolved)
    resolved["run_id"] = new_id()
    run = RunStore(config.runs_dir).create(
        config.run_name,
        default_name(config),
        beginning.files(config, job, resolved),
    )
    with RunWriter(run).lock():
        console.log_to(run.path / "log.txt")
        report.before(console, job.plan, resolved, run)
        state = TrainState(run_id=resolved["run_id"])
        return _run(job, run, state, console, until_epoch, group)


@backend.fixed_settings()
def resume(
    run: Run,
    data: Dataset | None = None,
    *,
    console: Console | None = None,
    until_epoch: int | None = None,
    devices: int | str | None = None,
    group: ProcessGroup = SINGLE_PROCESS,
) -> Run:
    """Goes on with a run from its last checkpoint, to the same end.

    Args:
        run: one that was killed, interrupted or paused.
        data: the user's own images, if the run was made with such.
        console: where to print.
        until_epoch: where to pause again, if anywhere.
        devices: that share the batches, if not as many as before.
        group: Processes that train together; this one keeps the run.

    Raises:
        UserError: the run is finished, running, damaged, or its data changed.
    """
    console = console or Console()
    with RunWriter(run).lock():
        resuming.check_resumable(run)
        backend.check_same(run.name, run.resolved["machine"]["backend"])
        checkpoints = Checkpoints(run.path / "checkpoints")
        state = checkpoints.load_state()
        resuming.check_files(run, state)
        job = prepare(
            resuming.config_of(run, devices),
            data,
            console.extracting,
            run.resolved if state else None,
        )
        if job.transferred:
            transfer.check_same(job.transferred, run)
        resuming.check_same_data(run, job)
        replica.assert_same_config(group, job, beginning.describe(job, None))
        if state:
            checkpoints.restore_last(job.model)
        console.log_to(run.path / "log.txt")
        if state:
            console.print(
                f"resuming {run.name} after {pluralize(state.epoch, 'epoch')}, "
                f"{pluralize(state.step, 'update')}"
            )
        else:
            checkpoints.start_over()
            console.print(
                f"resuming {run.name} at its start: no checkpoint yet"
            )
        state = state or TrainState(run_id=resuming.run_id(run))
        return _run(job, run, state, console, until_epoch, group)


def _run(
    job: Job,
    run: Run,
    state: TrainState,
    console: Console,
    until_epoch: int | None,
    group: ProcessGroup,
) -> Run:
    """Trains to the end, and tells the console of a bad one too.

    A mistake or a full disk is no end: it is mended, and the run resumed.
    """
    try:
        _train(job, run, state, console, until_epoch, group)
    except (Diverged, Interrupted):
        console.ended(run, job.plan.source)
        raise
    console.ended(run, job.plan.source)
    return run


def _train(
    job: Job,
    run: Run,
    state: TrainState,
    console: Console,
    until_epoch: int | None,
    group: ProcessGroup,
) -> None:
    """Trains, and leaves a run that says how it ended."""
    began = time.perf_counter()
    with contextlib.ExitStack() as stack:
        batches = epochs.batches(job.plan)
        recorder = _recorder(job, run, state, console, batches, stack)
        status, balanced = "interrupted", {}
        try:
            if job.plan.entry.is_nonparametric:
                memory.learn(job, recorder)
            else:
                resume = Target.of(run).resume()
                with group.guard(resume, recorder.stop.ask):
                    replica.broadcast_checkpoint(group, job, run, state)
                    epochs.fit(job, state, recorder, batches, until_epoch)
            ending = _ending(job.plan, state)
            if ending != "paused":
                balanced = outcome.save_result(job, run, state)
            status = ending
        except Interrupted:
            raise Interrupted(
                f"stopped after {pluralize(state.step, 'update')} and saved; "
                f"{Target.of(run).resume()} resumes it."
            ) from None
        except Diverged as error:
            status = "diverged"
            rate = job.plan.config.learning_rate
            raise Diverged(report.divergence(error, run, rate)) from None
        finally:
            metrics = outcome.write_metrics(
                job,
                run,
                state,
                status,
                time.perf_counter() - began,
                balanced,
            )
    report.after(console, job.plan, run, metrics)


def _ending(plan: Plan, state: TrainState) -> str:
    """Returns how a run stands whose training ended without trouble."""
    if not plan.is_done(state):
        return "paused"
    return "completed" if state.step == plan.total_steps else "stopped_early"


def _recorder(
    job: Job,
    run: Run,
    state: TrainState,
    console: Console,
    batches: pipeline.Batches,
    stack: contextlib.ExitStack,
) -> Recorder:
    """Opens what a run writes to, and looks at the untrained network."""
    plan = job.plan
    splits = ("train", "val") if len(plan.data.val) else ("train",)
    summaries = Summaries(run.path, _kinds(plan), splits, state.event_files)
    stack.callback(summaries.close)
    stop = stack.enter_context(listen())
    stack.enter_context(precision.rewriting(job.precision))
    watch = Watch(job, run, batches)
    kind = DistributedRecorder if job.devices.is_distributed else Recorder
    recorder = kind(job, run, state, summaries, watch, console, stop)
    if state.step == 0 and not plan.entry.is_nonparametric:
        first = watch.snapshot(state)
        report.untrained(console, first.logits, watch.probe, plan)
        summaries.write_snapshot(watch.probe.split, first)
        recorder.measure(first)
    return recorder


def _kinds(plan: Plan) -> list[kinds.Kind]:
    """Returns the summaries that were asked for and that suit the data."""
    return kinds.chosen(plan.config.summaries, plan.data.traits)
