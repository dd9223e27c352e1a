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


@dataclasses.dataclass(frozen=True)
class Sharing:
    """The devices that share the batches of a run, and who uses them.

    Attributes:
        devices: of all processes, in their order; JAX's own objects.
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
        """Returns what Keras builds and trains a shared network in."""
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
        UserError: there are not that many.
    """
    engines.check_devices(asked.devices)
    if engines.chosen()[0] != "jax":
        return Sharing()
    import jax

    everyone = range(jax.process_count())
    chosen = []
    for process in everyone:
        own = [d for d in jax.devices() if d.process_index == process]
        count = len(own) if asked.devices == ALL else asked.devices
        if count > len(own):
            raise _too_many(asked.devices, own, process, len(everyone))
        chosen += own[:count]
    return Sharing(tuple(chosen), len(everyone))


def _too_many(asked: int, own: list, process: int, count: int) -> UserError:
    where = f"process {process}" if count > 1 else "this machine"
    kind = {"cpu": "CPU", "gpu": "GPU", "tpu": "TPU"}[own[0].platform]
    devices = f"{len(own)} {kind} device{'s' if len(own) > 1 else ''}"
    return UserError(
        f"--devices={asked} is more than there are: {where} has {devices}; "
        f"give --devices={len(own)}, or --devices={ALL}."
    )
