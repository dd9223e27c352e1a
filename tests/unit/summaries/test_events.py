"""Event files, read back with TensorBoard's own reader."""

import io

from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import crc32c
from tensorboard.summary.writer.record_writer import RecordWriter

from zoo.summaries import events, layer_stats, tabs
from zoo.summaries.events import EventWriter


def test_scalars_come_back_with_their_steps(writer, read):
    writer.scalar("loss", 0.5, 10, "about")
    writer.scalar("loss", 0.25, 20, "about")
    assert read(writer)["loss"] == [(10, 0.5), (20, 0.25)]


def test_what_follows_a_mark_is_cut_off_on_reopening(tmp_path, read):
    writer = EventWriter(tmp_path)
    writer.scalar("loss", 0.5, 10, "about")
    mark = writer.flush()
    writer.scalar("loss", 99.0, 20, "about")
    writer.close()
    again = EventWriter(tmp_path, mark)
    again.scalar("loss", 0.25, 20, "about")
    assert read(again)["loss"] == [(10, 0.5), (20, 0.25)]
    again.close()
    assert len(list(tmp_path.iterdir())) == 1


def test_starting_anew_leaves_no_older_event_file(tmp_path):
    (tmp_path / "events.out.tfevents.1.1.v2").write_bytes(b"old")
    EventWriter(tmp_path).close()
    (file,) = tmp_path.iterdir()
    assert file.read_bytes() != b"old"


def test_the_config_is_written_once_without_empty_options(
    writer, read, snapshot
):
    tabs.write_config(writer, snapshot(step=0))
    tabs.write_config(writer, snapshot(step=5))
    ((step, text),) = read(writer)["config"]
    assert step == 0
    assert b"| `summaries` | a, b |" in text.item()
    assert b"l2" not in text.item()


def test_the_debugging_print_shows_predictions_above_the_truth(snapshot):
    text = layer_stats.debug_text(snapshot(), 0.5, "val")
    assert text.splitlines() == [
        "step 3: training accuracy 0.5000, validation accuracy 0.7500 (3 of 4)",
        "  predicted 0 1 1 2",
        "  true      0 1 2 2",
        "  correct predictions by class: cat 1/1, dog 1/1, ox 1/2",
    ]


def test_the_checksum_of_the_standard_is_met():
    # RFC 3720, B.4, and the check value of CRC-32C.
    assert events.checksum(b"123456789") == 0xE3069283
    assert events.checksum(bytes(32)) == 0x8A9136AA


@given(st.binary(max_size=300), st.integers(1, 60))
def test_it_is_that_of_tensorboard_for_data_of_any_length(piece, times):
    data = piece * times
    assert events.checksum(data) == crc32c(data)


def test_it_is_that_of_tensorboard_around_the_lengths_that_matter():
    data = bytes(range(251)) * 40
    plain = events.MAX_PLAIN_BYTES
    for length in range(plain - 1, plain + 260, 3):
        assert events.checksum(data[:length]) == crc32c(data[:length])


def test_a_record_is_byte_by_byte_that_of_tensorboard():
    for data in (b"", b"event", bytes(range(256)) * 50):
        ours, theirs = io.BytesIO(), io.BytesIO()
        events.write_record(ours, data)
        RecordWriter(theirs).write(data)
        assert ours.getvalue() == theirs.getvalue()
