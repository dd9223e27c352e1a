"""Training of a run, from its first step to its results."""

from __future__ import annotations

import contextlib
import time

from zoo import backend
from zoo.commands import Target
from zoo.config import TrainConfig
from zoo.console import pluralize
from zoo.data import Dataset
from zoo.errors import Diverged, Interrupted, UserError, is_out_of_memory
from zoo.run_store import RunStore, default_name, new_id
from zoo.runs import Run, RunWriter
from zoo.summaries import registry
from zoo.summaries.events import SummaryWriter
from zoo.training import callbacks as run_callbacks
from zoo.training import knn, replica, results
from zoo.training.callbacks import Session
from zoo.training.checkpoints import TrainState
from zoo.training.console import (
    TrainingConsole,
    divergence,
    out_of_memory,
    print_header,
    print_initial_scores,
    print_summary,
)
from zoo.training.fit import fit, training_batches
from zoo.training.process_group import (
    SINGLE_PROCESS,
    ProcessGroup,
)
from zoo.training.results import save_result, write_metrics
from zoo.training.setup import TrainSetup, prepare
from zoo.training.signals import StopRequest, listen
from zoo.training.user_callbacks import Callbacks, UserCallbacks


@backend.fixed_settings()
def train(
    config: TrainConfig,
    dataset: Dataset | None = None,
    *,
    callbacks: Callbacks = (),
    console: TrainingConsole | None = None,
    parent: dict | None = None,
    until_epoch: int | None = None,
    stop: StopRequest | None = None,
    group: ProcessGroup = SINGLE_PROCESS,
) -> Run:
    """Trains a model and returns its run folder.

    Args:
        config: what to train; everything left at `None` is the recipe's.
        dataset: the user's own data, from `Dataset.from_arrays`; else what
            the config names is loaded.
        callbacks: one Keras callback or several, called as in one `fit` over
            all epochs.
        console: where to print.
        parent: the run that this one repeats, and what was changed.
        until_epoch: where to pause, if that comes before the end. Learning
            rates and batches are those of the whole run, which `resume`
            continues.
        stop: something besides signals that may ask for an early end.
        group: processes that train together; this one keeps the run.

    Raises:
        UserError: something requested cannot work; no folder is made.
        Diverged: loss or weights are not finite any more; the run is kept.
        Interrupted: a signal asked for an end; the run can be resumed.
    """
    console = console or TrainingConsole()
    user_callbacks = UserCallbacks(callbacks, print_fn=console.print)
    setup = prepare(
        config,
        dataset,
        console.extracting,
        user_callbacks=user_callbacks.use_batches,
    )
    user_callbacks.check(setup)
    config = setup.config.requested
    if dataset is not None:
        config = config.replace(dataset=dataset.name)
    resolved = results.describe_setup(setup, parent)
    replica.assert_same_config(group, setup, resolved)
    resolved["callbacks"] = user_callbacks.describe()
    resolved["run_id"] = new_id()
    run = RunStore(config.runs_dir).create(
        config.run_name,
        default_name(config),
        results.initial_files(config, setup, resolved),
    )
    with RunWriter(run).lock():
        console.log_to(run.path / "log.txt")
        print_header(console, setup, resolved, run)
        state = TrainState(run_id=resolved["run_id"])
        return complete(
            setup, run, state, console, user_callbacks, until_epoch, stop, group
        )


def complete(
    setup: TrainSetup,
    run: Run,
    state: TrainState,
    console: TrainingConsole,
    user_callbacks: UserCallbacks,
    until_epoch: int | None = None,
    stop: StopRequest | None = None,
    group: ProcessGroup = SINGLE_PROCESS,
) -> Run:
    """Trains from where a state stands, and leaves a run with its results.

    Whatever ends training, `metrics.json` says how. The end is reported to
    the console, but for that by a mistake or a full disk, after which the run
    is resumed.
    """
    started = time.perf_counter() - state.wall_seconds
    status, balanced = "interrupted", {}
    try:
        with _session(
            setup, run, state, console, user_callbacks, stop, started
        ) as session:
            try:
                _fit(session, user_callbacks, until_epoch, group)
                status = _status(setup, state)
                if status != "paused":
                    balanced = save_result(setup, run, state)
            except Interrupted:
                status = "interrupted"
                raise Interrupted(
                    f"stopped after {pluralize(state.step, 'step')} and saved; "
                    f"{Target.of(run).resume()} resumes it."
                ) from None
            except Diverged as error:
                status = "diverged"
                rate = setup.config.learning_rate
                raise Diverged(divergence(error, run, rate)) from None
            except BaseException:
                status = "interrupted"
                raise
            finally:
                seconds = time.perf_counter() - started
                metrics = write_metrics(
                    setup, run, state, status, seconds, balanced
                )
                RunWriter(run).write_checksums()
        print_summary(console, setup, run, metrics)
    except (Diverged, Interrupted):
        console.ended(run, setup.source)
        raise
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(out_of_memory(run, setup.config)) from error
    console.ended(run, setup.source)
    return run


def _fit(
    session: Session,
    user_callbacks: UserCallbacks,
    until_epoch: int | None,
    group: ProcessGroup,
) -> None:
    """Trains a session's model, with the callbacks in their order."""
    setup, run, state = session.setup, session.run, session.state
    if not setup.config.uses_gradients:
        knn.fit_knn(session)
        return
    callbacks = [
        run_callbacks.StepCounter(session),
        run_callbacks.UseAverages(session),
        run_callbacks.BatchNormAverages(session),
        run_callbacks.History(session),
        run_callbacks.BestWeights(session),
        *user_callbacks.callbacks,
        run_callbacks.StopTraining(session),
        run_callbacks.Summaries(session),
        run_callbacks.ConsoleProgress(session),
        run_callbacks.UseWeights(session),
        run_callbacks.SaveCheckpoint(session, user_callbacks.arrays),
        run_callbacks.StopOnSignal(session),
    ]
    with group.guard(Target.of(run).resume(), session.stop.ask):
        replica.broadcast_checkpoint(group, setup, run, state)
        fit(
            setup,
            state,
            callbacks,
            session.batches,
            until_epoch,
            user_callbacks,
        )


def _status(setup: TrainSetup, state: TrainState) -> str:
    """Returns the status of a run whose training ended without trouble."""
    if not state.is_done(setup.config):
        return "paused"
    is_whole = state.step == setup.config.total_steps
    return "completed" if is_whole else "stopped_early"


@contextlib.contextmanager
def _session(
    setup: TrainSetup,
    run: Run,
    state: TrainState,
    console: TrainingConsole,
    user_callbacks: UserCallbacks,
    stop: StopRequest | None,
    started: float,
):
    """Opens what a run writes to, and records the untrained model."""
    config, dataset = setup.config, setup.dataset
    splits = ("train", "val") if len(dataset.val) else ("train",)
    chosen = registry.select(config.summaries, dataset.capabilities)
    with contextlib.ExitStack() as stack:
        summaries = SummaryWriter(run.path, chosen, splits, state.event_files)
        stack.callback(summaries.close)
        session = Session(
            setup,
            run,
            state,
            summaries,
            console,
            stack.enter_context(listen(stop)),
            training_batches(config, dataset),
            bool(user_callbacks.callbacks),
            started,
        )
        stack.enter_context(backend.onednn_bfloat16(setup.precision))
        if state.step == 0 and config.uses_gradients:
            first = session.snapshot()
            print_initial_scores(console, first.logits, session.batch, setup)
            summaries.write_snapshot(session.batch.split, first)
            run_callbacks.write_layer_stats(session, first)
        yield session
