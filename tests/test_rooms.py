"""Imports go from top to bottom, as `[tool.importlinter]` has it.

`make lint` checks the same; here a change is tested before it lands.
"""

from importlinter.cli import lint_imports


def test_imports_go_from_top_to_bottom(capsys):
    failed = lint_imports(no_cache=True)
    assert not failed, capsys.readouterr().out
