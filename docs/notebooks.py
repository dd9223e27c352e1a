"""How notebooks are kept: without outputs, and without traces of a machine.

    python -m docs.notebooks

brings every notebook of `notebooks/` into it; `make format` does so too.
"""

from __future__ import annotations

from pathlib import Path

import nbformat

FOLDER = Path(__file__).parent.parent / "notebooks"
METADATA = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}


def paths() -> list[Path]:
    """Returns every notebook, in the order of names."""
    return sorted(FOLDER.glob("*.ipynb"))


def stripped(text: str) -> str:
    """Returns a notebook without outputs, counts and traces of a machine.

    Args:
        text: of an `.ipynb` file, as Jupyter or Colab saved it.
    """
    notebook = nbformat.reads(text, as_version=4)
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        cell.id = f"cell-{number}"
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return nbformat.writes(notebook) + "\n"


def main() -> None:
    """Brings every notebook into form."""
    for path in paths():
        path.write_text(
            stripped(path.read_text(encoding="utf-8")), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
