"""Event files, read back with TensorBoard's own reader."""

import pytest
from tensorboard.backend.event_processing.event_accumulator import (
    EventAccumulator,
)
from tensorboard.util import tensor_util

from zoo.summaries import config, debug, logits
from zoo.summaries.events import EventLog


def read(folder):
    accumulator = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    accumulator.Reload()
    return {
        tag: [
            (e.step, tensor_util.make_ndarray(e.tensor_proto))
            for e in accumulator.Tensors(tag)
        ]
        for tag in accumulator.Tags()["tensors"]
    }


def test_scalars_come_back_with_their_steps(tmp_path):
    log = EventLog(tmp_path)
    log.scalar("loss", 0.5, 10)
    log.scalar("loss", 0.25, 20)
    log.close()
    assert read(tmp_path)["loss"] == [(10, 0.5), (20, 0.25)]


def test_what_follows_a_mark_is_cut_off_on_reopening(tmp_path):
    log = EventLog(tmp_path)
    log.scalar("loss", 0.5, 10)
    mark = log.flush()
    log.scalar("loss", 99.0, 20)
    log.close()
    again = EventLog(tmp_path, mark)
    again.scalar("loss", 0.25, 20)
    again.close()
    assert read(tmp_path)["loss"] == [(10, 0.5), (20, 0.25)]
    assert len(list(tmp_path.iterdir())) == 1


def test_starting_anew_leaves_no_older_event_file(tmp_path):
    (tmp_path / "events.out.tfevents.1.1.v2").write_bytes(b"old")
    EventLog(tmp_path).close()
    (file,) = tmp_path.iterdir()
    assert file.read_bytes() != b"old"


def test_the_histogram_of_logits_counts_every_logit(tmp_path, snapshot):
    log = EventLog(tmp_path)
    logits.write(log, snapshot())
    log.close()
    ((step, buckets),) = read(tmp_path)["logits"]
    assert step == 3
    assert buckets[:, 2].sum() == pytest.approx(12)


def test_the_config_is_written_once_without_empty_options(tmp_path, snapshot):
    log = EventLog(tmp_path)
    config.write(log, snapshot(step=0))
    config.write(log, snapshot(step=5))
    log.close()
    ((step, text),) = read(tmp_path)["config"]
    assert step == 0
    assert b"| `summaries` | a, b |" in text.item()
    assert b"l2" not in text.item()


def test_the_debugging_print_shows_predictions_above_the_truth(snapshot):
    text = debug.text(snapshot(), 0.5, "val")
    assert text.splitlines() == [
        "step 3: training accuracy 0.5000, validation accuracy 0.7500 (3 of 4)",
        "  predicted 0 1 1 2",
        "  truth     0 1 2 2",
        "  correct predictions by class: cat 1/1, dog 1/1, ox 1/2",
    ]
