"""A learning rate of their own for the biases of batch norm.

Where batch norm has no scale, its biases decide what an activation cuts off.
Page 2018 and Jordan 2024, arXiv 2404.00498, section 3.4, let them learn 64
times as fast as the weights. Their weight decay stays what it is: the penalty
whose gradient is multiplied here is divided by the same factor.
"""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from zoo.errors import UserError


class _FasterNormBiases:
    """Changes the rate that `keras.optimizers.Optimizer` hands on."""

    factor: float
    biases: Sequence[keras.Variable]

    def build(self, variables):
        """Looks up which places the biases have among the variables."""
        super().build(variables)
        self._fast = {self._get_variable_index(b) for b in self.biases}

    def update_step(self, gradient, variable, learning_rate):
        """Moves one variable, a bias of batch norm faster."""
        # Keras hands over its own variable or, from TensorFlow, what that is
        # made of; both have the same place.
        if self._get_variable_index(variable) in self._fast:
            learning_rate = learning_rate * self.factor
        super().update_step(gradient, variable, learning_rate)


def with_factor(
    kind: type[keras.Optimizer],
    factor: float,
    biases: Sequence[keras.Variable],
) -> type[keras.Optimizer]:
    """Returns an optimizer's class with another rate for some variables.

    Args:
        kind: any optimizer of Keras.
        factor: on the learning rate of the biases.
        biases: as `biases_of` gives them.
    """
    facts = {"factor": factor, "biases": tuple(biases)}
    return type(
        f"FasterBiases{kind.__name__}", (_FasterNormBiases, kind), facts
    )


def biases_of(body: keras.Model) -> list[keras.Variable]:
    """Returns the biases of batch norm in a model that learn."""
    return [
        layer.beta
        for layer in body.layers
        if isinstance(layer, layers.BatchNormalization)
        and layer.trainable
        and layer.center
    ]


def check(body: keras.Model, factor: float | None, model: str) -> None:
    """Raises `UserError` for a factor on biases that are not there."""
    if factor is not None and not biases_of(body):
        raise UserError(
            f"--norm_bias_factor={factor:g} has no effect on this {model}, "
            "which has no batch normalization that learns; leave it out."
        )
