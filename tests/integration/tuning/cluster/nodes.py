"""A real Ray cluster of two nodes, each in a network namespace of its own.

The namespaces are joined by a bridge, so that a node can be cut off. Where
none may be made, both nodes are on loopback, and a node is cut off by stopping
its raylet.
"""

import contextlib
import dataclasses
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.killing import HOOK

ROOT = Path(__file__).parents[4]
PORT = 6379
NUMBERS = itertools.count()
# Wait for the end of what a test starts, on a machine that has other work.
PATIENCE = 900
# Writes down which process works on which run when, and the GPU that it sees.
RECORD = """
def record(name, arguments):
    if name != "open" or "/metrics.json" not in str(arguments[0]):
        if name != "open" or not str(arguments[0]).endswith("/lock"):
            return
    import time
    words = time.time(), os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")
    text = json.dumps([*words, str(arguments[0])]) + "\\n"
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    file = os.open(os.environ["TEST_USES"], flags)
    os.write(file, text.encode())
    os.close(file)

if any("default_worker.py" in word for word in sys.orig_argv):
    sys.addaudithook(record)
"""


def _run(*words):
    subprocess.run(words, check=True, capture_output=True)


def _has_namespaces():
    name = f"zoo{os.getpid()}"
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        _run("ip", "netns", "add", name)
        _run("ip", "netns", "del", name)
        return True
    return False


def processes():
    """Yields number, parent and words of each process."""
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            words = (path / "cmdline").read_bytes().decode().split("\0")
            # The name of a program may hold spaces, and is in parentheses.
            after = (path / "stat").read_text().rpartition(")")[2].split()
            yield int(path.name), int(after[1]), words


class Node:
    """A node: `ray start --block` in a process group of its own.

    Args:
        address: of the node.
        prefix: words before a command that runs on it.
        flags: of `ray start`.
        environment: of the node.
    """

    def __init__(self, address, prefix, flags, environment):
        self.address, self.prefix = address, prefix
        self._log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [
                *prefix,
                Path(sys.executable).with_name("ray"),
                "start",
                "--block",
                f"--node-ip-address={address}",
                "--object-store-memory=100000000",
                "--disable-usage-stats",
                *flags,
            ],  # fmt: skip
            env=environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def log(self):
        if self._log.closed:
            return ""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def raylet(self):
        """Returns the number of its raylet; `None` if there is none."""
        own = f"--node_ip_address={self.address}"
        for number, _, words in processes():
            if words[0].endswith("/raylet") and own in words:
                return number
        return None

    def workers(self):
        """Returns the numbers of its worker processes."""
        raylet = self.raylet()
        return [
            number
            for number, parent, words in processes()
            if parent == raylet and words[0].startswith("ray::")
        ]

    def kill(self):
        """Kills the whole node at once."""
        for number in [self.raylet(), *self.workers()]:
            with contextlib.suppress(ProcessLookupError, TypeError):
                os.kill(number, signal.SIGKILL)
        self.stop()

    def stop(self):
        """Ends what is left of it."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._log.close()
        own = [f"--node_ip_address={self.address}"]
        own += [f"--node-ip-address={self.address}"]
        for number, _, words in processes():
            if set(own) & set(words):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)


class Cluster:
    """Two nodes, a and b; a is the head, where commands are typed.

    Args:
        folder: for what the helper needs.
        token: that the nodes ask for; `None` lets everybody in.
        flags: of `ray start` on either node.
    """

    def __init__(self, folder, token="a" * 64, flags=("--num-cpus=1",)):
        self.folder, self.flags = folder, flags
        self._kills, self._moments = folder / "kills", folder / "moments"
        self.uses = folder / "uses"
        self._kills.mkdir(parents=True)
        (folder / "sitecustomize.py").write_text(HOOK + RECORD)
        self.kill_at()
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
            "TEST_KILL_AT": json.dumps([str(self._kills), str(self._moments)]),
            "TEST_USES": str(self.uses),
            "RAY_memory_monitor_refresh_ms": "0",  # other programs' memory
            "RAY_AUTH_MODE": "disabled",
        }
        self.environment.pop("RAY_ADDRESS", None)
        # An empty one, as other tests leave it, forbids to declare a GPU.
        self.environment.pop("CUDA_VISIBLE_DEVICES", None)
        if token:
            path = folder / "token"
            path.write_text(token)
            path.chmod(0o600)
            self.environment["RAY_AUTH_MODE"] = "token"
            self.environment["RAY_AUTH_TOKEN_PATH"] = str(path)
        self._names = []
        self._bridge = None
        # Sockets lie in it, whose paths must be short.
        self._temporary = tempfile.mkdtemp(prefix="zr", dir="/tmp")
        if _has_namespaces():
            self._join_namespaces()
        else:
            self._sides = [("127.0.0.1", []), ("127.0.0.2", [])]
        self.address = f"{self._sides[0][0]}:{PORT}"
        self.a = self.b = None

    def _join_namespaces(self):
        number = next(NUMBERS)  # a test may start one beside the shared one
        mark = f"z{os.getpid() % 100000}{number}"
        net = f"10.83.{(os.getpid() + 7 * number) % 250 + 1}"
        self._bridge, self._sides = f"{mark}br", []
        _run("ip", "link", "add", self._bridge, "type", "bridge")
        _run("ip", "link", "set", self._bridge, "up")
        for index, letter in enumerate("ab"):
            name, address = mark + letter, f"{net}.{index + 2}"
            self._names.append(name)
            _run("ip", "netns", "add", name)
            _run(
                "ip", "link", "add", f"{name}v", "type", "veth", "peer",
                "name", "eth0", "netns", name,
            )  # fmt: skip
            _run("ip", "link", "set", f"{name}v", "master", self._bridge)
            _run("ip", "link", "set", f"{name}v", "up")
            inside = ["ip", "netns", "exec", name]
            _run(*inside, "ip", "link", "set", "lo", "up")
            _run(*inside, "ip", "link", "set", "eth0", "up")
            _run(*inside, "ip", "addr", "add", f"{address}/24", "dev", "eth0")
            self._sides.append((address, inside))

    def start(self):
        """Starts both nodes."""
        address, prefix = self._sides[0]
        head = ["--head", f"--port={PORT}", "--include-dashboard=false"]
        head += [f"--temp-dir={self._temporary}", *self.flags]
        self.a = Node(address, prefix, head, self.environment)
        self._wait_for(1)
        self.start_b()

    def start_b(self, flags=None, prepare="", **environment):
        """Starts node b, anew if need be.

        Args:
            flags: of `ray start` in place of the cluster's own.
            prepare: a shell command that is run there first.
            environment: variables that differ from those of the cluster.
        """
        if self.b:
            self.b.stop()
            self.heal()
            self._wait_for(1)
        address, prefix = self._sides[1]
        if prepare:
            prefix = [*prefix, "sh", "-c", f'{prepare} && exec "$@"', "sh"]
        words = [f"--address={self.address}", *(flags or self.flags)]
        self.b = Node(
            address, prefix, words, {**self.environment, **environment}
        )
        self._wait_for(2)

    def _wait_for(self, count):
        """Waits until so many nodes are alive."""
        script = (
            "import ray, sys; ray.init(address=sys.argv[1], "
            "log_to_driver=False); "
            "print(sum(node['Alive'] for node in ray.nodes()))"
        )
        for _ in range(60):
            done = subprocess.run(
                [
                    *self._sides[0][1],
                    sys.executable,
                    "-c",
                    script,
                    self.address,
                ],
                env=self.environment,
                capture_output=True,
                text=True,
            )
            if done.stdout.strip().endswith(str(count)):
                return
            time.sleep(1)
        logs = [node.log for node in (self.a, self.b) if node]
        raise RuntimeError("\n".join([done.stderr, *logs]))

    def stop(self):
        """Ends both nodes, and removes all that was made."""
        for node in (self.b, self.a):
            if node:
                node.stop()
        for name in self._names:
            _run("ip", "netns", "del", name)
        if self._bridge:
            _run("ip", "link", "del", self._bridge)
        shutil.rmtree(self._temporary, ignore_errors=True)

    def kill_at(self, *moments):
        """Has processes of later commands die at some moments."""
        self._moments.write_text(
            json.dumps(list(map(dataclasses.asdict, moments)))
        )
        for path in self._kills.iterdir():
            path.unlink()

    @property
    def num_killed(self):
        """Number of processes that died so."""
        return len(list(self._kills.iterdir()))

    def cut(self):
        """Cuts node b off."""
        if self._bridge:
            _run("ip", "link", "set", f"{self._names[1]}v", "down")
        else:
            os.kill(self.b.raylet(), signal.SIGSTOP)

    def heal(self):
        """Ends the cut."""
        if self._bridge:
            _run("ip", "link", "set", f"{self._names[1]}v", "up")
        elif raylet := self.b.raylet():
            os.kill(raylet, signal.SIGCONT)

    def zoo(self, *argv, prefix=(), **environment):
        """Starts a command of the product on node a."""
        command = [sys.executable, "-m", "zoo", *map(str, argv)]
        return subprocess.Popen(
            [*self._sides[0][1], *prefix, *command],
            cwd=ROOT,
            env={**self.environment, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *argv, code=0, prefix=(), **environment):
        """Runs a command to its end; returns what it printed.

        Args:
            argv: what follows `zoo`.
            code: the exit code that it must have.
            prefix: words before the command.
            environment: variables that differ from those of the cluster.
        """
        process = self.zoo(*argv, prefix=prefix, **environment)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == code, out + err
        assert code or err == "", err
        return out if code == 0 else err
