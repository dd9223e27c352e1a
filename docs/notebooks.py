"""How notebooks are kept: with small outputs, without traces of a machine.

    python -m docs.notebooks                      brings all into that form, as
                                                  `make format` does
    python -m docs.notebooks --execute NAME...    runs some first, in an empty
                                                  folder, and stores the outputs

Text, tables and images are kept, up to `MAX_OUTPUT` bytes each and
`MAX_NOTEBOOK` a notebook; a note stands in place of what is larger.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
MAX_OUTPUT = 80_000  # bytes, as stored
MAX_NOTEBOOK = 400_000  # of all outputs together
NUM_COLORS = 64  # of an image that is too large in full color
TIMEOUT = 1200  # seconds, of one cell
# Of an output that has several, the first that is small enough is kept.
KINDS = ("image/png", "image/gif", "text/html", "text/plain")
# An absolute path, of which the last part says enough.
MACHINE_PATH = re.compile(
    r"(?<![\w~/.:<])(?:[A-Za-z]:\\|/)"
    r"(?:home|root|tmp|Users|content|private|mnt|opt|usr|var|work)\b"
    r"[^\s'\"<>()\[\]]*[/\\]"
)
NOTE = "[left out: {kind} of {size:,} bytes]"


def paths() -> list[Path]:
    """Returns every notebook, in the order of names."""
    return sorted(FOLDER.glob("*.ipynb"))


def tidied(text: str) -> str:
    """Returns a notebook with small outputs, without traces of a machine.

    Args:
        text: Of an `.ipynb` file, as Jupyter or Colab saved it.
    """
    notebook = nbformat.reads(text, as_version=4)
    notebook.metadata = nbformat.from_dict(METADATA)
    code = []
    for number, cell in enumerate(notebook.cells):
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        cell.id = f"cell-{number}"
        if cell.cell_type == "code":
            cell.execution_count = None
            kept = map(_tidy_output, cell.outputs)
            cell.outputs = [output for output in kept if output]
            code.append(cell)
    _leave_out_largest([output for cell in code for output in cell.outputs])
    return nbformat.writes(notebook) + "\n"


def size(output: Any) -> int:
    """Returns the bytes that an output takes."""
    return len(json.dumps(output))


def _tidy_output(output: Any) -> Any:
    """Returns an output as it is kept; `None` if it is not."""
    kind = output.output_type
    if kind == "stream" and output.name == "stdout":
        text = _without_machine(_last_lines(output.text))
        kept = nbformat.v4.new_output("stream", name="stdout", text=text)
        return _small(kept, "text")
    if kind not in ("execute_result", "display_data"):
        return None  # warnings and errors
    forms = [
        nbformat.v4.new_output(
            kind, data={name: _tidy_value(name, output.data[name])}
        )
        for name in KINDS
        if name in output.data
    ]
    if not forms:
        return None
    fitting = (form for form in forms if size(form) <= MAX_OUTPUT)
    return next(fitting, None) or _small(forms[0], next(iter(forms[0].data)))


def _tidy_value(kind: str, value: str) -> str:
    if kind == "image/png" and len(value) > MAX_OUTPUT:
        return _with_fewer_colors(value)
    return _without_machine(value) if kind.startswith("text/") else value


def _small(output: Any, kind: str) -> Any:
    """Returns an output, or a note in its place where it is too large."""
    if size(output) <= MAX_OUTPUT:
        return output
    note = NOTE.format(kind=kind, size=size(output))
    return nbformat.v4.new_output("display_data", data={"text/plain": note})


def _leave_out_largest(outputs: Sequence[Any]) -> None:
    """Replaces the largest outputs until all together are small enough."""
    for output in sorted(outputs, key=size, reverse=True):
        if sum(map(size, outputs)) <= MAX_NOTEBOOK:
            return
        kind = next(iter(output.get("data", {"text": ""})))
        note = NOTE.format(kind=kind, size=size(output))
        small = nbformat.v4.new_output(
            "display_data", data={"text/plain": note}
        )
        output.clear()
        output.update(small)


def _last_lines(text: str) -> str:
    """Returns what a terminal shows where lines were written over."""
    return "\n".join(line.split("\r")[-1] for line in text.split("\n"))


def _without_machine(text: str) -> str:
    return MACHINE_PATH.sub("", text)


def _with_fewer_colors(encoded: str) -> str:
    """Returns a PNG in base64 with a palette, less than half as large."""
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        small = image.convert("RGB").quantize(
            NUM_COLORS, dither=Image.Dither.NONE
        )
    written = io.BytesIO()
    small.save(written, "PNG", optimize=True)
    return base64.b64encode(written.getvalue()).decode()


def execute(path: Path) -> str:
    """Returns a notebook with the outputs of a run in an empty folder."""
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    root = str(FOLDER.parent)
    os.environ["PYTHONPATH"] = root
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=TIMEOUT, resources=resources).execute()
    return nbformat.writes(notebook)


def main(argv: list[str] | None = None) -> None:
    """Brings every notebook into form; executes those that are named."""
    parser = argparse.ArgumentParser("python -m docs.notebooks")
    parser.add_argument("--execute", nargs="+", metavar="NAME", default=())
    flags = parser.parse_args(argv)
    for path in paths():
        text = path.read_text(encoding="utf-8")
        if path.stem in flags.execute:
            text = execute(path)
        path.write_text(tidied(text), encoding="utf-8")


if __name__ == "__main__":
    main()
