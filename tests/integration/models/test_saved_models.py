"""What is saved is loaded by Keras alone, where the zoo is not installed."""

import json
import subprocess
import sys
import textwrap
from functools import partial

import keras
import numpy as np
import pytest

from zoo.config import TrainConfig
from zoo.data import load_dataset
from zoo.data.preprocess import fit_statistics, normalize
from zoo.features import bag_of_visual_words, handcrafted, pretrained
from zoo.models import MODELS, create_model
from zoo.models.knn import fit_knn
from zoo.training.console import TrainingConsole
from zoo.training.train import train

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (6, 33, 24, 3), np.uint8).astype(np.float32)
SUBTRACTIONS = ("none", "channel", "pixel", "image")


def network(name, **options):
    """Returns a new model of the zoo, and inputs for it."""
    side = max(8, MODELS.find(name).min_size)
    model = create_model(name, 10, (side, side, 1), **options)
    return model, RANDOM.normal(size=(4, side, side, 1))


def digits():
    return load_dataset("digits").train.images[:64]


def nearest_neighbors():
    images = digits()
    model = create_model("knn", 10, (8, 8, 1), neighbors=5, num_examples=64)
    fit_knn(model, images.astype(np.float32), np.arange(64) % 10)
    return model, images[:20].astype(np.float32)


def features(build, images=IMAGES):
    return build(images.shape[1:]).model, images


def visual_words():
    images = digits()
    return bag_of_visual_words.fit(images).model, images[:4].astype("float32")


def of_keras(name):
    build = partial(pretrained.from_applications, weights=None)
    return build(f"keras:{name}", (8, 8, 1)).model, digits()[:2].astype("f4")


def normalized(mean_subtraction):
    statistics = fit_statistics(
        IMAGES.astype(np.uint8), mean_subtraction, "std"
    )
    inputs = keras.Input(IMAGES.shape[1:])
    return keras.Model(inputs, normalize(inputs, statistics)), IMAGES


# Each kind of layer once; other models have the same ones.
VARIANTS = {
    "lenet5_1998": partial(network, "lenet5_1998"),
    "lenet5_variant": partial(
        network, "lenet5", activation="leaky_relu", norm="batch", dropout=0.3
    ),
    "mlp_variant": partial(
        network, "mlp", hidden=(9, 8), activation="none", l1=1e-5, l2=1e-4
    ),
    "inception_variant": partial(
        network, "inception",
        reduced=False, norm="local_response", initializer="equal",
    ),
    "cnn_variant": partial(network, "cnn_cpnf", norm="local_response", maps=4),
    "preresnet_variant": partial(
        network, "resnet8", preactivation=True, shortcut="B"
    ),
    "densenet_variant": partial(network, "densenet_bc10_4", dropout=0.2),
    "knn": nearest_neighbors,
    "hog": partial(features, handcrafted.build_hog),
    "hog_gray": partial(
        features, handcrafted.build_hog, IMAGES[:, :8, :8, :1]
    ),
    "color_histogram": partial(
        features, lambda shape: handcrafted.build_color_histogram(shape, "x")
    ),
    "bag_of_visual_words": visual_words,
    **{f"mean_{kind}": partial(normalized, kind) for kind in SUBTRACTIONS},
}  # fmt: skip
REST = {
    **{
        name: partial(network, name)
        for name in MODELS.names()
        if name not in VARIANTS
    },
    **{
        f"keras:{name}": partial(of_keras, name)
        for name in ("mobilenet_v2", "resnet50", "vgg16")
    },
}

LOADER = """
    import json, pathlib, sys
    sys.modules["zoo"] = None  # as where the zoo is not installed
    import keras, numpy as np
    found = {}
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.keras")):
        saved = np.load(path.with_suffix(".npz"))
        outputs = keras.models.load_model(path)(saved["inputs"]).numpy()
        found[path.stem] = float(np.abs(outputs - saved["outputs"]).max())
    print(json.dumps(found))
"""


def reload(folder, variants):
    """Saves every variant and lets a bare Keras load them all, once.

    Returns:
        the largest difference of the outputs for each variant.
    """
    for label, make in variants.items():
        model, inputs = make()
        outputs = model(inputs, training=False).numpy()
        model.save(folder / f"{label}.keras")
        np.savez(folder / f"{label}.npz", inputs=inputs, outputs=outputs)
    command = [sys.executable, "-c", textwrap.dedent(LOADER), str(folder)]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def differences(tmp_path_factory):
    return reload(tmp_path_factory.mktemp("saved"), VARIANTS)


# Keras's own saving, with NumPy 2.4.
@pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)
@pytest.mark.parametrize("label", VARIANTS)
def test_keras_alone_loads_it_and_gives_the_same_outputs(differences, label):
    assert differences[label] < 1e-5


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)
@pytest.mark.parametrize("label", REST)
def test_keras_alone_loads_larger_ones_too(tmp_path, label):
    found = reload(tmp_path, {"model": REST[label]})["model"]
    assert found < (1e-3 if label.startswith("keras:") else 1e-4)


def test_the_same_seed_gives_the_same_file(tmp_path):
    files = []
    for name in "ab":
        config = TrainConfig(
            model="mlp", model_arg={"hidden": 4}, epochs=1, dropout=0.1,
            deterministic=True, summaries=("none",), run_name="x",
            runs_dir=str(tmp_path / name),
        )  # fmt: skip
        run = train(config, console=TrainingConsole(quiet=True))
        files.append((run.path / "model.keras").read_bytes())
    assert files[0] == files[1]
