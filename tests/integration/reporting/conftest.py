"""Runs of every kind, and their reports as a parser reads them."""

import functools
import html.parser
import json
import operator
import shutil

import pytest

from zoo.config import TrainConfig
from zoo.errors import Diverged
from zoo.reporting.context import collect_all
from zoo.reporting.render import render
from zoo.run_store import RunStore
from zoo.training.console import TrainingConsole
from zoo.training.train import train

QUICK = {
    "digits": {"model": "lr", "steps": 60},
    "other": {"model": "lr", "steps": 60, "seed": 1, "l2": 0.01},
    "filters": {"model": "cnn_c4k3-p-c4k3-f", "steps": 8},
    "moons": {"model": "lr", "dataset": "moons", "steps": 20},
    "sine": {"model": "lr", "dataset": "sine", "steps": 20},
    "wild": {
        "model": "mlp",
        "model_arg": {"hidden": 8},
        "learning_rate": 1e30,
        "epochs": 3,
    },
    "none": {"model": "lr", "steps": 8, "val_fraction": 0},
}
VOID = {"meta", "img", "br", "hr", "use", "path"}


class Page(html.parser.HTMLParser):
    """What is on a page.

    Attributes:
        tags: (name, attributes) of every element.
        numbers: (key, value, text) of every `data` element.
        words: the visible text, runs of whitespace as one space.
    """

    def __init__(self, text):
        super().__init__()
        self.text, self.tags, self.numbers = text, [], []
        self._open, self._texts = [], []
        self.feed(text)
        self.close()
        assert self._open == []
        self.words = " ".join("".join(self._texts).split())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "data":
            self.numbers.append((attrs["data-key"], attrs["value"], ""))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] == "style":
            return
        self._texts.append(data)
        if self._open and self._open[-1] == "data":
            key, value, text = self.numbers[-1]
            self.numbers[-1] = (key, value, text + data)

    def count(self, tag, **attributes):
        """Returns how many elements there are with these attributes."""
        return sum(
            name == tag and attributes.items() <= attrs.items()
            for name, attrs in self.tags
        )


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A folder with a run of every sort."""
    folder = tmp_path_factory.mktemp("reported")
    for name, options in QUICK.items():
        config = TrainConfig(
            **options, summaries=("scalars",), runs_dir=str(folder),
            run_name=name,
        )  # fmt: skip
        try:
            train(config, console=TrainingConsole(quiet=True))
        except Diverged:
            assert name == "wild"
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    """A copy of the folder, to be spoilt."""
    return shutil.copytree(trained, tmp_path / "runs")


@pytest.fixture(scope="session")
def read(trained):
    """Returns a function: the page about runs, by name and folder.

    A page about the runs as they were trained is drawn once.
    """

    def draw(names, folder):
        found = [RunStore(str(folder)).find(name) for name in names]
        return Page(render(collect_all(found, str(folder))))

    @functools.cache
    def draw_trained(names):
        return draw(names, trained)

    def make(*names, folder=None):
        return draw(names, folder) if folder else draw_trained(names)

    return make


@pytest.fixture(scope="session")
def spoil():
    """Returns a function that changes values of a JSON file of a run.

    `data__name="x"` changes the entry `name` of `data`.
    """

    def change(run_folder, file, **changes):
        path = run_folder / file
        found = json.loads(path.read_text())
        for key, value in changes.items():
            *keys, last = key.split("__")
            functools.reduce(operator.getitem, keys, found)[last] = value
        path.with_name("SHA256SUMS").unlink(missing_ok=True)
        path.write_text(json.dumps(found))

    return change
