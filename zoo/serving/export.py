"""A run as a model for other programs: raw pixels in, probabilities out."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import math
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from zoo import backend, metrics, model_metadata
from zoo.console import format_bytes, format_shape, show_activity
from zoo.errors import UserError, is_full_disk
from zoo.evaluation.evaluate import load_split
from zoo.io import OTHER_OUT
from zoo.runs import Run
from zoo.serving.formats import FORMATS, Format, PredictFn, find_format
from zoo.serving.predict import check_classifier

EXPORTS_DIR = "exports"  # inside the run folder, the default
OLD = ".old.{}"  # name of a folder while it is replaced
MAX_EXAMPLES = 256  # that an export is checked on
NOISE_EXAMPLES = 64  # where the data of the run cannot be loaded
CALIBRATION_EXAMPLES = 256  # of the training part, for integers
MIN_EQUAL = 0.9  # fraction of predictions that integers must not change
TOLERANCE = 1e-4  # difference of two logits, or two probabilities
RELATIVE_TOLERANCE = 1e-6  # of the largest logit, if that is more


@dataclasses.dataclass(frozen=True)
class Export:
    """An export, and how it was checked.

    Attributes:
        path: Path to the file or folder that was written.
        metadata: Metadata inside the export; see `model_metadata.describe`.
        parity: Comparison of its predictions with those of the run.
    """

    path: Path
    metadata: dict[str, Any]
    parity: ParityCheck

    def __str__(self) -> str:
        files = [self.path, *self.path.rglob("*")]
        size = sum(path.stat().st_size for path in files if path.is_file())
        given, outputs = self.metadata["input"], self.metadata["outputs"]
        shapes = ", ".join(
            f"{name} {format_shape(['N', *shape[1:]])}"
            for name, shape in outputs.items()
        )
        return (
            f"export    {self.path}, {format_bytes(size)}\n"
            f"input     {format_shape(['N', *given['shape'][1:]])}, "
            f"{given['dtype']}, {given['values']}\n"
            f"outputs   {shapes}\n"
            f"parity    {self.parity}"
        )


def export(
    run: Run,
    format: str = "keras",
    out: str | None = None,
    overwrite: bool = False,
) -> Export:
    """Writes a run as a model for other programs, and checks it.

    The model has two outputs, `logits` and `probabilities`, and takes any
    number of examples at once; preprocessing is inside, and the names of the
    classes are in its metadata.

    Args:
        run: A finished run of a classifier.
        format: A key of `formats.FORMATS`.
        out: Path to write to; by default inside the run folder.
        overwrite: Whether an existing export may be replaced.

    Raises:
        UserError: it cannot be written, or its predictions differ from those
            of the run; nothing is left behind.
    """
    chosen = find_format(format)
    check_classifier(run)
    chosen.check_backend()
    chosen.check_packages()
    # Checked before Keras is imported, which takes seconds.
    path = resolve_path(run, chosen, out, overwrite)
    return _export(run, chosen, path)


@backend.fixed_settings()
def _export(run: Run, chosen: Format, path: Path) -> Export:
    with full_precision():
        model = run.load_model()
        examples, description = check_examples(run)
        logits = model.predict_on_batch(examples)
        metadata = model_metadata.describe(run)
        with replacing(path) as temporary:
            show_activity(f"writing {temporary.name}")
            inputs = ()
            if chosen.is_quantized:
                inputs = (calibration_examples(run),)
            chosen.write(
                with_probabilities(model), temporary, metadata, *inputs
            )
            predict = chosen.load(temporary)
            parity = check_parity(
                logits, predict, examples, description, chosen.is_quantized
            )
            if not parity.holds:
                raise UserError(
                    f"the predictions of {run.name} as {chosen.name} differ "
                    f"from those of the run, so it is not kept; {parity}."
                )
    return Export(path, metadata, parity)


def with_probabilities(model):
    """Returns a model of two outputs, `logits` and `probabilities`.

    It is called in inference mode, whatever the layers do by default.

    Args:
        model: Model of a run, from raw inputs to logits.
    """
    import keras

    (given,) = model.inputs
    inputs = keras.Input(given.shape[1:], dtype="float32", name=given.name)
    logits = model(inputs, training=False)
    softmax = keras.layers.Softmax(dtype="float32", name="probabilities")
    return keras.Model(
        inputs,
        {"logits": logits, "probabilities": softmax(logits)},
        name=model.name,
    )


# Parity: an export must predict what the run does.


@dataclasses.dataclass(frozen=True)
class ParityCheck:
    """Differences of the predictions of two models on the same examples.

    Attributes:
        examples: Number of examples.
        description: What the examples are.
        logits: Largest absolute difference of two logits.
        probabilities: Largest absolute difference of two probabilities.
        equal: Number of examples with the same most probable class.
        allowed: Largest difference of logits that rounding explains.
        is_quantized: Whether the export computes in 8-bit integers; then most
            predictions must be equal, and numbers need not be.
    """

    examples: int
    description: str
    logits: float
    probabilities: float
    equal: int
    allowed: float
    is_quantized: bool = False

    @property
    def holds(self) -> bool:
        """Whether the differences are within the tolerance."""
        if self.is_quantized:
            return self.equal >= MIN_EQUAL * self.examples
        return self.logits <= self.allowed and self.probabilities <= TOLERANCE

    def __str__(self) -> str:
        return (
            f"{self.examples:,} {self.description}: largest difference of "
            f"logits {self.logits:.1e}, of probabilities "
            f"{self.probabilities:.1e}; {self.equal:,} of "
            f"{self.examples:,} predictions are equal"
        )


def check_examples(run: Run) -> tuple[np.ndarray, str]:
    """Returns the examples that an export is checked on, and what they are.

    Returns:
        float32 `[N, ...]`, at most 256 of the run's validation examples; of
        its training examples if there are none; noise if its data cannot be
        loaded.
    """
    data = run.resolved["data"]
    is_images = len(data["input_shape"]) == 3
    unit = "images" if is_images else "points"
    split, name = (
        ("val", "validation") if data["val"] else ("train", "training")
    )
    try:
        images = load_split(run, split).images[:MAX_EXAMPLES]
    except UserError:
        shape = (NOISE_EXAMPLES, *data["input_shape"])
        random = np.random.default_rng(0)
        noise = (
            random.integers(0, 256, shape)
            if is_images
            else random.normal(size=shape)
        )
        return (
            noise.astype(np.float32),
            f"{unit} of random noise (the dataset cannot be loaded)",
        )
    return images.astype(np.float32), f"{name} {unit}"


def calibration_examples(run: Run) -> np.ndarray:
    """Returns training examples, float32 `[N, ...]`, evenly spaced.

    Raises:
        UserError: they cannot be loaded.
    """
    images = load_split(run, "train").images
    count = min(len(images), CALIBRATION_EXAMPLES)
    chosen = np.linspace(0, len(images) - 1, count).astype(np.int64)
    return np.asarray(images[chosen], np.float32)


def check_parity(
    expected: np.ndarray,
    predict: PredictFn,
    examples: np.ndarray,
    description: str,
    is_quantized: bool = False,
) -> ParityCheck:
    """Compares an export with the run.

    Args:
        expected: Logits of the run, `[N, K]`.
        predict: Returns the outputs of the export, by name.
        examples: float32 `[N, ...]`.
        description: What the examples are.
        is_quantized: Whether the export computes in 8-bit integers.
    """
    # Batches of two sizes, since the size is free.
    batches = [part for part in (examples[:1], examples[1:]) if len(part)]
    outputs = [predict(batch) for batch in batches]
    logits, probabilities = (
        np.concatenate([output[key] for output in outputs])
        for key in ("logits", "probabilities")
    )
    largest = float(np.abs(expected).max())
    allowed = max(TOLERANCE, RELATIVE_TOLERANCE * largest)
    if not logits.shape == probabilities.shape == expected.shape:
        return ParityCheck(
            len(examples),
            description,
            math.inf,
            math.inf,
            0,
            allowed,
            is_quantized,
        )
    softmax = np.exp(metrics.log_softmax(expected))
    equal = probabilities.argmax(axis=1) == expected.argmax(axis=1)
    return ParityCheck(
        len(examples),
        description,
        float(np.abs(logits - expected).max()),
        float(np.abs(probabilities - softmax).max()),
        int(equal.sum()),
        allowed,
        is_quantized,
    )


@contextlib.contextmanager
def full_precision() -> Iterator[None]:
    """Keeps a GPU from rounding float32 to the ten bits of TensorFloat-32.

    Other programs do not, and logits would differ by more than is allowed.
    """
    if backend.selected()[0] == "jax":
        import jax

        with jax.default_matmul_precision("highest"):
            yield
        return
    import tensorflow as tf

    experimental = tf.config.experimental
    before = experimental.tensor_float_32_execution_enabled()
    experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        experimental.enable_tensor_float_32_execution(before)


# The path: checked before anything is computed, written at the end.


def resolve_path(
    run: Run, format: Format, out: str | None, overwrite: bool
) -> Path:
    """Returns the path to write to, which is free or may be replaced.

    Args:
        out: Path as given; `None` for one inside the run folder.

    Raises:
        UserError: it does not suit the format, exists already, or its folder
            does not exist.
    """
    if out is None:
        run.check_writable()
        name = f"{run.path.resolve().name}{format.tag}{format.suffix}"
        if not format.suffix:
            name = f"{name}-{format.name}"
        path = run.path / EXPORTS_DIR / name
    else:
        path = Path(out).expanduser()
        _check_name(format, path, out)
    _restore(path)
    if path.exists():
        _check_replaceable(format, path, overwrite)
    return path


def _check_name(format: Format, path: Path, out: str) -> None:
    suffixes = [each.suffix for each in FORMATS.values() if each.suffix]
    suffix = path.suffix if path.suffix in suffixes else ""
    if suffix != format.suffix:
        kind = f"ends in {format.suffix}" if format.suffix else "is a folder"
        plain = path.with_suffix("") if suffix else path
        raise UserError(
            f"--out={out} does not fit --format={format.name}, which {kind}; "
            f"write for example --out={plain}{format.suffix}."
        )
    if not path.parent.is_dir():
        raise UserError(
            f"--out={out} cannot be written: there is no folder "
            f"{path.parent}; create it first."
        )


def _check_replaceable(format: Format, path: Path, overwrite: bool) -> None:
    if path.is_dir() == bool(format.suffix):
        kind = "a folder" if path.is_dir() else "a file"
        raise UserError(
            f"{path} is {kind}, which --format={format.name} does not "
            "replace; give another --out."
        )
    if not overwrite:
        raise UserError(
            f"{path} exists already; --overwrite replaces it, or give "
            "another --out."
        )
    # A folder of anything else would be lost by a typing error.
    if path.is_dir() and not (path / format.marker).is_file():
        raise UserError(
            f"{path} holds no {format.marker}, so it is no export of "
            f"--format={format.name} and is not replaced; give another --out."
        )


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary path, a file or a folder, which then becomes `path`.

    If anything fails, what was there before stays.

    Raises:
        UserError: the folder cannot be written.
    """
    created = not path.parent.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise UserError(
            f"{path} cannot be written: {reason}; {OTHER_OUT}."
        ) from error
    # A name that nobody can guess; the suffix stays, since Keras goes by it.
    _remove_leftovers(path)
    temporary = path.with_name(
        f".{path.stem}.{secrets.token_hex(8)}.new{path.suffix}"
    )
    old = path.with_name(OLD.format(path.name))
    try:
        yield temporary
        if path.is_dir():
            _remove(old)
            os.replace(path, old)
        os.replace(temporary, path)
        _remove(old)
    except Exception as error:
        if not is_full_disk(error):
            raise
        raise UserError(
            f"{path} cannot be written: {os.strerror(errno.ENOSPC)}; "
            f"{OTHER_OUT}."
        ) from error
    finally:
        _remove(temporary)
        if created and not any(path.parent.iterdir()):
            path.parent.rmdir()


def _restore(path: Path) -> None:
    """Puts back a folder whose replacement was killed halfway."""
    old = path.with_name(OLD.format(path.name))
    if old.is_dir() and not old.is_symlink() and not path.exists():
        os.replace(old, path)


def _remove_leftovers(path: Path) -> None:
    """Removes what an export to the same path left that was killed."""
    stem, suffix = map(re.escape, (path.stem, path.suffix))
    pattern = re.compile(rf"\.{stem}\.[0-9a-f]{{16}}\.new{suffix}")
    for other in path.parent.iterdir():
        if pattern.fullmatch(other.name):
            _remove(other)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
