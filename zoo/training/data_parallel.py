"""Training on several devices, of one host or of several.

Every device holds the whole model and trains on its shard of each batch:
Keras's `DataParallel` on JAX, `MirroredStrategy` with `mirrored.py` on
TensorFlow, where the step is that of the whole batch. A run is thereby the
same, but for rounding, on any number of devices: the batch size is that of all
devices together, and order, augmentation, dropout, batch norm, learning rate
and number of steps are those of one device. Several hosts need JAX. Several
devices were tried on virtual CPU devices; collectives of GPUs (NCCL) were not.

Summaries, checkpoints and results are made with an ordinary model beside the
distributed one, which gets its values whenever they are needed. Each device
has all variables of the distributed model. On JAX a step is given the
whole batch and marks it as divided among the devices; from there on JAX
divides the work, and adds up what a mean over the batch needs: losses,
gradients, batch norm. On TensorFlow each device is given its shard of the
batch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from zoo import backend
from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.models.build import replace_layers
from zoo.training.checkpoints import variables_of
from zoo.training.model import build_backbone, build_model, compile_model

if TYPE_CHECKING:
    from zoo.resolve import ResolvedConfig
    from zoo.training.setup import TrainSetup

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


def describe_devices(machine: dict, batch_size: int) -> str:
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


def check_model_on_devices(devices: DeviceSet, model: keras.Model) -> None:
    """Raises `UserError` for layers that several devices would change.

    On TensorFlow each device calls a layer on its shard of a batch alone.

    Args:
        devices: that split a batch.
        model: as it is to be trained.
    """
    if not devices.is_distributed or keras.backend.backend() != "tensorflow":
        return
    from zoo.training import mirrored

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


KINDS = ("weights", "seeds", "optimizer", "metrics")


@contextlib.contextmanager
def distributed_model(
    setup: TrainSetup,
) -> Iterator[tuple[keras.Model, Callable]]:
    """Yields the model that `fit` is to be called on.

    That is the run's own model where it uses a single device. With it comes a
    function that turns batches into what that `fit` reads.
    """
    if not setup.devices.is_distributed:
        yield setup.model, lambda batches: batches
    elif keras.backend.backend() == "tensorflow":
        yield _mirrored(setup)
    else:
        # Inside the block Keras lays batches and variables out on all devices.
        with setup.devices.distribution().scope():
            yield _data_parallel(setup), lambda batches: batches


def _mirrored(setup: TrainSetup) -> tuple[keras.Model, Callable]:
    """Returns a run's model in a strategy of TensorFlow."""
    from zoo.training import mirrored

    strategy = mirrored.strategy(setup.devices.devices)
    config = mirrored.config_of_each(
        setup.config, strategy.num_replicas_in_sync
    )
    with strategy.scope():
        model = mirrored.with_sharded_steps(
            _build(setup, {keras.layers.Dropout: mirrored.WholeBatchDropout})
        )
        mirrored.synchronize(model)
        _compile(model, setup, config)
    copy_to_replicas(setup.model, model)
    return model, functools.partial(mirrored.shard_batches, strategy)


def _data_parallel(setup: TrainSetup) -> keras.Model:
    """Returns a run's model on all its devices, on JAX."""
    model = _build(setup)
    shard = {"shard": staticmethod(_shard_batch(setup.devices))}
    kind = type("ShardedModel", (_ShardedModel, type(model)), shard)
    model = kind(model.input, model.output, name=model.name)
    _compile(model, setup, setup.config)
    copy_to_replicas(setup.model, model)
    return model


class _ShardedModel(keras.Model):
    """Steps whose work is divided among the devices, on JAX.

    Attributes:
        shard: Function that marks an array `[B, ...]` as divided along `B`.
    """

    def train_step(self, state, data):
        return super().train_step(state, tuple(map(self.shard, data)))

    def test_step(self, state, data):
        return super().test_step(state, tuple(map(self.shard, data)))


def _build(
    setup: TrainSetup, classes: Mapping[type, type] | None = None
) -> keras.Model:
    """Builds a run's model once more.

    Args:
        setup: of the run.
        classes: layer classes to use in place of others.
    """
    config, dataset = setup.config, setup.dataset
    with backend.precision_policy(setup.precision):
        backbone = build_backbone(config, dataset).model
        backbone = replace_layers(backbone, classes or {})
        return build_model(config, dataset, setup.statistics, backbone)


def _compile(
    model: keras.Model, setup: TrainSetup, config: ResolvedConfig
) -> None:
    compile_model(
        model,
        config,
        setup.dataset,
        setup.schedule,
        setup.steps_per_execution,
    )


def copy_to_replicas(
    model: keras.Model,
    distributed: keras.Model,
    kinds: Iterable[str] = KINDS,
) -> None:
    """Copies variables of an ordinary model, of some kinds, to all devices."""
    for kind in kinds:
        targets = variables_of(distributed)[kind]
        _copy(variables_of(model)[kind], targets, _replicate)


def copy_to_host(distributed: keras.Model, model: keras.Model) -> None:
    """Copies the variables of a distributed model to an ordinary one."""
    for kind, variables in variables_of(model).items():
        _copy(
            variables_of(distributed)[kind], variables, lambda array, _: array
        )


def _copy(sources: list, targets: list, convert: Callable) -> None:
    for source, target in zip(sources, targets, strict=True):
        # A copy: a training step gives the memory of its variables away.
        array = np.array(keras.ops.convert_to_numpy(source))
        target.assign(convert(array, target))


def _replicate(array: np.ndarray, variable: keras.Variable):
    """Returns an array as one that every device of a variable has."""
    if keras.backend.backend() == "tensorflow":
        return array  # what is assigned goes to all
    import jax

    sharding = variable.value.sharding
    return jax.make_array_from_callback(
        array.shape, sharding, lambda index: array[index]
    )


def _shard_batch(devices: DeviceSet) -> Callable:
    """Returns what marks an array `[B, ...]` as divided along `B`."""
    import jax

    mesh = jax.sharding.Mesh(np.array(devices.devices), ("batch",))
    along = jax.sharding.PartitionSpec("batch")
    sharding = jax.sharding.NamedSharding(mesh, along)
    return lambda array: jax.lax.with_sharding_constraint(array, sharding)
