"""The log of test-set evaluations: no writer loses a line."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.evaluation.test_set import FILE_NAME, EvaluationLog, log_dir
from zoo.runs import Run

ROOT = Path(__file__).parents[3]


def line(name="a", dataset="digits", test_set="11"):
    return {"dataset": dataset, "test_set": test_set, "runs": [{"run": name}]}


def names(log):
    return [found["runs"][0]["run"] for found in log.read()]


@pytest.fixture
def log(tmp_path):
    return EvaluationLog(tmp_path)


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
def test_a_run_has_one_log_however_it_is_found(run, tmp_path, name, runs_dir):
    found = Run(run.path, name)
    assert log_dir(found, str(tmp_path / runs_dir)) == tmp_path / "runs"


def test_a_run_whose_folder_was_moved_has_its_log_beside_it(run, tmp_path):
    moved = run.path.rename(tmp_path / "c")
    found = Run(moved, "c")
    assert log_dir(found, str(tmp_path / "runs")) == tmp_path


WRITER = """
import sys
from zoo.evaluation.test_set import EvaluationLog
log = EvaluationLog(sys.argv[1])
for i in range(int(sys.argv[3])):
    run = {"run": f"{sys.argv[2]}-{i}", "padding": "x" * 20_000}
    line = {"dataset": "digits", "test_set": "11", "runs": [run]}
    print(i, log.append([line]), flush=True)
"""


def start_writer(folder, name, count, code=WRITER):
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder), name, str(count)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_folder_without_a_log_has_no_evaluations(log):
    assert log.read() == []
    assert log.count("digits") == 0


def test_each_evaluation_is_a_line_of_json_and_counted(log):
    assert log.append([line("a")]) == 1
    assert log.append([line("b"), line("c")]) == 3
    lines = log.path.read_text().splitlines()
    assert [json.loads(line)["runs"][0]["run"] for line in lines] == list("abc")
    assert all("T" in json.loads(line)["time"] for line in lines)


@pytest.mark.parametrize(
    ("dataset", "split", "count"),
    [
        ("digits", "11", 2),
        ("digits", "22", 2),  # the same name: the images overlap
        ("folder:other", "11", 2),  # the same images by another name
        ("mnist", "33", 1),
    ],
)
def test_evaluations_on_one_data_set_or_the_same_images_are_counted(
    log, dataset, split, count
):
    log.append([line()])
    assert log.append([line(dataset=dataset, test_set=split)]) == count


def test_a_name_counts_the_evaluations_on_its_images_under_other_names(log):
    log.append([line(dataset="folder:photos")])
    log.append([line(dataset="folder:./photos")])
    log.append([line(dataset="mnist", test_set=None)])
    assert log.count("folder:photos") == log.count("folder:./photos") == 2
    assert len(log.of_dataset("folder:./photos")) == 2
    assert log.count("digits") == 0


def test_a_line_torn_at_any_byte_is_dropped(log):
    log.append([line("a")])
    start = log.path.stat().st_size
    log.append([line("b")])
    whole = log.path.read_bytes()
    for end in range(start, len(whole)):
        log.path.write_bytes(whole[:end])
        assert names(log) == ["a"]
        assert log.append([line("c")]) == 2
        assert names(log) == ["a", "c"]


def test_a_damaged_line_is_named(log):
    log.path.write_text('{"dataset": "digits"}\n')
    with pytest.raises(UserError, match=f"{FILE_NAME} is corrupt: line 1 "):
        log.append([line()])
    assert log.path.read_text() == '{"dataset": "digits"}\n'


def test_a_log_that_cannot_be_written_is_refused(tmp_path):
    log = EvaluationLog(tmp_path / "none")
    with pytest.raises(UserError, match="cannot be written: No such file"):
        log.append([line()])


def test_several_processes_at_once_lose_no_line_and_share_no_count(log):
    writers = [start_writer(log.path.parent, name, 30) for name in "abc"]
    lines = [w.communicate()[0].splitlines() for w in writers]
    told = [line.split() for text in lines for line in text]
    assert sorted(int(count) for _, count in told) == list(range(1, 91))
    expected = {f"{name}-{i}" for name in "abc" for i in range(30)}
    assert set(names(log)) == expected
    assert len(names(log)) == 90


needs_sigkill = pytest.mark.skipif(os.name == "nt", reason="has no SIGKILL")


@needs_sigkill
@pytest.mark.parametrize("after", [1, 4, 9])
def test_what_was_returned_is_kept_when_its_writer_is_killed(log, after):
    with start_writer(log.path.parent, "a", 10_000) as writer:
        told = [writer.stdout.readline() for _ in range(after)]
        writer.send_signal(signal.SIGKILL)
        told += writer.stdout.readlines()
    acknowledged = [f"a-{line.split()[0]}" for line in told if "\n" in line]
    found = names(log)
    assert found[: len(acknowledged)] == acknowledged
    # At most the evaluation in progress is there besides.
    assert len(found) - len(acknowledged) in (0, 1)
    assert log.append([line("b")]) == len(found) + 1


KILLED_IN_THE_MIDDLE = """
import os, signal, sys
from zoo import io
from zoo.evaluation import test_set
class Os:
    def __getattr__(self, name):
        return getattr(os, name)
    def fsync(self, number):
        os.ftruncate(number, os.fstat(number).st_size - 5)
        os.kill(os.getpid(), signal.SIGKILL)
io.os = Os()
line = {"dataset": "digits", "test_set": "11", "runs": [{"run": "torn"}]}
test_set.EvaluationLog(sys.argv[1]).append([line])
"""


@needs_sigkill
def test_a_kill_in_the_middle_of_a_line_loses_that_line_alone(log):
    log.append([line("a")])
    with start_writer(log.path.parent, "", 0, KILLED_IN_THE_MIDDLE) as writer:
        assert writer.wait() == -signal.SIGKILL
    assert not log.path.read_bytes().endswith(b"\n")
    assert b"torn" in log.path.read_bytes()
    assert names(log) == ["a"]
    assert log.append([line("b")]) == 2
    assert names(log) == ["a", "b"]
