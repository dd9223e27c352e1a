"""The notebooks run as they stand, and are kept with small outputs."""

import ast
import base64
import io
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from PIL import Image

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
def test_it_is_kept_in_its_form(path):
    text = path.read_text()
    assert notebooks.tidied(text) == text


@each
def test_its_outputs_are_kept_where_they_are_small(path):
    outputs = [one for cell in code(read(path)) for one in cell.outputs]
    assert all(notebooks.size(one) <= notebooks.MAX_OUTPUT for one in outputs)
    assert sum(map(notebooks.size, outputs)) <= notebooks.MAX_NOTEBOOK


def tidied_outputs(*outputs, **metadata):
    """Returns what is kept of the outputs of a cell, and the cell."""
    cell = nbformat.v4.new_code_cell("1 + 1", execution_count=7, **metadata)
    cell.outputs = list(outputs)
    worked = nbformat.v4.new_notebook(cells=[cell])
    worked.metadata = {"kernelspec": {"name": "mine", "display_name": "me"}}
    kept = nbformat.reads(notebooks.tidied(nbformat.writes(worked)), 4)
    assert kept.metadata == notebooks.METADATA
    return kept.cells[0].outputs, kept.cells[0]


def new_output(**data):
    return nbformat.v4.new_output(
        "display_data", data={k.replace("_", "/"): v for k, v in data.items()}
    )


def test_tidying_takes_away_what_a_session_left():
    metadata = {"tags": ["parameters"], "colab": {"height": 40}}
    outputs, cell = tidied_outputs(metadata=metadata)
    assert (cell.source, outputs) == ("1 + 1", [])
    assert cell.execution_count is None
    assert cell.metadata == {"tags": ["parameters"]}


def test_warnings_and_errors_are_not_kept():
    warning = nbformat.v4.new_output("stream", name="stderr", text="oh")
    error = nbformat.v4.new_output("error", ename="E", evalue="", traceback=[])
    assert tidied_outputs(warning, error)[0] == []


@pytest.mark.parametrize(
    "text, kept",
    [
        ("in /home/me/zoo/runs/lr", "in lr"),
        ("'/content/a/b.png' and 'c/d.png'", "'b.png' and 'c/d.png'"),
        (r"C:\Users\me\x.png", "x.png"),
        ("10/tmp is 1/2 of https://home/x/y", "10/tmp is 1/2 of https://home/x/y"),
    ],
)  # fmt: skip
def test_folders_of_a_machine_are_not_kept(text, kept):
    (output,), _ = tidied_outputs(new_output(text_plain=text))
    assert output.data == {"text/plain": kept}


def test_a_line_that_was_written_over_is_kept_once():
    progress = nbformat.v4.new_output(
        "stream", name="stdout", text="1/2\r2/2\ndone\n"
    )
    assert tidied_outputs(progress)[0][0].text == "2/2\ndone\n"


def test_of_an_image_and_its_name_the_image_is_kept():
    figure = new_output(text_plain="<Figure>", image_png=png(4))
    assert set(tidied_outputs(figure)[0][0].data) == {"image/png"}


def test_a_large_image_loses_colors_and_one_that_stays_large_is_left_out():
    (small,), _ = tidied_outputs(new_output(image_png=png(190)))
    assert notebooks.size(small) < notebooks.MAX_OUTPUT < len(png(190))
    (note,), _ = tidied_outputs(new_output(image_png=png(400)))
    assert note.data["text/plain"].startswith("[left out: image/png of ")


def test_of_a_table_that_is_too_large_its_text_is_kept():
    table = new_output(text_html="x" * 100_000, text_plain="a table")
    assert tidied_outputs(table)[0][0].data == {"text/plain": "a table"}


def test_the_largest_of_many_outputs_are_left_out():
    tables = [new_output(text_html="x" * n) for n in range(40_000, 49_000, 800)]
    outputs, _ = tidied_outputs(*tables)
    assert sum(map(notebooks.size, outputs)) <= notebooks.MAX_NOTEBOOK
    kept = ["text/html" in one.data for one in outputs]
    assert kept == sorted(kept, reverse=True) and any(kept)


def png(side):
    """Returns an image of noise in base64, incompressible."""
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), "uint8")
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return base64.b64encode(written.getvalue()).decode()


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
        few = render(300, seed=0)
        np.savez(tmp_path / "few.npz", x=few.images, y=few.labels)
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
    assert [one.text for one in outputs if one.get("name") == "stderr"] == []
    assert any("image/png" in one.get("data", {}) for one in outputs)
    assert list((tmp_path / "runs").glob("*/model.keras"))
