"""The distributed model, beside the ordinary one of a run.

Each device has all variables of the distributed model. On JAX a step is given
the whole batch and marks it as divided among the devices; from there on JAX
divides the work, and adds up what a mean over the batch needs: losses,
gradients, batch norm. On TensorFlow each device is given its shard of the
batch; see `mirrored.py`.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import keras
import numpy as np

from zoo import backend
from zoo.models.build import replace_layers
from zoo.training.checkpoints import variables_of
from zoo.training.distributed.devices import DeviceSet
from zoo.training.model import build_backbone, build_model, compile_model

if TYPE_CHECKING:
    from zoo.resolve import ResolvedConfig
    from zoo.training.setup import TrainSetup

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
    from zoo.training.distributed import mirrored

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
