"""What can be said of the units of a layer from their outputs on the probe.

A unit is an entry of the last axis: a neuron, or a channel of a convolution,
which has one output at each place.
"""

from __future__ import annotations

import numpy as np

# Where an activation is flat, so that no gradient passes: its limits. Zero is
# not listed, since it is the limit that all functions with a kink reach.
FLAT = {
    "sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "elu": (-1.0,),
    "softplus": (0.0,),
}
SATURATED = 0.01  # distance from a limit within which a unit counts as flat


def dead(outputs: np.ndarray, activation: str) -> np.ndarray:
    """Returns which units pass no gradient for any example at any place.

    Those that are exactly zero throughout, as of ReLU; and those that stay
    within a hundredth of one limit of sigmoid, tanh, ELU or softplus.

    Args:
        outputs: `[B, ..., U]`, after the activation.
        activation: its name.

    Returns:
        bool `[U]`.
    """
    values = outputs.reshape(-1, outputs.shape[-1])
    found = (values == 0).all(axis=0)
    for limit in FLAT.get(activation, ()):
        found |= (np.abs(values - limit) < SATURATED).all(axis=0)
    return found


def spread(outputs: np.ndarray) -> float:
    """Returns how much units differ from each other, beside their size.

    The standard deviation between the units for the same example and place,
    over the root mean square of all outputs: 0 if all units are equal.
    """
    values = outputs.reshape(-1, outputs.shape[-1]).astype(np.float64)
    size = np.sqrt(np.mean(np.square(values)))
    if not size:
        return 0.0
    between = values - values.mean(axis=1, keepdims=True)
    return float(np.sqrt(np.mean(np.square(between))) / size)
