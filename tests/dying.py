"""Runs commands that die at the n-th change that they make to the disk.

Opening for writing, write, fsync, truncate, rename, unlink, mkdir and rmdir
below one folder are wrapped and counted, and the process sends itself SIGKILL
before the one that is asked for: no handler runs, and nothing is flushed.

This file is also the program that does it. It imports TensorFlow once and forks
for each command, which it reads from standard input, a JSON object a line:

    {"argv": ["train", ...], "root": "runs", "kill_at": 17, "in_worker":
     false, "log": "out.txt"}

and answers with the exit code, or -9, and the number of changes:

    {"code": 0, "changes": 140, "died": false}

where `changes` are those of the command's own process, not of its workers.
"""

import builtins
import io
import json
import multiprocessing
import os
import pathlib
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).parent.parent
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Server:
    """The program below, as tests use it."""

    def __enter__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.dying"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *error):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def run(self, argv, root, log, kill_at=0, in_worker=False):
        """Runs a command.

        Returns:
            Its exit code, the number of changes of its own process, and
            whether it or a worker of it was killed.

        Args:
            argv: what follows `zoo`.
            root: folder below which changes count.
            log: file for what it prints.
            kill_at: number of the change before which it dies; 0 is never.
            in_worker: whether the first worker that comes to it dies.
        """
        task = {"argv": list(map(str, argv)), "root": str(root),
                "log": str(log), "kill_at": kill_at,
                "in_worker": in_worker}  # fmt: skip
        print(json.dumps(task), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        return answer["code"], answer["changes"], answer["died"]


class Changes:
    """Counts the changes of a process, and ends it before one of them."""

    def __init__(self, root, kill_at, in_worker, notes):
        self._root = os.path.realpath(root) + os.sep
        self._kill_at, self._in_worker = kill_at, in_worker
        self._notes = notes
        self._is_worker = False
        self.count = 0
        os.register_at_fork(after_in_child=self._begin_worker)

    def _begin_worker(self):
        self._is_worker, self.count = True, 0

    def note(self, place, folder=None):
        """Counts a change to a path or an open file."""
        if isinstance(place, int):
            place = os.readlink(f"/proc/self/fd/{place}")
        elif folder is not None:
            folder = os.readlink(f"/proc/self/fd/{folder}")
            place = os.path.join(folder, os.fsdecode(place))
        path = os.path.abspath(os.fsdecode(place)) + os.sep
        if not path.startswith(self._root):
            return
        self.count += 1
        if not self._is_worker:
            os.pwrite(self._notes, b"%10d" % self.count, 0)
        if self._is_worker == self._in_worker and self.count == self._kill_at:
            if self._is_worker and os.pread(self._notes, 1, 20) == b"x":
                return  # another one died
            os.pwrite(self._notes, b"x", 20)
            os.kill(os.getpid(), signal.SIGKILL)


def wrap(changes):
    """Wraps what changes files."""

    class File(io.FileIO):
        def write(self, content):
            changes.note(self.fileno())
            return super().write(content)

        def truncate(self, size=None):
            changes.note(self.fileno())
            return super().truncate(size)

    def wrapped(function, number=1):
        def call(*arguments, **more):
            for place in arguments[:number]:
                changes.note(place, more.get("dir_fd"))
            return function(*arguments, **more)

        return call

    def renamed(function):
        def call(source, target, **more):
            changes.note(target)
            return function(source, target, **more)

        return call

    os_open, io_open = os.open, io.open

    def open_descriptor(path, flags, mode=0o777, *, dir_fd=None):
        if flags & WRITES:
            changes.note(path, dir_fd)
        return os_open(path, flags, mode, dir_fd=dir_fd)

    def open_file(file, mode="r", buffering=-1, encoding=None, errors=None,
                  newline=None, closefd=True, opener=None):  # fmt: skip
        if not set(mode) & set("wax+"):
            return io_open(
                file, mode, buffering, encoding, errors, newline, closefd,
                opener,
            )  # fmt: skip
        if not isinstance(file, int):
            changes.note(file)
        raw_mode = mode.replace("b", "").replace("t", "")
        raw = File(file, raw_mode, closefd, opener)
        if buffering == 0:
            return raw
        kind = io.BufferedRandom if "+" in mode else io.BufferedWriter
        binary = kind(raw)
        if "b" in mode:
            return binary
        return io.TextIOWrapper(binary, encoding, errors, newline)

    os.open = open_descriptor
    io.open = builtins.open = open_file
    for name in ("mkdir", "rmdir", "unlink", "remove", "truncate", "ftruncate",
                 "fsync", "write"):  # fmt: skip
        setattr(os, name, wrapped(getattr(os, name)))
    for name in ("rename", "replace"):
        setattr(os, name, renamed(getattr(os, name)))


def fork_workers():
    """Lets pools fork their workers, so that TensorFlow is imported once.

    A worker closes the pool's ends of all pipes, which only a forked one
    inherits: it ends when the pool closes them.
    """
    fork = multiprocessing.get_context("fork")
    pipe, ends = fork.Pipe, []

    def recorded_pipe(duplex=True):
        ours, theirs = pipe(duplex)
        ends.append(ours)
        return ours, theirs

    def close_ends():
        for end in ends:
            end.close()

    fork.Pipe = recorded_pipe
    multiprocessing.get_context = lambda method=None: fork
    os.register_at_fork(after_in_child=close_ends)


def perform(task, notes):
    """Runs a command in this process, a fork; returns its exit code."""
    log = os.open(task["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    fork_workers()
    changes = Changes(task["root"], task["kill_at"], task["in_worker"], notes)
    wrap(changes)
    from zoo.cli.main import main

    return main(task["argv"])


def serve():
    """Forks for each line of standard input."""
    import importlib
    import pkgutil

    import tensorflow  # noqa: F401

    import zoo

    for module in pkgutil.walk_packages(zoo.__path__, "zoo."):
        if "cluster" not in module.name and "__main__" not in module.name:
            importlib.import_module(module.name)
    answers = os.dup(1)
    os.dup2(2, 1)
    for line in sys.stdin:
        task = json.loads(line)
        notes = os.memfd_create("changes")
        child = os.fork()
        if not child:
            code = 70
            try:
                code = perform(task, notes)
            finally:
                sys.stdout.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        answer = {
            "code": os.waitstatus_to_exitcode(status),
            "changes": int(os.pread(notes, 10, 0).strip(b"\0 ") or 0),
            "died": os.pread(notes, 1, 20) == b"x",
        }
        os.close(notes)
        os.write(answers, (json.dumps(answer) + "\n").encode())


if __name__ == "__main__":
    serve()
