"""From run folders to what a page is made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from zoo.config import DEFAULTS
from zoo.data import Dataset
from zoo.diagnostics import diagnose
from zoo.diagnostics.findings import Finding
from zoo.diagnostics.run_stats import RunStats
from zoo.errors import UserError
from zoo.evaluation import opening, scoring
from zoo.evaluation.kinship import config_fingerprint
from zoo.evaluation.ledger import Ledger, home
from zoo.reporting.numbers import Numbers
from zoo.runs import Run

FINISHED = ("completed", "stopped_early")
# Of a pass over validation examples, against one in training.
FASTER = 3


@dataclasses.dataclass(frozen=True)
class Story:
    """One run, with all that its page tells.

    Attributes:
        run: the run folder.
        facts: what `explain` judges.
        metrics: of `metrics.json`; empty before the run has ended.
        resolved: of `resolved.json`.
        scored: its answers on validation examples, if they could be had.
        left_out: why they could not, a sentence; empty if they could.
        looks: lines of the ledger about its data set, oldest first.
        test: what the ledger says of this run, with the interval for all
            looks so far; `None` if it was never tested.
    """

    run: Run
    facts: RunStats
    metrics: dict[str, Any]
    resolved: dict[str, Any]
    scored: scoring.Scored | None
    left_out: str
    looks: list[dict[str, Any]]
    test: dict[str, Any] | None

    @cached_property
    def numbers(self) -> Numbers:
        """Every number that a page may show, by name."""
        return Numbers(
            {
                "evaluate": self.scored.result if self.scored else None,
                "metrics": self.metrics,
                "resolved": self.resolved,
                "test": self.test,
            }
        )

    @cached_property
    def findings(self) -> list[Finding]:
        """What `explain` finds, the most severe first."""
        return diagnose(self.facts)

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run.name

    @property
    def status(self) -> str:
        """How the run stands."""
        return self.facts.status

    @property
    def is_finished(self) -> bool:
        """Whether it came to the end that was meant."""
        return self.status in FINISHED

    @property
    def is_regression(self) -> bool:
        """Whether numbers are predicted."""
        return self.resolved["data"].get("task") == "numbers"

    @property
    def steps(self) -> int:
        """Updates made, so far as it is known."""
        rows = self.facts.history
        known = rows[-1]["step"] if rows else 0
        return int(self.metrics.get("steps") or known)

    @property
    def noun(self) -> str:
        """What its examples are called."""
        images = len(self.resolved["data"]["input_shape"]) == 3
        return "images" if images else "points"

    @property
    def openings(self) -> int:
        """How often test examples of its data set were looked at."""
        return len(self.looks)


def gather(
    run: Run,
    runs_dir: str = DEFAULTS["runs_dir"],
    parts: scoring.Parts | None = None,
    patience: float | None = None,
    is_held: bool = False,
) -> Story:
    """Reads a run, and has its model answer validation examples.

    Args:
        run: finished or not. The test split is never opened.
        runs_dir: where the ledger is, of runs that are in there.
        parts: data that were read already.
        patience: seconds that the answers may take, if they must be soon.
        is_held: whether it is this process that holds the run, which has
            ended.
    """
    resolved, facts, metrics = run.resolved, RunStats.of(run), run.metrics
    if is_held:
        facts = dataclasses.replace(facts, status=metrics["status"])
    scored, left_out = None, _missing(run, facts)
    left_out = left_out or _too_long(metrics, resolved, patience)
    if not left_out:
        try:
            parts = parts or scoring.Parts()
            scored = scoring.score_val(run, parts, runs_dir)
        except UserError as error:
            left_out = str(error)
    looks = Ledger(home(run, runs_dir)).related(run.config.dataset)
    return Story(
        run,
        facts,
        metrics,
        resolved,
        scored,
        left_out,
        looks,
        _tested(run, looks),
    )


def _missing(run: Run, facts: RunStats) -> str:
    """Says that there is no model to ask; nothing if there is one."""
    if (run.path / "model.keras").exists():
        return ""
    return f"a run that is {facts.status} has no model to ask."


def _too_long(metrics: dict, resolved: dict, patience: float | None) -> str:
    """Says that answers would take too long; nothing if they would not."""
    rate = metrics.get("examples_per_second")
    if patience is None or not rate:
        return ""
    seconds = resolved["data"]["val"] / (FASTER * rate)
    if seconds <= patience:
        return ""
    return (
        f"its model would take about {seconds:,.0f} s to answer all "
        "validation examples once more; `zoo report` takes that time."
    )


def _tested(run: Run, looks: Sequence[dict]) -> dict[str, Any] | None:
    """Returns this run's last result on test examples, if there is one."""
    config = config_fingerprint(run)
    found = [
        (look, entry["result"])
        for look in looks
        for entry in look["runs"]
        if (entry["run"], entry["config"]) == (run.name, config)
    ]
    if not found:
        return None
    look, result = found[-1]
    told = {**result, "when": look.get("when"), "openings": len(looks)}
    if "correct" in result:
        told["corrected"] = opening.corrected(result, len(looks))
    return told


def gather_all(runs: Sequence[Run], runs_dir: str) -> list[Story]:
    """Reads several runs; data that they share are read once."""
    parts = scoring.Parts()
    return [gather(run, runs_dir, parts) for run in runs]


def parts_of(run: Run, data: Dataset) -> scoring.Parts:
    """Returns the data of a run that are in memory already."""
    parts = scoring.Parts()
    parts.keep(run, data)
    return parts
