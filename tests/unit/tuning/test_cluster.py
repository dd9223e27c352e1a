"""What the driver does with a cluster, where a script stands for Ray."""

import sys
import types

import pytest

from tests.unit.tuning.sweeping import result_of
from zoo.config import TrainConfig
from zoo.tuning import cluster
from zoo.tuning.cluster import ClusterConfig, RayPool, _Node, _Resources
from zoo.tuning.cluster_checks import node_error
from zoo.tuning.jobs import RunRequest, run_on_pool

ONE = _Resources(1.0, 0.0)


class RayError(Exception):
    """Stands for what Ray raises where an actor has died."""


class RayTaskError(RayError):
    """Stands for what Ray raises where a method has raised."""


class Result:
    """What a method has answered, or how its actor died."""

    def __init__(self, actor, answer):
        self.actor, self.answer = actor, answer


class Method:
    """A method of an actor, which answers at once."""

    def __init__(self, actor, answer):
        self._actor, self._answer = actor, answer

    def options(self, **more):
        return self

    def remote(self, *arguments):
        return Result(self._actor, self._answer(*arguments))


class Actor:
    """An actor that dies in runs whose names stand in `deadly`."""

    def __init__(self, ray):
        self.ray, self.is_alive = ray, True
        self.run = Method(self, self._run)
        self.ready = Method(self, lambda: None)
        self.stop = Method(self, lambda: ray.stopped.append(self))
        ray.actors.append(self)

    def _run(self, request):
        name = request.config.run_name
        self.ray.runs.append((self, name))
        assert request.key is None
        if name in self.ray.deadly:
            self.ray.deadly.remove(name)
            self.is_alive = False
        if not self.is_alive:
            return RayError("the actor died\nbecause its node has died")
        return result_of(request)


class Ray(types.ModuleType):
    """The part of Ray that the driver uses."""

    exceptions = types.SimpleNamespace(
        RayError=RayError, RayTaskError=RayTaskError
    )

    def __init__(self, places=1, deadly=()):
        super().__init__("ray")
        self.actors, self.runs, self.stopped, self.killed = [], [], [], []
        self.deadly, self.places = list(deadly), places
        self.waiting = ()  # actors for which no node has room

    def nodes(self):
        return [
            {
                "Alive": True,
                "NodeID": "n",
                "NodeManagerAddress": "10.0.0.2",
                "Resources": {"CPU": float(self.places)},
            }
        ]

    def remote(self, **resources):
        made = types.SimpleNamespace(remote=lambda setup: Actor(self))
        return lambda kind: made

    def wait(self, results, timeout=None):
        ready = [r for r in results if r.actor not in self.waiting]
        return ready[:1], ready[1:]

    def get(self, result):
        if isinstance(result.answer, RayError):
            raise result.answer
        return result.answer

    def kill(self, actor):
        actor.is_alive = False
        self.killed.append(actor)


@pytest.fixture
def script(monkeypatch):
    """Returns a function that puts a script in Ray's place."""

    def install(**more):
        ray = Ray(**more)
        monkeypatch.setitem(sys.modules, "ray", ray)
        return ray

    return install


def jobs(*names):
    return [RunRequest(TrainConfig(run_name=name), key=name) for name in names]


def submitted(*names):
    """Returns a pool with runs that were submitted."""
    pool = RayPool(ONE, None, print)
    for job in jobs(*names):
        pool.submit(job)
    return pool


def test_a_run_of_a_dead_actor_starts_again_on_another(script):
    ray = script(deadly=["b"])
    given = jobs("a", "b", "c")
    found = list(run_on_pool(iter(given), RayPool(ONE, None, print)))
    assert [o.request for o in found] == given
    assert {o.status for o in found} == {"completed"}
    first, second = ray.actors
    assert [actor for actor, _ in ray.runs] == [first, first, second, second]
    assert set(ray.killed) == {first, second}


def test_a_run_whose_actors_die_three_times_is_lost_with_a_reason(script):
    script(deadly=["a"] * 3)
    (found,) = run_on_pool(iter(jobs("a")), RayPool(ONE, None, print))
    assert found.status == "lost"
    assert found.reason.startswith("lost 3 times")


def test_idle_actors_are_dropped_with_a_dead_one(script):
    ray = script(places=3)
    pool = submitted("a", "b", "c")
    while pool.num_running:
        pool.wait(0)
    for actor in ray.actors:
        actor.is_alive = False  # their node has died, and nobody knows
    (found,) = run_on_pool(iter(jobs("d")), pool)
    assert found.status == "completed"
    assert [name for _, name in ray.runs].count("d") == 2


def test_as_many_runs_as_fit_start_at_once_and_no_more(script):
    ray = script(places=2)
    assert RayPool(ONE, None, print).num_free == 2
    assert RayPool(ONE, 1, print).num_free == 1
    # Where no node has room, one waits for it.
    ray.places = 0
    assert RayPool(ONE, None, print).num_free == 1


def test_ctrl_c_stops_actors_and_ends_those_that_wait_for_a_node(script):
    ray = script(places=2)
    pool = submitted("a", "b")
    started, waiting = ray.actors
    ray.waiting = [waiting]
    pool.terminate()
    assert ray.stopped == [started] and ray.killed == [waiting]


def test_an_idle_actor_makes_room_for_a_run_that_waits(script, monkeypatch):
    monkeypatch.setattr(cluster, "START_TIMEOUT", 0.0)
    ray = script(places=2)
    pool = submitted("a", "b")
    idle, waiting = ray.actors
    ray.waiting = [waiting]
    assert [o.request.key for o in pool.wait(0)] == ["a"]
    assert pool.wait(0) == [] and ray.killed == [idle]


@pytest.mark.parametrize(
    ("cpus", "gpus", "node", "places"),
    [
        (1, 0, (8, 0), 8),
        (2, 0, (7, 2), 3),
        (1, 1, (8, 2), 2),
        (1, 0.5, (8, 2), 4),
        (1, 0.4, (8, 2), 4),  # two on each GPU
        (1, 2, (8, 3), 1),
        (4, 0.5, (4, 2), 1),
    ],
)
def test_places_on_a_node_follow_from_what_a_run_takes(
    cpus, gpus, node, places
):
    assert _Resources(cpus, gpus).places_on(_Node("n", "h", *node)) == places


def test_a_run_takes_a_gpu_where_there_are_some():
    nodes = [_Node("a", "h", 4, 0), _Node("b", "h", 4, 2)]
    assert cluster._resources(ClusterConfig("auto"), nodes).num_gpus == 1
    assert cluster._resources(ClusterConfig("auto"), nodes[:1]).num_gpus == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sees": False}, "does not see the folder of runs"),
        ({"writes": False}, "cannot write to the folder of runs"),
        ({"respects_locks": False}, "two processes could train one run"),
        ({"versions": {"zoo": "0.0.7"}}, "Python"),
    ],
)
def test_a_node_that_cannot_train_is_refused_with_a_reason(changes, words):
    good = {
        "versions": cluster.versions("tensorflow"),
        "sees": True,
        "writes": True,
        "respects_locks": True,
    }
    assert node_error(good, "tensorflow", "runs") == ""
    assert words in node_error(good | changes, "tensorflow", "runs")


def test_a_lost_run_tells_in_a_line_why(script):
    script(deadly=["a"])
    (found,) = submitted("a").wait(0)
    assert found.reason == "the actor died because its node has died"
