"""Processes one at a time, the images that they share, and cells in line."""

import numpy as np
import pytest

from benchmarks import config, startup, subprocesses
from benchmarks import results as stored
from benchmarks.config import Case


def test_the_made_up_images_have_their_shape_and_stay_the_same():
    split = config.random_images(20, (28, 28, 1), seed=1)
    assert split.images.shape == (20, 28, 28, 1)
    assert split.images.dtype == np.uint8
    again = config.random_images(20, (28, 28, 1), seed=1)
    assert np.array_equal(split.images, again.images)


def test_a_case_reads_back_as_many_images_as_it_takes(tmp_path):
    path = tmp_path / "digits.npz"
    assert config.write_images("digits", path) == ""
    few = config.load_images(path, Case("lr", 8, 2, "digits", 20, 10))
    whole = config.load_images(path, Case("lr", 8, 2, "digits"))
    assert (len(few.train), len(few.val)) == (20, 10)
    assert np.array_equal(few.train.images, whole.train.images[:20])
    assert (len(whole.train), len(whole.val)) == config.MAX_IMAGES["digits"]
    assert whole.input_shape == config.SHAPES["digits"]
    assert few.name == "digits"


def test_a_process_reports_its_output_and_memory():
    # From a small process: a child counts the pages it was forked with.
    code = (
        "from benchmarks import subprocesses\n"
        "outcome = subprocesses.python('-c', \"print('x' * 3)\")\n"
        "print(repr(outcome.output), outcome.peak_bytes)"
    )
    output, peak_bytes = subprocesses.python("-c", code).output.split()
    assert output == repr("xxx\n")
    # A Python takes some megabytes, whatever unit the system counts in.
    assert 10**6 < int(peak_bytes) < 10**9


def test_a_process_sees_no_accelerator():
    code = "import os; print(repr(os.environ['CUDA_VISIBLE_DEVICES']))"
    assert subprocesses.python("-c", code).output == "''\n"


def test_a_failed_process_says_what_it_said_last():
    with pytest.raises(RuntimeError, match="ended with 3:\nlast words"):
        subprocesses.python("-c", "print('last words'); raise SystemExit(3)")


def test_cells_line_up():
    text = stored.columns([["a", "bb"], ["long", "c"]])
    assert text == "a     bb\nlong   c"


def test_a_span_is_told_by_its_ends():
    assert stored.span([2.0, 1.0, 3.0]) == "1.00 to 3.00"


@pytest.mark.slow
def test_a_first_training_reaches_every_stage():
    found = subprocesses.report(startup.FUNCTION)["moments"]
    assert list(found) == list(startup.STAGES)
