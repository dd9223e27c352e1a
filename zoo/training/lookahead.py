"""Lookahead: weights that return to a slow average of themselves.

Zhang, Lucas, Hinton and Ba 2019, arXiv 1907.08610, in the form of Page 2018
and Jordan 2024, arXiv 2404.00498, section 3.4. After every `every` updates

    slow <- d * slow + (1 - d) * weights,   weights <- slow

with a share d of the slow copy that grows during training, after update k of
N in all:

    d = 0.95^every * (k / N)^3

At first the weights are left as they are; towards the end updates are averaged
over many. The last update ends at the slow copy too. The copies are variables
of the optimizer, so that checkpoints have them. The running averages of batch
norm are none of its business: they follow the weights within a few updates.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

DECAY = 0.95  # of the slow copy, at the end, an update


class _Lookahead:
    """Adds to what `keras.optimizers.Optimizer` does; nothing is replaced."""

    every: int
    total_steps: int

    def build(self, variables):
        """Copies the weights as they are now."""
        super().build(variables)
        self._slow = [
            self.add_variable_from_reference(v, name="slow") for v in variables
        ]
        for slow, variable in zip(self._slow, variables, strict=True):
            # A copy in memory of its own, which JAX may give away apart.
            slow.assign(np.array(ops.convert_to_numpy(variable)))

    def apply(self, grads, trainable_variables=None):
        """Makes an update, and looks ahead if it is time."""
        super().apply(grads, trainable_variables)
        done = ops.cast(self.iterations, "int32")
        is_time = (done % self.every == 0) | (done >= self.total_steps)
        share = slow_share(done, self.every, self.total_steps)
        # A place between two multiples, at the end, has the copy alone.
        share = ops.where(done % self.every == 0, share, 1.0)
        for slow, variable in zip(
            self._slow, self._trainable_variables, strict=True
        ):
            old, new = map(ops.convert_to_tensor, (slow, variable))
            average = share * old + (1.0 - share) * new
            slow.assign(ops.where(is_time, average, old))
            variable.assign(ops.where(is_time, average, new))


def slow_share(done, every: int, total_steps: int):
    """Returns the share of the slow copy after `done` updates, a scalar."""
    progress = ops.cast(done, "float32") / total_steps
    return DECAY**every * progress**3


def with_lookahead(
    kind: type[keras.Optimizer], every: int, total_steps: int
) -> type[keras.Optimizer]:
    """Returns an optimizer's class that looks ahead.

    Args:
        kind: any optimizer of Keras.
        every: updates between two averages.
        total_steps: updates in all.
    """
    facts = {"every": every, "total_steps": total_steps}
    return type(f"Lookahead{kind.__name__}", (_Lookahead, kind), facts)
