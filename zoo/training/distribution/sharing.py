"""Which devices share the batches of a run."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import keras

from zoo import engines
from zoo.config import TrainConfig
from zoo.errors import UserError

ALL = "all"
MACHINE = "this machine"


@dataclasses.dataclass(frozen=True)
class Sharing:
    """The devices that share the batches of a run, and who uses them.

    Attributes:
        devices: of all processes, in their order; JAX's own objects, or names
            of TensorFlow's logical devices.
        processes: how many there are.
    """

    devices: tuple[Any, ...] = ()
    processes: int = 1

    @property
    def is_shared(self) -> bool:
        """Whether there is more than one device."""
        return len(self.devices) > 1

    def facts(self) -> dict[str, int]:
        """Returns what `resolved.json` keeps of it."""
        count = max(len(self.devices), 1)
        return {"devices": count, "processes": self.processes}

    def distribution(self) -> keras.distribution.Distribution:
        """Returns what Keras builds and trains a shared network in, on JAX."""
        return WholeBatches(devices=self.devices, auto_shard_dataset=False)


def in_words(machine: dict, batch_size: int) -> str:
    """Says who shares the batches of a run, for one device nothing.

    Args:
        machine: as in `resolved.json`.
        batch_size: of all devices together.
    """
    devices, processes = machine["devices"], machine["processes"]
    if devices == 1:
        return ""
    where = f" in {processes} processes" if processes > 1 else ""
    most = math.ceil(batch_size / devices)
    uneven = f", at most {most} images each" if batch_size % devices else ""
    return f"batches shared by {devices} devices{where}{uneven}, "


class WholeBatches(keras.distribution.DataParallel):
    """Hands every device the whole batch, of which a step takes its share.

    Keras lays all batches out as it did the first, which fails at the last
    and smaller one of an epoch.
    """

    def get_data_layout(self, data_shape):
        axes = [None] * len(data_shape)
        return keras.distribution.TensorLayout(axes, self.device_mesh)


@contextlib.contextmanager
def apart() -> Iterator[None]:
    """Leaves the distribution for a while, to use ordinary networks."""
    current = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(current)


def choose(asked: TrainConfig) -> Sharing:
    """Returns the devices that a config asks for, of every process.

    Raises:
        UserError: there are not that many, or they cannot be used so.
    """
    if engines.chosen()[0] != "jax":
        return _choose_logical(asked)
    import jax

    everyone = range(jax.process_count())
    chosen = []
    for process in everyone:
        own = [d for d in jax.devices() if d.process_index == process]
        where = f"process {process}" if len(everyone) > 1 else MACHINE
        chosen += _first(asked.devices, own, own[0].platform, where)
    if len(chosen) > 1 and asked.jit == "off":
        raise UserError(
            f"--jit=off does not go with {len(chosen)} devices: JAX divides a "
            "batch among them only in a step that XLA compiles; leave it out."
        )
    return Sharing(tuple(chosen), len(everyone))


def _choose_logical(asked: TrainConfig) -> Sharing:
    """Returns the devices of this machine, as TensorFlow names them."""
    if asked.devices == 1:
        return Sharing()
    import tensorflow as tf

    own = tf.config.list_logical_devices("GPU")
    own = own or tf.config.list_logical_devices("CPU")
    chosen = _first(asked.devices, own, own[0].device_type, MACHINE)
    if len(chosen) > 1 and asked.jit == "on":
        raise UserError(
            f"--jit=on does not go with {len(chosen)} devices: XLA compiles no "
            "step of several devices of TensorFlow; leave it out."
        )
    return Sharing(tuple(device.name for device in chosen))


def check_batch_size(shared: Sharing, batch_size: int | None) -> None:
    """Raises `UserError` where devices would have nothing to do.

    Args:
        shared: the devices.
        batch_size: of all together; `None` of a model that learns by heart.
    """
    devices = len(shared.devices)
    if batch_size and batch_size < devices:
        raise UserError(
            f"--batch_size={batch_size} leaves some of {devices} devices "
            f"without an image; give at least --batch_size={devices}, or "
            f"--devices={batch_size}."
        )


def check_model(shared: Sharing, model: keras.Model) -> None:
    """Raises `UserError` for layers that several devices would change.

    On TensorFlow each device calls a layer on its share of a batch alone.

    Args:
        shared: the devices.
        model: as it is to be trained.
    """
    if not shared.is_shared or keras.backend.backend() != "tensorflow":
        return
    from zoo.training.distribution import mirrored

    mirrored.check(model)


def _first(asked: int | str, own: list, kind: str, where: str) -> list:
    """Returns as many of the devices of one process as were asked for.

    Raises:
        UserError: there are not that many.
    """
    if asked == ALL:
        return own
    if asked > len(own):
        devices = f"{len(own)} {kind.upper()} device"
        devices += "s" if len(own) > 1 else ""
        raise UserError(
            f"--devices={asked} is more than there are: {where} has {devices}; "
            f"give --devices={len(own)}, or --devices={ALL}."
        )
    return own[:asked]
