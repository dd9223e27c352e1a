"""Readers that go away, terminals that close, and Ctrl-C at any moment."""

import io
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zoo import __main__
from zoo.cli.output import LastingStream, print_error, redirect_to_null
from zoo.errors import Interrupted
from zoo.run_store import RunStore
from zoo.training.signals import listen

ROOT = Path(__file__).parents[2]
POSIX = pytest.mark.skipif(os.name == "nt", reason="sends signals")


def a_stream_without_a_reader():
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w")


def test_what_nobody_reads_is_dropped_without_a_word():
    with a_stream_without_a_reader() as stream:
        lost = LastingStream(stream)
        for _ in range(3):
            print("a line", file=lost, flush=True)
        assert not lost.isatty()


def test_a_full_disk_is_still_an_error():
    if not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full")
    stream = open("/dev/full", "w", encoding="utf-8")  # noqa: SIM115
    lost = LastingStream(stream)
    with pytest.raises(OSError, match="No space"):
        print("a line", file=lost, flush=True)
    redirect_to_null(stream.fileno())
    stream.close()


def test_a_message_to_a_lost_terminal_is_dropped(monkeypatch):
    with a_stream_without_a_reader() as stream:
        monkeypatch.setattr("zoo.cli.output._terminal", stream.fileno())
        print_error("zoo: a sentence.\n")
        print_error("zoo: another.\n")


def test_what_is_written_is_escaped_and_our_own_sequences_are_not():
    stream = io.TextIOWrapper(io.BytesIO(), "iso-8859-1")
    lasting = LastingStream(stream)
    lasting.write("caf\u00e9 \x1b[31m \u732b\n")
    lasting.unescaped.write("\r\x1b[K")
    lasting.flush()
    text = stream.buffer.getvalue().decode("iso-8859-1")
    assert text == "caf\u00e9 \\x1b[31m \\u732b\n\r\x1b[K"


@pytest.fixture
def hangup():
    """Restores what the signal of a closed terminal does."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


@POSIX
@pytest.mark.parametrize(
    ("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)]
)
def test_the_exit_code_says_which_signal_asked_for_the_end(hangup, name, code):
    with listen() as stop:
        signal.raise_signal(getattr(signal, name))
        assert stop.requested
    assert stop.code == code


@POSIX
def test_a_terminal_that_closes_may_send_its_signal_twice(hangup):
    with listen() as stop:
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
        assert stop.requested


@POSIX
def test_under_nohup_a_closed_terminal_stops_nothing(hangup):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with listen() as stop:
        signal.raise_signal(signal.SIGHUP)
        assert not stop.requested


def test_an_interruption_told_in_other_words_keeps_its_exit_code():
    with pytest.raises(Interrupted) as caught:
        try:
            raise Interrupted("stopped", 129)
        except Interrupted:
            raise Interrupted("in other words") from None
    assert caught.value.code == 129
    assert Interrupted("alone").code == 130


# Inside an import, code that swallows every exception; outside of one, too.
SWALLOWING = """
import os, signal, sys, time
from zoo import __main__
signal.signal(signal.SIGINT, signal.default_int_handler)  # not as inherited
__main__.EXCEPTION_TIMEOUT_S = 0.2
__main__.catch_interrupts()
sys.path.insert(0, sys.argv[1])
if sys.argv[2] == "import":
    import swallows
else:
    exec(open(sys.argv[1] + "/swallows.py").read())
print("went on")
"""
MODULE = """
import os, signal, time
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)
except BaseException:
    pass
time.sleep(5)
"""


@POSIX
@pytest.mark.parametrize("where", ["import", "elsewhere"])
def test_ctrl_c_that_a_library_swallows_ends_the_process(tmp_path, where):
    (tmp_path / "swallows.py").write_text(MODULE)
    done = subprocess.run(
        [sys.executable, "-c", SWALLOWING, str(tmp_path), where],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == __main__.INTERRUPTED
    assert done.stdout == ""
    assert done.stderr == "zoo: interrupted.\n"


def start(*argv, **more):
    return subprocess.Popen(
        [sys.executable, "-m", "zoo", *map(str, argv)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


@pytest.mark.slow
def test_a_run_whose_output_nobody_reads_comes_to_its_end(tmp_path):
    process = start("train", "--model=lr", "--epochs=3", "--run_name=a",
                    f"--runs_dir={tmp_path}")  # fmt: skip
    assert process.stdout.readline().startswith("data ")
    process.stdout.close()
    with process.stderr:
        err = process.stderr.read()
    assert (process.wait(), err) == (0, "")
    run = RunStore(str(tmp_path)).find("a")
    assert run.metrics["status"] == "completed"
    assert "epoch 3/3" in (run.path / "log.txt").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    "argv",
    [
        ["sweep", "--space=learning_rate=0.1,0.01", "--tuner=grid"],
        ["vary", "--learning_rate=0.1,0.01"],
        ["train", "--seeds=2"],
    ],
)
def test_many_runs_whose_output_nobody_reads_are_all_made(tmp_path, argv):
    extra = ["--retrain_seeds=0"] if argv[0] == "sweep" else []
    process = start(*argv, *extra, "--model=lr", "--epochs=1",
                    f"--runs_dir={tmp_path}")  # fmt: skip
    assert process.stdout.readline()
    process.stdout.close()
    with process.stderr:
        err = process.stderr.read()
    assert (process.wait(), err) == (0, "")
    statuses = [run.status for run in RunStore(str(tmp_path)).runs()]
    assert statuses == ["completed"] * 2


@POSIX
@pytest.mark.slow
def test_a_closed_terminal_saves_and_the_run_goes_on_later(tmp_path):
    process = start("train", "--model=lr", "--epochs=300", "--run_name=a",
                    f"--runs_dir={tmp_path}")  # fmt: skip
    for line in process.stdout:
        if line.split()[:2] == ["epoch", "2/300"]:
            break
    process.stdout.close()
    process.stderr.close()
    process.send_signal(signal.SIGHUP)
    assert process.wait() == 129
    run = RunStore(str(tmp_path)).find("a")
    assert run.status == "interrupted"
    again = start("resume", run.path)
    assert again.communicate()[1] == ""
    assert run.metrics["epochs"] == 300


@POSIX
@pytest.mark.slow
def test_ctrl_c_at_ten_moments_of_the_start_is_never_lost(tmp_path):
    argv = ["train", "--model=lr", "--epochs=500", f"--runs_dir={tmp_path}"]
    began = time.monotonic()
    process = start(*argv)
    for line in process.stdout:
        if line.startswith("epoch 1/"):
            break
    start_up = time.monotonic() - began
    process.kill()
    process.communicate()
    moments = random.Random(0)
    for tenth in range(10):
        process = start(*argv)
        # After Python itself has begun, which answers in its own words, and
        # later on a busy machine.
        earliest = max(0.3, 0.06 * start_up)
        moment = start_up * (tenth + moments.random()) / 10
        time.sleep(max(earliest, moment))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60 + 10 * start_up)
        assert process.returncode == 130, err
        assert err.startswith("zoo: ") and err.count("\n") == 1, err
