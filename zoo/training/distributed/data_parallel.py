"""The distributed model, and recording with the ordinary one beside it.

Each device has all variables of the distributed model. On JAX a step is given
the whole batch and marks it as divided among the devices; from there on JAX
divides the work, and adds up what a mean over the batch needs: losses,
gradients, batch norm. On TensorFlow each device is given its share of the
batch; see `mirrored.py`.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator

import keras
import numpy as np

from zoo.training import network, precision
from zoo.training.checkpoints import variables_of
from zoo.training.distributed.devices import DeviceSet, no_distribution
from zoo.training.job import Job
from zoo.training.plan import Plan
from zoo.training.recorder import Recorder

KINDS = ("weights", "seeds", "optimizer", "metrics")


@contextlib.contextmanager
def distributed_model(job: Job) -> Iterator[tuple[keras.Model, Callable]]:
    """Yields the model that `fit` is to be called on.

    That is the job's own model where it uses a single device. With it comes a
    function that turns batches into what that `fit` reads.
    """
    if not job.devices.is_distributed:
        yield job.model, lambda batches: batches
    elif keras.backend.backend() == "tensorflow":
        yield _mirrored(job)
    else:
        # Inside the block Keras lays batches and variables out on all devices.
        with job.devices.distribution().scope():
            yield _data_parallel(job), lambda batches: batches


def _mirrored(job: Job) -> tuple[keras.Model, Callable]:
    """Returns a job's model in a strategy of TensorFlow."""
    from zoo.training.distributed import mirrored

    strategy = mirrored.strategy(job.devices.devices)
    plan = mirrored.plan_of_each(job.plan, strategy.num_replicas_in_sync)
    with strategy.scope():
        model = _build(job)
        mirrored.synchronize(model)
        _compile(model, job, plan)
    mirrored.share_steps(model)
    copy_to_replicas(job.model, model)
    return model, functools.partial(mirrored.shares, strategy)


def _data_parallel(job: Job) -> keras.Model:
    """Returns a job's model on all its devices, on JAX."""
    model = _build(job)
    _compile(model, job, job.plan)
    shard = _shard_batch(job.devices)
    for name in ("train_step", "test_step"):
        setattr(model, name, _sharded(getattr(model, name), shard))
    copy_to_replicas(job.model, model)
    return model


def _build(job: Job) -> keras.Model:
    """Builds a job's model once more."""
    with precision.policy(job.precision):
        return network.build_network(job.plan, job.statistics)


def _compile(model: keras.Model, job: Job, plan: Plan) -> None:
    network.compile_network(model, plan, job.schedule, job.steps_per_execution)


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


def _sharded(step: Callable, shard: Callable) -> Callable:
    """Returns a step whose work is divided among the devices."""

    def sharded_step(state, data):
        return step(state, tuple(map(shard, data)))

    return sharded_step


def _shard_batch(devices: DeviceSet) -> Callable:
    """Returns what marks an array `[B, ...]` as divided along `B`."""
    import jax

    mesh = jax.sharding.Mesh(np.array(devices.devices), ("batch",))
    along = jax.sharding.PartitionSpec("batch")
    sharding = jax.sharding.NamedSharding(mesh, along)
    return lambda array: jax.lax.with_sharding_constraint(array, sharding)


class DistributedRecorder(Recorder):
    """Records with the job's own model, which gets values when needed.

    `fit` trains the distributed one, and passes it to `set_model`.
    """

    def __init__(self, job: Job, *rest):
        self._local_model = job.model
        super().__init__(job, *rest)

    @property
    def model(self) -> keras.Model:
        """The job's own model."""
        return self._local_model

    def on_epoch_begin(self, epoch, logs=None):
        with no_distribution():
            super().on_epoch_begin(epoch, logs)
        if self.state.batch:
            copy_to_replicas(self._local_model, self._distributed, ["metrics"])

    def on_train_batch_end(self, batch, logs=None):
        with no_distribution():
            super().on_train_batch_end(batch, logs)

    def on_epoch_end(self, epoch, logs=None):
        with no_distribution():
            self._attach()
            super().on_epoch_end(epoch, logs)

    def _save(self) -> None:
        if self.state.batch:
            self._attach()
        super()._save()

    def _attach(self) -> None:
        """Copies the values that the distributed model has now."""
        copy_to_host(self._distributed, self._local_model)

    @property
    def _distributed(self) -> keras.Model:
        # Keras brings the variables back when a callback asks for the model.
        return super().model
