"""Trains on one and on two parts of the processor, in a process of its own.

Typed as `python -m tests.integration.backends.shared_devices WHAT FOLDER`, with
the backend in KERAS_BACKEND; the last line that it prints is JSON. A part of
the processor can be made a device only before a backend starts.
"""

import contextlib
import json
import os
import sys

FLAGS = "--xla_force_host_platform_device_count=2"
# Ten batches of 45 and one of 3; with the cases that say so, one of 1.
BASE = {
    "model": "lenet5", "dataset": "digits", "train_examples": 453,
    "batch_size": 45, "steps": 55, "seed": 3,
    "summaries": ("none",),
}  # fmt: skip
CASES = {
    "plain": {},
    "dropout": {"dropout": 0.2},
    "batch norm": {"norm": "batch"},
    "clipped": {"clip_norm": 0.2, "weight_decay": 1e-3, "optimizer": "sgd"},
    "last batch of 1": {"train_examples": 451, "dropout": 0.2, "norm": "batch"},
}


def start(dtype):
    """Makes two devices, and lets networks be built in a dtype."""
    os.environ["XLA_FLAGS"] = FLAGS
    if os.environ["KERAS_BACKEND"] == "tensorflow":
        import tensorflow as tf

        processor = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(processor, parts)
    elif dtype == "float64":
        os.environ["JAX_ENABLE_X64"] = "1"
    import keras

    if dtype == "float64":
        # On JAX Keras promotes float64 and float32 to float32, as JAX does
        # where it has no float64; batch norm would compute in float32.
        from keras.src.backend.common import dtypes

        dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    from zoo import backend

    @contextlib.contextmanager
    def policy(_):
        # Not undone: losses and metrics are made after the network.
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        yield

    backend.precision_policy = policy


def table(folder, cases, **changes):
    """Returns the losses after each epoch of one and of two devices."""
    return {
        case: [
            losses(train(folder, f"{case}{devices}", devices, options))
            for devices in (1, 2)
        ]
        for case, options in cases.items()
        for options in [{**options, **changes}]
    }


def train(folder, name, devices, options):
    from zoo.config import TrainConfig
    from zoo.training.train import train

    name = name.replace(" ", "_")
    place = {"devices": devices, "runs_dir": folder, "run_name": name}
    config = TrainConfig(**{**BASE, **options, **place})
    return train(config)


def losses(run):
    names = ("loss", "val_loss")
    return [[row[name] for name in names] for row in run.history]


def resumed(folder):
    """Returns the losses of one device, and of two, one and two in turn.

    All but the last sitting end inside an epoch, after a checkpoint.
    """
    from zoo.run_store import RunStore
    from zoo.training.resume import resume

    options = {"dropout": 0.2, "norm": "batch", "checkpoint_every": 4}
    alone = train(folder, "alone", 1, options)
    with killed_after(epoch=1):
        train(folder, "turns", 2, options)
    turns = RunStore(folder).find("turns")
    with killed_after(epoch=3):
        resume(turns, devices=1)
    resume(turns, devices=2)
    turns = RunStore(folder).find("turns")
    sizes = [file_sizes(run.path) for run in (alone, turns)]
    return {"losses": [losses(alone), losses(turns)], "files": sizes}


@contextlib.contextmanager
def killed_after(epoch):
    """Ends a training before it has taken note of the end of an epoch."""
    from zoo.training.callbacks import StepCounter

    before = StepCounter.on_epoch_end

    def on_epoch_end(self, number, logs=None):
        if number == epoch:
            raise ZeroDivisionError
        before(self, number, logs)

    StepCounter.on_epoch_end = on_epoch_end
    try:
        with contextlib.suppress(ZeroDivisionError):
            yield
    finally:
        StepCounter.on_epoch_end = before


def file_sizes(folder):
    """Returns names and shapes of the arrays in the last checkpoint."""
    import numpy as np

    with np.load(folder / "checkpoints" / "last.npz") as file:
        return {name: file[name].shape for name in file if name != "state"}


def masks(_):
    """Returns the dropout masks of one device and of two, three of each."""
    import keras
    import tensorflow as tf

    from zoo.training import mirrored

    rows = tf.data.Dataset.from_tensor_slices(tf.ones((93, 40)))
    batches = tf.data.Dataset.zip(rows, tf.data.Dataset.range(93)).batch(45)
    inputs = keras.Input((40,))
    alone = keras.layers.Dropout(0.4, seed=5)
    found = [[alone(x, training=True).numpy().tolist() for x, _ in batches]]
    strategy = mirrored.strategy(("CPU:0", "CPU:1"))
    with strategy.scope():
        layer = mirrored.WholeBatchDropout(0.4, seed=5)
        model = keras.Model(inputs, layer(inputs))

    def step(data):
        with mirrored.Shard(*tf.unstack(data[2], 3)).known():
            return model(data[0], training=True)

    run = tf.function(lambda data: strategy.run(step, args=(data,)))
    both = []
    for data in mirrored.shard_batches(strategy, batches):
        parts = strategy.experimental_local_results(run(data))
        both.append(tf.concat(parts, 0).numpy().tolist())
    return [*found, both]


if __name__ == "__main__":
    what, folder = sys.argv[1:]
    start("float32" if what == "first" else "float64")
    if what == "first":
        answer = table(folder, CASES, steps=1)
    elif what == "table":
        answer = table(folder, CASES)
    else:
        answer = {"resumed": resumed, "masks": masks}[what](folder)
    print(json.dumps(answer))
