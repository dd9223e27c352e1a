"""Auxiliary heads: outputs besides the logits that only training listens to.

A model of the zoo may have them: its first output is the logits, each further
one `[B, K]` too. All learn from the same labels.
"""

from __future__ import annotations

import keras

# Szegedy et al. 2014, "Going deeper with convolutions", arXiv 1409.4842,
# section 5: the losses of the auxiliary classifiers were weighted by 0.3.
WEIGHT = 0.3


def join(inputs, outputs, name: str) -> keras.Model:
    """Makes one model from inputs to outputs, which may be a list."""
    several = isinstance(outputs, list)
    kind = _WithHeads if several else keras.Model
    return kind(inputs, outputs, name=name)


class _WithHeads(keras.Model):
    """Gives the logits alone, but in training the auxiliary outputs as well.

    Validation, prediction and metrics thus see a model with one output. To
    the mean loss of the logits, training adds that of each auxiliary head
    times `WEIGHT`.
    """

    # Keras calls the methods below.

    def call(self, inputs, training=None, mask=None):
        outputs = super().call(inputs, training=training, mask=mask)
        return outputs if training else outputs[0]

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        logits, *others = _as_list(y_pred)
        total = super().compute_loss(x, y, logits, sample_weight, training)
        for other in others:
            loss = keras.ops.mean(self.loss(y, other))
            total += self._aggregate_additional_loss(WEIGHT * loss)
        return total

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        logits = _as_list(y_pred)[0]
        return super().compute_metrics(x, y, logits, sample_weight)


def _as_list(outputs) -> list:
    return outputs if isinstance(outputs, list) else [outputs]
