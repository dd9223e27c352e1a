"""Runs on the nodes of a Ray cluster, each in an actor that Ray places.

Ray starts processes, reserves cores and GPUs for them, and reports those that
are lost. What must survive the driver stays in the driver: the trial log, the
tuner, the seeds, and how often a lost run is tried again (`jobs.run_on_pool`).

A run is a method of an actor, not a task. The death of an actor is published
as soon as the cluster declares its node dead, about a minute after its network
was cut; a task is given up only when gRPC's keepalive ends, after seven. The
process that was cut off trains on for some minutes and holds its run folder,
so whoever gets the run next waits for the lock (`workers.train_run`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import logging
import os
import pathlib
import platform
import time
from collections.abc import Callable, Iterator
from typing import Any

from zoo import backend
from zoo.errors import UserError, join_and
from zoo.training.signals import StopRequest
from zoo.tuning import workers
from zoo.tuning.cluster_checks import (
    PROBE_TIMEOUT,
    check_access,
    make_probe,
    node_error,
    probe_file,
    refuse_open,
    version_difference,
    versions,
)
from zoo.tuning.jobs import RunJobs, RunRequest, RunResult, run_on_pool

AUTO = "auto"
INSTALL = "pip install 'ray[default]>=2.52,<3'"
CAPACITY_INTERVAL = 5.0  # seconds between two counts of the nodes
START_TIMEOUT = 10.0  # seconds in which an actor starts where there is room
PENDING_WARNING = 30.0  # seconds without a free node, then it is said
CONTROL = "control"  # the thread of an actor that takes a stop

PrintFn = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class ClusterConfig:
    """A Ray cluster, and the resources of each run on it.

    Attributes:
        address: HOST:PORT of the head node; `auto` is that of RAY_ADDRESS,
            else the cluster that this machine is a node of.
        num_cpus: Number of CPU cores reserved for a run.
        num_gpus: Number of GPUs reserved for a run, possibly a fraction of
            one; `None` is 1 if the cluster has a GPU, else 0.
        without_token: Whether a cluster that anybody can use is accepted on an
            address that other machines can reach.

    Raises:
        UserError: The address is invalid.
    """

    address: str
    num_cpus: float = 1.0
    num_gpus: float | None = None
    without_token: bool = False

    def __post_init__(self):
        host, _, port = self.address.rpartition(":")
        is_port = port.isdecimal() and int(port) < 2**16
        if self.address != AUTO and not (host and is_port):
            raise UserError(
                f"--cluster={self.address} is not an address; write "
                "--cluster=HOST:6379, where `ray start --head` runs, or "
                "--cluster=auto on one of its nodes."
            )


@dataclasses.dataclass(frozen=True)
class Placement:
    """Where runs are trained, and how many at once.

    Attributes:
        max_workers: Maximum number of runs at once, or `auto`; `None` is as
            many as fit on a cluster, and one without.
        cluster: The cluster; `None` is this machine.
    """

    max_workers: int | str | None = None
    cluster: ClusterConfig | None = None

    @property
    def flags(self) -> dict[str, str | float]:
        """Flags that place runs there again, for a printed command."""
        if self.cluster is None:
            return {}
        flags = {"cluster": self.cluster.address}
        if self.cluster.num_gpus is not None:
            flags["trial_gpus"] = self.cluster.num_gpus
        if self.cluster.num_cpus != 1:
            flags["trial_cpus"] = self.cluster.num_cpus
        if self.cluster.without_token:
            flags["cluster_without_token"] = True
        return flags


@contextlib.contextmanager
def open_workers(
    placement: Placement, runs_dir: str, print_fn: PrintFn
) -> Iterator[tuple[RunJobs, Callable[[int], int]]]:
    """Connects to the cluster, if there is one, while the block runs.

    Args:
        placement: Where runs are trained.
        runs_dir: Folder of the run folders.
        print_fn: Prints a line.

    Yields:
        A function that trains runs, as `workers.run_jobs` does, and one that
        returns the number of runs at once, of a number of runs in all.

    Raises:
        UserError: The cluster cannot be used.
    """
    number = placement.max_workers
    if placement.cluster is not None:
        max_workers = None if number == AUTO else number
        with connect(
            placement.cluster, runs_dir, max_workers, print_fn
        ) as cluster:
            yield cluster.run_jobs, cluster.num_workers
        return
    num_workers = number or 1
    if number == AUTO:
        num_workers = workers.auto_num_workers()
    limit = workers.max_num_workers()
    if num_workers > limit:
        print_fn(
            f"training {limit} runs at once, all that this machine has room for"
        )
        num_workers = limit
    yield workers.run_jobs, lambda total: min(num_workers, total)


@contextlib.contextmanager
def connect(
    config: ClusterConfig,
    runs_dir: str,
    max_workers: int | None,
    print_fn: PrintFn,
) -> Iterator[Cluster]:
    """Connects to a cluster and checks each of its nodes, while the block runs.

    Args:
        config: The cluster.
        runs_dir: Folder of the run folders, which all nodes must share.
        max_workers: Number of runs at once at most; `None` is as many as fit.
        print_fn: Prints a line.

    Raises:
        UserError: Ray is not installed, no cluster answers, it is open to
            everybody, or one of its nodes cannot train these runs.
    """
    if importlib.util.find_spec("ray") is None:
        raise UserError(
            f"--cluster={config.address} needs Ray, which is not installed; "
            f"run `{INSTALL}`."
        )
    is_open = check_access(config.address)
    _init(config.address)
    import ray

    try:
        if is_open and not config.without_token:
            refuse_open(ray.get_runtime_context().gcs_address)
        nodes = [_Node.of(facts) for facts in ray.nodes() if facts["Alive"]]
        resources = _resources(config, nodes)
        _check_nodes(nodes, runs_dir)
        yield Cluster(resources, max_workers, print_fn)
    finally:
        ray.shutdown()


class Cluster:
    """A cluster that this process is connected to.

    Args:
        resources: Resources of a run.
        max_workers: Number of runs at once at most; `None` is as many as fit.
        print_fn: Prints a line.
    """

    def __init__(
        self, resources: _Resources, max_workers: int | None, print_fn: PrintFn
    ):
        self._resources = resources
        self._max_workers = max_workers
        self._print = print_fn

    def num_workers(self, most: int) -> int:
        """Returns how many runs can be trained at once now, of `most`."""
        at_once = _capacity(self._resources)
        if self._max_workers is not None:
            at_once = min(at_once, self._max_workers)
        return max(min(at_once, most), 1)

    def run_jobs(
        self,
        requests: Iterator[RunRequest | None],
        num_workers: int = 1,
        log: pathlib.Path | None = None,
    ) -> Iterator[RunResult]:
        """Trains runs on the nodes; see `jobs.run_on_pool`.

        Args:
            requests: As `run_on_pool` takes them.
            num_workers: No effect: there are as many as fit on the nodes,
                which may come and go, up to `max_workers`.
            log: No effect: every node keeps the output of its processes in
                Ray's own logs.
        """
        pool = RayPool(self._resources, self._max_workers, self._print)
        yield from run_on_pool(requests, pool)


@dataclasses.dataclass(frozen=True)
class _Resources:
    """Cores and GPUs that a run takes of a node."""

    num_cpus: float
    num_gpus: float

    def places_on(self, node: _Node) -> int:
        """Returns how many runs a node has room for."""
        by_cpus = int(node.num_cpus / self.num_cpus)
        if not self.num_gpus:
            return by_cpus
        if self.num_gpus < 1:  # a run is on one GPU, never on two halves
            by_gpus = int(node.num_gpus) * int(1 / self.num_gpus)
        else:
            by_gpus = int(node.num_gpus / self.num_gpus)
        return min(by_cpus, by_gpus)

    def __str__(self) -> str:
        texts = [f"{self.num_cpus:g} CPU"]
        if self.num_gpus:
            texts.append(f"{self.num_gpus:g} GPU")
        return join_and(texts)


@dataclasses.dataclass(frozen=True)
class _Node:
    """A node of a cluster."""

    id: str
    address: str
    num_cpus: float
    num_gpus: float

    @classmethod
    def of(cls, facts: dict[str, Any]) -> _Node:
        """Returns the node of a row of `ray.nodes()`."""
        resources = facts["Resources"]
        return cls(
            facts["NodeID"],
            facts["NodeManagerAddress"],
            resources.get("CPU", 0.0),
            resources.get("GPU", 0.0),
        )


def _resources(config: ClusterConfig, nodes: list[_Node]) -> _Resources:
    """Returns what a run takes of a node.

    Raises:
        UserError: no node has that.
    """
    limits = {
        "CPUs": (config.num_cpus, max(node.num_cpus for node in nodes)),
        "GPUs": (config.num_gpus or 0, max(node.num_gpus for node in nodes)),
    }
    for name, (wanted, available) in limits.items():
        if wanted > available:
            raise UserError(
                f"--trial_{name.lower()}={wanted:g} is more than any node of "
                f"the cluster has: there are {available:g} {name} at most."
            )
    num_gpus = config.num_gpus
    if num_gpus is None:
        num_gpus = float(limits["GPUs"][1] >= 1)
    found = _Resources(config.num_cpus, num_gpus)
    if not any(map(found.places_on, nodes)):
        raise UserError(
            f"no node of the cluster has {found} for a run; give less by "
            "--trial_cpus or --trial_gpus."
        )
    return found


def _capacity(resources: _Resources) -> int:
    import ray

    return sum(
        resources.places_on(_Node.of(facts))
        for facts in ray.nodes()
        if facts["Alive"]
    )


@dataclasses.dataclass(frozen=True)
class _Setup:
    """What an actor needs before it trains anything.

    Attributes:
        folder: Working folder of the driver, from which relative paths start.
        environment: Variables to set, such as KERAS_BACKEND.
        threads: Number of threads where the node sets none; `None` is as many
            as it has cores.
        versions: Packages and their versions, as the driver has them.
    """

    folder: str
    environment: dict[str, str]
    threads: int | None
    versions: dict[str, str]

    @classmethod
    def of(cls, resources: _Resources) -> _Setup:
        """Returns the setup of this process, for runs with such resources."""
        package = backend.selected()[0]
        environment = {backend.ENV_VARIABLE: package}
        if not resources.num_gpus:
            environment[workers.CUDA_DEVICES] = ""
        elif resources.num_gpus < 1:
            environment |= workers.SHARED_GPU
        threads = None
        if not resources.num_gpus:
            threads = max(int(resources.num_cpus), 1)
        return cls(os.getcwd(), environment, threads, versions(package))


class TrialActor:
    """A process on a node, with one run at a time.

    Args:
        setup: Environment of the driver.

    Raises:
        RuntimeError: the node joined later, with other versions.
    """

    def __init__(self, setup: _Setup):
        with contextlib.suppress(OSError):
            os.chdir(setup.folder)
        os.environ.update(setup.environment)
        for name in workers.THREAD_VARIABLES if setup.threads else ():
            os.environ.setdefault(name, str(setup.threads))
        package = setup.environment[backend.ENV_VARIABLE]
        if wrong := version_difference(versions(package), setup.versions):
            raise RuntimeError(f"node {platform.node()} has {wrong}")
        self._stop = StopRequest()

    def run(self, request: RunRequest) -> RunResult:
        """Trains a run; see `workers.train_run`."""
        return workers.train_run(request, self._stop)

    def stop(self) -> None:
        """Asks the run to save and end; called in a thread of its own."""
        self._stop.ask()

    def ready(self) -> None:
        """Returns once the process has started."""


@dataclasses.dataclass
class _Running:
    """A run that was given to an actor.

    Attributes:
        actor: The actor that trains it.
        started: Resolved once the process of the actor has started.
        submitted: Time when it was given, in seconds.
    """

    request: RunRequest
    actor: Any
    started: Any
    submitted: float


class RayPool:
    """Actors on the nodes of the cluster; see `jobs.WorkerPool`.

    Args:
        resources: Resources of a run.
        max_workers: Number of runs at once at most; `None` is as many as fit.
        print_fn: Prints a line.
    """

    def __init__(
        self, resources: _Resources, max_workers: int | None, print_fn: PrintFn
    ):
        import ray

        self._ray = ray
        self._resources = resources
        self._max_workers = max_workers
        self._print = print_fn
        self._setup = _Setup.of(resources)
        self._idle: list[Any] = []
        self._running: dict[Any, _Running] = {}
        self._capacity = 0
        self._counted = -CAPACITY_INTERVAL
        self._has_warned = False

    @property
    def num_running(self) -> int:
        """Number of runs that were submitted and have not ended."""
        return len(self._running)

    @property
    def num_free(self) -> int:
        """Number of further runs that can start at once, or one that waits.

        At least one run is always submitted, and waits until a node has room.
        """
        now = time.monotonic()
        if now - self._counted >= CAPACITY_INTERVAL:
            self._capacity, self._counted = _capacity(self._resources), now
        at_once = max(self._capacity, 1)
        if self._max_workers is not None:
            at_once = min(at_once, self._max_workers)
        return max(at_once - len(self._running), 0)

    def submit(self, request: RunRequest) -> None:
        """Gives a run to an idle actor, or to a new one."""
        actor = self._idle.pop() if self._idle else self._start()
        # The key belongs to the driver, and is not sent.
        result = actor.run.remote(dataclasses.replace(request, key=None))
        started = actor.ready.options(concurrency_group=CONTROL).remote()
        self._running[result] = _Running(
            request, actor, started, time.monotonic()
        )

    def wait(self, timeout: float) -> list[RunResult]:
        """Waits until a run ends; returns the results of those that did."""
        if not self._running:
            time.sleep(timeout)
            return []
        ready, _ = self._ray.wait(list(self._running), timeout=timeout)
        if not ready:
            self._make_room()
            self._warn_if_pending()
        return [self._take(ref) for ref in ready]

    def terminate(self) -> None:
        """Asks every current run to save and stop."""
        for running in self._running.values():
            if self._has_started(running):
                stop = running.actor.stop.options(concurrency_group=CONTROL)
                stop.remote()
            else:
                self._ray.kill(running.actor)

    def kill(self) -> None:
        """Ends every current run at once."""
        for running in self._running.values():
            self._ray.kill(running.actor)

    def close(self) -> None:
        """Frees the actors, as soon as their runs have ended."""
        while self._running:
            self.wait(1.0)
        self._drop_idle()

    def _start(self) -> Any:
        """Creates an actor; Ray starts it when a node has room."""
        kind = self._ray.remote(
            num_cpus=self._resources.num_cpus,
            num_gpus=self._resources.num_gpus,
            concurrency_groups={CONTROL: 1},
            max_restarts=0,  # the driver counts tries
            max_task_retries=0,
        )
        return kind(TrialActor).remote(self._setup)

    def _take(self, ref: Any) -> RunResult:
        """Returns the result of a run, whose actor answered or died."""
        running = self._running.pop(ref)
        try:
            result = self._ray.get(ref)
        except self._ray.exceptions.RayTaskError:
            raise  # a mistake in `TrialActor`: a run itself raises nothing
        except self._ray.exceptions.RayError as error:
            # It may train on where the driver cannot reach it.
            self._ray.kill(running.actor)
            # Others of its node may be dead as well.
            self._drop_idle()
            seconds = round(time.monotonic() - running.submitted, 3)
            return RunResult(
                running.request,
                "lost",
                reason=_lost_reason(error),
                seconds=seconds,
            )
        self._idle.append(running.actor)
        # The request that came back is a copy.
        return dataclasses.replace(result, request=running.request)

    def _make_room(self) -> None:
        """Ends idle actors if a run waits for the room that they occupy."""
        now = time.monotonic()
        if self._idle and any(
            now - running.submitted >= START_TIMEOUT
            and not self._has_started(running)
            for running in self._running.values()
        ):
            self._drop_idle()

    def _drop_idle(self) -> None:
        while self._idle:
            self._ray.kill(self._idle.pop())

    def _has_started(self, running: _Running) -> bool:
        return bool(self._ray.wait([running.started], timeout=0)[0])

    def _warn_if_pending(self) -> None:
        """Prints once that no node has room, if no run has started."""
        now = time.monotonic()
        if self._has_warned or any(
            now - running.submitted < PENDING_WARNING
            or self._has_started(running)
            for running in self._running.values()
        ):
            return
        self._has_warned = True
        self._print(f"waiting for a node with {self._resources} free")


def _lost_reason(error: Exception) -> str:
    """Returns in a clause how a run was lost."""
    text = " ".join(str(error).split())
    if "OutOfMemory" in type(error).__name__ or "memory" in text:
        return "its node ran short of memory, and Ray ended its process"
    return text


def _init(address: str) -> None:
    """Connects this process, which must run on a node of the cluster.

    Raises:
        UserError: it cannot be connected.
    """
    import ray

    try:
        ray.init(
            address=address, log_to_driver=False, logging_level=logging.ERROR
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        why = " ".join(str(error).split())[:300].rstrip(".")
        raise UserError(
            f"Ray cannot connect to --cluster={address} from this machine, "
            f"which must be one of its nodes: {why}."
        ) from error


def _check_nodes(nodes: list[_Node], runs_dir: str) -> None:
    """Raises `UserError` if a node could not train what this process would.

    Args:
        nodes: Nodes of the cluster.
        runs_dir: Folder of the run folders, which all must share.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    package = backend.selected()[0]
    with probe_file(runs_dir) as path:
        probe = ray.remote(num_cpus=0, max_retries=0)(make_probe())
        results = {}
        for node in nodes:
            there = NodeAffinitySchedulingStrategy(node.id, soft=False)
            task = probe.options(scheduling_strategy=there)
            arguments = os.getcwd(), str(path), package
            results[task.remote(*arguments)] = node
        ready, _ = ray.wait(
            list(results), num_returns=len(results), timeout=PROBE_TIMEOUT
        )
        for result, node in results.items():
            try:
                answer = ray.get(result) if result in ready else None
            except ray.exceptions.RayError:
                answer = None
            if why := node_error(answer, package, runs_dir):
                raise UserError(f"node {node.address} of the cluster {why}")
