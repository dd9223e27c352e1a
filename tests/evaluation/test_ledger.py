"""The ledger of looks: nothing is lost, whatever happens to its writers."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.evaluation.ledger import NAME, Ledger, home
from zoo.runs import Run

ROOT = Path(__file__).parents[2]


def look(name="a", dataset="digits", split="11"):
    return {"dataset": dataset, "split": split, "runs": [{"run": name}]}


def names(ledger):
    return [found["runs"][0]["run"] for found in ledger.looks()]


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path)


@pytest.fixture
def run(tmp_path):
    """A run of the name `a/b` in the folder `runs`."""
    folder = tmp_path / "runs" / "a" / "b"
    folder.mkdir(parents=True)
    text = TrainConfig(run_name="a/b").to_json()
    (folder / "config.json").write_text(text)
    return Run(folder, "a/b")


@pytest.mark.parametrize(
    ("name", "runs_dir"),
    [
        ("a/b", "runs"),
        ("b", "runs"),  # found by its path
        ("a/b", "elsewhere"),
        ("b", "elsewhere"),
    ],
)
def test_a_run_has_one_ledger_however_it_is_found(
    run, tmp_path, name, runs_dir
):
    found = Run(run.path, name)
    assert home(found, str(tmp_path / runs_dir)) == tmp_path / "runs"


def test_a_run_whose_folder_was_moved_has_its_ledger_beside_it(run, tmp_path):
    moved = run.path.rename(tmp_path / "c")
    found = Run(moved, "c")
    assert home(found, str(tmp_path / "runs")) == tmp_path


WRITER = """
import sys
from zoo.evaluation.ledger import Ledger
ledger = Ledger(sys.argv[1])
for i in range(int(sys.argv[3])):
    run = {"run": f"{sys.argv[2]}-{i}", "padding": "x" * 20_000}
    look = {"dataset": "digits", "split": "11", "runs": [run]}
    print(i, ledger.record([look]), flush=True)
"""


def start_writer(folder, name, count, code=WRITER):
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder), name, str(count)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_folder_without_a_ledger_has_no_looks(ledger):
    assert ledger.looks() == []
    assert ledger.count("digits") == 0


def test_each_look_is_a_line_of_json_and_counted(ledger):
    assert ledger.record([look("a")]) == 1
    assert ledger.record([look("b"), look("c")]) == 3
    lines = ledger.path.read_text().splitlines()
    assert [json.loads(line)["runs"][0]["run"] for line in lines] == list("abc")
    assert all("T" in json.loads(line)["when"] for line in lines)


@pytest.mark.parametrize(
    ("dataset", "split", "count"),
    [
        ("digits", "11", 2),
        ("digits", "22", 2),  # the same name: the images overlap
        ("folder:other", "11", 2),  # the same images by another name
        ("mnist", "33", 1),
    ],
)
def test_looks_at_one_data_set_or_at_the_same_images_are_related(
    ledger, dataset, split, count
):
    ledger.record([look()])
    assert ledger.record([look(dataset=dataset, split=split)]) == count


def test_a_line_torn_at_any_byte_is_no_look_and_is_mended(ledger):
    ledger.record([look("a")])
    start = ledger.path.stat().st_size
    ledger.record([look("b")])
    whole = ledger.path.read_bytes()
    for end in range(start, len(whole)):
        ledger.path.write_bytes(whole[:end])
        assert names(ledger) == ["a"]
        assert ledger.record([look("c")]) == 2
        assert names(ledger) == ["a", "c"]


def test_a_line_that_is_no_look_is_named(ledger):
    ledger.path.write_text('{"dataset": "digits"}\n')
    with pytest.raises(UserError, match=f"{NAME} is damaged: line 1 "):
        ledger.record([look()])
    assert ledger.path.read_text() == '{"dataset": "digits"}\n'


def test_a_ledger_that_cannot_be_written_is_refused(tmp_path):
    ledger = Ledger(tmp_path / "none")
    with pytest.raises(UserError, match="cannot be written: No such file"):
        ledger.record([look()])


def test_several_processes_at_once_lose_no_line_and_share_no_count(ledger):
    writers = [start_writer(ledger.path.parent, name, 30) for name in "abc"]
    lines = [w.communicate()[0].splitlines() for w in writers]
    told = [line.split() for text in lines for line in text]
    assert sorted(int(count) for _, count in told) == list(range(1, 91))
    expected = {f"{name}-{i}" for name in "abc" for i in range(30)}
    assert set(names(ledger)) == expected
    assert len(names(ledger)) == 90


needs_sigkill = pytest.mark.skipif(os.name == "nt", reason="has no SIGKILL")


@needs_sigkill
@pytest.mark.parametrize("after", [1, 4, 9])
def test_what_was_told_is_kept_when_its_writer_is_killed(ledger, after):
    with start_writer(ledger.path.parent, "a", 10_000) as writer:
        told = [writer.stdout.readline() for _ in range(after)]
        writer.send_signal(signal.SIGKILL)
        told += writer.stdout.readlines()
    acknowledged = [f"a-{line.split()[0]}" for line in told if "\n" in line]
    found = names(ledger)
    assert found[: len(acknowledged)] == acknowledged
    # At most the look that it was at is there besides.
    assert len(found) - len(acknowledged) in (0, 1)
    assert ledger.record([look("b")]) == len(found) + 1


KILLED_IN_THE_MIDDLE = """
import os, signal, sys
from zoo import io
from zoo.evaluation import ledger
class Os:
    def __getattr__(self, name):
        return getattr(os, name)
    def fsync(self, number):
        os.ftruncate(number, os.fstat(number).st_size - 5)
        os.kill(os.getpid(), signal.SIGKILL)
io.os = Os()
look = {"dataset": "digits", "split": "11", "runs": [{"run": "torn"}]}
ledger.Ledger(sys.argv[1]).record([look])
"""


@needs_sigkill
def test_a_kill_in_the_middle_of_a_line_loses_that_line_alone(ledger):
    ledger.record([look("a")])
    with start_writer(
        ledger.path.parent, "", 0, KILLED_IN_THE_MIDDLE
    ) as writer:
        assert writer.wait() == -signal.SIGKILL
    assert not ledger.path.read_bytes().endswith(b"\n")
    assert b"torn" in ledger.path.read_bytes()
    assert names(ledger) == ["a"]
    assert ledger.record([look("b")]) == 2
    assert names(ledger) == ["a", "b"]
