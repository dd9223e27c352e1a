"""The parts of a network, told by the names that builders give to layers."""

from __future__ import annotations

import re

# `module3a` of module3a_3x3_reduce, `conv2` of conv2_activation, and with
# the block where a group stacks them: `group1_block2` of group1_block2_norm1.
PART = re.compile(r"[^_]+(?:_block[0-9]+)?")


def part_of(layer_name: str) -> str:
    """Returns the part of the network to which a layer belongs."""
    part = PART.match(layer_name)
    # A model that somebody has registered may have other names.
    return part[0] if part else layer_name
