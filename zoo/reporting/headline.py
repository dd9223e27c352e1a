"""The top of a page: what was trained, how it ended, and how well it does."""

from __future__ import annotations

import datetime

from zoo.commands import Target
from zoo.console import format_duration, format_shape, pluralize
from zoo.evaluation.opening import ordinal
from zoo.reporting.elements import NOTHING, Markup, element, joined, sentence
from zoo.reporting.gathering import Story

STANDING = {
    "running": "This run is still at work; its numbers are of this moment.",
    "killed": "This run ended without saying so, as a process does that is "
    "killed. {resume} goes on with it.",
    "interrupted": "This run was interrupted after {steps}. "
    "{resume} goes on with it.",
    "diverged": "This run diverged: its loss or a weight was no longer a "
    "number after {steps}. There is no result; what is shown is from before.",
}


def head(story: Story, level: str = "h1") -> Markup:
    """Returns name, summary, warnings and the result in large figures."""
    return element(
        "header",
        element(level, story.name),
        element("p", summary(story), class_="lede"),
        notice(story),
        element("div", *_results(story), class_="results"),
    )


def notice(story: Story) -> Markup:
    """Says what a reader must know before the numbers; nothing if healthy."""
    told = []
    if story.status in STANDING:
        steps = pluralize(story.steps, "update")
        text = STANDING[story.status].format(
            steps=steps, resume=Target.of(story.run).resume()
        )
        told.append(text)
    share = story.resolved["config"].get("randomize_labels")
    if share:
        told.append(
            f"{100 * share:g} % of the training labels were replaced by "
            "classes drawn at random; validation labels are the true ones."
        )
    if story.left_out and story.is_finished:
        told.append(f"Made from stored numbers: {story.left_out}")
    if not told:
        return NOTHING
    lines = [element("p", sentence(text)) for text in told]
    return element("div", lines, class_="notice", role="note")


def summary(story: Story) -> Markup:
    """Returns what was trained on what, how and when, in a sentence or two."""
    resolved, show = story.resolved, story.numbers
    config, data = resolved["config"], resolved["data"]
    classes = len(data["class_names"])
    task = f"{classes} classes" if classes else "a number to predict"
    memory = config["optimizer"] is None or not resolved["total_steps"]
    how = (
        "by heart"
        if memory
        else joined(
            f"with {config['optimizer']} at rate {config['learning_rate']:g}, "
            f"batches of {config['batch_size']}, ",
            _span(story),
        )
    )
    return joined(
        element("strong", config["model"]),
        " (",
        show.count("resolved.parameters.trainable"),
        " parameters) learned ",
        element("strong", data["name"]),
        ": ",
        show.count("resolved.data.train"),
        f" {story.noun} {_shape(data['input_shape'])}, {task}, ",
        how,
        f", seed {config['seed']}. ",
        _when(story),
    )


def _shape(shape: list[int]) -> str:
    if len(shape) == 1:
        return f"of {pluralize(shape[0], 'number')}"
    return f"of {format_shape(shape).replace('x', '×')}"


def _span(story: Story) -> Markup:
    if not story.metrics:
        return joined(
            f"{pluralize(story.resolved['total_steps'], 'update')} in all"
        )
    show = story.numbers
    return joined(
        show.count("metrics.epochs"),
        " epoch" if story.metrics["epochs"] == 1 else " epochs",
        " (",
        show.count("metrics.steps"),
        " updates)",
    )


def _when(story: Story) -> str:
    started = datetime.datetime.fromisoformat(story.resolved["started"])
    day = f"Begun on {started.day} {started:%B %Y}"
    if not story.metrics:
        return f"{day}."
    status = story.status.replace("_", " ")
    return (
        f"{day}; {status} in {format_duration(story.metrics['wall_seconds'])}."
    )


def _results(story: Story) -> list[Markup]:
    if story.is_regression:
        return [_errors(story), _tested(story)]
    return [_accuracy(story), _tested(story)]


def _result(title: str, large: Markup, *lines: Markup) -> Markup:
    return element(
        "div",
        element("p", title, class_="label"),
        element("p", large, class_="large"),
        [element("p", line) for line in lines],
        class_="result",
    )


def _accuracy(story: Story) -> Markup:
    show = story.numbers
    if story.scored:
        return _result(
            "Validation accuracy",
            show.percent("evaluate.accuracy"),
            joined(
                "95 % interval ",
                show.share("evaluate.accuracy_low"),
                " to ",
                show.percent("evaluate.accuracy_high"),
                ", Clopper–Pearson",
            ),
            joined(
                show.count("evaluate.correct"),
                " of ",
                show.count("evaluate.examples"),
                " right",
                _epoch(story),
            ),
        )
    name = "metrics.best_val_accuracy"
    if show.value(name) is None:
        return _result(
            "Training accuracy, of the last epoch",
            show.percent("metrics.train_accuracy"),
            joined("no score on examples that were not trained on"),
        )
    return _result(
        "Validation accuracy, as stored",
        show.percent(name),
        joined(
            show.count("resolved.data.val"), " validation examples",
            _epoch(story),
        ),
    )  # fmt: skip


def _errors(story: Story) -> Markup:
    show = story.numbers
    if not story.scored:
        return _result(
            "Mean squared error on validation examples, as stored",
            show.significant("metrics.best_val_loss"),
            joined(show.count("resolved.data.val"), " examples", _epoch(story)),
        )
    return _result(
        "Mean squared error on validation examples",
        show.significant("evaluate.mean_squared_error"),
        joined(
            "R", element("sup", "2"), " ", show.decimal("evaluate.r2"),
            "; always predicting the mean has 0",
        ),
        joined(show.count("evaluate.examples"), " examples", _epoch(story)),
    )  # fmt: skip


def _epoch(story: Story) -> Markup:
    if not story.metrics.get("best_epoch"):
        return NOTHING
    epoch = story.numbers.count("metrics.best_epoch")
    return joined(", epoch ", epoch)


def _tested(story: Story) -> Markup:
    show, test = story.numbers, story.test
    if test is None:
        return _sealed(story)
    looks = f"{ordinal(test['openings'])} look"
    looks = "1 look" if test["openings"] == 1 else f"{test['openings']} looks"
    if "accuracy" not in test:
        return _result(
            "Mean squared error on test examples",
            show.significant("test.mean_squared_error"),
            joined("R", element("sup", "2"), " ", show.decimal("test.r2")),
            joined(f"{looks} at this test set so far"),
        )
    correction = "" if test["openings"] == 1 else ", Bonferroni"
    return _result(
        "Test accuracy",
        show.percent("test.accuracy"),
        joined(
            "95 % interval ",
            show.share("test.corrected.accuracy_low"),
            " to ",
            show.percent("test.corrected.accuracy_high"),
            f" for {looks}{correction}",
        ),
        joined(
            show.count("test.correct"), " of ",
            show.count("test.examples"), " right",
        ),
    )  # fmt: skip


def _sealed(story: Story) -> Markup:
    show, count = story.numbers, story.resolved["data"]["test"]
    if not count:
        return _result("Test", joined("none"), joined("no test split"))
    looks = "never opened from this folder of runs"
    if story.openings:
        times = "once" if story.openings == 1 else f"{story.openings} times"
        looks = f"opened {times} for other runs"
    return _result(
        "Test accuracy" if not story.is_regression else "Test error",
        element("span", "sealed", class_="sealed"),
        joined(show.count("resolved.data.test"), f" {story.noun}"),
        joined(looks),
    )
