"""A run as a model card, the `README.md` of the Hugging Face Hub.

The front matter is what the Hub indexes, the results in its `model-index`;
the text has the sections of Mitchell et al. 2019, "Model cards for model
reporting", arXiv 1810.03993. Numbers, and what must not be concluded from
them, are those of the report.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Sequence
from typing import Any

from zoo import backend
from zoo.config import DEFAULTS
from zoo.console import format_percent
from zoo.errors import UserError
from zoo.io import atomic_write
from zoo.reporting import sections
from zoo.reporting.context import ReportContext, collect, without_paths
from zoo.runs import Run

SUFFIX = ".md"  # of a file that becomes a model card
CLASSIFICATION = {
    "type": "image-classification",
    "name": "image classification",
}


@backend.fixed_settings()
def write_card(
    runs: Sequence[Run], runs_dir: str, path: pathlib.Path
) -> pathlib.Path:
    """Writes the model card of a run, and returns its path.

    Args:
        runs: One finished run.
        runs_dir: Folder of the test-set log, for runs that are in there.
        path: File to write; an existing one is replaced.

    Raises:
        UserError: there are several runs, or the run has no model.
    """
    if len(runs) > 1:
        raise UserError(
            f"a model card is about one model, and there are {len(runs)} runs; "
            "name one, or write a page about all with --out=PATH.html."
        )
    context = collect(runs[0], runs_dir)
    if not context.is_finished:
        raise UserError(
            f"{context.name} has no trained model that a model card could "
            f"describe: it has the status {context.status}."
        )
    with atomic_write(path) as file:
        file.write(render_card(context).encode())
    return path


def render_card(run: ReportContext) -> str:
    """Returns the text of a model card, Markdown with a front matter."""
    parts = [
        f"---\n{_front_matter(run)}---\n",
        f"# {run.name}\n",
        _summary(run),
        *("## How to use\n", _usage(run)),
        *("## Intended use and limits\n", _limits(run)),
        *("## Results\n", _results(run)),
        *("## Training\n", _training(run)),
    ]
    return "\n".join(parts)


# The front matter. A value of JSON is one of YAML, whatever is in a name.


def _front_matter(run: ReportContext) -> str:
    is_images = run.unit_name == "images" and not run.is_regression
    lines = {
        "library_name": "keras",
        "tags": ["keras", run.config["model"]],
    }
    if is_images:
        lines["pipeline_tag"] = CLASSIFICATION["type"]
        lines["tags"] = ["image-classification", *lines["tags"]]
    results = _indexed_results(run) if is_images else []
    if results:
        lines["metrics"] = ["accuracy"]
        lines["model-index"] = [{"name": run.name, "results": results}]
    return "".join(
        f"{name}: {json.dumps(value, ensure_ascii=False)}\n"
        for name, value in lines.items()
    )


def _indexed_results(run: ReportContext) -> list[dict[str, Any]]:
    """Returns the accuracies as the Hub's `model-index` has them."""
    return [
        {
            "task": CLASSIFICATION,
            "dataset": {
                "type": run.dataset_name,
                "name": run.dataset_name,
                "split": split,
            },
            "metrics": [
                {
                    "type": "accuracy",
                    "value": result["accuracy"],
                    "name": f"{split} accuracy",
                }
            ],
        }
        for split, result in _scores(run)
        if "accuracy" in result
    ]


def _scores(run: ReportContext) -> list[tuple[str, dict[str, Any]]]:
    """Returns the results of the validation and of the test split."""
    found = []
    if run.scored:
        found.append(("validation", run.scored.result))
    if run.test_result:
        found.append(("test", run.test_result))
    return found


# The text.


def _summary(run: ReportContext) -> str:
    counts = run.resolved["parameters"]
    model = sections.model_rows(run)
    about = f" ({model['about']}; {model['paper']})" if model["paper"] else ""
    lines = [
        f"`{run.config['model']}`{about}, {counts['total']:,} parameters, "
        f"trained on {run.data['train']:,} {run.unit_name} of "
        f"{run.dataset_name}: {sections.input_text(run)}, "
        f"{sections.target_text(run)}."
    ]
    if started := run.resolved["weights"]:
        source = without_paths(started["run"])
        lines.append(f"It started from the weights of `{source}`.")
    lines += [f"**{text}**" for text in sections.notices(run)]
    return "\n\n".join(lines) + "\n"


def _usage(run: ReportContext) -> str:
    shape = ", ".join(map(str, run.data["input_shape"]))
    what = "raw pixels 0..255" if run.unit_name == "images" else "coordinates"
    given = f"x = ...  # {what}, float32 [N, {shape}]"
    lines = [
        "import keras",
        "",
        'model = keras.saving.load_model("model.keras")',
        given,
        "outputs = model.predict(x)",
    ]
    if run.class_names:
        lines[-1] = "logits = model.predict(x)"
        lines.append("probabilities = keras.ops.softmax(logits)")
    text = "\n".join(lines)
    return (
        f"```python\n{text}\n```\n\nThe preprocessing is part of the model: "
        f"{sections.preprocessing(run)['text']}.\n"
    )


def _limits(run: ReportContext) -> str:
    texts = [
        f"It is meant for {run.unit_name} like those of {run.dataset_name}, "
        "which it was trained and scored on."
    ]
    if run.class_names:
        shown = sections.data_rows(run)["classes"]
        texts.append(
            f"It chooses one of its classes ({shown}) for every input, also "
            "for one that belongs to none of them."
        )
    if run.unit_name == "images":
        height, width = run.data["input_shape"][:2]
        texts.append(
            f"It was trained on images of {height}x{width} pixels; others have "
            "to be resized to that as the training images were "
            f"(`{run.config.get('resize', DEFAULTS['resize'])}`)."
        )
    texts += [text for text in (_weakest_class(run), _confusion(run)) if text]
    if run.data["test"] and not run.test_result:
        texts.append("It has not been evaluated on the test set yet.")
    texts += sections.caveats(run)
    texts += [f"{f.text[:1].upper()}{f.text[1:]}." for f in run.findings]
    license_ = sections.data_rows(run)["license"]
    texts.append(f"License of the training data: {license_}.")
    return "".join(f"- {without_paths(text)}\n" for text in texts)


def _weakest_class(run: ReportContext) -> str:
    if run.is_regression or not run.scored:
        return ""
    rows = [
        row for row in run.scored.result["classes"] if row["recall"] is not None
    ]
    worst = min(rows, key=lambda row: row["recall"])
    return (
        f"It is least reliable on {worst['class']}: it recognizes "
        f"{format_percent(worst['recall'])}% of them (95% CI "
        f"{format_percent(worst['recall_low'])} to "
        f"{format_percent(worst['recall_high'])}%)."
    )


def _confusion(run: ReportContext) -> str:
    matrix = sections.confusion_matrix(run)
    if matrix is None or not matrix["confusions"]:
        return ""
    true, predicted = matrix["confusions"][0]
    count = run.scored.result["confusion"][true][predicted]
    names = run.class_names
    return (
        f"Its most frequent mistake is {names[predicted]} for "
        f"{names[true]}: {count:,} of {run.scored.result['examples']:,} "
        f"validation {run.unit_name}."
    )


def _results(run: ReportContext) -> str:
    rows = [_score_row(*score) for score in _scores(run)]
    if not rows:
        return f"There are none: {run.missing_reason}\n"
    blocks = [
        _table(("split", "score", "95% CI", run.unit_name), rows),
    ]
    if not run.is_regression and run.scored:
        classes = [
            (
                row["class"],
                _percent(row["precision"]),
                _percent(row["recall"]),
                str(row["examples"]),
            )
            for row in run.scored.result["classes"]
        ]
        heads = ("class", "precision", "recall", run.unit_name)
        blocks.append(_table(heads, classes))
        error = run.scored.result["expected_calibration_error"]
        blocks.append(
            f"By class on the validation {run.unit_name}, where the expected "
            f"calibration error is {error:.3f}.\n"
        )
    return "\n".join(blocks)


def _score_row(split: str, result: dict[str, Any]) -> tuple[str, ...]:
    if "accuracy" not in result:
        error = f"mean squared error {result['mean_squared_error']:.4g}"
        return split, error, "-", f"{result['examples']:,}"
    # Of the test set, the interval that holds for all evaluations on it.
    interval = result.get("corrected", result)
    low, high = interval["accuracy_low"], interval["accuracy_high"]
    count = interval.get("test_evaluations", 1)
    note = f", Bonferroni for {count} evaluations" if count > 1 else ""
    return (
        split,
        f"accuracy {format_percent(result['accuracy'])}%",
        f"{format_percent(low)} to {format_percent(high)}%{note}",
        f"{result['examples']:,}",
    )


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{format_percent(value)}%"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n"
        for line in lines
    )


def _training(run: ReportContext) -> str:
    data = sections.data_rows(run)
    environment = sections.environment(run)
    command = sections.settings(run)["command"]
    facts = {
        "Validation split": data["split"],
        "Augmentation": data["augmentation"],
        "Device": environment["device"],
        "Versions": environment["versions"],
        "Seed": environment["seed"],
        "Dates": sections.dates_text(run),
        "Fingerprint of the data": run.data["fingerprint"],
    }
    lines = [f"- {name}: {text}" for name, text in facts.items() if text]
    if command is not None:
        lines += ["", "```sh", command, "```"]
    return "\n".join([*lines, ""])
