"""What is pinned, what is packed, and what `make` offers."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from zoo.cli.main import VERBS
from zoo.pretrained import FOLDER

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()


def numbers(version):
    """Reads a version as a list of its numbers."""
    return [int(part) for part in re.findall(r"\d+", version)]


@pytest.mark.parametrize(
    "line", PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
)
def test_the_lock_pins_what_the_project_asks_for(line):
    name, least = line.split(">=")
    name = name.replace("_", "-")
    pins = re.findall(rf"^{name}==([\d.]+)", LOCK, re.MULTILINE)
    assert pins
    assert all(numbers(pin) >= numbers(least) for pin in pins)


def test_the_lock_holds_nothing_but_pins():
    lines = [line for line in LOCK.splitlines() if not line.startswith("#")]
    marker = r"[a-z_]+ (==|!=|<|>=) '[0-9a-z.]+'"
    pin = rf"[a-z0-9-]+==[0-9a-z.]+( ; {marker}( and {marker})*)?"
    assert len(lines) > 50
    assert [line for line in lines if not re.fullmatch(pin, line)] == []


def test_the_wheel_holds_recipes_and_weights_and_no_tests(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run([*build, "-d", tmp_path], cwd=ROOT, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    recipes = (ROOT / "experiments").rglob("*.flags")
    expected = {f"zoo/{path.relative_to(ROOT).as_posix()}" for path in recipes}
    flagfiles = [name for name in names if name.endswith(".flags")]
    packed = {name for name in flagfiles if "zoo/experiments/" in name}
    assert packed == expected != set()
    weights = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert weights
    for path in weights:
        assert path.relative_to(ROOT).as_posix() in names
    assert not [name for name in names if name.startswith("tests")]


def test_every_verb_that_make_calls_is_one():
    makefile = (ROOT / "Makefile").read_text()
    called = set(re.findall(r"\$\(ZOO\) (\w+)", makefile))
    assert {"train", "resume", "evaluate", "models"} <= called <= set(VERBS)


def test_make_lists_every_target():
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"\.PHONY: ((?:.*\\\n)*.*)", makefile)[1]
    targets = set(phony.replace("\\", "").split())
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True)
    listed = set(re.findall(r"^  ([a-z-]+)  ", done.stdout, re.MULTILINE))
    assert listed == targets


@pytest.mark.parametrize(
    ("variables", "flags"),
    [
        (["MODEL=wrn28_10"], "--model=wrn28_10"),
        (["RECIPE=a/b", "EPOCHS=3"], "--recipe=a/b --epochs=3"),
        (["DATASET=mnist", "FLAGS=--seed=1"], "--dataset=mnist --seed=1"),
        ([], ""),
    ],
)
def test_make_train_passes_its_variables_on_as_flags(variables, flags):
    # "-o" takes the environment for ready, whatever its age.
    make = ["make", "--dry-run", "-o", ".venv/.zoo-ready", "train", *variables]
    # What the make that runs the tests tells its children is not for this one.
    alone = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    done = subprocess.run(
        make, cwd=ROOT, env=alone, capture_output=True, text=True
    )
    command = done.stdout.splitlines()[-1].split()
    assert " ".join(command) == f".venv/bin/python -m zoo train {flags}".strip()
