"""A worker of a chief elsewhere: trains what it is given, tells what came.

How it ends: the chief says goodbye when the sweep is over, or that it was
stopped; a chief that hangs or vanishes is noticed, and waited for. Whatever
is under way is saved first, so that it goes on wherever its folder is seen.
"""

from __future__ import annotations

import os
import pathlib
import socket
import time
from collections.abc import Callable

from zoo.addresses import Address
from zoo.commands import command
from zoo.console import pluralize
from zoo.errors import Interrupted, UserError
from zoo.runs import SWEEP_FILE
from zoo.tuning import pool
from zoo.tuning.remote.line import TALK, WORKER, Line, Refused
from zoo.tuning.remote.sitting import Sitting, Work

PATIENCE = 60.0  # seconds that a chief may be away
SILENCE = 30.0  # seconds without a word, after which a chief is gone
BEAT = 5.0  # seconds between two signs of life
NAP = 0.5  # seconds between two calls


class Helper:
    """Works for one chief until the sweep is over.

    Args:
        address: of the chief.
        find_key: returns the key that both share, or raises `UserError`.
        workers: processes at once.
        runs_dir: where runs go on this machine.
        data_dir: of tensorflow-datasets on this machine.
        log: where libraries print; `None` makes a file for this machine in
            the folder of the sweep.
        say: prints a line.
        work: does the jobs, as `pool.work` does.
        patience: seconds that the chief may be away.
        silence: seconds without a word, after which it is gone.
        beat: seconds between two signs of life.
    """

    def __init__(
        self,
        address: Address,
        find_key: Callable[[], bytes],
        workers: int,
        *,
        runs_dir: str,
        data_dir: str | None = None,
        log: pathlib.Path | None = None,
        say: Callable[[str], None] = lambda text: None,
        work: Work = pool.work,
        patience: float = PATIENCE,
        silence: float = SILENCE,
        beat: float = BEAT,
    ):
        self._address = address
        self._find_key = find_key
        self._workers = workers
        self._own = {"runs_dir": runs_dir, "data_dir": data_dir}
        self._log = log
        self._say = say
        self._work = work
        self._patience = patience
        self._silence = silence
        self._beat = beat

    def serve(self) -> None:
        """Works until the chief says goodbye.

        Raises:
            UserError: there is no chief for too long, or it is none to work
                for.
            Interrupted: the chief, or this worker, was asked to stop.
        """
        while True:
            line, folder = self._reach()
            self._tell(folder)
            sitting = Sitting(
                line, self._own, self._say, self._silence, self._beat
            )
            log = self._log or _log(folder)
            ending = sitting.run(self._work, self._workers, log)
            if ending == "goodbye":
                self._say("the sweep is over")
                return
            if ending == "stop":
                raise Interrupted(
                    f"the chief at {self._address} was stopped; what was "
                    "under way is saved, and goes on when the sweep does."
                )
            self._say(
                f"the chief at {self._address} is gone; what was under way is "
                f"saved; waiting {self._patience:.0f} s for it to come back"
            )

    def _reach(self) -> tuple[Line, pathlib.Path]:
        """Calls the chief until it answers; returns the sweep's folder too."""
        end = time.monotonic() + self._patience
        while True:
            try:
                return self._call()
            except Refused as error:
                raise UserError(
                    f"what answers at {self._address} is no chief to work "
                    f"for: {error}."
                ) from None
            except socket.gaierror:
                raise UserError(
                    f"--chief={self._address}: no machine of that name is "
                    "known here."
                ) from None
            except OSError:
                if time.monotonic() > end:
                    address = str(self._address)
                    chief = command("sweep", role="chief", chief=address)
                    raise UserError(
                        f"no chief answered at {self._address} for "
                        f"{self._patience:.0f} s; start it there with "
                        f"`{chief}`."
                    ) from None
                time.sleep(min(NAP, self._patience))

    def _call(self) -> tuple[Line, pathlib.Path]:
        talk = min(TALK, max(self._patience, 1.0))
        runs_dir = pathlib.Path(self._own["runs_dir"]).absolute()
        connection = self._address.call(talk)
        try:
            line = Line(connection, self._find_key, WORKER, talk=talk)
            line.send(
                "hello",
                host=socket.gethostname(),
                pid=os.getpid(),
                workers=self._workers,
                runs_dir=str(runs_dir),
            )
            hello = line.receive(talk)
            if hello is None:
                raise TimeoutError("no hello")
        except BaseException:
            connection.close()
            raise
        return line, runs_dir / hello["sweep"]

    def _tell(self, folder: pathlib.Path) -> None:
        self._say(
            f"working for the chief at {self._address}, "
            f"{pluralize(self._workers, 'trial')} at once; runs go to {folder}"
        )
        if not (folder / SWEEP_FILE).is_file():
            self._say(
                "that is not the chief's own folder: runs stay on this "
                "machine, and one that is lost here is begun anew elsewhere"
            )


def _log(folder: pathlib.Path) -> pathlib.Path:
    """Returns where libraries print that work on this machine."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise UserError(f"{folder} cannot be made: {why}.") from None
    return folder / f"workers-{socket.gethostname()}.log"
