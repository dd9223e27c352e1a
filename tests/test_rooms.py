"""Arrows between rooms point one way, as CONTRIBUTING says."""

import ast
import pathlib
import re

import pytest

import zoo

HOUSE = pathlib.Path(zoo.__file__).parent
BELOW = {
    "models": set(),
    "data": set(),
    "summaries": {"models"},
    "diagnostics": {"summaries"},
    "features": {"data", "models"},
    "data_checks": {"data", "summaries"},
    "training": {"models", "data", "summaries", "diagnostics", "features"},
}
BELOW["evaluation"] = BELOW["training"] | {"training", "data_checks"}
BELOW["tuning"] = BELOW["evaluation"] | {"evaluation"}
BELOW["serving"] = {"data", "training", "evaluation"}
BELOW["reporting"] = BELOW["evaluation"] | {"evaluation"}
BELOW["cli"] = BELOW["tuning"] | {"tuning", "serving", "reporting"}
FILES = sorted(path for room in BELOW for path in (HOUSE / room).rglob("*.py"))
ABOVE = {"resolve", "initial_weights", "api", "api_arguments"}
GROUND = sorted(
    p for p in HOUSE.glob("*.py") if p.stem[0] != "_" and p.stem not in ABOVE
)


def rooms_of(path):
    """Returns the rooms that a file imports from, at any depth of its code."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    parts = [name.split(".") for name in names if name.startswith("zoo.")]
    return {p[1] for p in parts} & set(BELOW)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HOUSE)))
def test_a_room_knows_only_rooms_below(path):
    room = path.relative_to(HOUSE).parts[0]
    assert rooms_of(path) <= BELOW[room] | {room}


def test_one_file_alone_knows_keras_tuner():
    pattern = re.compile(r"^\s*(import|from) keras_tuner\b", re.MULTILINE)
    found = {
        path.relative_to(HOUSE).as_posix()
        for path in HOUSE.rglob("*.py")
        if pattern.search(path.read_text())
    }
    assert found == {"tuning/oracles.py"}


@pytest.mark.parametrize("path", GROUND, ids=lambda path: path.name)
def test_the_ground_knows_no_room(path):
    assert not rooms_of(path)
