"""A virtual environment of its own for JAX, without TensorFlow.

It holds what requirements-jax.txt asks for, and what that asks for in turn,
as links to the packages of the environment that runs the tests: nothing is
fetched, and what no package asks for is not there.
"""

import importlib.metadata
import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]
LIST = ROOT / "requirements-jax.txt"


def make(folder):
    """Makes the environment and returns its Python."""
    venv.create(folder, symlinks=os.name != "nt")
    scheme = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", scheme))
    for distribution in distributions():
        for file in distribution.files or ():
            link(file, distribution.locate_file("."), site)
    return Path(sysconfig.get_path("scripts", "venv", scheme), "python")


def distributions():
    """Returns all that the list asks for, found where the tests run."""
    lines = LIST.read_text().splitlines()
    wanted = [Requirement(x) for x in lines if not x.startswith("#")]
    found = {}
    while wanted:
        requirement = wanted.pop()
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name not in found:
            found[name] = importlib.metadata.distribution(name)
            wanted += [
                inner
                for inner in map(Requirement, found[name].requires or ())
                if not inner.marker or inner.marker.evaluate({"extra": ""})
            ]
    return found.values()


def link(file, home, site):
    """Links the package that a file belongs to, one of several in a folder
    that packages share."""
    if file.parts[0] == "..":
        return  # a script
    depth = 1
    top = Path(home, *file.parts[:1])
    if top.is_dir() and not (top / "__init__.py").exists():
        depth = 2
    target = site.joinpath(*file.parts[:depth])
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        target.symlink_to(Path(home, *file.parts[:depth]).resolve())


def variables():
    """Returns the environment variables of a process on JAX."""
    return {**os.environ, "KERAS_BACKEND": "jax", "NPROC": "1"}


def call(python, *argv, **more):
    """Runs Python with these words on JAX; returns the finished process.

    Args:
        more: Environment variables besides those of `variables`.
    """
    return subprocess.run(
        [str(python), *map(str, argv)],
        cwd=ROOT,
        env={**variables(), **more},
        capture_output=True,
        text=True,
    )


if __name__ == "__main__":
    print(make(Path(sys.argv[1])))
