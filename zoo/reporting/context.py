"""Everything that a report shows about one run, collected from its folder."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from markupsafe import Markup

from zoo.config import DEFAULTS
from zoo.console import format_count
from zoo.data import Split
from zoo.diagnostics import diagnose
from zoo.diagnostics.findings import Finding, RunStats
from zoo.errors import UserError
from zoo.evaluation import evaluate, test_set
from zoo.evaluation.test_set import EvaluationLog, log_dir
from zoo.models.inference import ModelLoader
from zoo.runs import Run

FINISHED = ("completed", "stopped_early")
# Examples per second of inference, relative to training.
INFERENCE_SPEEDUP = 3
# Numbers from here on are written in scientific notation.
MAX_DECIMAL = 1e5


# Neither inside a word, such as `images/s`, nor in an address.
ABSOLUTE_PATH = re.compile(
    r"(?<![\w.~/\\<+])(?:~|[A-Za-z]:)?(?:[/\\][^\s'\"`/\\=,;<>]+)+"
)


@dataclasses.dataclass(frozen=True)
class ReportContext:
    """One run with everything that its report shows.

    Attributes:
        run: Run folder.
        stats: Statistics of the run that the diagnostics are computed from.
        metrics: Contents of `metrics.json`; empty while the run is unfinished.
        resolved: Contents of `resolved.json`.
        scored: Predictions on the validation examples; `None` if missing.
        missing_reason: Why `scored` is missing, as a sentence; else empty.
        test_evaluations: Logged test-set evaluations of the run's dataset,
            by any run, oldest first.
        test_result: Latest test-set result of this run, with the interval
            corrected for all evaluations; `None` if there is none.
        training_sample: Some training examples; `None` if the data could not
            be loaded.
    """

    run: Run
    stats: RunStats
    metrics: dict[str, Any]
    resolved: dict[str, Any]
    scored: evaluate.EvaluatedRun | None
    missing_reason: str
    test_evaluations: list[dict[str, Any]]
    test_result: dict[str, Any] | None
    training_sample: Split | None = None

    @cached_property
    def numbers(self) -> ReportNumbers:
        """Every number that a page may show, by name."""
        return ReportNumbers(
            {
                "evaluate": self.scored.result if self.scored else None,
                "metrics": self.metrics,
                "resolved": self.resolved,
                "test": self.test_result,
            }
        )

    @cached_property
    def findings(self) -> list[Finding]:
        """Findings of the diagnostics, the most severe first."""
        return diagnose(self.stats)

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.run.name

    @property
    def status(self) -> str:
        """Status of the run, such as `completed` or `diverged`."""
        return self.stats.status

    @property
    def is_finished(self) -> bool:
        """Whether the run ended normally and has a trained model."""
        return self.status in FINISHED

    @property
    def is_regression(self) -> bool:
        """Whether the targets are numbers instead of classes."""
        return self.resolved["data"].get("task") == "regression"

    @property
    def step(self) -> int:
        """Number of training steps done so far."""
        rows = self.stats.history
        last = rows[-1]["step"] if rows else 0
        return int(self.metrics.get("steps") or last)

    @property
    def config(self) -> dict[str, Any]:
        """Options of the run, defaults filled in."""
        return self.resolved["config"]

    @property
    def data(self) -> dict[str, Any]:
        """Facts about the dataset: name, sizes, class names, fingerprint."""
        return self.resolved["data"]

    @property
    def dataset_name(self) -> str:
        """Name of the dataset; of a path, its last part."""
        return without_paths(self.data["name"])

    @property
    def class_names(self) -> list[str]:
        """Names of the classes; empty for a regression."""
        return self.data["class_names"]

    @property
    def unit_name(self) -> str:
        """What an example is: `images` or `points`."""
        return "images" if len(self.data["input_shape"]) == 3 else "points"


def without_paths(text: str) -> str:
    """Returns a text for a page that others read: no folder of this machine.

    Absolute paths are cut to their last part, and commands find runs in their
    default folder.
    """
    text = re.sub(r" --runs_dir=('[^']*'|[^\s`]+)", "", text)
    return ABSOLUTE_PATH.sub(lambda path: re.split(r"[/\\]", path[0])[-1], text)


def collect(
    run: Run,
    runs_dir: str = DEFAULTS["runs_dir"],
    *,
    parts: evaluate.SplitCache | None = None,
    max_seconds: float | None = None,
    status: str | None = None,
    loader: ModelLoader | None = None,
) -> ReportContext:
    """Reads a run, and evaluates its model on the validation examples.

    The test set is never read.

    Args:
        run: Finished or not.
        runs_dir: Folder of the test-set log, for runs that are in there.
        parts: Data that are in memory already.
        max_seconds: Longest estimated time that the evaluation may take; it
            is left out if it would take longer. No limit if not given.
        status: Status of the run, if this process still holds its lock.
        loader: Loads the model, if that is not needed after the evaluation.
    """
    resolved, stats, metrics = run.resolved, RunStats.of(run), run.metrics
    if status is not None:
        stats = dataclasses.replace(stats, status=status)
    missing = _without_model(run, stats)
    missing = missing or _too_slow(metrics, resolved, max_seconds)
    scored, parts = None, parts or evaluate.SplitCache()
    if not missing:
        try:
            scored = evaluate.evaluate_validation(run, parts, runs_dir, loader)
        except UserError as error:
            missing = str(error)
    evaluations = EvaluationLog(log_dir(run, runs_dir)).of_dataset(
        run.config.dataset
    )
    return ReportContext(
        run,
        stats,
        metrics,
        resolved,
        scored,
        missing,
        evaluations,
        _test_result(run, evaluations),
        parts.training_sample(run),
    )


def collect_all(runs: Sequence[Run], runs_dir: str) -> list[ReportContext]:
    """Reads several runs; a dataset that they share is loaded once."""
    parts, loader = evaluate.SplitCache(), None
    if len(runs) > 1 and all(
        len(run.resolved["data"]["input_shape"]) == 3 for run in runs
    ):
        loader = ModelLoader()  # of points, outputs are drawn later
    return [collect(run, runs_dir, parts=parts, loader=loader) for run in runs]


def _without_model(run: Run, stats: RunStats) -> str:
    if (run.path / "model.keras").exists():
        return ""
    return f"the run has the status {stats.status} and no saved model."


def _too_slow(metrics: dict, resolved: dict, max_seconds: float | None) -> str:
    throughput = metrics.get("examples_per_second")
    if max_seconds is None or not throughput:
        return ""
    seconds = resolved["data"]["val"] / (INFERENCE_SPEEDUP * throughput)
    if seconds <= max_seconds:
        return ""
    return (
        f"evaluating all validation examples would take about {seconds:,.0f} "
        "s; `zoo report` does it."
    )


def _test_result(
    run: Run, evaluations: Sequence[dict]
) -> dict[str, Any] | None:
    found = test_set.last_result(run, evaluations)
    if found is None:
        return None
    count = len(evaluations)
    result = {**found, "test_evaluations": count}
    if "correct" in result:
        result["corrected"] = test_set.corrected_ci(result, count)
    return result


class ReportNumbers:
    """The numbers of one run, each written with the name of what it is.

    `percent("evaluate.accuracy")` is
    `<data data-key="evaluate.accuracy" value="0.9822">98.22%</data>`: the text
    is rounded, the value is not. So programs can read a page, and tests can
    compare every number with its source.

    Args:
        sources: Nested dicts and lists, by the first word of a key.
    """

    def __init__(self, sources: Mapping[str, Any]):
        self._sources = sources

    def value(self, key: str) -> Any:
        """Returns the value of a key such as `evaluate.classes.0.recall`.

        `None` if there is no such value.
        """
        value: Any = self._sources
        for word in key.split("."):
            if isinstance(value, list):
                value = value[int(word)]
            elif isinstance(value, Mapping):
                value = value.get(word)
            else:
                return None
        return value

    def format(self, key: str, write: Callable[[Any], str]) -> Markup:
        """Returns the value of a key, written by a function."""
        value = self.value(key)
        if value is None:
            return Markup('<span class="none">–</span>')
        return Markup('<data data-key="{}" value="{}">{}</data>').format(
            key, value, write(value)
        )

    def percent(self, key: str, sign: str = "%") -> Markup:
        """Returns a fraction in percent, with two decimals."""
        return self.format(key, lambda value: f"{100 * value:.2f}{sign}")

    def count(self, key: str) -> Markup:
        """Returns an integer with separators of thousands."""
        return self.format(key, format_count)

    def rounded(self, key: str) -> Markup:
        """Returns a number without decimals."""
        return self.format(key, lambda value: f"{value:,.0f}")

    def decimal(self, key: str) -> Markup:
        """Returns a number with four decimals."""
        return self.format(key, _decimal)

    def significant(self, key: str) -> Markup:
        """Returns a number with four significant digits."""
        return self.format(key, lambda value: f"{value:.4g}")


def _decimal(value: float) -> str:
    return f"{value:.4f}" if abs(value) < MAX_DECIMAL else f"{value:.4g}"
