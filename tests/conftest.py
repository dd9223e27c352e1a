"""What every test stands on; read before anything imports TensorFlow.

Processes that tests start inherit these settings. Each can be overruled from
outside, as in `CUDA_VISIBLE_DEVICES=0 make test`.
"""

import os
import platform
import sys
from pathlib import Path

import hypothesis
import pytest

SETTINGS = {
    "KERAS_BACKEND": "tensorflow",
    "CUDA_VISIBLE_DEVICES": "",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    # Tests run side by side: each process keeps to one core.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "MPLBACKEND": "agg",
}
if platform.machine().lower() in ("x86_64", "amd64"):
    # As zoo sets it where it is imported before TensorFlow.
    SETTINGS["TF_ENABLE_ONEDNN_OPTS"] = "1"

for name, value in SETTINGS.items():
    os.environ.setdefault(name, value)

# No deadline, since machines differ; the same examples each time, so that
# `make test` says the same each time.
hypothesis.settings.register_profile("zoo", deadline=None, derandomize=True)
hypothesis.settings.load_profile("zoo")


def pytest_runtest_setup(item):
    """Skips tests that read real data where no dataset was ever fetched."""
    draw_reports(item.get_closest_marker("report") is not None)
    if item.get_closest_marker("data") and not tfds_folder().is_dir():
        pytest.skip(
            f"no datasets in {tfds_folder()}; "
            "`python -m zoo download mnist` and `... cifar10` fetch them"
        )


_drawn = {}  # the function that draws a page


def draw_reports(asked: bool) -> None:
    """Lets the report that ends a training be a page without contents.

    A third of a short training goes into a page that nobody reads, but for
    tests with the mark `report`; processes and `zoo report` draw it anyway.
    """
    render = sys.modules.get("zoo.reporting.render")
    if render is None and "keras" in sys.modules:
        from zoo.reporting import render
    if render is not None:
        _drawn.setdefault("page", render._render_after_training)
        page = _drawn["page"] if asked else lambda *_: "<html></html>"
        render._render_after_training = page


def tfds_folder() -> Path:
    """Returns where tensorflow-datasets keeps its datasets."""
    folder = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
    return Path(folder).expanduser()


@pytest.fixture
def table_of_models():
    """Takes out of the table of models what a test has put into it."""
    from zoo.models import MODELS

    # The table itself, not a stand-in: other modules hold it by name.
    before = list(MODELS._entries)
    yield MODELS
    MODELS._entries[:] = before


@pytest.fixture(autouse=True, scope="module")
def forget_registered_models():
    """Takes out of the table of models what the tests of a file registered."""
    yield
    if "zoo.models" in sys.modules:
        from zoo.models import MODELS

        built_in = [e for e in MODELS._entries if not e.registered]
        MODELS._entries[:] = built_in


@pytest.fixture(autouse=True)
def leave_operations_as_they_were():
    """Ends what `--deterministic` does to TensorFlow for a whole process."""
    yield
    if "tensorflow" in sys.modules:
        from tensorflow.python.framework import config

        if config.is_op_determinism_enabled():
            config.disable_op_determinism()
