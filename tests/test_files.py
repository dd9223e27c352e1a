"""Files that are whole or not there."""

import errno
import os
import pathlib
import subprocess
import sys

import pytest

from zoo import files
from zoo.errors import UserError


@pytest.fixture
def path(tmp_path):
    old = tmp_path / "metrics.json"
    old.write_text("old")
    return old


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(path):
    with files.replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_a_full_disk_leaves_the_old_file_alone(path, monkeypatch):
    def full(file_number):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left on device"):
        with files.replacing(path) as file:
            file.write(b"new")
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == ["metrics.json"]


def test_an_error_of_the_writer_leaves_the_old_file_alone(path):
    with pytest.raises(KeyError), files.replacing(path) as file:
        file.write(b"half")
        raise KeyError
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == ["metrics.json"]


def test_a_kill_in_the_middle_of_writing_leaves_the_old_file(path):
    code = (
        "import os, pathlib, signal; from zoo import files\n"
        f"with files.replacing(pathlib.Path({str(path)!r})) as file:\n"
        "    file.write(b'half'); file.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = pathlib.Path(files.__file__).parent.parent
    subprocess.run([sys.executable, "-c", code], cwd=root)
    assert path.read_text() == "old"


def test_what_a_kill_left_is_overwritten_by_the_next_write(path):
    path.with_name(".metrics.json.new").write_text("half of an older one")
    with files.replacing(path) as file:
        file.write(b"new")
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == ["metrics.json"]


def test_a_lock_is_held_once(tmp_path):
    with files.holding(tmp_path / "lock"):
        with pytest.raises(OSError), files.holding(tmp_path / "lock"):
            pass
    with files.holding(tmp_path / "lock"):
        assert (tmp_path / "lock").exists()
