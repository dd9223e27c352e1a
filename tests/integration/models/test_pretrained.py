"""Weights that come with the zoo: whole, small, and what their cards say."""

import hashlib
import re
import shutil

import numpy as np
import pytest

import zoo
from experiments.export_weights import CARD, MAX_BYTES, card, probe
from experiments.record_results import identifying_options, recipe_options
from zoo import metrics, pretrained
from zoo.data.preprocess import Statistics
from zoo.errors import UserError
from zoo.models.describe import format_entries, list_entries
from zoo.run_store import RunStore
from zoo.runs import RunWriter

NAMES = pretrained.list_weights()
FILES = [path for path in pretrained.FOLDER.rglob("*") if path.is_file()]


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The folder of lr:mnist, in a place where it can be corrupt."""
    shutil.copytree(pretrained.FOLDER / "lr-mnist", tmp_path / "lr-mnist")
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    return tmp_path / "lr-mnist"


def test_the_lecture_s_networks_have_weights():
    wanted = {"lr", "mlp", "cnn_cpcpfdf", "lenet5"}
    assert {f"{model}:mnist" for model in wanted} <= set(NAMES)
    assert zoo.list_weights("mlp") == ["mlp:mnist"]
    assert zoo.list_weights("wrn28_10") == []


def test_all_together_are_small():
    assert sum(path.stat().st_size for path in FILES) < MAX_BYTES == 4_000_000


@pytest.mark.parametrize("name", NAMES)
def test_each_file_is_the_one_whose_checksum_was_kept(name):
    run = pretrained.find(name)
    content = (run.path / "model.keras").read_bytes()
    assert hashlib.sha256(content).hexdigest() == run.facts["sha256"]
    assert len(content) == run.facts["bytes"]
    assert run.facts["sha256"] in (run.path / "card.md").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_a_card_is_made_from_the_numbers_beside_it(name):
    run = pretrained.find(name)
    assert (run.path / CARD).read_text() == card(run)


@pytest.mark.parametrize("name", NAMES)
def test_intervals_are_those_of_the_counts(name):
    facts = pretrained.find(name).facts
    for found in filter(None, (facts["validation"], facts["test"])):
        share = metrics.binomial_ci(found["correct"], found["examples"])
        assert found["accuracy"] == share.value
        assert found["accuracy_low"] == pytest.approx(share.low)
        assert found["accuracy_high"] == pytest.approx(share.high)


@pytest.mark.parametrize("name", NAMES)
def test_the_recipe_of_the_card_is_that_of_the_run(name):
    run = pretrained.find(name)
    options = identifying_options(run.config)
    assert options.pop("freeze") == "none"  # which a recipe leaves out
    assert options == recipe_options(run.facts["recipe"])


@pytest.mark.parametrize("name", NAMES)
def test_storing_changed_no_validation_score(name):
    facts = pretrained.find(name).facts
    assert facts["run_correct"] == facts["validation"]["correct"]
    if facts["precision"] == "float32":
        assert facts["answers_changed"] == 0


def test_no_file_tells_where_it_was_made():
    for path in FILES:
        if path.suffix != ".keras":
            assert not re.search(r"[\"'= ]/\w+/", path.read_text()), path


def test_nothing_but_what_is_kept_lies_beside_the_weights():
    wanted = {"model.keras", "card.md", "weights.json", "config.json"}
    wanted |= {"resolved.json", "metrics.json", "history.csv", "flags.txt"}
    for name in NAMES:
        found = {path.name for path in pretrained.find(name).path.iterdir()}
        assert found == wanted


@pytest.mark.parametrize("name", NAMES)
def test_the_model_gives_the_logits_that_were_kept(name):
    run = RunStore().find(name)
    logits = run.load_model().predict_on_batch(probe((28, 28, 1)))
    np.testing.assert_allclose(logits, run.facts["probe"], atol=1e-3)


def test_softmax_regression_gives_the_logits_that_numpy_gives():
    run = pretrained.find("lr:mnist")
    kernel, bias = run.load_model().get_weights()
    assert Statistics.from_json(run.resolved["statistics"]).scale == "unit"
    pixels = probe((28, 28, 1)).reshape(3, -1) / 255
    np.testing.assert_allclose(
        run.facts["probe"], pixels @ kernel + bias, atol=1e-3
    )


def flip_a_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    "damage", [flip_a_byte, cut_short, lambda p: p.unlink()]
)
def test_a_damaged_file_is_refused(copied, damage):
    damage(copied / "model.keras")
    for load in (
        pretrained.find("lr:mnist").load_model,
        lambda: zoo.create_model("lr", weights="mnist"),
    ):
        with pytest.raises(
            UserError, match=r"^the weights lr:mnist are corrupt"
        ):
            load()


def test_a_damaged_card_is_refused(copied):
    (copied / "weights.json").write_text("{")
    with pytest.raises(UserError, match="weights.json cannot be read"):
        pretrained.find("lr:mnist")


def test_weights_are_no_runs_of_a_folder_of_runs(tmp_path):
    assert RunStore(str(tmp_path)).runs() == []
    assert (
        RunStore(str(tmp_path)).find("lr:mnist").path.parent
        == pretrained.FOLDER
    )


def test_a_path_that_is_there_goes_before_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lr:mnist").mkdir()
    with pytest.raises(UserError, match="is a folder but not a run"):
        RunStore().find("lr:mnist")


def test_nothing_is_changed_in_their_folder():
    with pytest.raises(UserError, match="comes with the zoo"):
        RunWriter(pretrained.find("lr:mnist"))


def test_listing_names_the_weights_of_a_model():
    (entry,) = list_entries("mlp")
    assert entry["weights"] == ["mlp:mnist"]
    assert "`zoo predict mlp:mnist photo.png`" in " ".join(
        format_entries([entry]).split()
    )
    assert "weights" not in format_entries(list_entries("wrn28_10"))


@pytest.mark.data
@pytest.mark.parametrize("name", NAMES)
def test_the_card_s_accuracy_is_that_on_mnist(name):
    run = pretrained.find(name)
    val = zoo.load_dataset("mnist").val
    logits = zoo.load_model(name).predict(val.images, batch_size=256, verbose=0)
    assert val.images.dtype == np.uint8
    found = run.facts["validation"]
    right = metrics.count_correct(logits, val.labels)
    # Another processor may round a tie to the other side.
    assert abs(right - found["correct"]) <= 1
    assert len(val) == found["examples"]
    loss = metrics.cross_entropy(logits, val.labels)
    assert loss == pytest.approx(found["negative_log_likelihood"], abs=1e-4)
