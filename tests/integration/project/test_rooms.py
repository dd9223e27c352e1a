"""Imports go from top to bottom, as `[tool.importlinter]` has it.

`make lint` checks the same; here a change is tested before it lands.
"""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[3]
LINT = (
    "from importlinter.cli import lint_imports; "
    "raise SystemExit(lint_imports(no_cache=True))"
)


def test_imports_go_from_top_to_bottom():
    # Its own process: it keeps the standard output that it is imported under.
    done = subprocess.run(
        [sys.executable, "-c", LINT], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
