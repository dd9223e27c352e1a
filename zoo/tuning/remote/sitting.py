"""A worker's time with its chief: from hello to whatever ends it."""

from __future__ import annotations

import pathlib
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from zoo.errors import Interrupted
from zoo.training.signals import StopRequest
from zoo.tuning.pool import Job, Outcome
from zoo.tuning.remote import messages
from zoo.tuning.remote.line import Line, Refused

Work = Callable[..., Iterator[Outcome]]
LAST_WORDS = ("goodbye", "stop")
GONE = "gone"


class Sitting:
    """Trains what comes over a line until the chief ends it, or is gone.

    A thread listens and gives signs of life, while this one trains.

    Args:
        line: to the chief, which has said hello.
        own: options of each config that are this side's own.
        say: prints a line.
        silence: seconds without a word, after which the chief is gone.
        beat: seconds between two signs of life.
    """

    def __init__(
        self,
        line: Line,
        own: dict[str, Any],
        say: Callable[[str], None],
        silence: float,
        beat: float,
    ):
        self._line = line
        self._own = own
        self._say = say
        self._silence = silence
        self._beat = beat
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._stop = StopRequest()
        self._ending: str | None = None

    def run(self, work: Work, workers: int, log: pathlib.Path | None) -> str:
        """Trains until it is over; what is under way then is saved.

        Args:
            work: does the jobs, as `pool.work` does.
            workers: processes at once.
            log: where their libraries print.

        Returns:
            The chief's last word, goodbye or stop; or `GONE`.

        Raises:
            Interrupted: a signal asked this side for an end.
        """
        listener = threading.Thread(target=self._listen, daemon=True)
        listener.start()
        try:
            for outcome in work(self._given(), workers, log, stop=self._stop):
                self._tell(outcome)
        except Interrupted:
            if self._ending is None:
                raise Interrupted(
                    "stopped, and saved what was under way; the chief hands "
                    "it out again."
                ) from None
        finally:
            self._line.hang_up()
            listener.join()
        return self._ending

    def _given(self) -> Iterator[Job | None]:
        while self._ending is None:
            try:
                yield self._jobs.get_nowait()
            except queue.Empty:
                yield None

    def _tell(self, outcome: Outcome) -> None:
        reason = f": {outcome.reason}" if outcome.reason else ""
        name = outcome.job.config.run_name
        self._say(f"{name}  {outcome.status}{reason}  {outcome.seconds:.1f} s")
        try:
            self._line.send("outcome", **messages.from_outcome(outcome))
        except OSError:
            self._line.hang_up()  # the listener finds out, and ends this

    def _listen(self) -> None:
        ending = GONE
        heard = said = time.monotonic()
        try:
            while time.monotonic() - heard < self._silence:
                message = self._line.receive(self._beat)
                now = time.monotonic()
                if message is not None:
                    heard = now
                    if message["say"] in LAST_WORDS:
                        ending = message["say"]
                        return
                    if message["say"] == "job":
                        self._jobs.put(messages.to_job(message, **self._own))
                if now - said >= self._beat:
                    said = now
                    self._line.send("alive")
        except (OSError, Refused):
            pass  # it is gone
        finally:
            self._ending = ending
            self._stop.requested = ending != "goodbye"
            self._line.close()
