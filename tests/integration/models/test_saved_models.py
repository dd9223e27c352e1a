"""What is saved is loaded by Keras alone, where the zoo is not installed."""

import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from zoo.config import TrainConfig
from zoo.models import MODELS, create_model
from zoo.training.console import TrainingConsole
from zoo.training.train import train

# Each kind of layer once; other models have the same ones.
VARIANTS = {
    "lenet5_1998": ("lenet5_1998", {}),
    "lenet5_variant": (
        "lenet5",
        {"activation": "leaky_relu", "norm": "batch", "dropout": 0.3},
    ),
    "mlp_variant": (
        "mlp",
        {"hidden": (9, 8), "activation": "none", "l1": 1e-5, "l2": 1e-4},
    ),
    "inception_variant": (
        "inception",
        {"reduced": False, "norm": "local_response", "initializer": "equal"},
    ),
    "cnn_variant": ("cnn_cpnf", {"norm": "local_response", "maps": 4}),
    "preresnet_variant": ("resnet8", {"preactivation": True, "shortcut": "B"}),
    "densenet_variant": ("densenet_bc10_4", {"dropout": 0.2}),
}
REST = {name: (name, {}) for name in MODELS.names() if name not in VARIANTS}

LOADER = """
    import json, pathlib, sys
    sys.modules["zoo"] = None  # as where the zoo is not installed
    import keras, numpy as np
    found = {}
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.keras")):
        saved = np.load(path.with_suffix(".npz"))
        logits = keras.models.load_model(path)(saved["images"]).numpy()
        found[path.stem] = float(np.abs(logits - saved["logits"]).max())
    print(json.dumps(found))
"""


def reload(folder, variants):
    """Saves every variant and lets a bare Keras load them all, once.

    Returns:
        the largest difference of the logits for each variant.
    """
    for label, (name, options) in variants.items():
        side = max(8, MODELS.find(name).min_size)
        model = create_model(name, 10, (side, side, 1), **options)
        images = np.random.default_rng(0).normal(size=(4, side, side, 1))
        logits = model(images, training=False).numpy()
        model.save(folder / f"{label}.keras")
        np.savez(folder / f"{label}.npz", images=images, logits=logits)
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
def test_keras_alone_loads_it_and_gives_the_same_logits(differences, label):
    assert differences[label] < 1e-5


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:__array__ implementation:DeprecationWarning"
)
@pytest.mark.parametrize("label", REST)
def test_keras_alone_loads_larger_ones_too(tmp_path, label):
    assert reload(tmp_path, {label: REST[label]})[label] < 1e-4


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
