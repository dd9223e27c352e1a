"""`make setup`: which Python makes .venv, what is installed, and when.

Programs in the place of Python and uv write down how they were called.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(
    os.name == "nt" or not shutil.which("make"), reason="needs make"
)

PYTHON = """\
#!/bin/sh
echo "$0 $*" >> "$LOG"
case "$*" in
  *ensurepip*) exit {unsuitable} ;;
  "-m venv .venv") mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
  *"pip install"*) exit {offline} ;;
esac
"""


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def python(unsuitable=0, offline=0):
    return PYTHON.format(unsuitable=unsuitable, offline=offline)


class Clone:
    """A folder with what set-up reads, and a path of stand-ins."""

    def __init__(self, folder):
        self.folder = folder / "clone"
        self.bin = folder / "bin"
        self.log = folder / "log"
        self.folder.mkdir()
        shutil.copy(ROOT / "Makefile", self.folder)
        for name in ("requirements.lock", "requirements-dev.lock"):
            (self.folder / name).touch()

    def make(self, *words, code=0):
        """Runs make; returns what it printed and the new lines of the log."""
        self.log.write_text("")
        env = {"PATH": f"{self.bin}:/usr/bin:/bin", "LOG": str(self.log)}
        done = subprocess.run(
            ["make", *words], cwd=self.folder, env=env, capture_output=True,
            text=True,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
        return done, self.log.read_text().splitlines()

    def installations(self, *words):
        """Runs make; returns the calls that install packages."""
        _, lines = self.make(*words)
        return [line for line in lines if "pip install" in line]

    def installed(self, *words):
        """Runs make; returns the locks that were installed."""
        lines = self.installations(*words)
        return [line.split("--requirement ")[1].split()[0] for line in lines]


@pytest.fixture
def clone(tmp_path):
    made = Clone(tmp_path)
    program(made.bin / "python3.13", python(unsuitable=1))
    for version in ("3.12", "3.11"):
        program(made.bin / f"python{version}", python())
    return made


def test_the_newest_suitable_python_makes_the_environment(clone):
    _, lines = clone.make("setup")
    makers = [line for line in lines if line.endswith("-m venv .venv")]
    assert makers == [f"{clone.bin}/python3.12 -m venv .venv"]


def test_a_named_python_makes_the_environment(clone):
    _, lines = clone.make("setup", "PYTHON=python3.11")
    assert f"{clone.bin}/python3.11 -m venv .venv" in lines


def test_without_a_suitable_python_there_is_a_sentence(clone):
    done, _ = clone.make("setup", "PYTHON=python3.13 nothing", code=2)
    sentence = done.stderr.splitlines()[0]
    assert sentence.startswith("zoo: ") and "Python 3.11 to 3.13" in sentence
    assert not (clone.folder / ".venv").exists()


def test_training_installs_no_packages_of_development(clone):
    assert clone.installed("train") == ["requirements.lock"]


def test_the_package_itself_is_installed(clone):
    (line,) = clone.installations("train")
    assert line.endswith("--editable .")


def test_tests_install_both_locks(clone):
    both = ["requirements.lock", "requirements-dev.lock"]
    assert clone.installed("test") == both


def test_tests_after_training_install_the_development_lock_alone(clone):
    clone.make("train")
    assert clone.installed("test") == ["requirements-dev.lock"]


def test_the_second_time_nothing_is_installed(clone):
    clone.make("test")
    assert clone.installed("test") == []
    assert clone.installed("train") == []


@pytest.mark.parametrize(
    ("target", "lock"),
    [("train", "requirements.lock"), ("test", "requirements-dev.lock")],
)
def test_an_edited_lock_is_installed_by_the_next_command(clone, target, lock):
    clone.make("test")
    later = (clone.folder / ".venv/.installed-dev").stat().st_mtime + 1
    os.utime(clone.folder / lock, (later, later))
    assert lock in clone.installed(target)


def test_a_failed_installation_is_done_again(clone):
    program(clone.bin / "python3.12", python(offline=1))
    clone.make("train", code=2)
    program(clone.folder / ".venv/bin/python", python())
    assert clone.installed("train") == ["requirements.lock"]


def test_uv_installs_where_it_is_on_the_path(clone):
    program(clone.bin / "uv", '#!/bin/sh\necho "$0 $*" >> "$LOG"\n')
    (line,) = clone.installations("setup")
    assert line.startswith(f"{clone.bin}/uv pip install ")
    assert "--python .venv/bin/py" in line
