"""Models are pure Keras: they name no engine, and TensorFlow is one of two."""

import ast
import pathlib

import numpy as np
import pytest

import zoo.models
from experiments.export_weights import probe
from tests.integration.backends import environment

ROOM = pathlib.Path(zoo.models.__file__).parent
ENGINES = {"tensorflow", "jax", "torch"}
BUILD = """
import numpy as np
from zoo.models import create_model
for name, options in (
    ("mlp", {"hidden": 4}),
    ("cnn_cpncpnfdf", {"maps": 2, "dense_width": 4}),
    ("cnn_cnf", {"maps": 2, "norm": "local_response"}),
    ("resnet8", {}),
):
    model = create_model(name, 3, (8, 8, 1), **options)
    logits = np.asarray(model(np.ones((2, 8, 8, 1), "float32")))
    print(name, logits.shape, np.isfinite(logits).all())
"""


def imported(path):
    """Yields the package of every import in a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize(
    "path", sorted(ROOM.glob("*.py")), ids=lambda path: path.name
)
def test_no_engine_is_imported(path):
    assert not ENGINES & set(imported(path))


ANSWER = """
import sys
import numpy as np
import zoo
from zoo import pretrained
example = np.load(sys.argv[1])
for name in zoo.list_weights():
    model, _, weights = name.partition(":")
    trained = zoo.create_model(model, weights=weights)
    logits = trained.predict(example, verbose=0)
    wanted = pretrained.find(name).facts["probe"]
    print(np.allclose(logits, wanted, atol=1e-3))
"""


@pytest.mark.jax
def test_models_run_on_jax_where_there_is_no_tensorflow(python):
    done = environment.call(python, "-c", BUILD)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{name} (2, 3) True"
        for name in ("mlp", "cnn_cpncpnfdf", "cnn_cnf", "resnet8")
    ]


@pytest.mark.jax
def test_weights_answer_alike_on_jax_where_there_is_no_tensorflow(
    python, tmp_path
):
    np.save(tmp_path / "probe.npy", probe((28, 28, 1)))
    done = environment.call(python, "-c", ANSWER, tmp_path / "probe.npy")
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == {"True"}
