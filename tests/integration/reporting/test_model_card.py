"""A model card: what the Hub indexes, and the figures of the report."""

import json
import shutil

import numpy as np
import pytest
import yaml
from scipy.stats import binomtest

import zoo
from zoo.errors import UserError
from zoo.run_store import RunStore


def read(path):
    """Returns the front matter and the text of a card."""
    _, front, text = path.read_text().split("---\n", 2)
    return yaml.safe_load(front), text


@pytest.fixture
def card_of(tmp_path):
    """Returns a function: the card of a run."""

    def report(run, **given):
        return read(zoo.report(run, out=tmp_path / "c.md", **given))

    return report


@pytest.fixture(scope="module")
def card(trained, tmp_path_factory):
    path = tmp_path_factory.mktemp("card") / "README.md"
    return read(zoo.report("digits", out=path, runs_dir=str(trained)))


@pytest.fixture(scope="module")
def result(trained):
    return zoo.evaluate("digits", runs_dir=str(trained))


def test_the_front_matter_has_the_accuracy_that_evaluate_finds(card, result):
    front, _ = card
    assert front["library_name"] == "keras"
    assert front["pipeline_tag"] == "image-classification"
    (indexed,) = front["model-index"][0]["results"]
    assert indexed["dataset"]["split"] == "validation"
    assert indexed["metrics"][0]["value"] == result["accuracy"]


def test_the_text_has_every_class_with_its_recall(card, result):
    _, text = card
    for row in result["classes"]:
        line = f"| {row['class']} | "
        (found,) = (x for x in text.splitlines() if x.startswith(line))
        assert f"{100 * row['recall']:.2f}%" in found
        assert found.endswith(f"| {row['examples']} |")


def test_the_limits_name_the_weakest_class_and_what_was_not_done(card, result):
    _, text = card
    limits = text.partition("limits")[2].partition("## Results")[0]
    worst = min(result["classes"], key=lambda row: row["recall"])["class"]
    assert f"least reliable on {worst}:" in limits
    assert "not been evaluated on the test set" in limits
    assert "distribution shift" in limits
    assert "--model=lr" in text


def test_a_card_of_numbers_has_its_error(trained, card_of):
    front, text = card_of("sine", runs_dir=str(trained))
    assert "pipeline_tag" not in front
    metrics = json.loads((trained / "sine" / "metrics.json").read_text())
    assert f"{metrics['best_val_loss']:.4g}" in text


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["digits", "other"], "about one model"),
        (["wild"], "no trained model"),
    ],
)
def test_what_no_card_can_describe_is_refused(trained, tmp_path, names, words):
    with pytest.raises(UserError, match=words):
        zoo.report(*names, out=tmp_path / "c.md", runs_dir=str(trained))
    assert not list(tmp_path.iterdir())


def test_no_path_of_the_machine_is_on_a_card(card, trained):
    _, text = card
    assert str(trained) not in text
    assert RunStore(str(trained)).find("digits").name in text


def test_a_card_after_two_evaluations_has_the_interval_of_both(
    trained, card_of, tmp_path
):
    runs = shutil.copytree(trained, tmp_path / "runs")
    for _ in range(2):
        zoo.evaluate("digits", "test", runs_dir=str(runs))
    _, text = card_of("digits", runs_dir=str(runs))
    (line,) = (x for x in text.splitlines() if x[:7] == "| test ")
    score, interval, count = (cell.strip() for cell in line.split("|")[2:5])
    correct = round(float(score.split()[1].rstrip("%")) / 100 * int(count))
    low, high = binomtest(correct, int(count)).proportion_ci(0.975)
    expected = f"{100 * low:.2f} to {100 * high:.2f}%"
    assert interval == f"{expected}, Bonferroni for 2 evaluations"


def test_weights_that_come_with_the_zoo_have_a_card(card_of):
    front, _ = card_of("lr:mnist")
    assert "lr" in front["tags"]


def test_points_are_no_images(trained, card_of):
    front, text = card_of("moons", runs_dir=str(trained))
    assert "model-index" not in front
    assert "split by a hash of the values, stratified by class" in text


def test_a_validation_split_of_the_data_is_called_so(card_of, tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (90, 8, 8, 1), np.uint8)
    y = np.arange(90) % 3
    run = zoo.train(
        "lr",
        (x[:60], y[:60]),
        validation_data=(x[60:], y[60:]),
        epochs=1,
        data_dir=str(tmp_path / "data"),
        runs_dir=str(tmp_path),
    )
    _, text = card_of(run)
    assert "Validation split: given with the data" in text


def test_a_knn_has_a_report(card_of, tmp_path):
    run = zoo.train("knn", "digits", runs_dir=str(tmp_path))
    assert (run.path / "report.html").exists()
    card_of(run)
