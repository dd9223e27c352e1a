"""Comparisons of real runs: what differs, what is real, what is refused."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from scipy.stats import binomtest

import zoo
from zoo.data import load_dataset
from zoo.errors import UserError
from zoo.evaluation import compare, evaluate, statistics
from zoo.lectures.runner import write_example_images


@pytest.fixture(scope="session")
def two(weak, strong):
    """What is found of two runs of different configs."""
    return compare.compare_runs([weak, strong])


@pytest.fixture(scope="session")
def three(weak, strong, weak_again):
    """What is found of two seeds of one config and a run of another."""
    return compare.compare_runs([weak, strong, weak_again])


def is_correct(run):
    part = load_dataset("digits").val
    logits = run.load_model().predict(part.images, verbose=0)
    return logits.argmax(axis=1) == part.labels


def test_two_runs_are_compared_by_mcnemar(two, weak, strong):
    (pair,) = two["pairs"]
    first, second = is_correct(weak), is_correct(strong)
    alone = int((first & ~second).sum()), int((~first & second).sum())
    assert pair["mcnemar"]["only_first"] == alone[0]
    assert pair["mcnemar"]["only_second"] == alone[1]
    assert pair["p"] == pytest.approx(binomtest(alone[1], sum(alone)).pvalue)
    assert pair["difference"] == pytest.approx(second.mean() - first.mean())
    assert pair["low"] < pair["difference"] < pair["high"]
    assert pair["better"] == "B"


def test_each_run_has_the_accuracy_and_interval_of_evaluate(two, weak):
    alone = evaluate.evaluate_runs([weak], "val")[0]
    found = two["runs"][0]
    for name in ("correct", "accuracy", "accuracy_low", "accuracy_high"):
        assert found[name] == alone[name]
    assert found["loss"] == pytest.approx(alone["loss"])
    assert two["configs"][0]["low"] == alone["accuracy_low"]


def test_seeds_of_one_config_are_taken_together(three, weak, weak_again):
    first, second = three["configs"]
    assert first["runs"] == ["weak", "weak-again"]
    assert first["seeds"] == [0, 1]
    accuracies = is_correct(weak).mean(), is_correct(weak_again).mean()
    assert first["mean"] == pytest.approx(np.mean(accuracies))
    assert first["std"] == pytest.approx(np.std(accuracies, ddof=1))
    assert second["std"] is None
    (pair,) = three["pairs"]
    assert pair["mcnemar"] is None
    assert pair["p"] == max(pair["p_bootstrap"], pair["p_seeds"] or 0)


def test_only_what_differs_is_in_the_table(two):
    assert two["different_options"]["model"] == [["lr"], ["knn"]]
    assert "dataset" not in two["different_options"]
    assert "run_name" not in two["different_options"]
    assert two["same_options"]["dataset"] == [["digits"], ["digits"]]
    assert two["same_options"]["run_name"] == [["weak"], ["strong"]]


def test_there_is_no_evidence_where_runs_answer_alike(weak, make):
    # As good as the same: a hundredth of a percent more of each update.
    near = make("near", learning_rate=0.010001)
    found = compare.compare_runs([weak, near])
    (pair,) = found["pairs"]
    assert pair["better"] is None
    assert "no significant difference" in compare.format_comparison(found)


def test_what_is_found_can_be_read_as_json(three):
    assert json.loads(json.dumps(three, allow_nan=False))["examples"] == 144


def test_the_text_names_runs_settings_and_the_verdict(three):
    text = compare.format_comparison(three)
    assert "3 runs of 2 configs" in text and "144 validation examples" in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert {"model lr knn", "seed 0, 1 0"} < set(lines)
    assert any(line.startswith("A weak, weak-again ") for line in lines)
    assert any(line.startswith("B - A") for line in lines)
    assert "\ndataset " not in text
    assert "\ndataset " in compare.format_comparison(three, all_options=True)


def test_markdown_tables_have_as_many_cells_in_each_row(three):
    text = compare.format_comparison(three, all_options=True, markdown=True)
    for block in text.split("\n\n"):
        if block.startswith("|"):
            assert len({line.count("|") for line in block.splitlines()}) == 1
    assert "## Options that differ" in text


def test_one_run_alone_is_not_compared(weak):
    with pytest.raises(UserError, match="weak alone"):
        compare.compare_runs([weak])


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("more", {"val_fraction": 0.2}, "--val_fraction=0.1 and --val_fra"),
        ("larger", {"image_size": 6}, "--image_size=None and --image_size=6"),
        ("moons", {"dataset": "moons", "model": "mlp"}, "--dataset=moons"),
    ],
)
def test_runs_on_other_validation_examples_are_refused(
    weak, make, name, options, why
):
    with pytest.raises(UserError, match="validation examples differ") as caught:
        compare.compare_runs([weak, make(name, **options)])
    assert why in str(caught.value)


def test_the_same_image_files_are_compared_at_two_sizes(make, tmp_path):
    folder = tmp_path / "photos"
    write_example_images(folder)
    small, large = (
        make(f"{size}", dataset=f"folder:{folder}", image_size=size)
        for size in (8, 16)
    )
    found = compare.compare_runs([small, large])
    assert found["different_options"]["image_size"] == [[8], [16]]
    alone = evaluate.evaluate_runs([small, large], "val")
    for row, result in zip(found["runs"], alone, strict=True):
        assert row["accuracy"] == result["accuracy"]


def test_fewer_training_images_leave_the_validation_images_the_same(weak, make):
    fewer = make("fewer", train_examples=300)
    differ = compare.compare_runs([weak, fewer])["different_options"]
    assert differ["train_examples"] == [[None], [300]]


def test_runs_that_predict_numbers_are_compared_by_squared_error(make):
    options = {"dataset": "bumps", "model": "mlp"}
    first = make("bumps", **options)
    second = make("bumps-longer", **{**options, "steps": 60})
    found = compare.compare_runs([first, second])
    errors = evaluate.evaluate_runs([first, second], "val")
    for row, error in zip(found["runs"], errors, strict=True):
        expected = error["mean_squared_error"]
        assert row["mean_squared_error"] == pytest.approx(expected)
    (pair,) = found["pairs"]
    assert pair["mcnemar"] is None
    assert pair["difference"] < 0
    assert pair["better"] == "B"
    assert "mean squared error" in compare.format_comparison(found)
    with pytest.raises(UserError, match="is a regression and"):
        compare.compare_runs([first, make("weak")])


def test_loss_and_accuracy_have_a_curve_of_each_run(weak, strong):
    loss, accuracy = compare.plot_learning_curves([weak, strong]).axes
    for axes in (loss, accuracy):
        colors = {line.get_color() for line in axes.get_lines()}
        assert colors == set(compare.COLORS[:2])


@pytest.mark.parametrize("name", ["curves", "no/such/folder/curves.png", "."])
def test_a_picture_that_cannot_be_written_is_refused(tmp_path, name):
    with pytest.raises(UserError, match="--plot="):
        compare.check_plot_path(str(tmp_path / name))


def test_configs_are_named_by_letters():
    assert [compare.group_label(i) for i in (0, 25, 26, 52)] == [
        "A", "Z", "A1", "A2",
    ]  # fmt: skip


def run_with(like, name, losses):
    """Returns a run as `plot_learning_curves` reads it, of another config."""
    return SimpleNamespace(
        name=name,
        path=like.path / name,
        history=[
            {"epoch": epoch, "val_loss": loss}
            for epoch, loss in enumerate(losses, 1)
        ],
        config=like.config.replace(l2=len(name) / 100),
        resolved=like.resolved,
    )


@pytest.mark.parametrize(
    "losses, scale", [((2e5, 3e5), "log"), ((4.0, 0.3), "linear")]
)
def test_a_run_gone_wild_does_not_hide_the_others(weak, losses, scale):
    good, other = run_with(weak, "a", (0.5, 0.2)), run_with(weak, "bc", losses)
    (axes,) = compare.plot_learning_curves([good, other]).axes
    assert axes.get_yscale() == scale


def test_a_loss_of_zero_stays_in_the_plot(weak):
    run = run_with(weak, "a", (100.0, 0.0))
    (axes,) = compare.plot_learning_curves([run]).axes
    assert axes.get_yscale() == "linear"


def test_training_is_dotted_beside_validation_in_its_color(weak):
    run = run_with(weak, "a", (0.5, 0.2))
    for row in run.history:
        row["loss"] = row["val_loss"] / 2
    (axes,) = compare.plot_learning_curves([run]).axes
    validation, training = axes.get_lines()
    assert list(validation.get_ydata()) == [0.5, 0.2]
    assert list(training.get_ydata()) == [0.25, 0.1]
    assert validation.get_color() == training.get_color()
    assert training.get_linestyle() != validation.get_linestyle() == "-"
    assert len(axes.get_legend().get_texts()) == 1


def test_a_repeated_seed_counts_once(make, weak, weak_again):
    copy = make("weak-copy")
    found = compare.compare_runs([weak, copy, weak_again])
    (config,) = found["configs"]
    once = compare.compare_runs([weak, weak_again])["configs"][0]
    for name in ("mean", "std", "low", "high"):
        assert config[name] == once[name]
    text = compare.format_comparison(found)
    assert "weak-copy repeats the seed of another run" in text
    alone = compare.compare_runs([weak, copy])["configs"][0]
    assert (alone["std"], alone["interval"][:7]) == (None, "Clopper")
    results = evaluate.evaluate_runs([weak, copy], "val")
    (row,) = statistics.summarize_seeds([weak, copy], results)
    assert (row["std"], row["repeated"]) == (None, ["weak-copy"])


def test_models_of_one_name_and_other_layers_are_two_configs(tmp_path):
    def trained(units, seed, name):
        model = keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                keras.layers.Flatten(),
                keras.layers.Dense(units, activation="relu"),
                keras.layers.Dense(10),
            ],
            name="net",
        )
        return zoo.train(
            model, "digits", steps=2, seed=seed, run_name=name,
            summaries=("none",), verbose=False, runs_dir=str(tmp_path),
        )  # fmt: skip

    runs = [trained(8, 0, "a"), trained(64, 0, "b"), trained(8, 1, "c")]
    found = compare.compare_runs(runs)
    assert [row["runs"] for row in found["configs"]] == [["a", "c"], ["b"]]
    first, second = found["different_options"]["model"]
    assert first[0].startswith("net (") and first != second
