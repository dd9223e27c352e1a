"""Runs on the nodes of a Ray cluster, each in an actor that Ray places.

Ray starts processes, reserves cores and GPUs for them, and reports those that
are lost. What must survive the driver stays in the driver: the trial log, the
tuner, the seeds, and how often a lost run is tried again (`pool.run_jobs`).

A run is a method of an actor, not a task. The death of an actor is published
as soon as the cluster declares its node dead, about a minute after its network
was cut; a task is given up only when gRPC's keepalive ends, after seven. The
process that was cut off trains on for some minutes and holds its run folder,
so whoever gets the run next waits for the lock (`worker.run`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import importlib.util
import ipaddress
import logging
import os
import pathlib
import platform
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import zoo
from zoo import backend, io
from zoo.errors import UserError, join_and
from zoo.training.signals import StopRequest
from zoo.tuning import devices, worker
from zoo.tuning.pool import run_jobs
from zoo.tuning.worker import Job, Outcome

AUTO = "auto"
INSTALL = "pip install 'ray[default]>=2.52,<3'"
CONNECT_TIMEOUT = 30.0  # seconds until a cluster has to answer
PROBE_TIMEOUT = 60.0  # seconds until every node has to answer
CAPACITY_INTERVAL = 5.0  # seconds between two counts of the nodes
START_TIMEOUT = 10.0  # seconds in which an actor starts where there is room
PENDING_WARNING = 30.0  # seconds without a free node, then it is said
CONTROL = "control"  # the thread of an actor that takes a stop

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class ClusterConfig:
    """Which cluster to use, and what each run takes of it.

    Attributes:
        address: HOST:PORT of the head node; `auto` is that of RAY_ADDRESS,
            else the cluster that this machine is a node of.
        num_cpus: Number of CPU cores reserved for a run.
        num_gpus: Number of GPUs reserved for a run, possibly a fraction of
            one; `None` is 1 if the cluster has a GPU, else 0.
        without_token: Whether a cluster that anybody can use is accepted on an
            address that other machines can reach.
    """

    address: str
    num_cpus: float = 1.0
    num_gpus: float | None = None
    without_token: bool = False


@contextlib.contextmanager
def connect(
    config: ClusterConfig, runs_dir: str, max_workers: int | None, say: Say
) -> Iterator[Cluster]:
    """Connects to a cluster and checks each of its nodes, while the block runs.

    Args:
        config: which cluster.
        runs_dir: folder of the run folders, which all nodes must share.
        max_workers: Number of runs at once at most; `None` is as many as fit.
        say: prints a line.

    Raises:
        UserError: Ray is not installed, no cluster answers, it is open to
            everybody, or one of its nodes cannot train these runs.
    """
    if importlib.util.find_spec("ray") is None:
        raise UserError(
            f"--cluster={config.address} needs Ray, which is not installed; "
            f"run `{INSTALL}`."
        )
    is_open = _check_access(config.address)
    _init(config.address)
    import ray

    try:
        if is_open and not config.without_token:
            _refuse_open(ray.get_runtime_context().gcs_address)
        nodes = [_Node.of(facts) for facts in ray.nodes() if facts["Alive"]]
        resources = _resources(config, nodes)
        _check_nodes(nodes, runs_dir)
        yield Cluster(resources, max_workers, say)
    finally:
        ray.shutdown()


class Cluster:
    """A cluster that this process is connected to.

    Args:
        resources: that a run takes of a node.
        max_workers: Number of runs at once at most; `None` is as many as fit.
        say: prints a line.
    """

    def __init__(
        self, resources: _Resources, max_workers: int | None, say: Say
    ):
        self._resources = resources
        self._max_workers = max_workers
        self._say = say

    def num_workers(self, most: int) -> int:
        """Returns how many runs can be trained at once now, of `most`."""
        at_once = _capacity(self._resources)
        if self._max_workers is not None:
            at_once = min(at_once, self._max_workers)
        return max(min(at_once, most), 1)

    def work(
        self,
        jobs: Iterator[Job | None],
        workers: int = 1,
        log: pathlib.Path | None = None,
    ) -> Iterator[Outcome]:
        """Does jobs on the nodes of the cluster, as `pool.work` does here.

        Args:
            jobs: as `pool.run_jobs` takes them.
            workers: has no effect: there are as many as fit on the nodes,
                which may come and go, up to `max_workers`.
            log: gets what Ray reports.
        """
        with _logging_to(log):
            pool = RayPool(self._resources, self._max_workers, self._say)
            yield from run_jobs(jobs, pool)


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
    most = {
        "CPUs": (config.num_cpus, max(node.num_cpus for node in nodes)),
        "GPUs": (config.num_gpus or 0, max(node.num_gpus for node in nodes)),
    }
    for noun, (wanted, there) in most.items():
        if wanted > there:
            raise UserError(
                f"--trial_{noun.lower()}={wanted:g} is more than any node of "
                f"the cluster has: there are {there:g} {noun} at most."
            )
    num_gpus = config.num_gpus
    if num_gpus is None:
        num_gpus = float(most["GPUs"][1] >= 1)
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
            environment[devices.VISIBLE] = ""
        elif resources.num_gpus < 1:
            environment |= devices.SHARED_GPU
        threads = None
        if not resources.num_gpus:
            threads = max(int(resources.num_cpus), 1)
        return cls(os.getcwd(), environment, threads, versions(package))


class TrialActor:
    """A process on a node, with one run at a time.

    Args:
        setup: made by the driver.

    Raises:
        RuntimeError: the node joined later, with other versions.
    """

    def __init__(self, setup: _Setup):
        with contextlib.suppress(OSError):
            os.chdir(setup.folder)
        os.environ.update(setup.environment)
        for name in devices.THREADS if setup.threads else ():
            os.environ.setdefault(name, str(setup.threads))
        package = setup.environment[backend.ENV_VARIABLE]
        if wrong := _difference(versions(package), setup.versions):
            raise RuntimeError(f"node {platform.node()} has {wrong}")
        self._stop = StopRequest()

    def run(self, job: Job) -> Outcome:
        """Does a job; see `worker.run`."""
        return worker.run(job, self._stop)

    def stop(self) -> None:
        """Asks the run to save and end; called in a thread of its own."""
        self._stop.ask()

    def ready(self) -> None:
        """Returns once the process has started."""


@dataclasses.dataclass
class _Running:
    """A run that was given to an actor.

    Attributes:
        actor: that trains it.
        started: resolved once the process of the actor has started.
        submitted: Time when it was given, in seconds.
    """

    job: Job
    actor: Any
    started: Any
    submitted: float


class RayPool:
    """Actors on the nodes of the cluster; see `pool.Pool`.

    Args:
        resources: that a run takes of a node.
        max_workers: Number of runs at once at most; `None` is as many as fit.
        say: prints a line.
    """

    def __init__(
        self, resources: _Resources, max_workers: int | None, say: Say
    ):
        import ray

        self._ray = ray
        self._resources = resources
        self._max_workers = max_workers
        self._say = say
        self._setup = _Setup.of(resources)
        self._idle: list[Any] = []
        self._running: dict[Any, _Running] = {}
        self._capacity = 0
        self._counted = -CAPACITY_INTERVAL
        self._has_warned = False

    @property
    def num_running(self) -> int:
        """Number of jobs that were submitted and have not ended."""
        return len(self._running)

    @property
    def num_free(self) -> int:
        """Number of further jobs that can start at once, or one that waits.

        One job at least is always submitted, and waits until a node has room.
        """
        now = time.monotonic()
        if now - self._counted >= CAPACITY_INTERVAL:
            self._capacity, self._counted = _capacity(self._resources), now
        at_once = max(self._capacity, 1)
        if self._max_workers is not None:
            at_once = min(at_once, self._max_workers)
        return max(at_once - len(self._running), 0)

    def submit(self, job: Job) -> None:
        """Gives a job to an actor that has none, or to a new one."""
        actor = self._idle.pop() if self._idle else self._start()
        # The tag is the driver's own, and need not travel.
        result = actor.run.remote(dataclasses.replace(job, tag=None))
        started = actor.ready.options(concurrency_group=CONTROL).remote()
        self._running[result] = _Running(job, actor, started, time.monotonic())

    def wait(self, timeout: float) -> list[Outcome]:
        """Waits until a job ends; returns what came of those that did."""
        if not self._running:
            time.sleep(timeout)
            return []
        ready, _ = self._ray.wait(list(self._running), timeout=timeout)
        if not ready:
            self._make_room()
            self._warn_if_pending()
        return [self._take(result) for result in ready]

    def terminate(self) -> None:
        """Asks every running job to save and stop."""
        for running in self._running.values():
            if self._has_started(running):
                stop = running.actor.stop.options(concurrency_group=CONTROL)
                stop.remote()
            else:
                self._ray.kill(running.actor)

    def kill(self) -> None:
        """Ends every running job at once."""
        for running in self._running.values():
            self._ray.kill(running.actor)

    def close(self) -> None:
        """Frees the actors, as soon as their jobs have ended."""
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

    def _take(self, result: Any) -> Outcome:
        """Returns the outcome of a job, whose actor answered or died."""
        running = self._running.pop(result)
        try:
            outcome = self._ray.get(result)
        except self._ray.exceptions.RayTaskError:
            raise  # a mistake in `TrialActor`: a run itself raises nothing
        except self._ray.exceptions.RayError as error:
            # It may train on where the driver cannot reach it.
            self._ray.kill(running.actor)
            # Others of its node may be dead as well.
            self._drop_idle()
            seconds = round(time.monotonic() - running.submitted, 3)
            return Outcome(
                running.job, "lost", reason=_reason(error), seconds=seconds
            )
        self._idle.append(running.actor)
        # The job that came back is a copy.
        return dataclasses.replace(outcome, job=running.job)

    def _make_room(self) -> None:
        """Ends idle actors where a job waits for a node that they occupy."""
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
        """Says once that no node has room, where nothing is trained."""
        now = time.monotonic()
        if self._has_warned or any(
            now - running.submitted < PENDING_WARNING
            or self._has_started(running)
            for running in self._running.values()
        ):
            return
        self._has_warned = True
        self._say(f"waiting for a node with {self._resources} free")


def _reason(error: Exception) -> str:
    """Says in a clause how a run was lost."""
    text = " ".join(str(error).split())
    if "OutOfMemory" in type(error).__name__ or "memory" in text:
        return "its node ran short of memory, and Ray ended its process"
    return text


# Access.


def _check_access(address: str) -> bool:
    """Returns whether a cluster lets in whoever can reach it.

    Processes of their own ask, since Ray ends a process that has no token, and
    takes more than the time that a user should wait where nobody answers.

    Raises:
        UserError: no cluster answers, or not to the token of this process.
    """
    own = _ask(address, os.environ)
    anybody = _ask(address, {**os.environ, "RAY_AUTH_MODE": "disabled"})
    end = time.monotonic() + CONNECT_TIMEOUT
    try:
        error = _error_of(own, end)
        if error and "token" in error.lower():
            raise UserError(
                f"the Ray cluster at {address} asks for a token, and that of "
                "this process is missing or another one; set "
                "RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to the file of "
                "the token that its nodes have."
            )
        if error:
            raise UserError(
                f"no Ray cluster answers at --cluster={address}; start one "
                "with `ray start --head --port=6379`, and on every other "
                "machine `ray start --address=HOST:6379`."
            )
        return not _error_of(anybody, end)
    finally:
        for process in (own, anybody):
            process.kill()
            process.communicate()


def _ask(address: str, environment: Mapping[str, str]) -> subprocess.Popen:
    """Starts a process that ends with 0 if a cluster answers it."""
    main = "from ray.scripts.scripts import main; main()"
    words = [sys.executable, "-c", main, "health-check"]
    return subprocess.Popen(
        [*words, f"--address={address}"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _error_of(process: subprocess.Popen, end: float) -> str:
    """Returns what a process complains of; empty if it ends with 0."""
    try:
        _, text = process.communicate(timeout=max(end - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        return "no answer"
    return text or "no answer" if process.returncode else ""


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


def _refuse_open(address: str) -> None:
    """Raises `UserError` if other machines can reach an open cluster.

    Args:
        address: HOST:PORT of its head node.
    """
    host = address.rpartition(":")[0].strip("[]")
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return
    if host != "localhost":
        raise UserError(
            f"the Ray cluster at {address} asks for no token, so that whoever "
            "can reach it can run programs on its nodes; start it with "
            "RAY_AUTH_MODE=token and the token of `ray get-auth-token "
            "--generate`, or accept that by --cluster_without_token."
        )


# What every node must have in common with the driver.


def versions(package: str) -> dict[str, str | None]:
    """Returns what must be the same on every node: packages and versions.

    Args:
        package: of the Keras backend.
    """
    found = {"Python": ".".join(platform.python_version_tuple()[:2])}
    found["zoo"] = zoo.__version__
    for name in ("keras", package):
        found[name] = importlib.metadata.version(name)
    return found


def _difference(found: dict[str, str], wanted: dict[str, str]) -> str:
    """Says which version is another one, in a clause; empty if none is."""
    for name, version in wanted.items():
        if found.get(name) is None:
            return f"no {name}, which is {version} here"
        if found[name] != version:
            return f"{name} {found[name]}, not {version} as here"
    return ""


def _check_nodes(nodes: list[_Node], runs_dir: str) -> None:
    """Raises `UserError` if a node could not train what this process would.

    Args:
        nodes: of the cluster.
        runs_dir: folder of the run folders, which all must share.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    package = backend.selected()[0]
    with _probe_file(runs_dir) as path:
        probe = ray.remote(num_cpus=0, max_retries=0)(_make_probe())
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
            if why := _complaint(answer, package, runs_dir):
                raise UserError(f"node {node.address} of the cluster {why}")


def _complaint(
    answer: dict[str, Any] | None, package: str, runs_dir: str
) -> str:
    """Says why a node cannot train; empty if it can.

    Args:
        answer: of the node's probe; `None` if there was none.
        package: of the Keras backend.
        runs_dir: folder of the run folders.
    """
    if answer is None:
        return (
            f"did not answer within {PROBE_TIMEOUT:g} s; `ray status` shows "
            "the nodes, and their logs say what is wrong."
        )
    if wrong := _difference(answer["versions"], versions(package)):
        return f"has {wrong}; install the same versions on every node."
    share = "give --runs_dir=PATH of a folder that all nodes share."
    if not answer["sees"]:
        return f"does not see the folder of runs {runs_dir}; {share}"
    if not answer["writes"]:
        return f"cannot write to the folder of runs {runs_dir}; {share}"
    if not answer["respects_locks"]:
        return (
            f"can lock files of {runs_dir} that are locked here, so that two "
            "processes could train one run; use a file system whose locks "
            "hold on all nodes, such as NFS 4."
        )
    return ""


def _make_probe() -> Callable[[str, str, str], dict[str, Any]]:
    """Returns the function that each node runs at the start.

    It is made here, and imports what it needs, so that it travels whole: the
    node may have no zoo, or another one.
    """

    def probe(folder: str, path: str, package: str) -> dict[str, Any]:
        import contextlib
        import importlib.metadata
        import os
        import platform

        found = {"Python": ".".join(platform.python_version_tuple()[:2])}
        with contextlib.suppress(ImportError):
            import zoo

            found["zoo"] = zoo.__version__
        for name in ("keras", package):
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                found[name] = importlib.metadata.version(name)
        answer = {"versions": found, "sees": False, "writes": False}
        answer["respects_locks"] = os.name == "nt"
        with contextlib.suppress(OSError):
            os.chdir(folder)
        with contextlib.suppress(OSError), open(path, "rb") as file:
            answer["sees"] = True
            if os.name != "nt":
                import fcntl

                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    answer["respects_locks"] = True
        with contextlib.suppress(OSError):
            own = f"{path}-{os.getpid()}-{platform.node()}"
            with open(own, "xb"):
                os.remove(own)
            answer["writes"] = True
        return answer

    return probe


@contextlib.contextmanager
def _probe_file(runs_dir: str) -> Iterator[pathlib.Path]:
    """Makes a locked file in the folder of runs, while the block runs.

    Raises:
        UserError: nothing can be written there.
    """
    folder = pathlib.Path(runs_dir).absolute()
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    path = folder / f".probe-{uuid.uuid4().hex}"
    try:
        with contextlib.ExitStack() as stack:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                stack.enter_context(io.file_lock(path))
            except OSError as error:
                raise UserError(
                    f"--runs_dir={runs_dir} cannot be written: "
                    f"{os.strerror(error.errno or 0)}."
                ) from error
            yield path
    finally:
        path.unlink(missing_ok=True)
        for path in made:
            with contextlib.suppress(OSError):  # somebody else uses it
                path.rmdir()


@contextlib.contextmanager
def _logging_to(log: pathlib.Path | None) -> Iterator[None]:
    yield
