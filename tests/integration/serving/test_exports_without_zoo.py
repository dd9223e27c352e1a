"""Exports where the zoo is not: other programs give the run's own logits.

ONNX Runtime, TensorFlow, Keras and plain Python code each read all exports in a
process of their own, which cannot import the zoo, nor the libraries that it
must not need.
(TensorFlow imports Keras itself, whatever it loads.)
"""

import json
import subprocess
import sys
import textwrap
from importlib.util import find_spec

import numpy as np
import pytest

from tests.integration.serving.conftest import trained
from zoo.evaluation.evaluate import load_split
from zoo.serving.export import export
from zoo.serving.formats import FORMATS

pytestmark = [
    pytest.mark.slow,
    # Keras's own saving, with NumPy 2.4.
    pytest.mark.filterwarnings("ignore:__array__ implementation"),
]

MODELS = (
    "lr", "mlp", "lenet5", "cnn_cpncpnfdf", "inception", "alexnet_lite",
    "resnet20", "wrn16_1", "wrn16_4", "knn",
)  # fmt: skip
IN_COLOR = {"dataset": "npz:{folder}/data.npz"}
RUNS = {
    **{name: {"model": name} for name in MODELS},
    "color": {"model": "wrn16_1", **IN_COLOR},
    "edges": {"model": "lr", "features": "hog"},
    "edges_in_color": {"model": "lr", "features": "hog", **IN_COLOR},
    "words": {"model": "lr", "features": "bag_of_visual_words"},
    "colors": {"model": "lr", "features": "color_histogram", **IN_COLOR},
    "points": {"model": "mlp", "dataset": "moons"},
}
SUFFIXES = {
    "onnx": ".onnx",
    "saved_model": "",
    "keras": ".keras",
    "python": "-python",
}
# Keras code makes the same operations in the same order.
TOLERANCES = {"python": 1e-6}

READER = """
    import json, pathlib, sys
    import numpy as np

    class Blocker:
        names = sys.argv[2].split(",")
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in self.names:
                raise ImportError(f"{name} is not to be needed")

    sys.meta_path.insert(0, Blocker())
    folder, found = pathlib.Path(sys.argv[1]), {}

    def read(name, saved):
    LOAD
        return outputs, about

    for path in sorted(folder.glob("*.npz")):
        saved = np.load(path)
        outputs, about = read(path.stem, saved)
        logits, shares = (
            np.asarray(outputs[key]) for key in ("logits", "probabilities")
        )
        same = shares.argmax(axis=1) == saved["logits"].argmax(axis=1)
        found[path.stem] = {
            "logits": float(np.abs(logits - saved["logits"]).max()),
            "sums": float(np.abs(shares.sum(axis=1) - 1).max()),
            "equal": int(same.sum()),
            "examples": len(logits),
            "class_names": about["class_names"],
        }
    print(json.dumps(found))
"""
LOADERS = {
    "onnx": (
        "zoo,tensorflow,keras,onnx,tf2onnx",
        """
        import onnxruntime
        session = onnxruntime.InferenceSession(folder / f"{name}.onnx")
        (given,) = session.get_inputs()
        values = session.run(None, {given.name: saved["examples"]})
        keys = [output.name for output in session.get_outputs()]
        outputs = dict(zip(keys, values))
        about = session.get_modelmeta().custom_metadata_map
        about = {"class_names": json.loads(about["class_names"])}
        """,
    ),
    "saved_model": (
        "zoo,onnx,tf2onnx",
        """
        import tensorflow as tf
        loaded = tf.saved_model.load(str(folder / name))
        served = loaded.signatures["serving_default"]
        (given,) = served.structured_input_signature[1]
        outputs = served(**{given: tf.constant(saved["examples"])})
        text = (folder / name / "assets.extra" / "about.json").read_text()
        about = json.loads(text)
        """,
    ),
    "keras": (
        "zoo,onnx,tf2onnx",
        """
        import keras, zipfile
        model = keras.models.load_model(folder / f"{name}.keras")
        outputs = model(saved["examples"])
        with zipfile.ZipFile(folder / f"{name}.keras") as archive:
            about = json.loads(archive.read("about.json"))
        """,
    ),
    "python": (
        "zoo,onnx,tf2onnx",
        """
        import runpy
        place = folder / f"{name}-python"
        model = runpy.run_path(str(place / "model.py"))["load"]()
        outputs = model.predict(saved["examples"], verbose=0)
        about = json.loads((place / "about.json").read_text())
        """,
    ),
}


def program(load):
    """Returns the code of a process that reads every export."""
    body = textwrap.indent(textwrap.dedent(load), " " * 4)
    return textwrap.dedent(READER).replace("LOAD", body)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """What each program says of each export, by format and run."""
    written = [form for form in SUFFIXES if not missing(form)]
    work, folder = (tmp_path_factory.mktemp(name) for name in ("work", "out"))
    np.savez(
        work / "data.npz",
        x=np.random.default_rng(0).integers(0, 256, (60, 16, 16, 3), np.uint8),
        y=np.arange(60) % 3,
        class_names=np.array(["cat", "dog", "emu"]),
    )
    for name, options in RUNS.items():
        options = {k: v.format(folder=work) for k, v in options.items()}
        steps = None if name == "knn" else 6
        run = trained(work / "runs", name, steps=steps, **options)
        for form in written:
            export(run, form, str(folder / f"{name}{SUFFIXES[form]}"))
        examples = load_split(run, "val").images[:256].astype(np.float32)
        logits = run.load_model().predict(examples, verbose=0)
        np.savez(folder / f"{name}.npz", examples=examples, logits=logits)
    return {form: read_back(folder, form) for form in written}


def missing(form):
    """Returns the packages that a format needs and that are not here."""
    packages = FORMATS[form].packages
    return [name for name in packages if find_spec(name) is None]


def read_back(folder, form):
    blocked, load = LOADERS[form]
    words = [str(folder), blocked]
    done = subprocess.run(
        [sys.executable, "-I", "-c", program(load), *words],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def skip_without_packages(form):
    if packages := missing(form):
        pytest.skip(f"{form} needs {packages}")


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("form", SUFFIXES)
def test_a_program_without_the_zoo_gives_the_same_predictions(
    elsewhere, form, name
):
    skip_without_packages(form)
    found = elsewhere[form][name]
    assert found["logits"] < TOLERANCES.get(form, 1e-4)
    assert found["sums"] < 1e-5
    assert found["equal"] == found["examples"]


@pytest.mark.parametrize("form", SUFFIXES)
def test_the_names_of_the_classes_travel_with_it(elsewhere, form):
    skip_without_packages(form)
    assert elsewhere[form]["color"]["class_names"] == ["cat", "dog", "emu"]
    assert elsewhere[form]["lr"]["class_names"] == list("0123456789")
