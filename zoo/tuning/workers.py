"""Worker processes of this machine, which train one run after another.

A worker lives as long as its pool, so that TensorFlow is imported once. Cores
and GPUs are divided among the workers by environment variables, which
TensorFlow and JAX read when they are imported. What libraries print goes to a
file; each run has its own log.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import pathlib
import re
import signal
import subprocess
import threading
import time
import traceback
from collections.abc import Iterator
from multiprocessing import connection, resource_tracker
from typing import Any

from zoo.config import TrainConfig
from zoo.errors import (
    Diverged,
    Interrupted,
    Locked,
    UserError,
    is_out_of_memory,
)
from zoo.runs import Run, RunWriter
from zoo.training import signals
from zoo.training.signals import StopRequest
from zoo.tuning.jobs import RunRequest, RunResult, run_on_pool

CUDA_DEVICES = "CUDA_VISIBLE_DEVICES"
# Numbers of threads; the last variable is read by XLA.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "NPROC",
)
# Environment of a process that shares its GPU: it does not take all memory.
SHARED_GPU = {
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}
BYTES_PER_WORKER = 2e9  # TensorFlow takes 0.7e9 of them
MAX_AUTO_WORKERS = 16  # that `auto` stands for
MAX_WORKERS = 256
DONE = ("completed", "stopped_early")
LOCK_INTERVAL = 0.2  # seconds between two tries to lock a run

_original_cuda_devices: list[str | None] = []  # before `hide_gpus`
_is_busy = False  # this worker trains a run
_is_stopped = False  # a signal came while this worker trained none


def run_jobs(
    requests: Iterator[RunRequest | None],
    num_workers: int = 1,
    log: pathlib.Path | None = None,
) -> Iterator[RunResult]:
    """Trains runs in processes of this machine; see `jobs.run_on_pool`.

    Args:
        requests: As `run_on_pool` takes them.
        num_workers: Number of processes, among which cores and GPUs are
            divided.
        log: File for what their libraries print.
    """
    yield from run_on_pool(requests, ProcessPool(num_workers, log))


class ProcessPool:
    """Worker processes of this machine; see `jobs.WorkerPool`.

    A process is started when it gets its first run, and a new one takes the
    place of one that died.

    Args:
        num_workers: Number of processes, among which cores and GPUs are
            divided.
        log: File for what their libraries print.
    """

    def __init__(self, num_workers: int, log: pathlib.Path | None = None):
        path = None if log is None else str(log)
        self._workers = [
            _WorkerProcess(environment, path)
            for environment in worker_environments(num_workers)
        ]

    @property
    def num_running(self) -> int:
        """Number of runs that were submitted and have not ended."""
        return sum(worker.request is not None for worker in self._workers)

    @property
    def num_free(self) -> int:
        """Number of further runs that can start at once."""
        return len(self._workers) - self.num_running

    def submit(self, request: RunRequest) -> None:
        """Gives a run to a free process."""
        free = (worker for worker in self._workers if worker.request is None)
        next(free).start(request)

    def wait(self, timeout: float) -> list[RunResult]:
        """Waits until a run ends; returns the results of those that did."""
        running = {
            worker.connection: worker
            for worker in self._workers
            if worker.request is not None
        }
        if not running:
            time.sleep(timeout)
            return []
        ready = connection.wait(list(running), timeout)
        return [running[one].take() for one in ready]

    def terminate(self) -> None:
        """Asks every current run to save and stop."""
        for worker in self._workers:
            worker.signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends every current run at once."""
        for worker in self._workers:
            worker.signal(getattr(signal, "SIGKILL", signal.SIGTERM))

    def close(self) -> None:
        """Ends the processes, as soon as their runs have ended."""
        for worker in self._workers:
            worker.close()


class _WorkerProcess:
    """One process of a pool, which trains one run at a time."""

    def __init__(self, environment: dict[str, str], log: str | None):
        self._arguments = (environment, log)
        self._process: multiprocessing.process.BaseProcess | None = None
        self._started = 0.0
        self.connection: connection.Connection | None = None
        self.request: RunRequest | None = None

    def start(self, request: RunRequest) -> None:
        """Sends a request to the process, which is started if need be."""
        self.request, self._started = request, time.monotonic()
        if self._process is None or not self._process.is_alive():
            self._end()
            self._begin()
        # A process that dies just now is noticed when its answer is due.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(request)

    def take(self) -> RunResult:
        """Returns the result of the run, whose process answered or died."""
        request, self.request = self.request, None
        try:
            # The request that came back is a copy.
            result = self.connection.recv()
            return dataclasses.replace(result, request=request)
        except (EOFError, OSError):
            seconds = round(time.monotonic() - self._started, 3)
            reason = _exit_reason(self._end())
            return RunResult(request, "lost", reason=reason, seconds=seconds)

    def signal(self, number: int) -> None:
        """Sends the process a signal, if it trains a run."""
        if self.request is not None and self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, number)

    def close(self) -> None:
        """Ends the process, as soon as its run has ended."""
        self._end()

    def _begin(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, child_connection = context.Pipe()
        self._process = context.Process(
            target=serve, args=(child_connection, *self._arguments)
        )
        with _stop_signals_blocked():
            self._process.start()
        # So that the death of the process closes the pipe.
        child_connection.close()

    def _end(self) -> int | None:
        """Waits for the process to exit; returns its exit code."""
        if self._process is None:
            return None
        # An idle process exits when its connection closes.
        self.connection.close()
        self._process.join()
        code = self._process.exitcode
        self._process.close()
        self._process = self.connection = None
        return code


@contextlib.contextmanager
def _stop_signals_blocked() -> Iterator[None]:
    """Blocks signals that stop a run; a process started meanwhile inherits it.

    The process unblocks them once it handles them, so that a Ctrl-C during its
    start is neither lost nor printed as a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # Its own start would unblock them.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals.NUMBERS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _exit_reason(exit_code: int | None) -> str:
    """Describes how a process died: negative exit codes are signals."""
    if exit_code is not None and exit_code < 0:
        try:
            name = signal.Signals(-exit_code).name
        except ValueError:
            name = f"signal {-exit_code}"
        if name == "SIGKILL":
            return "its process was killed (SIGKILL), as when memory runs out"
        return f"its process crashed ({name})"
    return f"its process ended with exit code {exit_code}"


# Inside a worker.


def serve(
    requests: connection.Connection,
    environment: dict[str, str],
    log: str | None,
) -> None:
    """Trains the runs that a connection requests, until it is closed.

    Args:
        requests: Connection that gives requests and takes their results.
        environment: Variables to set, such as the GPUs to use.
        log: File for what libraries print; `None` drops it.
    """
    _init_worker(environment, log)
    while True:
        try:
            request = requests.recv()
        except EOFError:
            return
        result = train_run(request)
        try:
            requests.send(result)
        except OSError:
            return  # nobody waits for it any more


def _init_worker(environment: dict[str, str], log: str | None) -> None:
    """Prepares a worker, before anything imports TensorFlow."""
    os.environ.update(environment)
    target = os.open(
        log or os.devnull, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644
    )
    os.dup2(target, 1)
    os.dup2(target, 2)
    for number in signals.NUMBERS:
        signal.signal(number, _handle_stop_signal)
    if hasattr(signal, "pthread_sigmask"):  # the pool blocked them
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals.NUMBERS)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _handle_stop_signal(number, frame) -> None:
    """Ends the current run, or the next one before it has begun.

    Once training itself has begun, it handles the signals, and saves.
    """
    global _is_stopped
    if _is_busy:
        raise Interrupted("stopped before its training began")
    _is_stopped = True


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def train_run(
    request: RunRequest, stop: StopRequest | None = None
) -> RunResult:
    """Trains a run; every error is reported in the result.

    Args:
        request: The run.
        stop: Asks for an end from another thread, where no signals come.
    """
    global _is_busy, _is_stopped
    began = time.monotonic()

    def result(status: str, **more: Any) -> RunResult:
        seconds = round(time.monotonic() - began, 3)
        return RunResult(request, status, seconds=seconds, **more)

    _is_busy = True
    try:
        if _is_stopped:
            raise Interrupted("stopped before it began")
        run = _train_when_unlocked(request, stop or StopRequest())
        rows = run.history
        if request.until_epoch is not None:
            rows = rows[: request.until_epoch]
        metrics = run.metrics
        return result(metrics["status"], metrics=metrics, history=rows)
    except Diverged as error:
        return result("diverged", reason=_first_clause(error))
    except Interrupted as error:
        return result("interrupted", reason=_first_clause(error))
    except UserError as error:
        return result("failed", reason=str(error).rstrip("."))
    except Exception as error:
        traceback.print_exc()
        return result("failed", reason=_describe_error(error))
    finally:
        _is_busy = _is_stopped = False


def _train_when_unlocked(request: RunRequest, stop: StopRequest) -> Run:
    """Trains a run, as soon as no other process works on it.

    That may be a worker that is dying or was cut off from the network, or a
    user who resumes the run by hand; its result then counts.
    """
    while not stop.requested:
        try:
            return _train(request, stop)
        except Locked:
            time.sleep(LOCK_INTERVAL)
    raise Interrupted("stopped before it began")


def _train(request: RunRequest, stop: StopRequest) -> Run:
    """Trains a run, resumes one that exists, or finds it finished."""
    import keras

    from zoo.training.console import TrainingConsole
    from zoo.training.resume import complete_files, resume
    from zoo.training.train import train

    keras.backend.clear_session()
    config, quiet = request.config, TrainingConsole(quiet=True)
    folder = pathlib.Path(config.runs_dir, config.run_name)
    if not (folder / "config.json").exists():
        return train(
            config,
            console=quiet,
            parent=request.parent,
            until_epoch=request.until_epoch,
            stop=stop,
        )
    run = Run(folder, config.run_name)
    if run.is_locked():
        raise Locked(f"{run.name} is running in another process.")
    metrics = {} if run.corrupt_files() else run.metrics
    status = metrics.get("status")
    if status == "diverged":
        raise Diverged("the loss or the weights were no longer numbers")
    until = request.until_epoch
    is_paused = status == "paused" and until is not None
    if status in DONE or (is_paused and metrics["epochs"] >= until):
        with RunWriter(run).lock():
            complete_files(run)
        return run
    return resume(run, console=quiet, until_epoch=until, stop=stop)


def _first_clause(error: Exception) -> str:
    return str(error).partition(";")[0].rstrip(".")


def _describe_error(error: Exception) -> str:
    """Describes an error that is not a mistake of the user."""
    if is_out_of_memory(error):
        return "there was not enough memory"
    kind = type(error).__name__
    text = " ".join(str(error).split())
    return f"{kind}: {text[:200]}".rstrip(".")


# Cores and GPUs.


def hide_gpus() -> None:
    """Keeps this process off the GPUs: they belong to its workers.

    TensorFlow would take their whole memory. Call it before TensorFlow is
    imported.
    """
    if not _original_cuda_devices:
        _original_cuda_devices.append(os.environ.get(CUDA_DEVICES))
        os.environ[CUDA_DEVICES] = ""


def require_single_device(config: TrainConfig) -> None:
    """Raises `UserError` if one run of several is to use several devices."""
    if config.devices != 1:
        raise UserError(
            f"--devices={config.devices} cannot be combined with several "
            "runs, each of which uses one device at most; leave it out."
        )


def list_gpus() -> list[str]:
    """Returns the GPUs that workers may use, as CUDA numbers them."""
    visible = (
        _original_cuda_devices[0]
        if _original_cuda_devices
        else os.environ.get(CUDA_DEVICES)
    )
    if visible is not None:
        return [word for word in visible.split(",") if word and word != "-1"]
    try:
        done = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return re.findall(r"^GPU (\d+):", done.stdout, re.MULTILINE)


def num_cores() -> int:
    """Returns how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def auto_num_workers() -> int:
    """Returns the number of workers that `auto` stands for here."""
    num_gpus = len(list_gpus())
    if num_gpus:
        return num_gpus
    number = min(num_cores(), MAX_AUTO_WORKERS)
    if free := _free_bytes():
        number = min(number, int(free / BYTES_PER_WORKER))
    return max(number, 1)


def max_num_workers() -> int:
    """Returns how many workers this machine has a core or GPU for."""
    return max(num_cores(), len(list_gpus()), 2)


def _free_bytes() -> int | None:
    try:
        text = pathlib.Path("/proc/meminfo").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"MemAvailable:\s+(\d+) kB", text)
    return int(found[1]) * 1024 if found else None


def worker_environments(num_workers: int) -> list[dict[str, str]]:
    """Returns the variables that are set for each worker."""
    gpus = list_gpus()
    environments: list[dict[str, str]] = [{} for _ in range(num_workers)]
    for index, environment in enumerate(environments):
        environment[CUDA_DEVICES] = gpus[index % len(gpus)] if gpus else ""
        if gpus and num_workers > len(gpus):
            environment |= SHARED_GPU
        if num_workers > 1:
            threads = str(max(num_cores() // num_workers, 1))
            environment |= {
                name: threads
                for name in THREAD_VARIABLES
                if name not in os.environ
            }
    return environments
