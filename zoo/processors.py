"""What the machine's processors can do, as Linux tells it."""

from __future__ import annotations

from pathlib import Path

TABLE = Path("/proc/cpuinfo")
# Arithmetic in bfloat16, a number a lane or whole tiles of them.
BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16"})


def have_bfloat16(table: Path = TABLE) -> bool:
    """Whether they multiply in bfloat16; `False` where nobody tells."""
    return table.is_file() and not BFLOAT16.isdisjoint(
        table.read_text().split()
    )
