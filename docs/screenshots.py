"""Takes the screenshots of the documentation: runs in TensorBoard, a report.

    python -m docs.screenshots [NAME...]

Trains each run, prints what `zoo diagnose` says of it, and saves what
TensorBoard's tab "Time series" shows of a few tags as `docs/images/NAME.png`;
of `report` the top of the run's page, from the real MNIST. Takes some minutes;
needs Chromium, its driver and the extra `browser`.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from docs import browser

HERE = Path(__file__).parent
COLORS = 64  # of a screenshot's palette; charts need no more
SETTLED = 3  # seconds in which a card has been drawn to its end


@dataclasses.dataclass(frozen=True)
class Screenshot:
    """A run, and what is shown of it.

    Attributes:
        flags: of `zoo train`.
        tags: regular expression for the tags.
        log: whether the curves have a logarithmic axis.
    """

    flags: str
    tags: str
    log: bool = False


MLP = "--model=mlp --dataset=digits"
SCREENSHOTS = {
    "healthy": Screenshot("--model=lenet5 --dataset=digits", "^(logits|loss)$"),
    "overfitting": Screenshot(
        f"{MLP} --train_examples=150 --dropout=0 --schedule=constant "
        "--epochs=160 --summary_every=40",
        "^(accuracy|loss)$",
    ),
    "exploding": Screenshot(
        f"{MLP} --activation=leaky_relu --batch_size=full --optimizer=sgd "
        "--learning_rate=1 --warmup_epochs=0 --schedule=constant --epochs=15",
        "^(loss|weights/hidden2)$",
        log=True,
    ),
    "dead": Screenshot(
        f"{MLP} --learning_rate=0.1 --warmup_epochs=0 --schedule=constant "
        "--epochs=10 --summaries=default,activations",
        "^(dead_units/hidden1_activation|loss)$",
    ),
    "lr_sgd": Screenshot(
        "--recipe=lecture/low_contrast_lr_sgd", "^(confusion|logits)$"
    ),
    "lr_adam_ms1": Screenshot(
        "--recipe=lecture/low_contrast_lr_adam_ms1", "^(confusion|logits)$"
    ),
}


# A run whose page is shown, and so much of it: pixels.
REPORT, WIDTH, HEIGHT = "--dataset=mnist --run_name=lenet5-mnist", 1120, 1265


def train(name: str, flags: str, folder: Path) -> None:
    """Trains a run, and prints what is to be said of it."""
    # A run that diverges exits with 3, as one of these is meant to.
    _zoo("train", *flags.split(), f"--runs_dir={folder}", f"--run_name={name}")
    _zoo("diagnose", name, f"--runs_dir={folder}")


def _zoo(*words: str, folder: Path | None = None) -> None:
    print("$ zoo", *words, flush=True)
    subprocess.run(
        [sys.executable, "-m", "zoo", *words],
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(HERE.parent)},
    )


def shoot(board: browser.Board, screenshot: Screenshot) -> Image.Image:
    """Returns the cards with a screenshot's tags."""
    board.open("timeseries", tagFilter=screenshot.tags, smoothing="0")
    board.wait(lambda: len(board.find("card-view")) > 1, "cards")
    # The table below a curve says nothing that the curve does not.
    _click(board, "metrics-dashboard-settings-component input[type=checkbox]")
    _click(board, "[aria-label='Toggle settings side pane']")
    if screenshot.log:
        _click(board, "[title='More line chart options']")
        _click(board, "[aria-label^='Toggle Y-axis log scale']")
    time.sleep(SETTLED)
    # The cards that fit the filter; those of all tags follow below.
    grid = board.find("metrics-filtered-view .card-grid")[0]
    return Image.open(io.BytesIO(grid.screenshot_as_png))


def shoot_report(board: browser.Board, page: Path) -> Image.Image:
    """Returns the top of a run's page."""
    board.driver.get(page.absolute().as_uri())
    time.sleep(SETTLED)
    return Image.open(io.BytesIO(board.driver.get_screenshot_as_png()))


def make(name: str, folder: Path) -> Image.Image:
    """Trains the run of a screenshot, and returns the screenshot."""
    if name == "report":
        # From within, so that its commands are those of a run at home.
        _zoo("train", *REPORT.split(), folder=folder)
        page = folder / "runs" / "lenet5-mnist" / "report.html"
        with browser.browsing("about:blank", WIDTH, HEIGHT) as board:
            return shoot_report(board, page)
    train(name, SCREENSHOTS[name].flags, folder)
    with (
        browser.serving(folder / name) as address,
        browser.browsing(address, 1300, 900) as board,
    ):
        return shoot(board, SCREENSHOTS[name])


def _click(board: browser.Board, selector: str) -> None:
    found = board.wait(lambda: board.find(selector), selector)
    board.driver.execute_script("arguments[0].click()", found[0])


def main(argv: list[str] | None = None) -> int:
    """Makes the screenshots that are named, or all; returns the exit code."""
    parser = argparse.ArgumentParser(
        "python -m docs.screenshots",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    known = [*SCREENSHOTS, "report"]
    names = parser.parse_args(argv).names or known
    if wrong := browser.missing() or ", ".join(set(names) - set(known)):
        print(f"docs.screenshots: {wrong}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            image = make(name, Path(folder)).convert("RGB")
            path = HERE / "images" / f"{name}.png"
            image.quantize(COLORS).save(path, optimize=True)
            print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
