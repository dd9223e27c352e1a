"""The processes of a run: they begin together, and none goes on alone.

Process 0 keeps the run folder and speaks; the others are quiet and write
nothing. Lines between them tell when one ends or is lost: in the middle of a
sum over all devices a process would wait for the lost one for good.
"""

from __future__ import annotations

import contextlib
import pathlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from zoo.errors import Diverged, Interrupted, UserError
from zoo.training.distribution import meeting
from zoo.training.distribution.differences import difference
from zoo.training.distribution.line import Line
from zoo.training.distribution.meeting import Place

DONE, BUG, MISTAKE, DIVERGED, LOST, INTERRUPTED = 0, 1, 2, 3, 4, 130
BEAT = 2.0  # seconds between two signs of life
SILENCE = 30.0  # seconds without one after which a process counts as lost

Leave = Callable[[str, int], None]


class Crew:
    """All processes of a run, as one of them sees them; or one alone.

    Args:
        place: of this process; `None` is one alone, who waits for nobody.
        leave: says a sentence and ends this process with an exit code.
    """

    def __init__(self, place: Place | None = None, leave: Leave | None = None):
        self.place = place
        self.task: dict[str, Any] = {}
        self._leave = leave
        self._lines: list[Line] = []
        self._ended = threading.Event()
        self._gone = threading.Lock()
        self._stop: Callable[[], None] | None = None
        self._remedy = "nothing was begun yet"

    @contextlib.contextmanager
    def together(self, task: dict[str, Any]) -> Iterator[Crew]:
        """Meets the others, and ends with them, whatever ends the block.

        Args:
            task: what process 0 tells the others.

        Raises:
            UserError: they do not find each other, or do not fit.
        """
        port = self._meet(task)
        try:
            _start_jax(self.place, port)
            yield self
        except BaseException as error:
            self._fail(error)
            raise
        self._end()

    def agree(self, resolved: dict[str, Any]) -> None:
        """Raises `UserError` if the processes would not do the same.

        Args:
            resolved: as for `resolved.json`.
        """
        for line in self._lines:
            if not self.place.is_first:
                line.send("plan", resolved=resolved)
                continue
            theirs = line.receive()["resolved"]
            if found := difference(theirs, resolved, line.name):
                raise UserError(found)

    def hand_out(self, path: pathlib.Path) -> None:
        """Gives the others the checkpoint to begin with."""
        for line in self._lines:
            line.send_file(path)

    @contextlib.contextmanager
    def given(self) -> Iterator[pathlib.Path]:
        """Gives a folder with the checkpoint that process 0 hands out."""
        with tempfile.TemporaryDirectory() as folder:
            self._lines[0].receive_file(pathlib.Path(folder, "last.npz"))
            yield pathlib.Path(folder)

    @contextlib.contextmanager
    def stopping(
        self,
        stop: Callable[[], None] | None = None,
        resume: str = "`zoo resume RUN`",
    ) -> Iterator[None]:
        """Takes the others' wishes for an end, and says what helps later.

        Args:
            stop: asks for an end after the next update; of process 0.
            resume: the command that resumes it, for when a process is lost.
        """
        remedy = f"{resume} goes on from the last checkpoint, with "
        remedy += "any number of processes"
        self._stop, self._remedy = stop, remedy
        try:
            yield
        except (UserError, Diverged, Interrupted, OSError, MemoryError):
            raise
        except Exception:
            # A sum that failed since somebody is gone: the line will tell.
            if self._lines:
                self._ended.wait(SILENCE + BEAT)
            raise

    def ask_to_stop(self) -> None:
        """Asks process 0 for an end."""
        with contextlib.suppress(OSError):
            self._lines[0].send("stop")

    def wait(self) -> None:
        """Waits for process 0 to end."""
        self._ended.wait()

    def _meet(self, task: dict[str, Any]) -> int:
        if self.place.is_first:
            self._lines, port = meeting.gather(self.place, task)
        else:
            line, welcome = meeting.call(self.place)
            self._lines, port = [line], welcome["port"]
            self.task = welcome["task"]
        threads = [threading.Thread(target=self._beat, daemon=True)]
        threads += [
            threading.Thread(
                target=line.listen, args=(self._hear,), daemon=True
            )
            for line in self._lines
        ]
        for thread in threads:
            thread.start()
        return port

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            for line in self._lines:
                with contextlib.suppress(OSError):
                    line.send("beat")
                if time.monotonic() - line.heard > SILENCE:
                    self._lost(line)

    def _hear(self, line: Line, message: dict[str, Any]) -> bool:
        say = message["say"]
        if say == "gone":
            self._lost(line)
        elif say == "stop" and self._stop:
            self._stop()
        elif say == "end" and message["code"] == DONE:
            self._ended.set()
        elif say == "end":
            self._go(message["text"], message["code"])
        return say in ("beat", "gone", "stop", "end")

    def _lost(self, line: Line) -> None:
        text = f"{line.name} of {self.place.processes} was lost"
        self._go(f"{text}; {self._remedy}.", LOST)

    def _go(self, text: str, code: int) -> None:
        """Ends this process for what another one did, and tells all others."""
        with self._gone:
            if self._ended.is_set():
                return
            self._tell(text, code)
            self._leave(text, code)

    def _tell(self, text: str, code: int) -> None:
        for line in self._lines:
            with contextlib.suppress(OSError):
                line.send("end", text=text, code=code)

    def _fail(self, error: BaseException) -> None:
        """Tells the others that this process ends for a reason of its own."""
        with self._gone:
            self._ended.set()
            self._tell(_in_words(error, self.place.process), exit_code(error))

    def _end(self) -> None:
        """Ends together with the others."""
        import jax

        self._ended.set()
        if self.place.is_first:
            self._tell("", DONE)
        jax.distributed.shutdown()
        for line in self._lines:
            line.close()


ALONE = Crew()


def _start_jax(place: Place, port: int) -> None:
    """Joins this process with the others under JAX.

    Not by `keras.distribution.initialize`, which does the same and draws a
    seed for all: a run has its own.
    """
    import jax

    host = place.address.from_here().host
    bound = host if place.address.is_private else "0.0.0.0"
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(
        f"{host}:{port}",
        place.processes,
        place.process,
        initialization_timeout=int(meeting.PATIENCE),
        shutdown_timeout_seconds=int(SILENCE),
        coordinator_bind_address=f"{bound}:{port}",
    )


def exit_code(error: BaseException) -> int:
    """Returns the exit code of an error, as `zoo.cli.main` has it."""
    if isinstance(error, Interrupted):
        return error.code
    codes = {UserError: MISTAKE, Diverged: DIVERGED}
    codes[KeyboardInterrupt] = INTERRUPTED
    codes[OSError] = codes[MemoryError] = MISTAKE
    return next((n for k, n in codes.items() if isinstance(error, k)), BUG)


def _in_words(error: BaseException, process: int) -> str:
    text = str(error) or type(error).__name__
    if isinstance(error, UserError | Diverged | Interrupted):
        return text
    return f"process {process} failed: {' '.join(text.split())[:200]}"
