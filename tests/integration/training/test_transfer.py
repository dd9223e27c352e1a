"""A run that starts from another: what is taken over, and what is refused."""

import json
import shutil

import keras
import numpy as np
import pytest

from tests.integration.training.consoles import QUIET, Killed, KillingConsole
from tests.integration.training.weights import (
    assert_equal_weights,
    layer_weights,
)
from zoo import initial_weights
from zoo.config import TrainConfig
from zoo.data import Dataset, preprocess
from zoo.errors import UserError
from zoo.models import MODELS
from zoo.resolve import resolve, resolve_names
from zoo.run_store import RunStore
from zoo.training import transfer
from zoo.training.model import build_model
from zoo.training.resume import resume
from zoo.training.setup import load_dataset, prepare
from zoo.training.train import train
from zoo.training.transfer import adapt_statistics

LOW, HIGH = tuple("01234"), tuple("56789")
BRIEF = {"summaries": ("none",), "steps": 3}


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory):
    """Holds `source`, an mlp that tells digits 0 to 4 apart."""
    folder = str(tmp_path_factory.mktemp("runs"))
    config = TrainConfig(
        model="mlp", model_arg={"hidden": (16, 8)}, norm="batch", classes=LOW,
        mean_subtraction="pixel", runs_dir=folder, run_name="source", **BRIEF,
    )  # fmt: skip
    train(config, console=QUIET)
    return folder


def asked(runs_dir, **more):
    options = {"weights": "source", "classes": HIGH, "new_head": True}
    return TrainConfig(runs_dir=runs_dir, **{**BRIEF, **options, **more})


def same(one, two):
    return all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


def test_all_but_the_head_is_the_other_run_s(runs_dir):
    setup = prepare(asked(runs_dir), None)
    old = layer_weights(RunStore(runs_dir).find("source").load_model())
    new = layer_weights(setup.model)
    assert {name: same(new[name], old[name]) for name in new} == {
        "hidden1": True,
        "hidden1_norm": True,
        "hidden2": True,
        "hidden2_norm": True,
        "logits": False,
    }
    alone = setup.config.requested.replace(weights=None, new_head=False)
    fresh = layer_weights(prepare(alone, None).model)
    assert same(new["logits"], fresh["logits"])


def test_a_head_of_the_same_classes_is_kept(runs_dir):
    setup = prepare(asked(runs_dir, classes=LOW, new_head=False), None)
    old = layer_weights(RunStore(runs_dir).find("source").load_model())
    assert same(layer_weights(setup.model)["logits"], old["logits"])
    assert setup.transferred.new == ()


def test_model_options_and_preprocessing_are_the_other_run_s(runs_dir):
    setup = prepare(asked(runs_dir), None)
    config = setup.config
    assert config.model == "mlp" and config.norm == "batch"
    assert config.model_arg == {"hidden": (16, 8)}
    old = RunStore(runs_dir).find("source").resolved["statistics"]
    assert setup.statistics.to_json() == old
    assert config.mean_subtraction == "pixel"


def test_the_run_says_what_it_started_from(runs_dir):
    run = train(asked(runs_dir, freeze="features"), console=QUIET)
    found = run.resolved["weights"]
    assert found["run"] == "source"
    assert found["copied"] == [
        "hidden1", "hidden1_norm", "hidden2", "hidden2_norm",
    ]  # fmt: skip
    assert found["new"] == ["logits"]
    assert found["preprocessing"] == "that of source"
    text = (run.path / "flags.txt").read_text()
    assert found["weights_sha256"] in text
    assert "--weights=source\n" in text and "--model=mlp\n" in text
    shown = (run.path / "log.txt").read_text()
    assert "source: 4 layers copied, logits new" in shown
    assert "frozen" in shown


def test_its_model_file_gives_the_same_as_the_run(runs_dir):
    path = RunStore(runs_dir).find("source").path / "model.keras"
    first = prepare(asked(runs_dir), None)
    second = prepare(asked(runs_dir, weights=str(path)), None)
    assert first.transferred == second.transferred


def test_a_file_alone_says_all_but_the_options(runs_dir, tmp_path):
    old = RunStore(runs_dir).find("source")
    path = shutil.copy(old.path / "model.keras", tmp_path / "mine.keras")
    options = {"norm": "batch", "model_arg": {"hidden": (16, 8)}}
    setup = prepare(asked(runs_dir, weights=str(path), **options), None)
    assert setup.config.model == "mlp"
    found = layer_weights(setup.model)["hidden1"]
    assert same(found, layer_weights(old.load_model())["hidden1"])
    kept = old.resolved["statistics"]
    for name in ("mean", "std"):
        found = getattr(setup.statistics, name)
        np.testing.assert_allclose(found, kept[name], rtol=1e-6)


@pytest.mark.parametrize("scale", ["none", "unit", "std"])
@pytest.mark.parametrize("mean", ["none", "channel", "pixel", "image"])
def test_a_file_tells_how_its_inputs_are_prepared(tmp_path, mean, scale):
    config = TrainConfig(model="lr", mean_subtraction=mean, scale=scale)
    dataset = load_dataset(config)
    known = preprocess.fit_statistics(dataset.train.images, mean, scale)
    build_model(resolve(config, dataset), dataset, known).save(
        tmp_path / "a.keras"
    )
    found = initial_weights.find(str(tmp_path / "a.keras"), "runs").statistics
    assert (found.mean_subtraction, found.scale) == (mean, scale)
    for one, two in ((found.mean, known.mean), (found.std, known.std)):
        assert (one is None) == (two is None)
        if one is not None:
            np.testing.assert_allclose(one, two, rtol=1e-6)


# Between grey and colour.


def pictures(channels, side=8, count=60):
    random = np.random.default_rng(channels)
    x = random.integers(0, 256, (count, side, side, channels), np.uint8)
    return Dataset.from_arrays(x, np.arange(count) % 2, name=f"c{channels}")


def trained_on(data, folder, **more):
    options = {"model": "cnn_cf", "batch_size": 20, "run_name": "source"}
    options |= {"model_arg": {"maps": 4}}
    config = TrainConfig(runs_dir=str(folder), **{**BRIEF, **options, **more})
    return train(config, data, console=QUIET)


def begun_on(data, folder, **more):
    config = TrainConfig(runs_dir=str(folder), weights="source", **more)
    return prepare(config, data)


def test_colour_in_the_place_of_grey_is_seen_as_the_mean_of_its_channels(
    tmp_path,
):
    old = trained_on(pictures(1), tmp_path).load_model()
    setup = begun_on(pictures(3), tmp_path)
    assert list(setup.transferred.adapted.values()) == [transfer.REPEATED]
    images = pictures(3).train.images.astype(np.float32)
    grey = images.mean(axis=-1, keepdims=True)
    np.testing.assert_allclose(
        setup.model(images), old(grey), rtol=1e-3, atol=1e-4
    )


def test_grey_in_the_place_of_colour_is_seen_as_three_equal_channels(tmp_path):
    # One shift and scale for all channels, so that the rule is exact.
    same = {"mean_subtraction": "none", "scale": "unit"}
    old = trained_on(pictures(3), tmp_path, **same).load_model()
    setup = begun_on(pictures(1), tmp_path)
    assert list(setup.transferred.adapted.values()) == [transfer.SUMMED]
    images = pictures(1).train.images.astype(np.float32)
    three = np.repeat(images, 3, axis=-1)
    np.testing.assert_allclose(
        setup.model(images), old(three), rtol=1e-3, atol=1e-4
    )


def test_the_kernel_between_grey_and_colour_by_numpy():
    kernel = np.random.default_rng(0).normal(size=(5, 5, 3, 6))
    summed, how = transfer.with_channels(kernel, (5, 5, 1, 6))
    np.testing.assert_allclose(summed[:, :, 0], np.einsum("hwcf->hwf", kernel))
    spread, _ = transfer.with_channels(summed, (5, 5, 3, 6))
    for channel in range(3):
        np.testing.assert_allclose(spread[:, :, channel] * 3, summed[:, :, 0])
    assert transfer.with_channels(kernel, (5, 5, 4, 6)) == (None, "")
    assert transfer.with_channels(kernel, (3, 3, 1, 6)) == (None, "")


def test_statistics_of_a_mean_image_of_another_size_are_not_kept(tmp_path):
    mean = np.zeros((8, 8, 1), np.float32)
    image = preprocess.Statistics("pixel", "std", mean, np.ones(1, np.float32))
    assert adapt_statistics(image, (9, 8, 1)) is None
    assert adapt_statistics(image, (8, 8, 3)).mean.shape == (8, 8, 3)
    colours = preprocess.Statistics("channel", "none", np.float32([1, 2, 6]))
    assert adapt_statistics(colours, (5, 5, 1)).mean.tolist() == [3]
    assert adapt_statistics(colours, (5, 5, 4)) is None


def test_a_network_with_global_average_takes_images_of_any_size(tmp_path):
    small = {"model": "resnet8", "model_arg": {}, "steps": 1}
    trained_on(pictures(1), tmp_path, **small)
    setup = begun_on(pictures(1, side=12), tmp_path)
    assert "logits" in setup.transferred.copied


# To the end, after an interruption and without the source.


LONG = {"steps": None, "epochs": 2, "freeze": "hidden1*", "batch_size": 256}


@pytest.fixture
def copy(runs_dir, tmp_path):
    """A runs folder of its own, with `source` in it."""
    shutil.copytree(f"{runs_dir}/source", tmp_path / "source")
    return str(tmp_path)


def killed(folder, last):
    with pytest.raises(Killed):
        train(asked(folder, run_name="b", **LONG), console=KillingConsole(last))
    return RunStore(folder).find("b")


@pytest.mark.slow
def test_a_killed_run_ends_alike_even_if_its_source_is_gone(copy):
    whole = train(asked(copy, run_name="a", **LONG), console=QUIET)
    run = killed(copy, last=2)
    shutil.rmtree(f"{copy}/source")
    resume(run, console=QUIET)
    assert_equal_weights(run, whole)
    assert [row["loss"] for row in whole.history] == [
        row["loss"] for row in run.history
    ]
    assert run.resolved["weights"] == whole.resolved["weights"]


def test_a_run_without_a_checkpoint_needs_its_source(copy):
    run = killed(copy, last=1)
    shutil.rmtree(f"{copy}/source")
    with pytest.raises(UserError, match="names nothing to start from"):
        resume(run, console=QUIET)


def test_a_run_without_a_checkpoint_starts_from_the_same_weights_only(copy):
    run = killed(copy, last=1)
    path = run.path / "resolved.json"
    resolved = json.loads(path.read_text())
    resolved["weights"]["weights_sha256"] = "0" * 64
    path.with_name("SHA256SUMS").unlink(missing_ok=True)
    path.write_text(json.dumps(resolved))
    with pytest.raises(UserError, match="are not those from which b started"):
        resume(run, console=QUIET)


# What cannot be.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weights": "sourse"}, "names nothing.*did you mean source"),
        ({"model": "lenet5"}, "cannot start from source, which is mlp"),
        ({"new_head": False}, r"5 classes \(0, 1, 2, 3 and 4\).*--new_head"),
        ({"scale": "unit"}, "--scale=unit contradicts --weights"),
        ({"norm": "none"}, "the weights of hidden1 in source"),
        ({"model_arg": {"hidden": (16,)}}, "hidden2.* of source does not"),
        ({"model_arg": {"hidden": (16, 8, 4)}}, "source has no layer hidden3"),
        ({"model_arg": {"hidden": (16, 9)}}, "hidden2 in source have the"),
        ({"image_size": 12}, "8x8x1, and here.*--image_size=8 makes it fit"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(runs_dir, options, words):
    with pytest.raises(UserError, match=words):
        prepare(asked(runs_dir, **options), None)


def test_a_run_that_is_not_finished_is_no_start(copy):
    for name in ("model.keras", "metrics.json"):  # as if it was killed
        (RunStore(copy).find("source").path / name).unlink()
    with pytest.raises(UserError, match="no model.keras.*`zoo resume"):
        prepare(asked(copy), None)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"model": "knn"}, "stores its training images"),
        ({"model": "lr", "features": "hog"}, "trained on features, not on"),
        ({"model": "lr"}, "no weights before its logits"),
    ],
)
def test_some_runs_have_nothing_to_hand_over(tmp_path, source, words):
    brief = {"summaries": ("none",), "runs_dir": str(tmp_path)}
    if source["model"] != "knn":
        brief["steps"] = 1
    train(TrainConfig(run_name="source", **source, **brief), console=QUIET)
    with pytest.raises(UserError, match=words):
        prepare(asked(str(tmp_path)), None)


def test_knn_starts_from_no_other_run(runs_dir):
    with pytest.raises(UserError, match="cannot start from source"):
        prepare(asked(runs_dir, model="knn"), None)


def test_a_file_that_is_no_model_of_a_run_is_refused(tmp_path):
    (tmp_path / "a.keras").write_bytes(b"PK")
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(
        tmp_path / "b.keras"
    )
    for name, words in (("a", "cannot be read"), ("b", "no layer named net")):
        with pytest.raises(UserError, match=words):
            initial_weights.find(str(tmp_path / f"{name}.keras"), "runs")


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS.names())
def test_every_model_is_a_source_and_a_target(name, tmp_path):
    entry = MODELS.find(name)
    if entry.is_nonparametric:
        pytest.skip("it learns no weight")
    brief = {"summaries": ("none",), "steps": 2, "runs_dir": str(tmp_path)}
    source = TrainConfig(model=name, classes=LOW, run_name="a", **brief)
    old = layer_weights(train(source, console=QUIET).load_model())
    target = TrainConfig(
        weights="a", classes=HIGH, new_head=True, freeze="features",
        run_name="b", **brief,
    )  # fmt: skip
    if name in ("lr", "lenet5_1998"):  # nothing before the head, or behind
        with pytest.raises(UserError, match="nothing"):
            train(target, console=QUIET)
        return
    new = layer_weights(train(target, console=QUIET).load_model())
    assert [n for n in new if not same(new[n], old[n])] == ["logits"]


def test_an_option_goes_before_the_same_argument_of_the_other_run(
    runs_dir, monkeypatch
):
    found = initial_weights.find("source", runs_dir, None)
    found.model_arg["dropout"] = 0.5
    monkeypatch.setattr(initial_weights, "find", lambda *names: found)
    taken = resolve_names(asked(runs_dir, dropout=0.1))
    assert taken.dropout == 0.1
    assert taken.model_arg == {"hidden": (16, 8)}
    assert resolve_names(taken) == taken
    given = resolve_names(asked(runs_dir, model_arg={"norm": "none"}))
    assert given.norm is None and given.model_arg["norm"] == "none"
