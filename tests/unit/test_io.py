"""Files that are whole or not there, and locks."""

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import zoo
from zoo.errors import Locked, UserError
from zoo.io import (
    atomic_write,
    check_utf8,
    exclusive,
    file_lock,
    open_to_append,
    remove_temporary_files,
    wait_for_lock,
)

ROOT = Path(zoo.__file__).parents[1]


@pytest.fixture
def path(tmp_path):
    old = tmp_path / "metrics.json"
    old.write_text("old")
    return old


@pytest.fixture
def other(tmp_path):
    """A file of the user's, to which links lead."""
    path = tmp_path / "other.txt"
    path.write_text("kept")
    return path


def kill_inside(block, path):
    """Runs a process that kills itself at the end of a `with` block."""
    code = (
        "import os, pathlib, signal; from zoo.io import *\n"
        f"path = pathlib.Path({str(path)!r})\n{block}\n"
        "    os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(path):
    with atomic_write(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("new", "device; use another disk.$"),
        ("metrics.json", "device; the previous file is kept; use another"),
    ],
)
def test_a_full_disk_leaves_the_old_file_alone_and_is_told_with_what_helps(
    path, monkeypatch, name, ending
):
    def full(file_number):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match=f"No space left on {ending}"):
        with atomic_write(path.with_name(name), "use another disk") as file:
            file.write(b"new")
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == ["metrics.json"]


def test_an_error_of_the_writer_leaves_the_old_file_alone(path):
    with pytest.raises(KeyError), atomic_write(path) as file:
        file.write(b"half")
        raise KeyError
    assert path.read_text() == "old"
    assert os.listdir(path.parent) == ["metrics.json"]


WRITING = """
with atomic_write(path) as file:
    file.write(b"half")
    file.flush()"""


def test_a_kill_in_the_middle_of_writing_leaves_the_old_file(path):
    kill_inside(WRITING, path)
    assert path.read_text() == "old"


def test_what_a_kill_left_is_removed_and_nothing_else(path):
    kill_inside(WRITING, path)
    (path.parent / ".mine.new.json").write_text("of the user")
    assert len(os.listdir(path.parent)) == 3
    remove_temporary_files(path.parent)
    assert sorted(os.listdir(path.parent)) == [".mine.new.json", path.name]


def test_a_new_file_is_on_the_disk_before_its_name_and_its_name_too(
    path, monkeypatch
):
    calls = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(file_number):
        is_folder = stat.S_ISDIR(os.fstat(file_number).st_mode)
        calls.append("sync folder" if is_folder else "sync file")
        fsync(file_number)

    def note_replace(source, target):
        calls.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    with atomic_write(path) as file:
        file.write(b"new")
    assert calls == ["sync file", "rename", "sync folder"]


def test_a_link_is_replaced_and_not_written_through(path, other):
    path.unlink()
    path.symlink_to(other)
    with atomic_write(path) as file:
        file.write(b"new")
    assert (path.read_text(), other.read_text()) == ("new", "kept")
    assert not path.is_symlink()


def test_nothing_is_appended_through_a_link(other):
    log = other.with_name("log.txt")
    log.symlink_to(other)
    for text in ("a", "b"):
        with open_to_append(log, encoding="utf-8") as file:
            file.write(text)
    assert (log.read_text(), other.read_text()) == ("ab", "kept")


def test_a_lock_is_held_once(tmp_path):
    with file_lock(tmp_path / "lock"):
        with pytest.raises(OSError), file_lock(tmp_path / "lock"):
            pass
    with file_lock(tmp_path / "lock"):
        assert (tmp_path / "lock").exists()


def test_the_name_of_a_temporary_file_cannot_be_guessed(path):
    names = set()
    for _ in range(2):
        with atomic_write(path):
            names |= set(os.listdir(path.parent)) - {path.name}
    assert len(names) == 2


def test_a_name_that_is_not_utf8_is_refused_in_ascii(tmp_path):
    with pytest.raises(UserError, match="is not UTF-8") as error:
        check_utf8(os.fsdecode(b"\xe9t\xe9"), "the folder")
    assert str(error.value).isascii()
    check_utf8("été", "the folder")


def test_a_lock_is_not_written_through_a_link(tmp_path, other):
    (tmp_path / "lock").symlink_to(other)
    with pytest.raises(UserError, match="lock cannot be written: "):
        with exclusive(tmp_path, "it is running"):
            pass
    assert other.read_text() == "kept"


def test_a_folder_that_is_held_is_named(tmp_path):
    with exclusive(tmp_path, "it is running"):
        with pytest.raises(Locked, match="^it is running in another process"):
            with exclusive(tmp_path, "it is running"):
                pass


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.EIO])
def test_a_lock_that_the_system_refuses_is_not_taken_for_a_held_one(
    tmp_path, monkeypatch, error
):
    fcntl = pytest.importorskip("fcntl")

    def refuse(file_number, operation):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(UserError) as found, exclusive(tmp_path, "busy"):
        pass
    assert not isinstance(found.value, Locked)
    assert os.strerror(error) in str(found.value)


def test_a_lock_in_no_folder_is_refused_and_makes_none(tmp_path):
    with pytest.raises(UserError, match="cannot be written: No such file"):
        with exclusive(tmp_path / "none", "busy"):
            pass
    assert os.listdir(tmp_path) == []


def test_a_lock_ends_with_its_process(tmp_path):
    kill_inside("with file_lock(path):", tmp_path / "lock")
    with file_lock(tmp_path / "lock"):
        pass


def test_waiting_for_a_lock_is_reported_once(tmp_path):
    held, release, waits = threading.Event(), threading.Event(), []

    def hold():
        with file_lock(tmp_path / "lock"):
            held.set()
            release.wait()

    def on_wait():
        waits.append("waiting")
        release.set()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    with wait_for_lock(tmp_path / "lock", on_wait):
        assert waits == ["waiting"]
    thread.join()
