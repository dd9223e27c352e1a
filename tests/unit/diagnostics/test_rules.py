"""Each rule on a run made for it, and none of them on a healthy run."""

import pytest

from tests.unit.diagnostics.example_runs import FAILS, history, stats, steady
from zoo.commands import Target
from zoo.diagnostics import diagnose
from zoo.diagnostics.findings import ERROR, INFO, WARNING, format_findings
from zoo.training.console import next_commands


def first(run):
    return diagnose(run)[0]


def names(run):
    return [finding.name for finding in diagnose(run)]


def found_by(rule, run):
    """The finding of one rule, whatever else is found."""
    (finding,) = (f for f in diagnose(run) if f.name == rule)
    return finding


def update_ratios(ratio):
    """Changes of layer statistics: this ratio in each layer."""
    layers = ("hidden1", "hidden2", "logits")
    return {f"layers.{name}.update_ratio": ratio for name in layers}


def batch_norm(momentum, accuracy):
    """Changes of layer statistics: accuracy with those of a batch."""
    found = {"loss_in_training": 0.2, "accuracy_in_training": accuracy}
    return {"batch_norm": {"momentum": momentum, **found}}


def test_a_healthy_run_has_no_finding():
    assert diagnose(stats()) == []


def test_a_diverged_run_is_advised_a_tenth_of_its_learning_rate():
    found = first(stats(status="diverged", config={"learning_rate": 0.05}))
    assert (found.name, found.severity) == ("diverged", ERROR)
    assert found.command == "zoo train --like=mlp-digits --learning_rate=0.005"


def test_equal_units_come_before_the_failure_they_cause():
    equal = {"hidden.hidden1.spread": 1e-7}
    found = stats(FAILS, start=equal, end=equal)
    assert names(found)[0] == "equal_units"
    assert "--initializer=he_normal" in first(found).advice


def test_units_that_became_equal_by_dying_are_not_called_equal():
    end = {"hidden.hidden1.spread": 0.0, "hidden.hidden1.dead": 1.0}
    assert "equal_units" not in names(stats(FAILS, end=end))


@pytest.mark.parametrize(
    ("mean", "std"), [(120, 60), (0.0, 70), (0.4, 0.2), (0.0, 1e-3)]
)
def test_inputs_off_center_or_off_scale_are_the_cause_of_a_failure(mean, std):
    start = {"inputs.mean": mean, "inputs.std": std}
    found = first(stats(FAILS, start=start))
    assert (found.name, found.severity) == ("inputs", ERROR)
    assert f"{mean:.3g}" in found.text or f"{std:.3g}" in found.text


def test_inputs_off_center_are_a_hint_where_all_goes_well():
    found = first(stats(start={"inputs.mean": 0.9}))
    assert (found.name, found.severity) == ("inputs", INFO)


def test_inputs_scaled_as_the_given_weights_were_are_no_hint():
    start, config = {"inputs.mean": 0.9}, {"weights": "lenet5:mnist"}
    assert "inputs" not in names(stats(start=start, config=config))
    assert "inputs" in names(stats(FAILS, start=start, config=config))


def test_inputs_whose_brightness_differs_are_centered_one_by_one():
    start = {"inputs.mean": 9.0, "inputs.brightness_fraction": 0.7}
    images = stats(FAILS, start=start)
    assert "--mean_subtraction=image" in first(images).advice
    vectors = stats(FAILS, start=start, data={"input_shape": [5]})
    assert "--mean_subtraction=channel" in first(vectors).advice


def test_a_loss_that_rose_shows_too_high_a_rate():
    blown = history((30, 0.2, 3, 0.2), (2.4, 0.25, 2.4, 0.25))
    found = first(stats(blown))
    assert found.name == "learning_rate_too_high"
    assert "from 1.5 at initialization to 30 in epoch 1" in found.text


def test_a_loss_that_ends_far_above_its_start_is_blown_up():
    # Nine of ten are correct all the same; the tenth costs millions.
    found = first(stats(steady(1.9e6, 0.93, 2e6, 0.93)))
    assert found.name == "learning_rate_too_high"


def test_a_loss_that_rose_and_came_back_is_forgiven():
    healed = history(
        (30, 0.2, 3, 0.2), (0.5, 0.9, 0.5, 0.9), (0.4, 0.9, 0.5, 0.9)
    )
    assert "learning_rate_too_high" not in names(stats(healed))


def test_a_diverged_run_is_not_overfitting():
    turned = history(
        (0.9, 0.7, 0.5, 0.7), (0.6, 0.8, 9, 0.8), (0.4, 0.8, 90, 0.8)
    )
    found = names(stats(turned, status="diverged"))
    assert found[0] == "diverged"
    assert "overfitting" not in found


def test_wild_updates_show_too_high_a_rate_where_nothing_is_learned():
    end = update_ratios(0.2)
    assert names(stats(FAILS, end=end))[0] == "learning_rate_too_high"
    assert "learning_rate_too_high" not in names(stats(end=end))


def test_hidden_weights_that_have_grown_show_too_high_a_rate():
    found = first(stats(FAILS, end={"layers.hidden1.weight_norm": 500.0}))
    assert found.name == "learning_rate_too_high"
    assert "hidden1 grew by a factor of 50" in found.text


def test_tiny_updates_show_too_low_a_rate():
    slow = {"learning_rate": 1e-6}
    found = first(stats(FAILS, end=update_ratios(1e-6), config=slow))
    assert found.name == "learning_rate_too_low"
    assert found.command.endswith("--learning_rate=0.001")


def test_gradients_vanish_between_the_last_and_the_first_layer():
    end = {
        "layers.hidden1.gradient_norm": 1e-6,
        "hidden.hidden1.function": "sigmoid",
    }
    found = first(stats(FAILS, end=end))
    assert found.name == "vanishing_gradients"
    assert "gradient of hidden1 is 1e-06 times that of logits" in found.text
    assert "--activation=relu" in found.advice


@pytest.mark.parametrize(
    ("momentum", "used", "severity"),
    [(0.99, 0.5, ERROR), (0.1, 0.85, WARNING), (0.1, 0.2, ERROR)],
)
def test_batch_norm_that_works_in_training_alone_is_named(
    momentum, used, severity
):
    end = batch_norm(momentum, 0.9) | {"classes.accuracy": used}
    found = first(stats(end=end))
    assert (found.name, found.severity) == ("batch_norm", severity)


def test_usual_batch_norm_is_not_named():
    assert names(stats(end=batch_norm(0.9, 0.95))) == []


def test_labels_are_doubted_where_learning_does_not_carry_over():
    found = stats(steady(0.5, 0.9, 2.0, 0.24))
    assert names(found)[0] == "unrelated_labels"


def majority(train, val):
    """Changes of the data: the shares of the largest class."""
    return {"majority": {"train": train, "val": val}}


@pytest.mark.parametrize(
    ("accuracy", "val_accuracy", "data"),
    [
        (0.9, 0.5, {}),  # it carries over a little
        # Half learned: validation is as good, of 85 examples.
        (0.64, 0.6, {"val": 85, **majority(0.5, 0.52)}),
        # The interval is wide.
        (0.99, 0.55, {"val": 20, **majority(0.35, 0.35)}),
        (0.99, 0.85, {"val": 200, **majority(0.8, 0.8)}),
    ],
)
def test_labels_are_not_doubted_where_validation_leaves_it_open(
    accuracy, val_accuracy, data
):
    found = stats(steady(0.5, accuracy, 2.0, val_accuracy), data=data)
    assert "unrelated_labels" not in names(found)


@pytest.mark.parametrize("classes", [100, 1000])
def test_far_above_chance_among_many_classes_is_learning(classes):
    data = {
        "class_names": [str(label) for label in range(classes)],
        "train": 45_000,
        "val": 5_000,
        **majority(1 / classes, 1 / classes),
    }
    learns = stats(
        history((4.2, 0.03, 4.1, 0.05), (4.0, 0.085, 3.95, 0.098)), data=data
    )
    assert "not_learning" not in names(learns)
    chance = 1.1 / classes
    stuck = stats(history(*[(4.6, chance, 4.6, chance)] * 2), data=data)
    assert "not_learning" in names(stuck)


def test_no_class_weights_are_proposed_where_classes_are_mixed():
    data = majority(0.7, 0.7)
    end = {"classes.predictions": [0.9, 0.1, 0, 0]}
    for augment, flag in (("none", True), ("mixup", False)):
        found = stats(FAILS, end=end, data=data, config={"augment": augment})
        advice = found_by("class_imbalance", found).advice
        assert ("--class_weight" in advice) == flag


def test_a_shorter_warmup_keeps_its_start():
    config = {"warmup_epochs": 4.0, "warmup_start": 0.01}
    finding = found_by("warmup", stats(FAILS, config=config))
    assert 0 < float(finding.advice.split("--warmup_epochs=")[1][:-1]) < 1


def test_dead_units_are_counted_by_their_worst_layer():
    found = first(stats(FAILS, end={"hidden.features.dead": 0.97}))
    assert (found.name, found.severity) == ("dead_units", ERROR)
    assert "97% of the units of features" in found.text
    assert found.command.endswith("--activation=leaky_relu")


def test_some_dead_units_in_a_good_run_are_a_hint():
    found = first(stats(end={"hidden.features.dead": 0.6}))
    assert (found.name, found.severity) == ("dead_units", INFO)


def test_a_starting_loss_far_above_guessing_is_named():
    found = first(stats(start={"classes.loss": 45.0}))
    assert found.name == "initial_loss"
    assert "45, where chance level is ln 4 = 1.39" in found.text


def test_the_starting_loss_of_a_hinge_is_no_matter_of_ln_k():
    hinge = {"loss": "hinge"}
    assert names(stats(start={"classes.loss": 45.0}, config=hinge)) == []


def test_one_class_for_everything_is_named_with_the_class():
    end = {"classes.predictions": [0.0, 0.98, 0.02, 0.0]}
    found = diagnose(stats(FAILS, end=end))
    assert [f.name for f in found] == ["one_class", "not_learning"]
    assert "class 'b' for 98% of the inputs" in found[0].text


def test_one_class_is_no_problem_where_nearly_all_are_of_it():
    end = {"classes.predictions": [0.97, 0.03, 0, 0]}
    good = steady(0.1, 0.99, 0.1, 0.99)
    mostly = stats(good, end=end, data=majority(0.95, 0.95))
    assert "one_class" not in names(mostly)


def test_a_gap_wider_than_the_margin_of_error_is_told():
    found = first(stats(steady(0.1, 0.99, 0.6, 0.8)))
    assert (found.name, found.severity) == ("overfitting", WARNING)
    assert "19 points above" in found.text
    # It may have the better model of two: it is overfitting if it gets worse.
    assert "gap" in found.text and "overfitting" not in found.text
    assert "--augment=crop" in found.advice


def test_a_little_weight_decay_is_advised_where_there_is_none():
    wide = steady(0.1, 0.99, 0.6, 0.8)
    found = first(stats(wide, config={"augment": "crop"}))
    assert "--weight_decay=0.001" in found.advice


def test_few_steps_are_an_error_where_little_was_learned():
    for accuracy, severity in ((0.3, ERROR), (0.8, INFO)):
        rows = steady(0.9, accuracy, 0.9, accuracy, epochs=1)
        few = stats([{**row, "step": 10.0} for row in rows])
        assert found_by("few_steps", few).severity == severity


def test_few_steps_are_counted_by_updates_of_the_weights():
    rows = steady(0.9, 0.3, 0.9, 0.3, epochs=1)
    rows = [{**row, "step": 400.0} for row in rows]
    config = {"batch_size": 10, "gradient_accumulation_steps": 8}
    found = found_by("few_steps", stats(rows, config=config))
    assert "only 50 updates, of 80 examples each" in found.text
    config = {"batch_size": 10, "gradient_accumulation_steps": 4}
    assert "few_steps" not in names(stats(rows, config=config))


def test_a_gap_within_the_margin_of_error_is_nothing():
    few = stats(steady(0.1, 0.99, 0.6, 0.8), data={"val": 10})
    assert "overfitting" not in names(few)


def test_a_tiny_loss_that_rises_by_a_third_is_nothing():
    tiny = history(*[(0.01, 1.0, loss, 1.0) for loss in (0.02, 0.018, 0.026)])
    assert "overfitting" not in names(stats(tiny))


def test_the_epoch_where_the_validation_loss_turned_is_named():
    turned = history(
        (0.9, 0.7, 0.8, 0.7), (0.6, 0.8, 0.5, 0.8), (0.4, 0.82, 0.9, 0.8)
    )
    found = first(stats(turned))
    assert found.name == "overfitting"
    assert "lowest after epoch 2, 0.5, and is 0.9 now" in found.text
    assert "overfitting" in found.text


def test_a_run_at_chance_level_is_not_overfitting():
    stuck = history(*[(9.0, 0.26, loss, 0.25) for loss in (5.0, 7.0, 9.0)])
    assert "overfitting" not in names(stats(stuck))


@pytest.mark.parametrize(
    ("confidence", "word"), [(0.99, "over"), (0.6, "under")]
)
def test_confidence_that_is_not_accuracy_is_named(confidence, word):
    end = {"classes.confidence": confidence, "classes.accuracy": 0.8}
    found = first(stats(end=end))
    assert (found.name, found.severity) == ("calibration", INFO)
    assert found.text.startswith(f"{word}-confident: mean confidence")


def test_a_loss_that_still_falls_asks_for_more_epochs():
    falling = history(*[(1 / n, 0.9, 1 / n, 0.9) for n in range(1, 7)])
    found = first(stats(falling))
    assert (found.name, found.severity) == ("still_improving", INFO)
    assert "--epochs=8" in found.advice


def test_the_most_severe_finding_comes_first():
    found = diagnose(
        stats(FAILS, start={"classes.loss": 45.0, "inputs.mean": 9.0})
    )
    severities = [f.severity for f in found]
    assert severities == sorted(severities, reverse=True)
    assert len(severities) == 3


@pytest.mark.parametrize(
    "given",
    [
        {"layer_stats": []},
        {"layer_stats": [], "rows": []},
        {"rows": [], "status": "killed"},
        {"status": "diverged", "rows": []},
    ],
)
def test_no_rule_stumbles_over_what_is_missing(given):
    diagnose(stats(**given))


def nothing(row):
    """The same with `None` for every number."""
    if isinstance(row, dict):
        return {key: nothing(value) for key, value in row.items()}
    return row if isinstance(row, str) else None


def test_no_rule_stumbles_over_numbers_that_were_none():
    start, row = stats().layer_stats
    for part in ("layers", "batch_norm"):
        row[part] = nothing(row[part])
    row["classes"] |= {"loss": None, "confidence": None}
    row["classes"] |= {"calibration_error": None}
    for hidden in row["hidden"].values():
        hidden |= {"mean": None, "std": None, "spread": None}
    start["inputs"] = nothing(start["inputs"])
    start["classes"]["loss"] = None
    diagnose(stats(layer_stats=[start, row]))


def test_a_regression_has_no_finding():
    regression = stats(
        steady(0.4, None, 0.5, None),
        start={"classes": None},
        end={"classes": None},
        data={"class_names": []},
        config={"loss": "squared_error"},
    )
    assert diagnose(regression) == []


def test_a_nonparametric_model_has_no_finding():
    given = stats(
        history((None, None, None, 0.9)),
        layer_stats=[],
        config={"optimizer": None, "learning_rate": None, "epochs": None},
    )
    assert diagnose(given) == []


DRAWN = {"fraction": 1.0, "replaced": 1000, "changed": 750, "fingerprint": "0"}


def test_labels_that_were_drawn_on_purpose_are_no_mistake():
    memorized = history(
        (1.2, 0.4, 1.5, 0.25), (0.2, 0.9, 3, 0.24), (0, 1, 5, 0.25)
    )
    assert {"unrelated_labels", "overfitting"} & set(names(stats(memorized)))
    found = stats(memorized, data={"random_labels": DRAWN})
    assert not {"unrelated_labels", "overfitting"} & set(names(found))
    drawn = found_by("random_labels", found)
    assert "750 of the 1,000 training labels are wrong" in drawn.text
    assert "training accuracy is 100%: the wrong ones are memor" in drawn.text
    assert "--randomize_labels=0`" in drawn.advice


def test_drawn_labels_that_are_not_learned_yet_want_more_time():
    found = stats(FAILS, data={"random_labels": DRAWN})
    drawn = found_by("random_labels", found)
    assert drawn.severity == WARNING
    assert "the wrong ones are not memorized yet" in drawn.text
    assert "--epochs=8`" in drawn.advice
    assert "not_learning" not in names(found)


def test_a_few_drawn_labels_are_memorized_once_most_of_them_are_fitted():
    data = {"random_labels": {**DRAWN, "fraction": 0.04, "changed": 40}}
    few = {
        accuracy: found_by(
            "random_labels", stats(steady(0.1, accuracy, 0.3, 0.9), data=data)
        ).text
        for accuracy in (0.97, 0.99, 1.0)
    }
    assert "not memorized yet" in few[0.97]
    assert "are memorized" in few[0.99]
    assert "are memorized" in few[1.0]


def test_training_is_held_against_the_training_labels():
    # Balanced training, and a validation split that is nearly one class.
    data = majority(0.5, 0.97)
    learned = steady(0.4, 0.82, 0.4, 0.94)
    assert "not_learning" not in names(stats(learned, data=data))
    stuck = steady(0.7, 0.5, 0.7, 0.97)
    text = found_by("not_learning", stats(stuck, data=data)).text
    assert "accuracy is 50.0%, the majority baseline 50.0%" in text


def test_equal_accuracies_are_no_overfitting():
    # Three gray levels: as good in validation, though its loss has risen.
    even = history(
        (0.9, 0.6, 0.8, 0.667),
        (0.8, 0.667, 1.1, 0.667),
        (0.7, 0.667, 1.3, 0.667),
    )
    assert "overfitting" not in names(stats(even))


def test_early_stopping_that_did_its_work_is_not_too_soon():
    stopped = history(
        (0.9, 0.6, 0.5, 0.7), (0.5, 0.8, 0.9, 0.7), (0.3, 0.86, 1.2, 0.7)
    )
    patient = {"early_stopping_patience": 2}
    found = stats(stopped, status="stopped_early", config=patient)
    assert names(found)[0] == "overfitting"
    assert not {"early_stopping", "still_improving"} & set(names(found))


def test_nothing_is_proposed_that_the_run_has():
    end = {"classes.predictions": [0, 1.0, 0, 0]}
    has = {"mean_subtraction": "channel", "scale": "std"}
    found = found_by("one_class", stats(FAILS, end=end, config=has))
    assert "mean_subtraction" not in found.command
    assert "--learning_rate=" in found.command


def test_options_that_a_model_lacks_are_not_proposed():
    dead, options = {"hidden.features.dead": 0.97}, {"dropout": 0.0}
    run = stats(FAILS, end=dead, model_options=options)
    found = found_by("dead_units", run)
    assert "activation" not in found.command
    assert "--learning_rate=0.0001" in found.command


def test_no_command_is_proposed_where_something_was_passed_in_python():
    target = Target("mlp-digits", from_python=("data",))
    found = first(stats(status="diverged", target=target))
    assert found.command == ""
    assert "learning_rate=0.0001 on the same model and data" in found.advice


@pytest.mark.parametrize(
    ("config", "name", "option"),
    [
        ({"l2": 1.0}, "regularization", "--l2=0.0001"),
        ({"dropout": 0.95}, "regularization", "--dropout=0.2"),
        ({"momentum": 0.999, "optimizer": "momentum"}, "momentum",
         "--momentum=0.9"),
        ({"warmup_epochs": 50.0}, "warmup", "--warmup_epochs=0"),
        ({"freeze": "features"}, "frozen_layers", "--freeze=none"),
        ({"clip_norm": 1e-4, "optimizer": "sgd"}, "clipping", "--clip_norm=3"),
        ({"activation": "none"}, "linear_model", "--activation=relu"),
    ],
)  # fmt: skip
def test_a_cause_in_the_settings_is_named(config, name, option):
    found = first(stats(FAILS, config=config))
    assert found.name == name
    assert found.command.endswith(option)


def test_a_warmup_that_ended_is_not_said_to_go_on():
    texts = [
        found_by("warmup", stats(FAILS, config={"warmup_epochs": epochs})).text
        for epochs in (2.0, 4.0)
    ]
    assert "took 2 of 4 epochs" in texts[0]
    assert "still warming up: 4 warm-up epochs" in texts[1]


@pytest.mark.parametrize(
    ("schedule", "text", "advice"),
    [
        ("constant", "a callback lowered the learning rate early", "more pat"),
        ("cosine", "the schedule lowered the learning rate too", "a later sch"),
        ("step", "the schedule lowered", "--schedule_epochs=2,3"),
    ],
)
def test_what_lowered_the_learning_rate_is_named(schedule, text, advice):
    rates = (0.01, 1e-5, 1e-5, 1e-6)
    rows = [
        {**row, "learning_rate": rate}
        for row, rate in zip(FAILS, rates, strict=True)
    ]
    found = found_by("schedule", stats(rows, config={"schedule": schedule}))
    assert found.text.startswith(text)
    assert advice in found.advice


def test_next_commands_follow_from_what_was_found():
    sound = stats(data={"test": 50})
    commands = next_commands(sound, diagnose(sound))
    assert commands[""].endswith("--like=mlp-digits --seeds=5")
    assert commands["test set"].endswith("--split=test")
    without = stats(data={"test": 0})
    assert "test set" not in next_commands(without, [])
    broken = stats(status="diverged", data={"test": 50})
    commands = next_commands(broken, diagnose(broken))
    assert commands[""].endswith("--learning_rate=0.0001")
    assert "test set" not in commands


@pytest.mark.parametrize(
    ("rates", "ratio", "is_named"),
    [
        ((1e-3, 8e-4, 4e-4, 1e-6), 1e-6, False),  # measured at its end alone
        ((1e-3, 1e-3, 1e-3, 2e-4), 1e-5, False),  # a fifth of 5e-5
        ((1e-3, 1e-3, 1e-3, 2e-4), 2e-6, True),
        ((1e-3, 1e-3, 1e-3, 1e-3), 1e-5, True),
    ],
)
def test_steps_are_judged_by_the_peak_of_the_learning_rate(
    rates, ratio, is_named
):
    rows = [
        {**row, "learning_rate": rate}
        for row, rate in zip(FAILS, rates, strict=True)
    ]
    found = names(stats(rows, end=update_ratios(ratio)))
    assert ("learning_rate_too_low" in found) is is_named


@pytest.mark.parametrize("loss", ["hinge", "squared_error"])
def test_outputs_that_are_no_log_probabilities_have_no_confidence(loss):
    end = {"classes.confidence": 0.2, "classes.accuracy": 0.9}
    assert "calibration" in names(stats(end=end))
    assert "calibration" not in names(stats(end=end, config={"loss": loss}))


def test_inputs_of_points_have_no_brightness_and_no_images():
    start = {"inputs.mean": 9.0}
    images = first(stats(FAILS, start=start))
    assert "brightness between images" in images.text and images.tag
    points = stats(FAILS, start=start, data={"input_shape": [2]})
    found = first(points)
    assert found.name == "inputs" and "brightness" not in found.text
    assert found.tag == ""
    assert "TensorBoard" not in format_findings(points, [found])
