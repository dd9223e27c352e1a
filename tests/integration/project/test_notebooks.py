"""The notebooks run as they stand, and are kept without outputs."""

import ast
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from docs import notebooks
from zoo.data.street_digits import render

ROOT = Path(__file__).parents[3]
PATHS = notebooks.paths()
# What each is told in place of its own parameters, so that it takes seconds.
SMOKE = {
    "backpropagation": {"EPOCHS": 1},
    "first_run": {"EPOCHS": 1},
    "house_numbers": {
        "DATASET": "npz:few.npz",
        "TRAIN_EXAMPLES": 200,
        "EPOCHS": 1,
        "STEPS": 4,
    },
    "own_model_and_data": {"EPOCHS": 1},
    "plane": {"EPOCHS": 2},
    "your_own_images": {"EPOCHS": 1, "IMAGES": 12},
}

each = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def read(path):
    """Returns a notebook."""
    return nbformat.read(path, as_version=4)


def code(notebook):
    """Returns its cells of code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def parameters(notebook):
    """Returns the cell in which a reader sets how much is done."""
    (cell,) = (
        cell
        for cell in notebook.cells
        if "parameters" in cell.metadata.get("tags", ())
    )
    return cell


def test_every_notebook_has_its_smoke_scale():
    assert {path.stem for path in PATHS} == set(SMOKE)


@each
def test_it_is_kept_stripped(path):
    text = path.read_text()
    assert notebooks.stripped(text) == text


def test_stripping_takes_away_what_a_session_left():
    cell = nbformat.v4.new_code_cell("1 + 1", execution_count=7)
    cell.outputs = [nbformat.v4.new_output("stream", text="2")]
    cell.metadata = {"tags": ["parameters"], "colab": {"height": 40}}
    worked = nbformat.v4.new_notebook(cells=[cell])
    worked.metadata = {"kernelspec": {"name": "mine", "display_name": "me"}}
    kept = nbformat.reads(notebooks.stripped(nbformat.writes(worked)), 4)
    assert kept.cells[0].source == "1 + 1"
    assert kept.cells[0].outputs == []
    assert kept.cells[0].execution_count is None
    assert kept.cells[0].metadata == {"tags": ["parameters"]}
    assert kept.metadata == notebooks.METADATA


@each
def test_every_cell_parses(path):
    for cell in code(read(path)):
        ast.parse(TransformerManager().transform_cell(cell.source))


@each
def test_it_names_no_machine(path):
    text = path.read_text()
    found = re.findall(r"https?://|/(?:home|root|tmp|Users|content)/", text)
    assert found == []


@each
def test_readme_names_it(path):
    assert f"({path.relative_to(ROOT)})" in (ROOT / "README.md").read_text()


@each
def test_the_smoke_scale_sets_what_the_notebook_sets(path):
    tree = ast.parse(parameters(read(path)).source)
    assert all(isinstance(line, ast.Assign) for line in tree.body)
    names = {line.targets[0].id for line in tree.body}
    assert names == set(SMOKE[path.stem])


@each
def test_it_asks_its_reader_something(path):
    last = read(path).cells[-1]
    assert last.cell_type == "markdown"
    assert "## Try" in last.source
    assert 2 <= len(re.findall(r"^\d\. ", last.source, re.MULTILINE)) <= 3


@pytest.mark.slow
@each
def test_it_runs_from_its_first_cell_to_its_last(path, tmp_path, monkeypatch):
    from nbclient import NotebookClient

    if path.stem == "house_numbers":
        few(tmp_path / "few.npz")
    notebook = read(path)
    smoke = [f"{name} = {value!r}" for name, value in SMOKE[path.stem].items()]
    parameters(notebook).source += "\n" + "\n".join(smoke)
    # The kernel is a process of its own, whose folder is an empty one.
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    # Under pytest a kernel would not show what C++ code prints.
    for name in ("MPLBACKEND", "TF_CPP_MIN_LOG_LEVEL", "PYTEST_CURRENT_TEST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()
    outputs = [output for cell in code(notebook) for output in cell.outputs]
    assert complaints(outputs) == []
    assert any("image/png" in one.get("data", {}) for one in outputs)
    assert list((tmp_path / "runs").glob("*/model.keras"))


def few(path):
    """Writes the first of the house numbers, as few as a test needs."""
    split = render(300, seed=0)
    np.savez(path, x=split.images, y=split.labels)


def complaints(outputs):
    """Returns what was printed to standard error."""
    return [one.text for one in outputs if one.get("name") == "stderr"]
