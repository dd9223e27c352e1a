"""The public names, used as a notebook uses them."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import keras
import nbformat
import numpy as np
import pytest
from IPython.core.inputtransformer2 import TransformerManager

import zoo
from zoo.data import Dataset
from zoo.errors import UserError
from zoo.evaluation import evaluate
from zoo.evaluation.test_set import load_test_split
from zoo.lectures.runner import write_example_images
from zoo.models.inference import predict_batched

ROOT = Path(__file__).parents[2]


def python(code, *argv):
    """Runs a program in a Python of its own; returns what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, argv)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(autouse=True)
def data_dir(tmp_path_factory, monkeypatch):
    """Arrays are cached in a folder of this test alone."""
    folder = tmp_path_factory.mktemp("data")
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of one epoch on the digits."""
    runs_dir = str(tmp_path_factory.mktemp("runs"))
    return zoo.train(
        "lenet5", epochs=1, summaries=("none",), verbose=False,
        runs_dir=runs_dir,
    )  # fmt: skip


@pytest.fixture
def quick(tmp_path):
    """Options of a training that is soon over."""
    return {
        "steps": 2,
        "summaries": ("none",),
        "verbose": False,
        "runs_dir": str(tmp_path / "runs"),
    }


def test_every_public_name_is_there():
    for name in zoo.__all__:
        assert getattr(zoo, name) is not None
    assert set(zoo.__all__) <= set(dir(zoo))


def test_a_name_that_is_not_public_is_no_attribute():
    with pytest.raises(AttributeError, match="'tarin'"):
        zoo.tarin  # noqa: B018


def test_models_are_listed_by_wildcard():
    assert "wrn28_10" in zoo.list_models("wrn*")
    assert "lenet5" not in zoo.list_models("wrn*")


def test_a_created_model_predicts_logits():
    model = zoo.create_model("lenet5", num_classes=7)
    logits = model.predict(np.zeros((3, 28, 28, 1)), verbose=0)
    assert logits.shape == (3, 7)


def test_a_loaded_data_set_has_pixels_and_labels():
    data = zoo.load_dataset("digits", val_fraction=0.2)
    assert data.train.images.dtype == np.uint8
    assert len(data.val) == round(0.2 * (1797 - 360))


def test_a_mistake_is_a_value_error_with_the_sentence():
    with pytest.raises(ValueError, match="did you mean lenet5"):
        zoo.create_model("lenet")
    with pytest.raises(zoo.UserError, match="above 0"):
        zoo.TrainConfig(learning_rate=-1)


def test_a_run_is_found_again_and_its_model_loads(trained):
    run = zoo.load_run(str(trained.path))
    assert run.metrics["status"] == "completed"
    assert run.history[0]["epoch"] == 1
    digits = zoo.load_dataset("digits").val
    logits = run.load_model().predict(digits.images, verbose=0)
    right = (logits.argmax(axis=1) == digits.labels).mean()
    assert right == pytest.approx(run.metrics["best_val_accuracy"])


def test_a_person_trains_on_arrays_of_their_own(tmp_path):
    # Two classes that a single pixel tells apart.
    x = np.random.default_rng(0).integers(0, 256, (200, 6, 5))
    y = (x[:, 2, 2] > 127).astype(int)
    data = Dataset.from_arrays(x, y, class_names=["dark", "bright"])
    config = zoo.TrainConfig(
        model="lr", epochs=40, learning_rate=0.1, summaries=("none",),
        runs_dir=str(tmp_path),
    )  # fmt: skip
    run = zoo.train(config, data=data, verbose=False)
    assert run.resolved["data"]["class_names"] == ["dark", "bright"]
    assert run.metrics["best_val_accuracy"] >= 0.9
    with pytest.raises(zoo.UserError, match="arrays"):
        evaluate.evaluate_runs([run], "val")[0]


def test_a_registered_model_of_ones_own_is_trained(quick, table_of_models):
    def build(input_shape, num_classes, *, width: int = 4):
        image = keras.Input(input_shape)
        x = keras.layers.Flatten()(image)
        x = keras.layers.Dense(width, activation="relu", name="features")(x)
        logits = keras.layers.Dense(num_classes, name="logits")(x)
        return keras.Model(image, logits)

    zoo.register_model("my_own", build)
    run = zoo.train("my_own", model_arg={"width": 8}, **quick)
    assert run.metrics["parameters"] == 64 * 8 + 8 + 8 * 10 + 10


# What `zoo.train` takes.


def arrays(count, seed=0, size=6):
    """Gray images of two classes, which the pixel in the middle tells."""
    x = np.random.default_rng(seed).integers(0, 256, (count, size, size))
    return x, (x[:, 2, 2] > 127).astype(int)


IMAGES, OTHERS = arrays(60), arrays(9)


def test_a_name_a_data_set_and_options_are_enough(quick):
    run = zoo.train("lr", "moons", **quick)
    assert run.config.model == "lr" and run.config.dataset == "moons"
    assert run.metrics["steps"] == 2
    assert (run.path / "report.html").is_file()


def test_a_path_stands_for_the_data_set_in_it(quick, tmp_path):
    x, y = IMAGES
    np.savez(tmp_path / "data.npz", x=x.astype(np.uint8), y=y)
    run = zoo.train("lr", tmp_path / "data.npz", **quick)
    assert run.config.dataset == f"npz:{tmp_path}/data.npz"


def test_parts_of_arrays_are_cut_or_passed(quick):
    cut = zoo.train("lr", IMAGES, val_fraction=0.5, **quick)
    sizes = cut.resolved["data"]
    assert (sizes["train"], sizes["val"], sizes["test"]) == (30, 30, None)
    val, test = arrays(20, seed=1), arrays(10, seed=2)
    passed = zoo.train(
        "lr", IMAGES, validation_data=val, test_data=test, **quick
    )
    sizes = passed.resolved["data"]
    assert (sizes["train"], sizes["val"], sizes["test"]) == (60, 20, 10)


def test_arrays_are_evaluated_and_logged_as_the_test_set(quick):
    test = arrays(20, seed=2)
    run = zoo.train("lr", IMAGES, test_data=test, **quick)
    result = zoo.evaluate(run, "test", data=test, runs_dir=quick["runs_dir"])
    images = test[0][..., None].astype(np.float32)
    outputs = run.load_model().predict(images, verbose=0)
    assert result["correct"] == (outputs.argmax(axis=1) == test[1]).sum()
    assert result["test_evaluations"] == 1
    log = run.path.with_name("test_evaluations.jsonl").read_text()
    assert log.count("\n") == 1 and run.name in log
    with pytest.raises(zoo.UserError, match="has the class 7"):
        zoo.evaluate(run, "test", data=(test[0], test[1] + 6))


def test_arrays_are_not_evaluated_in_place_of_a_data_set(trained):
    with pytest.raises(zoo.UserError, match="trained on digits"):
        zoo.evaluate(trained, "test", data=OTHERS)


def test_a_keras_model_is_trained_from_its_weights_and_left_alone(quick):
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(10, name="logits"),
        ],
        name="my-model",
    )
    before = [np.array(weight) for weight in model.get_weights()]
    run = zoo.train(model, learning_rate=1e-12, **quick)
    assert run.config.model == "my_model"
    after = run.load_model().get_weights()
    trained = [w for w in after if w.shape in ((64, 10), (10,))]
    for kept, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(kept, old)
    assert len(trained) == 2
    for new, old in zip(trained, before, strict=True):
        np.testing.assert_allclose(new, old, atol=1e-6)


def test_callbacks_are_called_as_in_one_fit(quick):
    called = []
    callback = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: called.append("begin"),
        on_epoch_end=lambda epoch, logs: called.append(epoch),
        on_train_end=lambda logs: called.append("end"),
    )
    del quick["steps"]
    zoo.train("lr", "moons", epochs=3, callbacks=[callback], **quick)
    assert called == ["begin", 0, 1, 2, "end"]


def test_a_builder_may_be_changed_and_trained_again(quick):
    for units in (3, 4):

        def small(input_shape, num_classes, units=units):
            return keras.Sequential(
                [
                    keras.Input(input_shape),
                    keras.layers.Flatten(),
                    keras.layers.Dense(units),
                    keras.layers.Dense(num_classes),
                ]
            )

        run = zoo.train(small, **quick)
        expected = 64 * units + units + units * 10 + 10
        assert run.metrics["parameters"] == expected


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"model": "lenet"}, "did you mean lenet5"),
        ({"model": 7}, "7 is not a model"),
        ({"model": 7, "data": IMAGES}, "7 is not a model"),
        ({"model": "lenet", "data": IMAGES}, "did you mean lenet5"),
        ({"data": "mnits"}, "did you mean mnist"),
        ({"data": 7}, "7 is not a dataset"),
        ({"dropuot": 0.5}, "did you mean dropout"),
        ({"validation_data": OTHERS}, "go with arrays"),
        (
            {"data": IMAGES, "validation_data": arrays(9, size=7)},
            r"have the shape \(7, 7, 1\)",
        ),
        (
            {"data": IMAGES, "validation_data": OTHERS, "val_fraction": 0.1},
            "does not go with validation_data",
        ),
        (
            {"data": IMAGES, "validation_data": OTHERS, "val_fraction": 0},
            "val_fraction=0 does not go with validation_data",
        ),
        (
            {"data": IMAGES, "test_data": (arrays(3)[0], [0, 1, 2])},
            "test_data has the class 2",
        ),
    ],
)
def test_what_train_cannot_take_is_refused_in_a_sentence(
    quick, tmp_path, arguments, sentence
):
    with pytest.raises(zoo.UserError, match=sentence):
        zoo.train(**arguments, **quick)
    assert list(tmp_path.iterdir()) == []


def test_a_run_on_arrays_is_resumed_with_them(tmp_path):
    from zoo.training.console import TrainingConsole
    from zoo.training.train import train

    data = Dataset.from_arrays(*IMAGES, val_fraction=0.3)
    config = zoo.TrainConfig(
        model="lr", epochs=2, summaries=("none",), runs_dir=str(tmp_path)
    )
    half = train(
        config, data, console=TrainingConsole(quiet=True), until_epoch=1
    )
    assert half.metrics.get("status") != "completed"
    done = zoo.resume(half.name, IMAGES, verbose=False, runs_dir=str(tmp_path))
    assert done.metrics["status"] == "completed"


# Functions that take names.


def test_functions_take_a_name_a_prefix_or_a_folder(trained):
    runs_dir = str(trained.path.parent)
    accuracy = zoo.evaluate(trained)["accuracy"]
    for name in (trained.name, trained.path):
        found = zoo.evaluate(name, runs_dir=runs_dir)
        assert found["accuracy"] == accuracy
    assert zoo.list_runs(runs_dir)[0].name == trained.name
    assert zoo.load_run(trained.name, runs_dir).path == trained.path


def test_a_test_set_is_not_evaluated_by_a_prefix(trained):
    runs_dir = str(trained.path.parent)
    with pytest.raises(zoo.UserError, match=trained.name):
        zoo.evaluate("last", "test", runs_dir=runs_dir)


def test_a_report_is_written_where_it_is_asked_for(trained, tmp_path):
    path = zoo.report(trained, out=tmp_path / "page.html")
    assert path.read_text().startswith("<!doctype html>")
    with pytest.raises(zoo.UserError, match="exists already"):
        zoo.report(trained, out=tmp_path / "page.html")


def test_models_and_data_sets_are_listed_and_described():
    assert "mnist" in zoo.list_datasets()
    described = zoo.describe("lr")
    assert described["totals"]["trainable"] == 7850
    assert "7,850" in str(described)


def test_sanity_checks_return_a_row_each():
    result = zoo.check("lr")
    assert result["ok"] and len(result["checks"]) == 5
    assert "not ok" not in str(result)


@pytest.mark.slow
def test_data_and_a_dataset_are_not_evaluated_together(trained):
    with pytest.raises(UserError, match="give one of them"):
        zoo.evaluate(trained, data=IMAGES, dataset="mnist")


def test_the_model_is_by_default_that_of_the_weights(quick):
    first = zoo.train("lr", "digits", **quick)
    again = zoo.train(weights=first.name, data="digits", **quick)
    assert again.config.model == "lr"


# Types.


def test_the_types_of_the_options_are_up_to_date():
    from docs import train_options

    assert train_options.PATH.read_text() == train_options.source()


def test_the_stub_names_what_the_package_does():
    import ast

    tree = ast.parse((Path(zoo.__file__).parent / "__init__.pyi").read_text())
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    assert sorted(ast.literal_eval(assigned[-1].value)) == zoo.__all__


SCRIPT = """
import zoo
reveal_type(zoo.TrainConfig(model="lr").seed)
run = zoo.train("lr", "digits", epochs=3, optimizer="adam")
reveal_type(run.path)
reveal_type(zoo.create_model)
zoo.train("lr", epochz=3)
zoo.train("lr", optimizer="adamm")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A Python with the wheel of zoo, and packages of this one besides."""
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run([*build, "-d", folder], cwd=ROOT, check=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv")
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "venv" / "bin" / "python"


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["mypy", "basedpyright"])
def test_type_checkers_see_the_installed_functions_and_their_options(
    installed, tmp_path, checker
):
    pytest.importorskip(checker)
    (tmp_path / "script.py").write_text(SCRIPT)
    words = {
        "mypy": [f"--python-executable={installed}", "--cache-dir=/dev/null"],
        "basedpyright": [f"--pythonpath={installed}"],
    }
    done = subprocess.run(
        [sys.executable, "-m", checker, *words[checker], "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    lines = [line for line in done.stdout.splitlines() if "script.py" in line]
    text = "\n".join(lines)
    assert re.search(r"script\.py:3:.*int", text), done.stdout
    assert re.search(r"script\.py:5:.*Path", text), done.stdout
    assert re.search(r"script\.py:6:.*num_classes", text), done.stdout
    assert re.search(r"script\.py:7:.*epochz", text), done.stdout
    assert re.search(r"script\.py:8:.*adamm", text), done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("checker", ["mypy", "basedpyright"])
@pytest.mark.parametrize("name", ["own_model_and_data", "your_own_images"])
def test_type_checkers_find_no_error_in_a_notebook(
    installed, tmp_path, checker, name
):
    pytest.importorskip(checker)
    notebook = nbformat.read(ROOT / f"notebooks/{name}.ipynb", as_version=4)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    code = TransformerManager().transform_cell("\n\n".join(cells))
    code = re.sub(r"get_ipython\(\)\.run_line_magic\(.*\)", "pass", code)
    (tmp_path / "script.py").write_text(code)
    # Keras and scikit-learn have no types of their own.
    settings = {"typeCheckingMode": "standard", "useLibraryCodeForTypes": False}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    words = {
        "mypy": [
            f"--python-executable={installed}",
            "--cache-dir=/dev/null",
            "--ignore-missing-imports",
        ],
        "basedpyright": [f"--pythonpath={installed}", "--level=error"],
    }
    done = subprocess.run(
        [sys.executable, "-m", checker, *words[checker], "script.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


# What is imported, and when.

IMPORTED = """
import contextlib, io, sys
import zoo
from zoo.__main__ import main
heavy = {"keras", "tensorflow", "tensorboard", "sklearn", "scipy", "PIL"}
for argv in [[], *(text.split(",") for text in sys.argv[1:])]:
    with contextlib.redirect_stdout(io.StringIO()):
        code = main(argv) if argv else 0
    print(code, *argv, *sorted(heavy & set(sys.modules)))
"""


def test_looking_around_imports_nothing_heavy():
    commands = [
        "--help", "models", "datasets", "recipes", "runs", "train,--help",
        "train,--helpfull", "resume,--help", "evaluate,--help",
    ]  # fmt: skip
    assert python(IMPORTED, *commands).splitlines() == [
        "0",
        *(f"0 {argv.replace(',', ' ')}" for argv in commands),
    ]


def test_a_mistake_in_the_flags_is_answered_without_keras():
    answer = python(IMPORTED, "train,--model=lenet")
    assert answer == "0\n2 train --model=lenet\n"


# The saved model, where there is no zoo.

WITHOUT_ZOO = """
import json, sys
class NoZoo:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "zoo":
            raise ImportError("there is no zoo here")
sys.meta_path.insert(0, NoZoo())
import keras
import numpy as np
model = keras.models.load_model(sys.argv[1])
images = np.load(sys.argv[2])
logits = [
    model.predict(images.astype(kind), verbose=0)
    for kind in ("uint8", "float32", "float64")
]
assert "zoo" not in sys.modules
np.save(sys.argv[3], logits)
"""


@pytest.mark.slow
def test_the_saved_model_gives_the_scored_logits_where_there_is_no_zoo(
    trained, tmp_path
):
    sealed = load_test_split("digits")
    np.save(tmp_path / "images.npy", sealed.images)
    python(
        WITHOUT_ZOO,
        trained.path / "model.keras",
        tmp_path / "images.npy",
        tmp_path / "logits.npy",
    )
    scored = predict_batched(trained.load_model(), sealed.images)
    for logits in np.load(tmp_path / "logits.npy"):
        np.testing.assert_allclose(logits, scored, rtol=1e-4, atol=1e-4)
        right = int((logits.argmax(axis=1) == sealed.labels).sum())
        assert right == evaluate.evaluate_runs([trained], "test")[0]["correct"]


def test_float_pixels_are_not_cut_to_whole_numbers(trained):
    model = trained.load_model()
    image = np.full((1, 8, 8, 1), 100.0, np.float32)
    whole = model.predict(image, verbose=0)
    between = model.predict(image + 0.5, verbose=0)
    assert not np.array_equal(whole, between)


# TensorFlow without its messages.

QUIET_CODE = """
import os, sys
import zoo
zoo.quiet()
import tensorflow as tf
tf.constant(1) + 1
tf.get_logger().warning("a hint")
tf.get_logger().error("an error")
os.write(2, b"still here")
print("still there")
"""


@pytest.mark.slow  # TensorFlow starts in a process of its own
def test_a_quiet_tensorflow_prints_only_errors():
    # As a notebook: whoever set the level has not asked to be quiet.
    level = "TF_CPP_MIN_LOG_LEVEL"
    unset = {k: v for k, v in os.environ.items() if k != level}
    done = subprocess.run(
        [sys.executable, "-c", QUIET_CODE],
        cwd=ROOT,
        env=unset,
        capture_output=True,
        text=True,
        check=True,
    )
    printed = (done.stdout + done.stderr).splitlines()
    told = [line for line in printed if "an error" not in line]
    assert sorted(told) == ["still here", "still there"]
    assert len(printed) == 3


def test_a_mistake_in_an_option_is_told_before_data_are_read():
    class Unread(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            raise AssertionError("read")

    with pytest.raises(UserError, match="no option 'epoch'.*epochs"):
        zoo.train("lr", Unread(), epoch=3)


def test_an_option_of_image_files_goes_with_a_folder(quick, tmp_path):
    write_example_images(tmp_path / "photos")
    photos = str(tmp_path / "photos")
    run = zoo.train("lr", photos, group_by="near_duplicates", **quick)
    assert run.config.group_by == "near_duplicates"


@pytest.mark.report
def test_no_command_is_printed_that_needs_a_model_of_this_process(
    tmp_path, capsys
):
    inputs = keras.Input((8, 8, 1))
    flat = keras.layers.Flatten()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(10)(flat))
    run = zoo.train(
        model, "digits", steps=2, run_name="own", runs_dir=str(tmp_path)
    )
    printed = capsys.readouterr().out + str(zoo.diagnose(run))
    assert "zoo.train with" in printed and "--like" not in printed
    page = (run.path / "report.html").read_text()
    assert "zoo train --" not in page
    assert "The model of this run was passed to" in page
