"""Freezing: layers whose weights stay as they are while others learn.

A frozen layer is one with `trainable = False`, which Keras takes at its word:
the optimizer does not know its variables, no penalty or decay counts them,
and a batch norm works with its running averages, in training as in use, and
leaves them alone. A batch norm that is not frozen goes on as ever: it uses
the batch, and its averages move. Dropout has no weights; it goes on dropping
before frozen layers and behind.
"""

from __future__ import annotations

import fnmatch

import keras

from zoo.commands import command
from zoo.errors import UserError, unknown_name_error

NONE = "none"
FEATURES = "features"
HEAD = "logits"


def freeze(body: keras.Model, spec: str, model: str) -> None:
    """Freezes layers of a model that is not yet compiled.

    Args:
        body: the zoo's own model.
        spec: as `--freeze` has it.
        model: the name that it goes by.

    Raises:
        UserError: a name fits no layer with weights, or all would be frozen.
    """
    layers = chosen(body, spec, model)
    for layer in layers:
        layer.trainable = False
    if layers and not body.trainable_variables:
        raise UserError(
            f"--freeze={spec} leaves nothing of {model} to train; leave a "
            "layer out of it, or score the run that is there."
        )


def chosen(
    body: keras.Model, spec: str, model: str
) -> list[keras.layers.Layer]:
    """Returns the layers with weights that `--freeze` names, in order.

    Raises:
        UserError: a name fits no layer with weights.
    """
    words = [word.strip() for word in spec.split(",")]
    if words == [NONE]:
        return []
    heavy = [layer for layer in body.layers if layer.weights]
    found = []
    for word in words:
        if word == FEATURES:
            found += _before_head(body, heavy, model)
        else:
            found += _matching(word, heavy, body, model)
    return [layer for layer in heavy if layer in found]


def _before_head(body: keras.Model, heavy: list, model: str) -> list:
    """Returns the layers with weights on the way to the layer `logits`."""
    before = before_head(body)
    if before is None:
        raise UserError(
            f"--freeze={FEATURES} is all before the layer {HEAD}, and {model} "
            "has none of that name; name the layers to freeze."
        )
    found = [layer for layer in heavy if layer.name in before]
    if not found:
        raise UserError(
            f"--freeze={FEATURES} freezes nothing of {model}, which has no "
            f"weights before its {HEAD}; leave it out."
        )
    return found


def before_head(body: keras.Model) -> set[str] | None:
    """Returns the names of all layers on the way to the layer `logits`.

    Auxiliary classifiers, which lead away from it, are not among them. `None`
    where no layer has that name.
    """
    if HEAD not in {layer.name for layer in body.layers}:
        return None
    way = keras.Model(body.inputs, body.get_layer(HEAD).input)
    return {layer.name for layer in way.layers}


def _matching(pattern: str, heavy: list, body: keras.Model, model: str) -> list:
    found = [x for x in heavy if fnmatch.fnmatchcase(x.name, pattern)]
    if found:
        return found
    names = [layer.name for layer in heavy]
    if any(fnmatch.fnmatchcase(x.name, pattern) for x in body.layers):
        raise UserError(
            f"--freeze={pattern} fits no layer of {model} that has weights; "
            f"choose of {', '.join(names[:6])}, ..."
            f" `{command('describe', model)}` lists them all."
        )
    raise unknown_name_error(
        "layer with weights", pattern, names, command("describe", model)
    )
