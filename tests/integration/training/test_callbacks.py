"""Callbacks of the user act as in one plain `fit`, resumed runs included."""

import io

import keras
import numpy as np
import pytest

from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.models.inference import images_at_once
from zoo.training.console import TrainingConsole
from zoo.training.fit import UserCallbacks, training_batches
from zoo.training.resume import resume
from zoo.training.setup import prepare
from zoo.training.train import train

EPOCHS = 12
OPTIONS = {
    "model": "lr",
    "optimizer": "sgd",
    # High enough for a validation loss that goes up and down.
    "learning_rate": 1.5,
    "schedule": "constant",
    "warmup_epochs": 0.0,
    "batch_size": 64,
    "train_examples": 500,
    "epochs": EPOCHS,
    "summaries": ("none",),
}


class Recorder(keras.callbacks.Callback):
    """Records what is called, and the learning rate of each epoch."""

    def __init__(self):
        super().__init__()
        self.calls = []
        self.rates = []

    def on_train_begin(self, logs=None):
        self.calls.append("train_begin")

    def on_train_end(self, logs=None):
        self.calls.append("train_end")

    def on_epoch_end(self, epoch, logs=None):
        self.calls.append(epoch)
        self.rates.append(float(self.model.optimizer.learning_rate))

    def get_state(self):
        return {"calls": self.calls, "rates": self.rates}

    def set_state(self, state):
        self.calls = [*state["calls"], "resumed"]
        self.rates = state["rates"]


def stock(folder):
    """Returns stock callbacks that act on the validation scores."""
    return [
        keras.callbacks.ReduceLROnPlateau(patience=1, factor=0.5),
        keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True),
        keras.callbacks.ModelCheckpoint(
            str(folder / "best-{epoch:02d}.keras"), save_best_only=True
        ),
    ]


def plain_fit(callbacks):
    """Fits the same model on the same batches in one plain call."""
    from zoo.data import pipeline

    # One step a call: more would run past the end of an epoch.
    setup = prepare(TrainConfig(**OPTIONS), user_callbacks=True)
    batches = training_batches(setup.config, setup.dataset)
    epochs = [list(batches.epoch(e)) for e in range(EPOCHS)]

    def endless():
        # One batch more than are used: Keras looks ahead.
        for epoch in [*epochs, epochs[0]]:
            yield from epoch

    setup.model.fit(
        endless(),
        epochs=EPOCHS,
        steps_per_epoch=setup.config.steps_per_epoch,
        validation_data=pipeline.eval_batches(
            setup.dataset.val, images_at_once(setup.dataset.input_shape)
        ),
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )
    return setup.model


def run_with(folder, callbacks, **options):
    config = TrainConfig(**{**OPTIONS, "runs_dir": str(folder), **options})
    return train(
        config, callbacks=callbacks, console=TrainingConsole(io.StringIO())
    )


def saved(folder):
    return sorted(path.name for path in folder.glob("*.keras"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Epochs, learning rates, saved files and weights of a plain fit."""
    folder = tmp_path_factory.mktemp("plain")
    recorder = Recorder()
    model = plain_fit([*stock(folder), recorder])
    assert 3 < len(recorder.rates) < EPOCHS  # it stops early
    assert len(set(recorder.rates)) > 1  # and reduces before
    return recorder, saved(folder), model.get_weights()


def test_stock_callbacks_act_in_the_same_epochs_as_in_one_fit(plain, tmp_path):
    recorder = Recorder()
    run = run_with(tmp_path / "runs", [*stock(tmp_path), recorder])
    assert recorder.calls == plain[0].calls
    assert recorder.rates == plain[0].rates
    assert saved(tmp_path) == plain[1]
    assert run.status == "stopped_early"


@pytest.mark.parametrize(
    "epoch",
    [2, *(pytest.param(epoch, marks=pytest.mark.slow) for epoch in (1, 3))],
)
def test_they_do_so_too_when_the_run_was_resumed(plain, tmp_path, epoch):
    config = TrainConfig(**OPTIONS, runs_dir=str(tmp_path / "runs"))
    quiet = TrainingConsole(io.StringIO())
    run = train(
        config,
        callbacks=[*stock(tmp_path), Recorder()],
        console=quiet,
        until_epoch=epoch,
    )
    recorder = Recorder()
    resume(run, callbacks=[*stock(tmp_path), recorder], console=quiet)
    assert [c for c in recorder.calls if c != "resumed"] == plain[0].calls
    assert recorder.rates == plain[0].rates
    assert saved(tmp_path) == plain[1]


def test_a_callback_called_at_each_step_sees_every_step(tmp_path):
    steps = []
    callback = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: steps.append(batch)
    )
    run = run_with(tmp_path, [callback], epochs=2)
    assert steps == [*range(8), *range(8)]
    assert run.resolved["steps_per_execution"] == 1


def test_history_holds_the_learning_rate_that_a_callback_set(tmp_path):
    schedule = keras.callbacks.LearningRateScheduler(lambda e, rate: 0.5**e)
    run = run_with(tmp_path, [schedule], epochs=3)
    assert [row["learning_rate"] for row in run.history] == [1.0, 0.5, 0.25]


@pytest.mark.parametrize(
    ("callbacks", "options", "named"),
    [
        (["no callback"], {}, "'no callback'"),
        (
            [keras.callbacks.ReduceLROnPlateau()],
            {"schedule": "cosine"},
            "schedule=cosine",
        ),
        (
            [keras.callbacks.EarlyStopping()],
            {
                "model": "knn",
                **dict.fromkeys(
                    ("optimizer", "learning_rate", "schedule"), None
                ),
                **dict.fromkeys(("warmup_epochs", "batch_size", "epochs")),
            },
            "EarlyStopping has no effect on knn",
        ),
    ],
)
def test_what_cannot_work_is_refused_and_leaves_nothing(
    callbacks, options, named, tmp_path
):
    folder = tmp_path / "runs"
    with pytest.raises(UserError, match=named):
        run_with(folder, callbacks, **options)
    assert not folder.exists()


def test_a_callback_without_state_or_not_passed_again_is_named(tmp_path):
    class Stateless(keras.callbacks.Callback):
        pass

    early = keras.callbacks.EarlyStopping(patience=50)
    run = train(
        TrainConfig(**{**OPTIONS, "epochs": 2}, runs_dir=str(tmp_path)),
        callbacks=[Stateless(), early],
        console=TrainingConsole(io.StringIO()),
        until_epoch=1,
    )
    said = io.StringIO()
    resume(run, callbacks=[Stateless()], console=TrainingConsole(said))
    assert "start again: Stateless" in said.getvalue()
    assert "not passed again: EarlyStopping" in said.getvalue()


def test_states_survive_being_stored_as_arrays():
    early = keras.callbacks.EarlyStopping(patience=2)
    callbacks = UserCallbacks([early])
    early.on_train_begin()
    callbacks.restore()
    early.wait, early.best = 1, np.float32(0.25)
    early.best_weights = [np.arange(6.0).reshape(2, 3), np.int64([7])]
    again = keras.callbacks.EarlyStopping(patience=2)
    restored = UserCallbacks([again], callbacks.arrays())
    again.on_train_begin()
    restored.restore()
    assert (again.wait, again.best) == (1, np.float32(0.25))
    for one, two in zip(early.best_weights, again.best_weights, strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_csv_logger_appends_when_a_run_is_resumed(tmp_path):
    path = tmp_path / "log.csv"
    config = TrainConfig(
        **{**OPTIONS, "epochs": 4}, runs_dir=str(tmp_path / "runs")
    )
    quiet = TrainingConsole(io.StringIO())
    logger = keras.callbacks.CSVLogger(str(path))
    run = train(config, callbacks=[logger], console=quiet, until_epoch=2)
    logger.csv_file.close()  # as the end of a process does
    resume(run, callbacks=[keras.callbacks.CSVLogger(str(path))], console=quiet)
    epochs = [line.split(",")[0] for line in path.read_text().splitlines()]
    assert epochs == ["epoch", "0", "1", "2", "3"]
