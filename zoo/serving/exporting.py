"""A run as a model for other programs: raw pixels in, probabilities out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from zoo import about, backend
from zoo.errors import UserError
from zoo.runs import Run
from zoo.serving import parity, target
from zoo.serving.formats import find_format
from zoo.serving.predicting import check_classifies


@dataclasses.dataclass(frozen=True)
class Exported:
    """What was written, and how it was checked.

    Attributes:
        path: of a file, or of a folder.
        about: what the export says of itself; see `about.describe`.
    """

    path: Path
    about: dict[str, Any]
    parity: parity.Parity


@backend.fixed_settings()
def export(
    run: Run,
    format: str = "keras",
    out: str | None = None,
    overwrite: bool = False,
) -> Exported:
    """Writes a run for programs that do not know the zoo, and checks it.

    The model has two outputs, `logits` and `probabilities`, and any number
    of examples at once; preprocessing is inside, and the names of the classes
    are with it.

    Args:
        run: finished, a classifier.
        format: a key of `formats.FORMATS`.
        out: where to; inside the run's folder if not given.
        overwrite: whether an export that is there may be replaced.

    Raises:
        UserError: something cannot work, or the export answers differently
            from the run; nothing is left behind.
    """
    form = find_format(format)
    check_classifies(run)
    form.check_engine()
    form.check_packages()
    path = target.choose(run, form, out, overwrite)
    with parity.full_precision():
        model = run.load_model()
        examples, noun = parity.examples_of(run)
        wanted = model.predict_on_batch(examples)
        told = about.describe(run)
        with target.replacing(path) as temporary:
            way = form.load_module()
            way.write(with_probabilities(model), temporary, told)
            answer = way.load(temporary)
            found = parity.measure(wanted, answer, examples, noun)
            if not found.holds:
                raise UserError(
                    f"{run.name} as {form.name} answers differently from the "
                    f"run, so it is not kept; {found}."
                )
    return Exported(path, told, found)


def with_probabilities(model):
    """Returns a model of two outputs, `logits` and `probabilities`.

    Nothing in it trains: it is called as in use, whatever a run of an earlier
    day would have done by default.

    Args:
        model: of a run, from raw inputs to logits.
    """
    import keras

    (given,) = model.inputs
    inputs = keras.Input(given.shape[1:], dtype="float32", name=given.name)
    logits = model(inputs, training=False)
    shares = keras.layers.Softmax(dtype="float32", name="probabilities")(logits)
    return keras.Model(
        inputs, {"logits": logits, "probabilities": shares}, name=model.name
    )
