"""A chief and workers in one process, whose jobs are no trainings."""

import queue
import socket
import threading

from tests.tuning.sweeping import outcome
from zoo.addresses import Address
from zoo.config import TrainConfig
from zoo.errors import Interrupted
from zoo.tuning.pool import Job
from zoo.tuning.remote.chief import Chief
from zoo.tuning.remote.door import Door
from zoo.tuning.remote.helper import Helper
from zoo.tuning.remote.line import WORKER, Line

KEY = b"a secret of many letters"


def free_address():
    """Returns an address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return Address("127.0.0.1", found.getsockname()[1])


def jobs(count):
    """Returns some jobs."""
    given = {"model_arg": {"hidden": (8, 8)}, "learning_rate": 0.01}
    config = TrainConfig(model="mlp", **given)
    return [
        Job(config.replace(run_name=f"s/trial-{n}", seed=n), tag=("tag", n))
        for n in range(count)
    ]


class Office:
    """A chief at work in a thread, and what it says and yields.

    Args:
        given: its jobs.
        clock: tells the seconds by which it finds workers silent.
        workers: processes of its own.
        address: to listen at; any without one.
        **more: for the chief.
    """

    def __init__(
        self, given, clock=lambda: 0.0, workers=0, address=None, **more
    ):
        self.said, self.outcomes, self.error = [], [], None
        self._heard = queue.Queue()
        self._door = Door(address or free_address(), clock, talk=1.0)
        self.address = self._door.address
        self._door.open(KEY, "s")
        chief = Chief(self._door, self._say, "come", tick=0.02, **more)
        self._thread = threading.Thread(
            target=self._work, args=(chief, given, workers), daemon=True
        )
        self._thread.start()

    def _work(self, chief, given, workers):
        try:
            for one in chief.work(iter(given), workers):
                self.outcomes.append(one)
        except Exception as error:
            self.error = error

    def _say(self, text):
        self.said.append(text)
        self._heard.put(text)

    def wait_for(self, words):
        """Waits until the chief says something."""
        while words not in self._heard.get(timeout=10):
            pass

    def join(self):
        """Waits until the chief has ended; returns tags and statuses."""
        self._thread.join(20)
        assert not self._thread.is_alive()
        if self.error is not None:
            raise self.error
        return [(one.job.tag[1], one.status) for one in self.outcomes]


def answer(given, workers, log, stop):
    """Does jobs at once, as `pool.work` does with trainings."""
    for job in given:
        if stop.requested:
            break
        if job is None:
            threading.Event().wait(0.01)
        else:
            yield outcome(job)
    if stop.requested:
        raise Interrupted("stopped")


class Serving:
    """A worker at work in a thread.

    Args:
        address: of its chief.
        **more: for the helper.
    """

    def __init__(self, address, folder, key=KEY, workers=1, **more):
        self.said, self.error = [], None
        values = {"work": answer, "patience": 5.0, "beat": 0.05}
        self._helper = Helper(
            address,
            lambda: key,
            workers,
            runs_dir=str(folder),
            say=self.said.append,
            **{**values, **more},
        )
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        try:
            self._helper.serve()
        except Exception as error:
            self.error = error

    def join(self):
        """Waits until it has ended; returns the error that it ended with."""
        self._thread.join(20)
        assert not self._thread.is_alive()
        return self.error


def join_by_hand(address, places=1):
    """Returns the line of a worker that does only what a test says."""
    line = Line(address.call(1), lambda: KEY, WORKER)
    line.send("hello", host="far", pid=7, workers=places, runs_dir="/there")
    assert line.receive(2) == {"say": "hello", "sweep": "s"}
    return line
