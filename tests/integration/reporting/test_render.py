"""What a page holds, of runs of every sort, and what it never does."""

import dataclasses
import datetime
import re
import shutil

import numpy as np
import pytest

from zoo.data.dataset import Split
from zoo.evaluation import evaluate
from zoo.reporting import figures
from zoo.reporting.context import collect, without_paths
from zoo.reporting.render import render
from zoo.run_store import RunStore
from zoo.runs import RunWriter

EVERY = ["digits", "moons", "sine", "wild", "none"]
LARGEST = 1_000_000  # bytes


@pytest.fixture(scope="module")
def pages(read):
    return {name: read(name) for name in EVERY} | {
        "two": read("digits", "other"),
        "odd": read("digits", "wild", "sine"),
    }


def test_a_page_asks_for_nothing_from_elsewhere(pages):
    for page in pages.values():
        for tag, attributes in page.tags:
            assert tag not in ("script", "link", "iframe", "object", "base")
            for name in ("src", "href", "xlink:href", "action", "srcset"):
                place = attributes.get(name, "#")
                assert place.startswith(("#", "data:image/png;base64,"))
        assert not re.search(r"@import|url\((?!#)", page.text)


def test_a_page_is_one_document_with_language_title_and_small(pages):
    for page in pages.values():
        assert page.text.startswith('<!doctype html>\n<html lang="en">')
        assert page.count("title") == page.count("main") == 1
        assert page.count("h1") == 1
        assert len(page.text.encode()) < LARGEST


def test_every_picture_has_words_in_its_place(pages):
    for page in pages.values():
        for tag, attributes in page.tags:
            if tag == "img":
                assert attributes["alt"]
            if tag == "svg":
                assert attributes["role"] == "img"
                assert attributes["aria-label"]


def test_no_name_of_an_element_is_given_twice(pages):
    for page in pages.values():
        names = [a["id"] for _, a in page.tags if "id" in a]
        assert len(names) == len(set(names))


def test_what_a_picture_refers_to_is_in_it(pages):
    for page in pages.values():
        names = {a["id"] for _, a in page.tags if "id" in a}
        used = set(re.findall(r'(?:url\(|href=")#([\w-]+)', page.text))
        assert used <= names


def test_pictures_are_in_the_colors_of_the_page(pages):
    for page in pages.values():
        for color in figures.CSS_VARIABLES:
            assert f": {color}" not in page.text


def test_a_classifier_of_images_has_every_section(pages):
    titles = re.findall(r"<h2>(.*?)</h2>", pages["digits"].text)
    assert titles == [
        "Learning curves", "Diagnostics", "Per-class metrics",
        "Confusion matrix", "Most confident errors", "Calibration", "Data",
        "Model", "Settings", "Environment", "Test-set evaluations", "Caveats",
    ]  # fmt: skip


def test_points_have_a_picture_of_the_plane_and_curves_one_of_the_function(
    pages,
):
    assert "Decision boundary" in pages["moons"].words
    assert pages["moons"].count("img", **{"class": "card"}) == 1
    assert "Predictions" in pages["sine"].words
    assert "Per-class metrics" not in pages["sine"].words


def test_every_error_has_label_prediction_and_probability(pages, trained):
    context = collect(RunStore(str(trained)).find("digits"), str(trained))
    outputs, labels = context.scored.outputs, context.scored.part.labels
    wrong = int((outputs.argmax(axis=1) != labels).sum())
    assert wrong
    alts = [a["alt"] for tag, a in pages["digits"].tags if tag == "img"]
    alts = [alt for alt in alts if not alt.startswith("training image")]
    assert len(alts) == min(wrong, 12)
    for alt in alts:
        found = re.fullmatch(
            r"Image of class (\d), predicted as (\d) with probability .*%", alt
        )
        assert found and found[1] != found[2]
    probabilities = [float(alt.split()[-1].rstrip("%")) for alt in alts]
    assert probabilities == sorted(probabilities, reverse=True)


def test_data_and_model_are_told_with_origin_license_and_fingerprint(
    pages, trained
):
    words = pages["digits"].words
    data = RunStore(str(trained)).find("digits").resolved["data"]
    assert data["fingerprint"] in words
    assert "Alpaydin and Kaynak, 1998" in words and "CC BY 4.0" in words
    assert "multiply-adds per image" in words
    assert "activations for one example" in words


# How a run ended.


def test_a_page_of_a_diverged_run_says_so_first(pages):
    head = pages["wild"].words.partition("Learning curves")[0]
    assert "This run diverged" in head
    assert "--split=test" not in pages["wild"].words
    assert pages["wild"].count("img") == 0


@pytest.mark.parametrize("status", ["interrupted", "killed", "running"])
def test_a_run_that_has_not_ended_says_how_it_stands(
    read, folder, spoil, status
):
    run = folder / "digits"
    (run / "model.keras").unlink()
    if status == "interrupted":
        spoil(run, "metrics.json", status=status)
    else:
        (run / "metrics.json").unlink()
    if status == "running":
        with RunWriter(RunStore(str(folder)).find("digits")).lock():
            words = read("digits", folder=folder).words
        assert "still training" in words
    else:
        words = read("digits", folder=folder).words
        assert "zoo resume digits" in words
        assert str(folder) not in words
    assert "Learning curves" in words


def test_a_run_without_an_epoch_has_a_page(read, folder):
    run = folder / "digits"
    (run / "SHA256SUMS").unlink()
    (run / "model.keras").unlink()
    for name in ("metrics.json", "history.csv", "layer_stats.json"):
        (run / name).unlink()
    assert "Settings" in read("digits", folder=folder).words


def test_data_that_cannot_be_loaded_are_told_and_the_rest_is_shown(
    read, folder, spoil
):
    spoil(folder / "digits", "resolved.json", data__from_arrays=True)
    page = read("digits", folder=folder)
    head = page.words.partition("Learning curves")[0]
    assert "Based on stored metrics only: digits was trained on arrays" in head
    assert "Validation accuracy (stored)" in head
    assert "Per-class metrics" not in page.words
    assert "Environment" in page.words


def test_a_run_without_validation_examples_claims_no_score(pages):
    head = pages["none"].words.partition("Learning curves")[0]
    assert "Training accuracy (last epoch)" in head
    assert "Validation accuracy" not in head


def test_random_labels_are_told_at_the_top_and_among_the_limits(
    read, folder, spoil
):
    spoil(folder / "digits", "resolved.json", config__randomize_labels=0.5)
    words = read("digits", folder=folder).words
    assert "50% of the training labels were replaced" in words
    assert "memorizes" in words


def test_a_model_that_would_answer_for_long_is_left_alone_at_a_runs_end(
    folder, spoil
):
    run = RunStore(str(folder)).find("digits")
    spoil(run.path, "metrics.json", examples_per_second=1.0)
    context = collect(run, str(folder), max_seconds=30)
    assert context.scored is None and "48 s" in context.missing_reason
    assert collect(run, str(folder)).scored is not None


def test_many_classes_show_the_worst_twenty_first(read, folder, spoil):
    """A hundred classes, as a matrix and a table must bear them."""
    run = RunStore(str(folder)).find("digits")
    names = [f"class {k}" for k in range(100)]
    spoil(run.path, "resolved.json", data__class_names=names)
    random = np.random.default_rng(0)
    labels = np.arange(2000, dtype=np.int32) % 100
    outputs = random.normal(size=(2000, 100)).astype(np.float32)
    outputs[np.arange(2000), labels] += 3
    images = random.integers(0, 256, (2000, 32, 32, 3), dtype=np.uint8)
    whole = collect(run, str(folder))
    scores = evaluate.classification_metrics(
        outputs, labels, names, lambda y, z: 0.0
    )
    result = {**whole.scored.result, **scores, "examples": 2000}
    scored = evaluate.EvaluatedRun(
        Split(images, labels), whole.scored.model, outputs, result
    )
    text = render([dataclasses.replace(whole, scored=scored)])
    assert "The 20 of 100 classes with the lowest recall" in text
    assert "The other 80 classes" in text
    assert len(re.findall('class="correct"', text)) == 20
    assert "Top-5 accuracy" in text
    assert len(text.encode()) < LARGEST


# Several runs.


def test_several_runs_are_compared_first_and_then_told_one_by_one(pages):
    titles = re.findall(r"<h2>(.*?)</h2>", pages["two"].text)
    assert titles[:4] == [
        "Summary", "Pairwise differences", "Settings that differ",
        "Learning curves",
    ]  # fmt: skip
    runs = [a["data-run"] for _, a in pages["two"].tags if "data-run" in a]
    assert runs == ["digits", "other"]


def test_runs_that_cannot_be_compared_are_still_told(pages):
    words = pages["odd"].words
    assert "The runs cannot be compared: sine is a regression" in words
    assert pages["odd"].count("article") == 3


def test_the_page_is_the_same_but_for_its_time(read, trained):
    now = re.compile(r"Written by zoo .*?\d\d:\d\d\.", re.DOTALL)
    drawn = read("digits"), read("digits", folder=trained)
    first, second = (now.sub("", page.text) for page in drawn)
    assert first == second
    assert str(datetime.date.today().year) in read("digits").words


def test_the_copy_of_a_run_elsewhere_has_a_page(read, folder, tmp_path):
    shutil.copytree(folder / "digits", tmp_path / "else" / "mine")
    assert "mine" in read("mine", folder=tmp_path / "else").words


def test_a_page_shows_training_images_of_each_class(pages):
    page = pages["digits"]
    alts = [attributes.get("alt") or "" for _, attributes in page.tags]
    shown = [alt for alt in alts if alt.startswith("training image")]
    assert len(shown) == 12
    assert {alt.split()[-1] for alt in shown} == set("0123456789")
    assert "training image" not in pages["moons"].text


def test_a_command_can_be_copied(pages):
    for tag, attributes in pages["digits"].tags:
        if tag == "button":
            assert "clipboard" in attributes["onclick"]
    assert pages["digits"].count("button") >= 2


def test_no_path_of_the_machine_is_on_a_page(pages, trained):
    for page in pages.values():
        assert str(trained) not in page.text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("folder:/home/me/my_photos", "folder:my_photos"),
        ("`zoo report a --runs_dir=/tmp/x/runs`", "`zoo report a`"),
        ("--dataset=csv:~/data/a.csv \\", "--dataset=csv:a.csv \\"),
        (r"npz:C:\Users\me\a.npz", "npz:a.npz"),
        ("500 images/s, see https://arxiv.org/abs/1", None),
    ],
)
def test_paths_of_a_machine_are_cut_to_their_last_part(text, shown):
    assert without_paths(text) == (text if shown is None else shown)
