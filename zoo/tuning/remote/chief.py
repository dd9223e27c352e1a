"""The chief of a sweep: hands out jobs, and takes in what came of them.

Its `work` stands in the place of `pool.work`, so that the sweep itself knows
nothing of other machines.
"""

from __future__ import annotations

import collections
import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from zoo.console import pluralize
from zoo.errors import Interrupted
from zoo.training.signals import listen
from zoo.tuning.pool import Job, Outcome
from zoo.tuning.remote import messages
from zoo.tuning.remote.door import Door, Event, Peer

# A worker gives its chief up after 30 s, so that nobody else trains a run
# while it does.
SILENCE = 60.0  # seconds without a word, after which a worker is lost
TRIES = 3  # workers that may be lost with one job
LEAVE = 5.0  # seconds for workers to hang up after the last word
TICK = 0.2  # seconds between two looks at signals and silent workers
Local = Callable[[int, Path | None], None]


class Chief:
    """Does the jobs of a sweep on whatever workers there are.

    Args:
        door: where they come in; it is open.
        say: prints a line.
        invitation: what to say while there is no worker.
        local: trains on this machine, as a worker of this chief, until that
            says goodbye; gets the number of processes and their log.
        silence: seconds without a word, after which a worker is lost.
        tick: seconds between two looks at signals.
    """

    def __init__(
        self,
        door: Door,
        say: Callable[[str], None],
        invitation: str,
        local: Local | None = None,
        silence: float = SILENCE,
        tick: float = TICK,
    ):
        self._door = door
        self._say = say
        self._invitation = invitation
        self._local = local
        self._silence = silence
        self._tick = tick
        self._peers: list[Peer] = []
        self._waiting: collections.deque[tuple[int, Job]] = collections.deque()
        self._lost: collections.Counter[int] = collections.Counter()
        self._ready: list[Outcome] = []
        self._count = 0  # of jobs so far
        self._more = True
        self._invited = False

    def work(
        self,
        jobs: Iterator[Job | None],
        workers: int = 0,
        log: Path | None = None,
    ) -> Iterator[Outcome]:
        """Does jobs as workers get free; see `pool.work`.

        Args:
            jobs: asked for the next one whenever a worker is free; `None`
                says that there is none before another outcome is known.
            workers: processes on this machine; 0 leaves all to others.
            log: where their libraries print.

        Raises:
            Interrupted: a signal asked for an end; the workers were told to
                save what is under way.
        """
        thread = threading.Thread(target=self._local, args=(workers, log))
        last_word = "stop"
        with listen() as stop:
            try:
                while not stop.requested:
                    self._hand_out(jobs)
                    if not self._waiting and not self._is_at_work():
                        last_word = "goodbye"
                        break
                    if workers and thread.ident is None:
                        thread.start()
                    self._take(self._next_event())
                    self._drop_silent()
                    while self._ready and not stop.requested:
                        yield self._ready.pop(0)
            finally:
                self._part(last_word)
                if thread.ident is not None:
                    thread.join()
        if stop.requested:
            raise Interrupted("stopped", stop.code)

    def _is_at_work(self) -> bool:
        return any(peer.held for peer in self._peers)

    def _hand_out(self, jobs: Iterator[Job | None]) -> None:
        for peer in list(self._peers):
            while peer in self._peers and len(peer.held) < peer.places:
                found = self._next_job(jobs)
                if found is None:
                    return
                self._give(peer, *found)
        # Whether there is anything to do is known before anybody comes; the
        # tuner learns nothing more until somebody does.
        if not self._waiting and not self._is_at_work():
            found = self._next_job(jobs)
            if found is not None:
                self._waiting.append(found)
        if self._waiting and not self._peers and not self._invited:
            self._invited = True
            self._say(self._invitation)

    def _next_job(self, jobs: Iterator[Job | None]) -> tuple[int, Job] | None:
        if self._waiting:
            return self._waiting.popleft()
        if not self._more:
            return None
        try:
            job = next(jobs)
        except StopIteration:
            self._more = False
            return None
        if job is None:
            if not self._is_at_work():
                raise RuntimeError("no job is under way, and none is given")
            return None
        self._count += 1
        return self._count, job

    def _give(self, peer: Peer, number: int, job: Job) -> None:
        peer.held[number] = job
        try:
            peer.line.send("job", **messages.from_job(job, number))
        except OSError:
            self._drop(peer, "cannot be reached any more")

    def _next_event(self) -> Event | None:
        try:
            return self._door.events.get(timeout=self._tick)
        except queue.Empty:
            return None

    def _take(self, event: Event | None) -> None:
        if event is None:
            return
        peer = event.peer
        if event.kind == "refused":
            self._say(event.reason)
        elif event.kind == "joined":
            self._peers.append(peer)
            self._say(
                f"{peer.name} joins: {pluralize(peer.places, 'trial')} at "
                f"once, runs in {peer.runs_dir}"
            )
        elif peer not in self._peers:
            pass  # it was given up, and its jobs are somebody else's
        elif event.kind == "left":
            self._drop(peer, "has left")
        else:
            job = peer.held.pop(event.message["number"], None)
            if job is not None:
                self._ready.append(_settled(event.message, job, peer))

    def _drop_silent(self) -> None:
        now = self._door.clock()
        for peer in list(self._peers):
            if now - peer.heard > self._silence:
                self._drop(peer, f"said nothing for {self._silence:.0f} s")

    def _drop(self, peer: Peer, why: str) -> None:
        """Parts with a worker; what it was at work on is handed out again."""
        self._peers.remove(peer)
        peer.line.hang_up()
        names = [job.config.run_name for job in peer.held.values()]
        back = f"; handed out again: {', '.join(names)}" if names else ""
        self._say(f"{peer.name} {why}{back}")
        self._invited = False
        for number, job in peer.held.items():
            self._lost[number] += 1
            if self._lost[number] < TRIES:
                self._waiting.append((number, job))
            else:
                reason = f"{TRIES} workers were lost with it"
                self._ready.append(Outcome(job, "lost", reason=reason))

    def _part(self, last_word: str) -> None:
        """Tells all workers that it is over, and waits for them to go."""
        self._door.shut()
        for peer in self._peers:
            _tell(peer, last_word)
        end = time.monotonic() + LEAVE
        while self._peers and time.monotonic() < end:
            event = self._next_event()
            if event is None:
                continue
            if event.kind == "joined":  # just now
                self._peers.append(event.peer)
                _tell(event.peer, last_word)
            elif event.kind == "left" and event.peer in self._peers:
                self._peers.remove(event.peer)
        for peer in self._peers:
            peer.line.hang_up()


def _tell(peer: Peer, last_word: str) -> None:
    try:
        peer.line.send(last_word)
    except OSError:
        pass  # it has left


def _settled(message: dict, job: Job, peer: Peer) -> Outcome:
    outcome = messages.to_outcome(message, job)
    if outcome.status != "failed":
        return outcome
    reason = f"{outcome.reason} (on {peer.name})"
    return messages.to_outcome({**message, "reason": reason}, job)
