"""What is pinned, what is packed, and what `make` offers."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import zoo
from zoo.cli.main import VERBS
from zoo.pretrained import FOLDER

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()
DEV_LOCK = (ROOT / "requirements-dev.lock").read_text()


def numbers(version):
    """Reads a version as a list of its numbers."""
    return [int(part) for part in re.findall(r"\d+", version)]


def locked(lock):
    """Returns the packages and versions that a lock pins."""
    lines = re.findall(r"^[a-z0-9-]+==.*", lock, re.MULTILINE)
    return [line.split(" ")[0].split("==") for line in lines]


def check_pins(lock, requirements):
    """Asserts that a lock has a version of each that is new enough."""
    for line in requirements:
        name, lowest = re.match(r"([\w-]+)(?:\[.*\])?>=([\d.]+)", line).groups()
        name = name.replace("_", "-")
        pins = re.findall(rf"^{name}==([\d.]+)", lock, re.MULTILINE)
        assert pins, name
        assert all(numbers(pin) >= numbers(lowest) for pin in pins), name


def test_the_lock_pins_the_core_dependencies():
    check_pins(LOCK, PROJECT["dependencies"])


@pytest.mark.parametrize("extra", ["dev", "docs"])
def test_the_development_lock_pins_the_extra(extra):
    check_pins(LOCK + DEV_LOCK, PROJECT["optional-dependencies"][extra])


def test_the_development_lock_stands_on_the_lock():
    assert "-r requirements.lock" in DEV_LOCK.splitlines()
    pins, own = dict(locked(LOCK)), locked(DEV_LOCK)
    assert own
    assert all(pins.get(name, version) == version for name, version in own)


@pytest.mark.parametrize("name", ["jax", "hypothesis", "scikit-image", "ruff"])
def test_a_user_installs_nothing_of_development(name):
    assert f"\n{name}==" in DEV_LOCK
    assert f"\n{name}==" not in LOCK


@pytest.mark.parametrize("lock", [LOCK, DEV_LOCK], ids=["use", "development"])
def test_a_lock_holds_nothing_but_pins(lock):
    lines = [line for line in lock.splitlines() if line[:1] not in ("#", "-")]
    marker = r"[a-z_]+ (==|!=|<|>=) '[0-9A-Za-z.]+'"
    pin = rf"[a-z0-9-]+==[0-9a-z.]+( ; {marker}( and {marker})*)?"
    assert len(lines) > 30
    assert [line for line in lines if not re.fullmatch(pin, line)] == []


def test_the_citation_has_the_version_of_the_package():
    text = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {zoo.__version__}\n" in text


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
    for table in ("suites.toml", "expected.toml"):
        assert f"zoo/experiments/{table}" in names
    assert not [n for n in names if re.search(r"experiments/.*\.py$", n)]
    weights = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert weights
    for path in weights:
        assert path.relative_to(ROOT).as_posix() in names
    assert "zoo/py.typed" in names
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
    make = ["make", "--dry-run", "-o", ".venv/.installed", "train", *variables]
    # The make that runs the tests exports its own variables.
    alone = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        make, cwd=ROOT, env=alone, capture_output=True, text=True
    )
    command = done.stdout.splitlines()[-1].split()
    assert " ".join(command) == f".venv/bin/python -m zoo train {flags}".strip()
