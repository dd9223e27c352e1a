"""Every kind of data trains to the weights of `--dataset=digits`, bit for bit.

The parts are those of digits; how they come to the training differs.
"""

import csv
import shutil
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from PIL import Image

import zoo
from tests.integration.training.weights import assert_equal_weights
from zoo.evaluation.test_set import load_test_split

MODELS = ("mlp", "lenet5")


@pytest.fixture(autouse=True)
def data_dir(tmp_path, monkeypatch):
    """A cache of this test alone."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture(scope="module")
def parts():
    """Returns images and labels of each split of digits."""
    digits = zoo.load_dataset("digits")
    test = load_test_split("digits")
    return {
        "train": (digits.train.images, digits.train.labels),
        "val": (digits.val.images, digits.val.labels),
        "test": (test.images, test.labels),
    }


def train(model, data, folder, **options):
    options = {"epochs": 2, "summaries": ("none",), "verbose": False} | options
    return zoo.train(model, data, runs_dir=str(folder), **options)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """Returns a run of each model on --dataset=digits."""
    folder = tmp_path_factory.mktemp("expected")
    return {model: train(model, "digits", folder) for model in MODELS}


class HuggingFace:
    """What a `datasets.Dataset` has that is used, and no more."""

    def __init__(self, x, y):
        names = [str(k) for k in range(10)]
        self.features = {
            "image": type("Image", (), {})(),
            "label": type("ClassLabel", (), {"names": names})(),
        }
        self.column_names = ["image", "label"]
        self._x, self._y = x, y

    def __len__(self):
        return len(self._x)

    def __getitem__(self, rows):
        pictures = [Image.fromarray(x[..., 0]) for x in self._x[rows]]
        return {"image": pictures, "label": self._y[rows].tolist()}


class Batches(keras.utils.PyDataset):
    """Batches of 50 as a PyDataset gives them."""

    def __init__(self, x, y):
        super().__init__()
        self._x, self._y = x, y

    @property
    def num_batches(self):
        return -(-len(self._x) // 50)

    def __getitem__(self, index):
        rows = slice(50 * index, 50 * index + 50)
        return self._x[rows], self._y[rows]


class Frame:
    """What a DataFrame has that is used, and no more."""

    iloc = None

    def __init__(self, columns):
        self._columns = columns
        self.columns = list(columns)

    def __getitem__(self, name):
        return self._columns[name]


def as_frame(x, y, folder):
    paths = []
    for image in x:
        number = len(list(folder.glob("*.png")))
        paths.append(folder / f"{number:05d}.png")
        Image.fromarray(image[..., 0]).save(paths[-1])
    return Frame({"path": paths, "label": y})


def as_scaled_one_hot(x, y, folder):
    return x.astype("float32") / 255, keras.utils.to_categorical(y, 10)


def as_tf_data(x, y, folder):
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(100)


def as_single_elements(x, y, folder):
    return tf.data.Dataset.from_tensor_slices({"image": x, "label": y})


KINDS = {
    "arrays": lambda x, y, folder: (x, y),
    "scaled and one-hot": as_scaled_one_hot,
    "tf.data": as_tf_data,
    "single elements": as_single_elements,
    "PyDataset": lambda x, y, folder: Batches(x, y),
    "Hugging Face": lambda x, y, folder: HuggingFace(x, y),
    "DataFrame": as_frame,
}


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("make", KINDS.values(), ids=list(KINDS))
def test_examples_from_python_train_to_the_same_weights(
    parts, expected, tmp_path, make, model
):
    folder = tmp_path / "pictures"
    folder.mkdir()
    given = {name: make(*part, folder) for name, part in parts.items()}
    run = train(
        model,
        given["train"],
        tmp_path / "runs",
        validation_data=given["val"],
        test_data=given["test"],
    )
    assert_equal_weights(run, expected[model])
    scores = zoo.evaluate(run, "test", runs_dir=str(tmp_path / "runs"))
    assert scores["examples"] == len(parts["test"][0])


def write_csv(parts, folder):
    """Writes pictures, and a table of them with paths beside it."""
    rows = []
    for split, (images, labels) in parts.items():
        for number, (image, label) in enumerate(
            zip(images, labels, strict=True)
        ):
            name = f"{split}-{number}.png"
            Image.fromarray(image[..., 0]).save(folder / name)
            rows.append([name, label, split])
    with (folder / "digits.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "split"], *rows])
    return folder / "digits.csv"


def write_npz(parts, folder, images="x_{}", labels="y_{}"):
    """Writes the arrays of each split under such keys."""
    arrays = {}
    for split, (x, y) in parts.items():
        arrays[images.format(split)] = x[..., 0]
        arrays[labels.format(split)] = y[:, None]
    np.savez(folder / "digits.npz", **arrays)
    return folder / "digits.npz"


def write_medmnist(parts, folder):
    return write_npz(parts, folder, "{}_images", "{}_labels")


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("write", [write_csv, write_npz, write_medmnist])
def test_files_of_the_same_parts_train_to_the_same_weights(
    parts, expected, tmp_path, write, model
):
    path = write(parts, tmp_path)
    run = train(model, path, tmp_path / "runs")
    assert_equal_weights(run, expected[model])


KILLED = """
import os, sys
import keras, numpy as np, zoo
class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            os._exit(9)
parts = np.load(sys.argv[1])
train, val, test = (
    (parts[f"x_{name}"], parts[f"y_{name}"])
    for name in ("train", "val", "test")
)
if sys.argv[4] == "tf":
    import tensorflow as tf
    train = tf.data.Dataset.from_tensor_slices(train).batch(64)
zoo.train(sys.argv[3], train, validation_data=val, test_data=test,
          callbacks=[Kill()], epochs=2, summaries=("none",),
          steps_per_execution=1, run_name="killed", runs_dir=sys.argv[2])
"""
RESUMED = """
import sys, zoo
run = zoo.resume("killed", runs_dir=sys.argv[1])
print(zoo.evaluate(run)["accuracy"])
"""


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", ["arrays", "tf"])
def test_a_killed_run_is_resumed_from_a_new_process_without_the_data(
    parts, tmp_path, kind, model
):
    path = write_npz(parts, tmp_path)
    plain = train(model, "digits", tmp_path / "plain", steps_per_execution=1)
    runs = str(tmp_path / "runs")
    words = [sys.executable, "-c", KILLED, str(path), runs, model, kind]
    assert subprocess.run(words, capture_output=True).returncode == 9
    done = subprocess.run(
        [sys.executable, "-c", RESUMED, runs], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    run = zoo.load_run("killed", runs)
    assert run.metrics["status"] == "completed"
    assert_equal_weights(run, plain)


# What is remembered, and what is asked for.


def two_classes(count=60, seed=0):
    x = np.random.default_rng(seed).integers(0, 256, (count, 6, 6))
    return x, (x[:, 2, 2] > 127).astype(int)


QUICK = {"steps": 2, "epochs": None}


def test_data_that_left_the_cache_is_asked_for_by_name(tmp_path, data_dir):
    data = two_classes()
    run = train("lr", data, tmp_path / "runs", **QUICK)
    accuracy = zoo.evaluate(run)["accuracy"]
    shutil.rmtree(data_dir)
    with pytest.raises(zoo.UserError, match=r"zoo.evaluate\(run, data="):
        zoo.evaluate(run)
    assert zoo.evaluate(run, data=data)["accuracy"] == accuracy
    assert zoo.evaluate(run)["accuracy"] == accuracy  # it is there again


def test_training_examples_are_not_scored_as_validation(tmp_path):
    x, y = two_classes()
    run = train("lr", (x, y), tmp_path / "runs", **QUICK)
    with pytest.raises(zoo.UserError, match="training data"):
        zoo.evaluate(run, "val", data=(x[:50], y[:50]))


def test_other_data_do_not_resume_a_run(tmp_path):
    run = train("lr", two_classes(), tmp_path / "runs", **QUICK)
    with pytest.raises(zoo.UserError, match="not the data"):
        zoo.resume(run, two_classes(seed=1), verbose=False)


def directory(folder):
    """Returns both parts of a folder of images, as Keras shuffles them."""
    x, y = two_classes()
    for i, (image, label) in enumerate(zip(x, y, strict=True)):
        path = folder / "ab"[label] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.astype(np.uint8)).save(path)
    return keras.utils.image_dataset_from_directory(
        folder, validation_split=0.2, subset="both", seed=1, image_size=(6, 6),
        color_mode="grayscale", batch_size=8, verbose=False,
    )  # fmt: skip


def test_a_shuffled_pipeline_is_the_same_data_at_each_reading(
    tmp_path, data_dir
):
    data, val = directory(tmp_path / "images")
    runs = [
        train("lr", data, tmp_path / "runs", validation_data=val, **QUICK)
        for _ in range(2)
    ]
    assert runs[0].config.dataset == runs[1].config.dataset
    assert len(list(data_dir.glob("zoo/arrays/*"))) == 1
    assert_equal_weights(*runs)


def test_a_shuffled_pipeline_resumes_a_run_whose_data_left_the_cache(
    tmp_path, data_dir
):
    import shutil

    data, val = directory(tmp_path / "images")
    run = train("lr", data, tmp_path / "runs", validation_data=val, epochs=1)
    shutil.rmtree(data_dir)
    more = {"validation_data": val, "epochs": 2, "verbose": False}
    assert zoo.resume(run, data, **more).metrics["epochs"] == 2


def test_a_py_dataset_that_shuffles_after_each_epoch_is_the_same_data(tmp_path):
    class Shuffled(Batches):
        def __init__(self, x, y):
            super().__init__(x, y)
            self.on_epoch_end()

        def on_epoch_end(self):
            order = np.random.default_rng().permutation(len(self._x))
            self._x, self._y = self._x[order], self._y[order]

    runs = [
        train("lr", Shuffled(*two_classes()), tmp_path / "runs", **QUICK)
        for _ in range(2)
    ]
    assert runs[0].config.dataset == runs[1].config.dataset


def test_data_that_change_with_each_reading_do_not_resume_a_run(
    tmp_path, data_dir
):
    import shutil

    class Noisy(Batches):
        def __getitem__(self, index):
            x, y = super().__getitem__(index)
            return np.random.default_rng().integers(0, 256, x.shape), y

    data = Noisy(*two_classes())
    run = train("lr", data, tmp_path / "runs", epochs=1)
    more = {"epochs": 2, "verbose": False}
    sentence = "data gives other examples at each reading.* leave them out"
    with pytest.raises(zoo.UserError, match=sentence):
        zoo.resume(run, data, **more)
    shutil.rmtree(data_dir)
    with pytest.raises(zoo.UserError, match="train again, with augment="):
        zoo.resume(run, data, **more)


def test_a_test_set_is_evaluated_without_being_given_again(tmp_path):
    run = train(
        "lr",
        two_classes(),
        tmp_path / "runs",
        test_data=two_classes(20, seed=1),
        **QUICK,
    )
    runs_dir = str(tmp_path / "runs")
    assert zoo.evaluate(run, "test", runs_dir=runs_dir)["examples"] == 20


def test_weights_of_examples_scale_their_loss(tmp_path):
    # Twice the weight of all is twice the loss: as twice the learning rate.
    x, y = two_classes()
    options = {**QUICK, "steps": 3, "optimizer": "sgd", "val_fraction": 0.0}
    doubled = train(
        "lr", (x, y, np.full(60, 2.0)), tmp_path, learning_rate=0.1, **options
    )
    plain = train("lr", (x, y), tmp_path, learning_rate=0.2, **options)
    assert doubled.metrics["train_loss"] == pytest.approx(
        plain.metrics["train_loss"], rel=1e-5
    )
    for one, other in zip(
        doubled.load_model().get_weights(),
        plain.load_model().get_weights(),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("part", ["data", "validation_data", "test_data"])
def test_weights_of_validation_and_test_examples_are_noted_as_unused(
    tmp_path, part
):
    given = {
        name: two_classes(seed=seed)
        for seed, name in enumerate(("data", "validation_data", "test_data"))
    }
    if part == "data":  # from which validation examples are cut
        del given["validation_data"]
    given[part] = (*given[part], np.ones(60))
    data = given.pop("data")
    run = train("lr", data, tmp_path, **given, **QUICK)
    log = (run.path / "log.txt").read_text()
    assert log.count("weights of validation and test examples have no") == 1


def test_weights_of_training_examples_alone_are_not_noted(tmp_path):
    data = (*two_classes(), np.ones(60))
    run = train(
        "lr", data, tmp_path, validation_data=two_classes(seed=1), **QUICK
    )
    assert "have no effect" not in (run.path / "log.txt").read_text()


def test_examples_of_weight_zero_are_not_learned_from(tmp_path):
    x, y = two_classes(40)
    wrong = np.concatenate([y, 1 - y])
    weight = np.concatenate([np.ones(40), np.zeros(40)])
    run = train(
        "lr",
        (np.concatenate([x, x]), wrong, weight),
        tmp_path,
        epochs=40,
        learning_rate=0.1,
        val_fraction=0.0,
    )
    logits = run.load_model().predict(x[..., None], verbose=0)
    assert (logits.argmax(axis=1) == y).mean() > 0.95


@pytest.fixture(scope="module")
def on_numbers(tmp_path_factory):
    """Returns a run on the labels 0 and 1."""
    folder = tmp_path_factory.mktemp("numbers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(folder / "data"))
        run = train("lr", two_classes(), folder, **QUICK)
    assert run.resolved["data"]["class_names"] == ["0", "1"]
    assert not any("y of data" in n for n in run.resolved["data"]["notes"])
    return run


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (["cat", "dog"], ["cat", "dog"]),
        ([1, 2], ["1", "2"]),
        ([b"no", b"yes"], ["no", "yes"]),
    ],
)
def test_labels_may_be_text_or_begin_with_one(
    tmp_path, on_numbers, labels, names
):
    x, y = two_classes()
    given = np.array(labels)[y]
    run = train("lr", (x, given), tmp_path / "runs", **QUICK)
    data = run.resolved["data"]
    assert data["class_names"] == names
    assert any("y of data" in note for note in data["notes"])
    assert_equal_weights(run, on_numbers)


def endless():
    return tf.data.Dataset.from_tensors((np.zeros((6, 6)), 0)).repeat()


def generator():
    yield two_classes()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (endless, "repeats without end"),
        (generator, "generator"),
        (lambda: two_classes()[0], "without labels"),
        (lambda: [1, 2, 3, 4], "has 4 parts"),
        (
            lambda: ([np.eye(n) for n in (2, 3, 4)], [0, 1, 0]),
            "several shapes",
        ),
        (lambda: {"a": two_classes()}, "has the parts a"),
        (lambda: (two_classes()[0], [0, 1]), "60 images and y 2 labels"),
        (lambda: (two_classes()[0] * 2, two_classes()[1]), "between 0 and"),
        (lambda: (two_classes()[0], np.zeros(60)), "only one class"),
        (lambda: (two_classes()[0], np.zeros((60, 0))), "the shape .60, 0."),
        (lambda: (*two_classes(), -np.ones(60)), "sample_weight of data holds"),
        (lambda: (*two_classes(), np.ones(59)), "59 weights"),
    ],
)
def test_what_is_no_data_is_refused_in_a_sentence(
    tmp_path, data_dir, make, sentence
):
    with pytest.raises(zoo.UserError, match=sentence):
        train("lr", make(), tmp_path / "runs", **QUICK)
    assert not (tmp_path / "runs").exists()
    assert not any(data_dir.glob("zoo/arrays/*"))  # hidden ones neither


def test_what_is_too_large_for_the_disk_is_refused(
    tmp_path, data_dir, monkeypatch
):
    few = SimpleNamespace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: few)
    with pytest.raises(zoo.UserError, match="room for"):
        train("lr", two_classes(), tmp_path / "runs", **QUICK)
    assert not any(data_dir.glob("zoo/arrays/*"))


def test_a_run_on_a_model_of_ones_own_asks_for_it(
    tmp_path, table_of_models, monkeypatch
):
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Flatten(), layers.Dense(2)],
        name="my_net",
    )
    run = train(model, two_classes(), tmp_path / "runs", **QUICK)
    table_of_models.discard("my_net")
    (run.path / "metrics.json").unlink()
    with pytest.raises(zoo.UserError, match=r"zoo.resume\(run, model="):
        zoo.resume(run, verbose=False)


def test_a_run_does_not_continue_with_another_model(tmp_path):
    def make(activation):
        return keras.Sequential(
            [
                keras.Input((6, 6, 1)),
                layers.Flatten(),
                layers.Dense(4, activation),
                layers.Dense(2),
            ],
            name="changed",
        )

    run = train(make("relu"), two_classes(), tmp_path / "runs", epochs=1)
    again = {"epochs": 2, "verbose": False}
    with pytest.raises(zoo.UserError, match="not the model that"):
        zoo.resume(run, model=make("tanh"), **again)
    assert zoo.resume(run, model=make("relu"), **again).config.epochs == 2


def test_chosen_classes_that_are_numbers_are_evaluated_by_these(tmp_path):
    x, _ = two_classes()
    y = np.arange(len(x)) % 6
    run = train("lr", (x, y), tmp_path / "runs", classes=["3", "5"], **QUICK)
    chosen = np.isin(y, [3, 5])
    fresh, labels = 255 - x[chosen], y[chosen]
    found = zoo.evaluate(run, data=(fresh, labels))
    named = zoo.evaluate(run, data=(fresh, labels.astype(str)))
    assert found["correct"] == named["correct"]
