"""The peer: a plain Keras script, as its documentation writes one.

Arrays go to `fit`. The network is ours, built and preprocessed as ours, so
that both sides do the same arithmetic.
"""

from __future__ import annotations

from benchmarks import images
from benchmarks.cases import Case
from benchmarks.stopwatch import Stopwatch, task


def main() -> None:
    """Trains once and prints what the stopwatch says."""
    given = task()
    watch = Stopwatch(given["started"])
    import keras
    import tensorflow  # noqa: F401

    watch.note("imported")
    case = Case(**given["case"])
    data = images.load(given["images"], case)
    watch.note("loaded")
    x_train = data.train.images.astype("float32")
    x_val = data.val.images.astype("float32")
    y_train, y_val = data.train.labels, data.val.labels

    class Timer(keras.callbacks.Callback):
        """Notes steps and epochs without making `fit` wait for it."""

        async_safe = True

        def on_epoch_begin(self, epoch, logs=None):
            watch.begin_epoch()

        def on_train_batch_end(self, batch, logs=None):
            watch.note("first_step")

        def on_test_begin(self, logs=None):
            watch.end_updates()

        def on_epoch_end(self, epoch, logs=None):
            watch.epoch()

    model, config = build(case, data)
    rate = keras.optimizers.schedules.CosineDecay(
        config.learning_rate, config.total_steps
    )
    model.compile(
        optimizer=keras.optimizers.Adam(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = model.fit(
        x_train,
        y_train,
        batch_size=config.batch_size,
        epochs=config.epochs,
        validation_data=(x_val, y_val),
        callbacks=[Timer()],
        verbose=2,  # what `fit` recommends where nobody watches
    )
    accuracy = history.history["val_accuracy"][-1]
    print(
        watch.report(
            examples=len(x_train),
            val_examples=len(x_val),
            val_accuracy=accuracy,
        )
    )


def build(case: Case, data):
    """Returns the network that we would train, uncompiled, and its config."""
    import keras

    from zoo.data import preprocess
    from zoo.resolve import resolve
    from zoo.training.model import build_model

    config = case.config(runs_dir="runs")
    keras.utils.set_random_seed(config.seed)
    resolved = resolve(config, data)
    statistics = preprocess.measure(
        data.train.images, config.mean_subtraction, config.scale
    )
    return build_model(resolved, data, statistics), resolved


if __name__ == "__main__":
    main()
