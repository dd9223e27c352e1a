"""The devices that train a run together."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import keras

from zoo import backend
from zoo.config import TrainConfig
from zoo.errors import UserError

ALL = "all"
MACHINE = "this machine"


@dataclasses.dataclass(frozen=True)
class DeviceSet:
    """The devices that train a run together.

    Attributes:
        devices: Devices of all processes, in their order; JAX's own objects,
            or names of TensorFlow's logical devices.
        processes: Number of processes.
    """

    devices: tuple[Any, ...] = ()
    processes: int = 1

    @property
    def is_distributed(self) -> bool:
        """Whether there is more than one device."""
        return len(self.devices) > 1

    def facts(self) -> dict[str, int]:
        """Returns what `resolved.json` keeps of it."""
        count = max(len(self.devices), 1)
        return {"devices": count, "processes": self.processes}

    def distribution(self) -> keras.distribution.Distribution:
        """Returns what Keras builds and trains a model in, on JAX."""
        return ReplicatedInputs(devices=self.devices, auto_shard_dataset=False)


class ReplicatedInputs(keras.distribution.DataParallel):
    """Hands every device the whole batch, of which a step takes its shard.

    Keras lays all batches out as it did the first, which fails at the last
    and smaller one of an epoch.
    """

    def get_data_layout(self, data_shape):
        axes = [None] * len(data_shape)
        return keras.distribution.TensorLayout(axes, self.device_mesh)


def describe(machine: dict, batch_size: int) -> str:
    """Returns how batches are divided; an empty text for a single device.

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
    return f"batches split over {devices} devices{where}{uneven}, "


@contextlib.contextmanager
def no_distribution() -> Iterator[None]:
    """Leaves Keras's distribution for a while, to use ordinary models."""
    current = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        yield
    finally:
        keras.distribution.set_distribution(current)


def select_devices(config: TrainConfig) -> DeviceSet:
    """Returns the devices that a config asks for, of every process.

    Raises:
        UserError: there are not that many, or they cannot be used so.
    """
    if backend.selected()[0] != "jax":
        return _select_logical(config)
    import jax

    if jax.distributed.is_initialized() and config.devices != 1:
        # JAX shows a process that Slurm or Open MPI started one device alone.
        jax.config.update("jax_cuda_visible_devices", "all")
        jax.config.update("jax_rocm_visible_devices", "all")
    processes = range(jax.process_count())
    selected = []
    for process in processes:
        own = [d for d in jax.devices() if d.process_index == process]
        where = f"process {process}" if len(processes) > 1 else MACHINE
        selected += _first(config.devices, own, own[0].platform, where)
    if len(selected) > 1 and config.jit == "off":
        raise UserError(
            f"--jit=off does not go with {len(selected)} devices: JAX divides "
            "a batch among them only in a step that XLA compiles; leave it out."
        )
    return DeviceSet(tuple(selected), len(processes))


def _select_logical(config: TrainConfig) -> DeviceSet:
    """Returns the devices of this machine, as TensorFlow names them."""
    if config.devices == 1:
        return DeviceSet()
    import tensorflow as tf

    own = tf.config.list_logical_devices("GPU")
    own = own or tf.config.list_logical_devices("CPU")
    selected = _first(config.devices, own, own[0].device_type, MACHINE)
    if len(selected) > 1 and config.jit == "on":
        raise UserError(
            f"--jit=on does not go with {len(selected)} devices: XLA compiles "
            "no step of several devices of TensorFlow; leave it out."
        )
    return DeviceSet(tuple(device.name for device in selected))


def check_batch_size(devices: DeviceSet, batch_size: int | None) -> None:
    """Raises `UserError` where some devices would get no image.

    Args:
        devices: that split a batch.
        batch_size: of all together; `None` of a model that trains no weights.
    """
    count = len(devices.devices)
    if batch_size and batch_size < count:
        raise UserError(
            f"--batch_size={batch_size} leaves some of {count} devices "
            f"without an image; give at least --batch_size={count}, or "
            f"--devices={batch_size}."
        )


def check_model(devices: DeviceSet, model: keras.Model) -> None:
    """Raises `UserError` for layers that several devices would change.

    On TensorFlow each device calls a layer on its shard of a batch alone.

    Args:
        devices: that split a batch.
        model: as it is to be trained.
    """
    if not devices.is_distributed or keras.backend.backend() != "tensorflow":
        return
    from zoo.training.distributed import mirrored

    mirrored.check(model)


def _first(requested: int | str, own: list, kind: str, where: str) -> list:
    """Returns as many of the devices of one process as were requested.

    Raises:
        UserError: there are not that many.
    """
    if requested == ALL:
        return own
    if requested > len(own):
        devices = f"{len(own)} {kind.upper()} device"
        devices += "s" if len(own) > 1 else ""
        raise UserError(
            f"--devices={requested} is more than there are: {where} has "
            f"{devices}; give --devices={len(own)}, or --devices={ALL}."
        )
    return own[:requested]
