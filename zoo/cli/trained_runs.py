"""Commands about trained runs: evaluation, comparison, reports, predictions.

`evaluate`, `compare`, `diagnose`, `misclassified`, `landscape`, `report`,
`predict` and `export`.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from zoo.cli.flags import DATA_DIR, Command
from zoo.cli.output import print_error, redirect_stderr
from zoo.commands import Target
from zoo.console import (
    Progress,
    format_duration,
    pluralize,
    tensorboard_command,
)
from zoo.data.datasets import find_dataset
from zoo.diagnostics import diagnose
from zoo.diagnostics.findings import RunStats, as_json, format_findings
from zoo.errors import UserError
from zoo.evaluation.evaluate import check_split, check_tta
from zoo.evaluation.landscape import DEFAULTS as LANDSCAPE_DEFAULTS
from zoo.evaluation.landscape import OPTIONS as LANDSCAPE_OPTIONS
from zoo.evaluation.landscape import LandscapeConfig
from zoo.evaluation.statistics import summarize_seeds
from zoo.evaluation.text import format_result, format_results
from zoo.io import atomic_write
from zoo.options import INT, Option, format_option, read_option
from zoo.reporting import check_path
from zoo.run_store import RunStore, describe_left_out
from zoo.runs import Run
from zoo.serving.formats import FORMATS, find_format
from zoo.serving.predict import MODEL_SUFFIX, find_model, predict


def run_evaluate(argv: list[str]) -> int:
    """Evaluates runs and prints tables; returns the exit code."""
    command = Command(
        "zoo evaluate [RUN...] [--split=val|train|test] [--dataset=NAME]",
        "Evaluate the saved model of one or several runs; a group's name "
        "stands for its runs. Without a name it is `last`. --split=test reads "
        "the held-out test set, of runs that are named in full: every "
        "evaluation on it is logged in test_evaluations.jsonl beside the runs, "
        "and those on one dataset are counted; seeds of one config evaluated "
        "together count once. With --dataset the accuracy on another dataset "
        "is compared with the original one, on validation examples, or on the "
        "test set if it was evaluated before; classes are matched by name. "
        "Of several runs the fit of new on original accuracy says whether "
        "better ones lose more, and --plot draws it.",
        words=("[RUN...]",),
    )
    command.text(
        "split",
        None,
        "examples: val (the default), train or test; of a --dataset without "
        "splits the default is all",
    )
    command.text(
        "dataset", None, "dataset to evaluate on in place of the run's own"
    )
    command.text("data_dir", None, DATA_DIR)
    command.text(
        "plot",
        None,
        "with --dataset, write new against original accuracy to this PNG, "
        "replacing it",
    )
    command.text(
        "tta",
        None,
        "test-time augmentation, stated beside the accuracy of one view: flip "
        "averages the logits of an image and its mirror image, flip_shift six "
        "views (Jordan 2024)",
    )
    command.define_runs(data_dir=False)
    command.switch("json", "print JSON")
    words = command.parse(argv)
    if words is None:
        return 0
    values = command.values
    _check_flags(values)
    words = words or ([] if values.split == "test" else ["last"])
    if values.split == "test":
        RunStore(values.runs_dir).check_full_names(words)
    # With --dataset it is the folder of that one.
    own = values.data_dir if values.dataset is None else None
    found, without = RunStore(values.runs_dir, own).find_all(words)
    if values.dataset is None:
        _evaluate(found, values)
    else:
        _external(found, values)
    if without and not values.json:
        print(f"\n{describe_left_out(without)}")
    return 0


def _check_flags(values) -> None:
    """Raises `UserError` for flags that cannot be used."""
    if values.split is not None:
        check_split(values.split)
    check_tta(values.tta)
    if values.dataset is not None:
        find_dataset(values.dataset)
        if values.tta is not None:
            raise UserError(
                f"--tta={values.tta} is for a run's own data; leave out it or "
                "--dataset."
            )
    elif values.plot is not None:
        raise UserError(
            f"--plot={values.plot} needs --dataset: it shows the accuracy of "
            "runs on another dataset against their original accuracy."
        )


def _evaluate(found: list[Run], values) -> None:
    """Evaluates runs on the data that they were trained with."""
    with redirect_stderr():
        from zoo.evaluation import evaluate

        results = evaluate.evaluate_runs(
            found, values.split or "val", values.runs_dir, tta=values.tta
        )
    rows = summarize_seeds(found, results)
    many = len(found) > 1
    if values.json:
        output = {"runs": results, "configs": rows} if many else results[0]
        print(json.dumps(output, indent=1))
    else:
        print(
            format_results(results, rows) if many else format_result(results[0])
        )


def _external(found: list[Run], values) -> None:
    """Evaluates runs on another dataset than their own."""
    with redirect_stderr():
        from zoo.evaluation import external

        results = external.evaluate_external(
            found,
            values.dataset,
            values.split,
            data_dir=values.data_dir,
            plot=values.plot,
            runs_dir=values.runs_dir,
        )
    if values.json:
        print(json.dumps(external.as_json(results), indent=1))
    else:
        print(external.format_results(results))
        if values.plot is not None:
            print(f"\nplot  {values.plot}")


def run_compare(argv: list[str]) -> int:
    """Compares runs on their validation examples; returns the exit code."""
    command = Command(
        "zoo compare RUN RUN... [--markdown] [--plot=PATH.png]",
        "Compare options and metrics of runs on the same validation examples, "
        "and test which differences are significant. Runs that differ only in "
        "the seed are one config; a group's name stands for its runs.",
        words=("RUN...",),
    )
    command.define_runs()
    command.text(
        "plot", None, "write the learning curves to this PNG, replacing it"
    )
    command.switch("all", "list the options that do not differ, too")
    command.switch("markdown", "print tables in Markdown")
    command.switch("json", "print JSON")
    words = command.parse(argv)
    if words is None:
        return 0
    values = command.values
    if values.json and values.markdown:
        raise UserError(
            "--json and --markdown contradict each other; give one of them."
        )
    found, without = _find_runs(words, values)
    with redirect_stderr():
        result = _compare(found, values.plot)
    if values.json:
        print(json.dumps(result, indent=1))
    else:
        from zoo.evaluation.compare import format_comparison

        print(
            format_comparison(
                result,
                all_options=values["all"].value,
                markdown=values.markdown,
            )
        )
        if without:
            print(f"\n{describe_left_out(without)}")
    return 0


def _find_runs(words: list[str], values) -> tuple[list[Run], list[Run]]:
    """Returns the runs to compare, and those of groups that have no result."""
    store = RunStore(values.runs_dir, values.data_dir)
    if len(words) == 1 and store.find_group(words[0]) is None:
        raise UserError("a RUN is missing; write `zoo compare RUN RUN...`.")
    return store.find_all(words)


def _compare(found: list[Run], plot: str | None) -> dict:
    from zoo.evaluation import compare

    # A path that cannot be written is refused before anything is computed.
    target = compare.check_plot_path(plot) if plot is not None else None
    result = compare.compare_runs(found)
    if target is not None:
        compare.save_learning_curves(found, target)
        result["plot"] = str(target)
    return result


def run_diagnose(argv: list[str]) -> int:
    """Diagnoses one run; returns the exit code."""
    command = Command(
        "zoo diagnose [RUN]",
        "Diagnose a run, finished or not, from its own metrics: findings, the "
        "most severe first, and what to try next.",
        words=("[RUN]",),
    )
    command.define_runs(data_dir=False)
    command.switch("json", "print JSON")
    given = command.parse(argv)
    if given is None:
        return 0
    given = given or ["last"]
    stats = RunStats.of(RunStore(command.values.runs_dir).find(given[0]))
    findings = diagnose(stats)
    if command.values.json:
        print(json.dumps(as_json(stats, findings), indent=1))
    else:
        print(format_findings(stats, findings))
    return 0


COUNT = Option(INT, "number of errors to write, largest loss first", "", low=1)


def run_misclassified(argv: list[str]) -> int:
    """Writes and prints the most confident errors; returns the exit code."""
    command = Command(
        "zoo misclassified [RUN] [--split=val|train] [--count=40]",
        "List misclassified examples, largest loss first: a wrong label looks "
        "like a confident error. Writes a table (CSV) and a contact sheet "
        "(PNG).",
        words=("[RUN]",),
    )
    command.text("count", "40", COUNT.help)
    command.text("split", "val", "examples to evaluate: val or train")
    command.text("out", None, "folder to write to (default: RUN/misclassified)")
    command.define_runs()
    words = command.parse(argv)
    if words is None:
        return 0
    words = words or ["last"]
    given = command.values
    check_split(given.split, allow_test=False)
    count = read_option("count", COUNT, given.count)
    found = RunStore(given.runs_dir, given.data_dir).find(words[0])
    out = given["out"].value
    if not out:
        found.check_writable()
    folder = Path(out).expanduser() if out else found.path / "misclassified"
    with redirect_stderr():
        from zoo.evaluation import misclassified

        errors = misclassified.find_misclassified(found, given.split, count)
        written = []
        if errors.total:
            misclassified.make_folder(folder)
            written = misclassified.save(errors, folder)
    print("\n".join(_describe_misclassified(found, errors, written)))
    return 0


def _describe_misclassified(
    found: Run, errors, written: list[Path]
) -> list[str]:
    """Returns what is printed.

    Args:
        errors: a `zoo.evaluation.misclassified.Misclassified`.
        written: the files that hold it.
    """
    from zoo.evaluation.misclassified import format_misclassified

    output = [format_misclassified(errors, Target.of(found))]
    if written:
        output.append("")
    return output + [f"{path.suffix[1:]:<6} {path}" for path in written]


def run_landscape(argv: list[str]) -> int:
    """Measures and draws the loss surface of one run; returns the exit code."""
    command = Command(
        "zoo landscape [RUN] [--parts=path,line,plane]",
        "Plot the loss between two sets of weights, and around the result, "
        "into RUN/landscape/ and TensorBoard.",
        words=("[RUN]",),
    )
    for name, option in LANDSCAPE_OPTIONS.items():
        (shown,) = format_option(name, LANDSCAPE_DEFAULTS[name])
        default = shown.partition("=")[2]
        help = f"{option.help} (default {default})"
        command.text(name, default, help)
    command.define_runs()
    words = command.parse(argv)
    if words is None:
        return 0
    words = words or ["last"]
    config = _config(command)
    runs_dir = command.values.runs_dir
    found = RunStore(runs_dir, command.values.data_dir).find(words[0])
    progress = PointsProgress(sys.stdout)
    with redirect_stderr():
        from zoo.evaluation.landscape import plots, scan

        try:
            numbers = scan.scan_landscape(found, config, runs_dir, progress)
        finally:
            progress.clear()
        place = plots.save(found, numbers)
    print("\n".join(_describe_landscape(numbers)))
    print(f"plots       {place}")
    print(f"tensorboard {tensorboard_command(runs_dir)}")
    return 0


def _config(command: Command) -> LandscapeConfig:
    given = {
        name: read_option(name, option, command.values[name].value)
        for name, option in LANDSCAPE_OPTIONS.items()
    }
    return LandscapeConfig(**given)


class PointsProgress:
    """Shows on a terminal how many points are done, and the time left."""

    def __init__(self, stream: TextIO):
        self._progress = Progress(stream, plain=False)
        self._first: float | None = None

    def __call__(self, done: int, total: int) -> None:
        """Is called with the number of points that are done, and of all."""
        now = time.monotonic()
        if self._first is None:
            self._first = now  # the first point builds the network, and waits
        details = ""
        if done > 1:
            left = (now - self._first) / (done - 1) * (total - done)
            details = f"{format_duration(left)} left"
        self._progress.update("loss surface", done, total, details)

    def clear(self) -> None:
        """Removes the bar."""
        self._progress.clear()


def _describe_landscape(found: dict[str, Any]) -> list[str]:
    """Returns a line on the surface, and one on each part."""
    sizes = " and ".join(
        f"{size:,} {'training' if name == 'train' else 'validation'}"
        for name, size in found["examples"].items()
    )
    text = [
        f"surface     {found['run']}: {found['loss']} of {sizes} "
        f"{found['unit']}; {found['batch_norm_note']}"
    ]
    for part in LANDSCAPE_OPTIONS["parts"].choices:
        if part in found:
            text.append(f"{part:<11} {_describe_part(part, found[part])}")
    return text


def _describe_part(part: str, numbers: dict[str, Any]) -> str:
    loss = numbers["train"]["loss"]
    shape = {
        True: "convex",
        False: "not convex",
        None: "not finite everywhere",
    }[numbers["convex"]]
    if part == "path":
        return (
            f"{numbers['start']} to {numbers['end']}: training loss "
            f"{loss[0]:.4f} to {loss[-1]:.4f}; {shape}"
        )
    reach, middle = numbers["step"][-1], len(numbers["step"]) // 2
    if part == "line":
        at = f"{loss[0]:.4g} and {loss[-1]:.4g} at its ends"
        return (
            f"{loss[middle]:.4f} at the center ({numbers['center']}), "
            f"{at}, {reach:g} away; {shape}"
        )
    corners = loss[0, 0], loss[0, -1], loss[-1, 0], loss[-1, -1]
    at = f"{min(corners):.4g} to {max(corners):.4g} at its corners"
    return (
        f"{loss[middle, middle]:.4f} at the center ({numbers['center']}), "
        f"{at}; {shape}"
    )


def run_report(argv: list[str]) -> int:
    """Writes a page about runs; returns the exit code."""
    command = Command(
        "zoo report [RUN...] [--out=PATH.html|README.md]",
        "Write an HTML report about a run into its folder, or about several "
        "runs side by side into the folder of runs. It is one file that works "
        "offline; the test set is not evaluated for it. A file whose name "
        "ends in .md becomes a model card for the Hugging Face Hub.",
        words=("[RUN...]",),
    )
    command.text("out", None, "file to write")
    command.switch("overwrite", "replace the file of --out if it exists")
    command.define_runs()
    words = command.parse(argv)
    if words is None:
        return 0
    words = words or ["last"]
    values = command.values
    store = RunStore(values.runs_dir, values.data_dir)
    found, without = store.find_all(words)
    out, overwrite = values.out, values["overwrite"].value
    if out is None and overwrite:
        raise UserError("--overwrite needs --out.")
    target = None if out is None else check_path(out, overwrite)
    with redirect_stderr():
        from zoo.reporting import model_card, render

        if target is not None and target.suffix == model_card.SUFFIX:
            target = model_card.write_card(found, values.runs_dir, target)
        else:
            target = render.write_report(found, values.runs_dir, target)
    print(target)
    if without:
        print(describe_left_out(without))
    return 0


def run_predict(argv: list[str]) -> int:
    """Predicts and prints; returns the exit code.

    Images that cannot be read are left out and named on standard error,
    and the exit code is 2; the others are predicted all the same.
    """
    command = Command(
        "zoo predict [RUN] IMAGE... [--top=N] [--out=FILE.csv] [--json]",
        "Classify images with a run, a .keras file of one, or pretrained "
        "weights such as lenet5:mnist. IMAGE is a file, a folder or a quoted "
        "pattern, and is resized to the size of the training images; or a "
        "NumPy file of raw pixels 0..255, [N, H, W, C]; or, for a run on "
        "points, a .csv or .npy file. Unreadable images are named, the others "
        "are classified, and the exit code is 2.",
        words=("IMAGE...",),
    )
    command.text("top", "2", "number of classes to print, most likely first")
    command.define_runs(data_dir=False)
    command.switch("json", "print JSON")
    command.text("out", None, "CSV file to write, a row for each image")
    command.switch("overwrite", "replace an existing file")
    words = command.parse(argv)
    if words is None:
        return 0
    out = _check_out(command.values.out, command.values.overwrite)
    top = _parse_top(command.values.top)
    words = _add_last(words, command)
    found = find_model(words[0], command.values.runs_dir)
    with redirect_stderr():
        answers = predict(found, words[1:], top)
    if out is not None:
        with atomic_write(out) as file:
            file.write(answers.to_csv().encode())
    if command.values.json:
        print(json.dumps(answers.to_dict(), indent=1))
    elif out is not None:
        count = pluralize(len(answers), "prediction")
        print(f"wrote {count} to {out}")
    else:
        print(answers.table())
    for warning in answers.warnings:
        print_error(f"zoo: {warning}\n")
    if answers.unreadable:
        print_error(f"zoo: {answers.unreadable_text}\n")
    return 2 if answers.unreadable else 0


def _check_out(out: str | None, overwrite: bool) -> Path | None:
    """Returns the path of the CSV file to write, if one is asked for."""
    if out is None:
        return None
    path = Path(out).expanduser()
    if path.suffix.lower() != ".csv":
        raise UserError(
            f"--out={out} is not the name of a CSV file; write for example "
            "--out=predictions.csv."
        )
    if not path.parent.is_dir():
        raise UserError(f"--out={out}: there is no folder {path.parent}.")
    if path.exists() and not overwrite:
        raise UserError(
            f"{path} exists already; give another --out, or --overwrite."
        )
    return path


def _add_last(words: list[str], command: Command) -> list[str]:
    """Returns the words with `last` before them, if they are all images.

    Raises:
        UserError: there is a run and no image.
    """
    path, runs_dir = Path(words[0]), command.values.runs_dir
    known = any(run.name == words[0] for run in RunStore(runs_dir).runs())
    is_model = path.suffix == MODEL_SUFFIX
    is_run = known or is_model or (path / "config.json").is_file()
    if path.exists() and not is_run:
        return ["last", *words]
    if len(words) == 1:
        raise UserError(f"an IMAGE is missing; write `{command.usage}`.")
    return words


def _parse_top(text: str) -> int:
    if not text.isdecimal():
        raise UserError(
            f"--top={text} is not a number of classes; give a whole number of "
            "at least 1, such as --top=3."
        )
    return int(text)


def run_export(argv: list[str]) -> int:
    """Exports one run and prints what came of it; returns the exit code."""
    command = Command(
        "zoo export [RUN] [--format=FORMAT] [--out=PATH]",
        "Export a run for other programs: raw pixels 0..255 in, logits and "
        "probabilities out, preprocessing and class names inside. The export "
        "is compared with the run on its validation images, and kept only if "
        "the predictions are the same.",
        words=("[RUN]",),
    )
    command.text("format", "keras", " | ".join(FORMATS))
    command.text(
        "out", None, "file or folder to write (default: RUN/exports/NAME)"
    )
    command.switch("overwrite", "replace an existing export")
    command.define_runs()
    words = command.parse(argv)
    if words is None:
        return 0
    words = words or ["last"]
    values = command.values
    format = find_format(values["format"].value).name
    found = RunStore(values.runs_dir, values.data_dir).find(words[0])
    with redirect_stderr():
        from zoo.serving.export import export

        made = export(found, format, values.out, values.overwrite)
    print(made)
    return 0
