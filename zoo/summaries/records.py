"""The records of an event file: length, data, and a checksum of each.

TensorBoard's own writer goes byte by byte in Python, which for a picture
takes longer than to draw it. Here many strips of the data go side by side.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

import numpy as np

# CRC-32C, Castagnoli's polynomial with its bits reversed (RFC 3720).
POLYNOMIAL = 0x82F63B78
STRIP = 128  # bytes; as many steps in NumPy, whatever the length of the data
SHORT = 4096  # bytes, up to which plain Python is faster


def write(file: BinaryIO, data: bytes) -> None:
    """Appends one record to a file, as TensorFlow's TFRecord has it."""
    length = struct.pack("<Q", len(data))
    file.write(length + _masked(length) + data + _masked(data))


def checksum(data: bytes) -> int:
    """Returns the CRC-32C of some bytes."""
    run = _run_in_strips if len(data) > SHORT else _run
    return run(data) ^ 0xFFFFFFFF


def _masked(data: bytes) -> bytes:
    crc = checksum(data)
    rotated = crc >> 15 | crc << 17
    return struct.pack("<I", rotated + 0xA282EAD8 & 0xFFFFFFFF)


def _run(data: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in data:
        register = _PLAIN_TABLE[(register ^ byte) & 255] ^ register >> 8
    return register


def _run_in_strips(data: bytes) -> int:
    # The register is linear in its start and in the data: it can start at
    # zero if the data's first bits are turned, and zeros before change nothing.
    number = -(-len(data) // STRIP)
    strips = np.zeros(number * STRIP, np.uint8)
    strips[-len(data) :] = np.frombuffer(data, np.uint8)
    strips[-len(data) :][:4] ^= 255
    registers = _pass(np.zeros(number, np.uint32), strips.reshape(number, -1))
    total = 0
    for register in registers.tolist():
        a, b, c, d = total.to_bytes(4, "little")
        total = _PAST[0][a] ^ _PAST[1][b] ^ _PAST[2][c] ^ _PAST[3][d]
        total ^= register
    return total


def _pass(registers: np.ndarray, strips: np.ndarray) -> np.ndarray:
    """Returns uint32 registers `[N]` after the bytes of strips `[N, L]`."""
    for column in np.ascontiguousarray(strips.T):
        registers = _TABLE[(registers ^ column) & 255] ^ registers >> 8
    return registers


def _table() -> np.ndarray:
    """Returns what each value of a byte makes of an empty register."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        odd = (table & 1).astype(bool)
        table = np.where(odd, table >> 1 ^ np.uint32(POLYNOMIAL), table >> 1)
    return table


def _past_a_strip() -> list[list[int]]:
    """Returns what each byte of a register becomes after a strip of zeros."""
    zeros = np.zeros((256, STRIP), np.uint8)
    values = np.arange(256, dtype=np.uint32)
    return [_pass(values << 8 * k, zeros).tolist() for k in range(4)]


_TABLE = _table()
_PLAIN_TABLE = _TABLE.tolist()
_PAST = _past_a_strip()
