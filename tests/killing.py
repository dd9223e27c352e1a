"""Kills worker processes of a command at moments in its work, not by the clock.

A process that trains announces what it does to Python's audit hooks: which
module it imports, which file it opens, renames or makes. A hook in every
worker counts these, and the worker sends itself SIGKILL at the one that is
asked for: no handler of the product runs, nothing is flushed. Workers on the
nodes of a Ray cluster have the hook too, see `nodes.py` of their tests.
"""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOOK = """
import json, os, signal, sys

def install(folder, index, event, text, count, times):
    seen, busy = [0], [False]

    def hook(name, arguments):
        if name != event or busy[0]:
            return
        if text not in " ".join(map(str, arguments)):
            return
        seen[0] += 1
        if seen[0] != count:
            return
        busy[0] = True
        for number in range(times):
            path = f"{folder}/{index}-{number}"
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            os.kill(os.getpid(), signal.SIGKILL)
        busy[0] = False

    sys.addaudithook(hook)

def begin():
    folder, moments = json.loads(os.environ["TEST_KILL_AT"])
    if isinstance(moments, str):
        with open(moments) as file:
            moments = json.load(file)
    for index, moment in enumerate(moments):
        install(folder, index, **moment)

if "--multiprocessing-fork" in sys.orig_argv:
    begin()
elif any("default_worker.py" in word for word in sys.orig_argv):
    # Ray may have started the process before the test said what it kills.
    begun = []

    def wait(name, arguments):
        if name == "import" and arguments[0] == "zoo.tuning.cluster":
            begun or begun.append(begin())

    sys.addaudithook(wait)
"""


@dataclasses.dataclass(frozen=True)
class Moment:
    """When a worker dies.

    Attributes:
        event: name of an audit event, such as `open`, `os.rename`, `import`.
        text: that the arguments of the event hold.
        count: the how manieth such event of one process it is.
        times: processes that die so; the first ones that come to it.
    """

    event: str
    text: str
    count: int = 1
    times: int = 1


def run(argv, folder, moments=()):
    """Runs a command of the product, whose workers die at some moments.

    Args:
        argv: what follows `zoo`.
        folder: an empty one, for what the helper needs.
        moments: when; each of them once, or `times` times.

    Returns:
        The finished process, and how many workers were killed.
    """
    folder.mkdir(parents=True)
    environment = dict(os.environ)
    kills = folder / "kills"
    kills.mkdir()
    (folder / "sitecustomize.py").write_text(HOOK)
    paths = [str(folder), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    environment["TEST_KILL_AT"] = json.dumps(
        [str(kills), list(map(dataclasses.asdict, moments))]
    )
    done = subprocess.run(
        [sys.executable, "-m", "zoo", *map(str, argv)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    return done, len(list(kills.iterdir()))
