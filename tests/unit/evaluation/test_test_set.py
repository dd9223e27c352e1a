"""Test images are out of reach of everything that trains.

import-linter checks what is imported as a statement; here are lazy imports.
"""

import ast
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import zoo
from zoo.data import load_dataset
from zoo.data.preprocess import fit_statistics
from zoo.evaluation.test_set import load_test_split


def imported(source):
    """Every dotted name that a module's import statements can mean.

    And what is asked of the package itself, as in `zoo.evaluate(run)`.
    """
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "zoo":
            names.add(f"zoo.{node.attr}")
        if isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            names.add(f"{dots}{node.module}")
            names |= {
                f"{dots}{node.module}.{alias.name}" for alias in node.names
            }
    return names


def spelled(source):
    """Every text of a module, as tables of lazy imports have them."""
    return {
        node.value.partition(":")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def reached(start):
    """Every module of zoo that the modules below a name can import.

    The package itself is a door for users: of it counts what is asked for.
    """
    root = Path(zoo.__file__).parent
    files = {}
    for path in root.rglob("*.py"):
        parts = path.relative_to(root.parent).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        files[".".join(parts)] = path
    del files["zoo"]
    found = {n for n in files if n == start or n.startswith(f"{start}.")}
    ahead = list(found)
    while ahead:
        source = files[ahead.pop()].read_text()
        names = imported(source)
        public = {f"zoo.{name}": m for name, m in zoo._MODULE_OF.items()}
        names |= {public.get(name) for name in names}
        new = (names | spelled(source)) & set(files) - found
        found |= new
        ahead += new
    return found


def test_no_chain_of_imports_leads_from_training_to_the_test_split():
    found = reached("zoo.training")
    assert {"zoo.data.loading", "zoo.models", "zoo.summaries"} <= found
    assert "zoo.evaluation.test_set" not in found
    assert not [name for name in found if name.startswith("zoo.evaluation")]


def test_a_chain_of_imports_that_leads_there_would_be_found():
    assert "zoo.evaluation.test_set" in reached("zoo.evaluation")


def test_a_use_of_the_public_function_would_be_found():
    assert "zoo.evaluate" in imported("import zoo\nzoo.evaluate('last')")


def make_folder(tmp_path):
    random = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        for i in range(30):
            pixels = random.integers(0, 256, (6, 8, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / label / f"{i}.png")
    return f"folder:{tmp_path}", 60


def make_npz(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (60, 6, 8), np.uint8)
    np.savez(tmp_path / "data.npz", x=images, y=np.arange(60) % 3)
    return f"npz:{tmp_path}/data.npz", 60


def make_points(tmp_path):
    points = np.random.default_rng(0).normal(size=(60, 2))
    lines = [f"{x},{y},{'ab'[int(x > 0)]}" for x, y in points]
    (tmp_path / "points.csv").write_text("\n".join(lines))
    return f"points:{tmp_path}/points.csv", 60


MAKERS = {
    "digits": lambda _: ("digits", 1_797),
    "spiral": lambda _: ("spiral", 1_000),
    "bumps": lambda _: ("bumps", 1_000),
    "folder": make_folder,
    "npz": make_npz,
    "points": make_points,
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("val_fraction", [0, 0.1, 0.5])
def test_train_val_and_test_are_disjoint_and_together_all(
    tmp_path, make, val_fraction
):
    name, count = make(tmp_path)
    data = load_dataset(name, val_fraction=val_fraction)
    test = load_test_split(name)
    assert len(test) == data.num_test_examples > 0
    parts = [
        {image.tobytes() for image in split.images}
        for split in (data.train, data.val, test)
    ]
    assert len(set().union(*parts)) == sum(map(len, parts))
    assert len(data.train) + len(data.val) + len(test) == count


def test_test_images_do_not_leak_into_statistics(tmp_path):
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (60, 6, 8), np.uint8)
    found = []
    for brightness in (0, 255):
        path = tmp_path / f"{brightness}.npz"
        x_test = np.full((9, 6, 8), brightness, np.uint8)
        y = np.arange(60) % 3
        np.savez(path, x=x, y=y, x_test=x_test, y_test=y[:9])
        data = load_dataset(f"npz:{path}")
        found.append(
            fit_statistics(data.train.images, "pixel", "std").to_json()
        )
    assert found[0] == found[1]
