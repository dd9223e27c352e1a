"""The network that several devices share, beside the ordinary one of a job.

Each device has all of its variables. On JAX a step is given the whole batch
and marks it as divided among the devices; from there on JAX divides the work,
and adds up what a mean over the batch needs: losses, gradients, batch norm. On
TensorFlow each device is given its share; see `mirrored.py`.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator

import keras
import numpy as np

from zoo.training import network, precision
from zoo.training.checkpoints import variables_of
from zoo.training.distribution.sharing import Sharing
from zoo.training.job import Job
from zoo.training.plan import Plan

KINDS = ("weights", "seeds", "optimizer", "metrics")


@contextlib.contextmanager
def fitted(job: Job) -> Iterator[tuple[keras.Model, Callable]]:
    """Gives the network that `fit` is to be called on: the shared one, if any.

    With it comes a function that turns batches into what that `fit` reads.
    """
    if not job.sharing.is_shared:
        yield job.model, lambda batches: batches
    elif keras.backend.backend() == "tensorflow":
        yield _mirrored(job)
    else:
        # Inside the block Keras lays batches and variables out on all devices.
        with job.sharing.distribution().scope():
            yield _divided(job), lambda batches: batches


def _mirrored(job: Job) -> tuple[keras.Model, Callable]:
    """Returns a job's network in a strategy of TensorFlow."""
    from zoo.training.distribution import mirrored

    strategy = mirrored.strategy(job.sharing.devices)
    plan = mirrored.plan_of_each(job.plan, strategy.num_replicas_in_sync)
    with strategy.scope():
        model = _build(job)
        mirrored.synchronize(model)
        _compile(model, job, plan)
    mirrored.share_steps(model)
    give(job.model, model)
    return model, functools.partial(mirrored.shares, strategy)


def _divided(job: Job) -> keras.Model:
    """Returns a job's network on all its devices, on JAX."""
    model = _build(job)
    _compile(model, job, job.plan)
    share = _sharer(job.sharing)
    for name in ("train_step", "test_step"):
        setattr(model, name, _shared(getattr(model, name), share))
    give(job.model, model)
    return model


def _build(job: Job) -> keras.Model:
    """Builds a job's network once more."""
    with precision.policy(job.precision):
        return network.build_network(job.plan, job.statistics)


def _compile(model: keras.Model, job: Job, plan: Plan) -> None:
    network.compile_network(model, plan, job.schedule, job.steps_per_execution)


def give(
    whole: keras.Model, shared: keras.Model, kinds: Iterable[str] = KINDS
) -> None:
    """Gives a shared network the values of an ordinary one, of some kinds."""
    for kind in kinds:
        targets = variables_of(shared)[kind]
        _copy(variables_of(whole)[kind], targets, _everywhere)


def fetch(shared: keras.Model, whole: keras.Model) -> None:
    """Gives an ordinary network the values of a shared one."""
    for kind, variables in variables_of(whole).items():
        _copy(variables_of(shared)[kind], variables, lambda array, _: array)


def _copy(sources: list, targets: list, convert: Callable) -> None:
    for source, target in zip(sources, targets, strict=True):
        # A copy: a training step gives the memory of its variables away.
        array = np.array(keras.ops.convert_to_numpy(source))
        target.assign(convert(array, target))


def _everywhere(array: np.ndarray, variable: keras.Variable):
    """Returns an array as one that every device of a variable has."""
    if keras.backend.backend() == "tensorflow":
        return array  # what is assigned goes to all
    import jax

    sharding = variable.value.sharding
    return jax.make_array_from_callback(
        array.shape, sharding, lambda index: array[index]
    )


def _shared(step: Callable, share: Callable) -> Callable:
    """Returns a step whose work is divided among the devices."""

    def shared_step(state, data):
        return step(state, tuple(map(share, data)))

    return shared_step


def _sharer(sharing: Sharing) -> Callable:
    """Returns what marks an array `[B, ...]` as divided along `B`."""
    import jax

    mesh = jax.sharding.Mesh(np.array(sharing.devices), ("batch",))
    along = jax.sharding.PartitionSpec("batch")
    divided = jax.sharding.NamedSharding(mesh, along)
    return lambda array: jax.lax.with_sharding_constraint(array, divided)
