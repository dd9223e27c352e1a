"""Records carry the checksums that TensorBoard and TensorFlow check."""

import io

from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import crc32c
from tensorboard.summary.writer.record_writer import RecordWriter

from zoo.summaries import records


def test_the_checksum_of_the_standard_is_met():
    # RFC 3720, B.4, and the check value of CRC-32C.
    assert records.checksum(b"123456789") == 0xE3069283
    assert records.checksum(bytes(32)) == 0x8A9136AA


@given(st.binary(max_size=300), st.integers(1, 60))
def test_it_is_that_of_tensorboard_for_data_of_any_length(piece, times):
    data = piece * times
    assert records.checksum(data) == crc32c(data)


def test_it_is_that_of_tensorboard_around_the_lengths_that_matter():
    data = bytes(range(251)) * 40
    for length in range(records.SHORT - 1, records.SHORT + 260, 3):
        assert records.checksum(data[:length]) == crc32c(data[:length])


def test_a_record_is_byte_by_byte_that_of_tensorboard():
    for data in (b"", b"event", bytes(range(256)) * 50):
        ours, theirs = io.BytesIO(), io.BytesIO()
        records.write(ours, data)
        RecordWriter(theirs).write(data)
        assert ours.getvalue() == theirs.getvalue()
