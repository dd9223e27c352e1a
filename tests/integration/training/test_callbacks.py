"""Callbacks of the user act as in one plain `fit`, resumed runs included."""

import io
import zipfile

import keras
import numpy as np
import pytest
from keras.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    SwapEMAWeights,
)

import zoo
from tests.integration.training.consoles import QUIET
from zoo.config import TrainConfig
from zoo.errors import UserError
from zoo.evaluation.statistics import group_by_config
from zoo.models.inference import images_at_once
from zoo.training.console import TrainingConsole
from zoo.training.fit import training_batches
from zoo.training.resume import resume
from zoo.training.setup import prepare
from zoo.training.train import train
from zoo.training.user_callbacks import UserCallbacks

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


class Recorder(Callback):
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
        ReduceLROnPlateau(patience=1, factor=0.5),
        EarlyStopping(patience=2, restore_best_weights=True),
        ModelCheckpoint(
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


def run_with(folder, callbacks, until_epoch=None, **options):
    config = TrainConfig(**{**OPTIONS, "runs_dir": str(folder), **options})
    return train(
        config, callbacks=callbacks, console=QUIET, until_epoch=until_epoch
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
    run = run_with(
        tmp_path / "runs", [*stock(tmp_path), Recorder()], until_epoch=epoch
    )
    recorder = Recorder()
    resume(run, callbacks=[*stock(tmp_path), recorder], console=QUIET)
    assert [c for c in recorder.calls if c != "resumed"] == plain[0].calls
    assert recorder.rates == plain[0].rates
    assert saved(tmp_path) == plain[1]


def test_a_callback_called_at_each_step_sees_every_step(tmp_path):
    steps = []
    callback = LambdaCallback(
        on_train_batch_end=lambda batch, logs: steps.append(batch)
    )
    run = run_with(tmp_path, [callback], epochs=2)
    assert steps == [*range(8), *range(8)]
    assert run.resolved["steps_per_execution"] == 1


@pytest.mark.parametrize(
    ("callbacks", "options", "named"),
    [
        (["no callback"], {}, "'no callback'"),
        ([ReduceLROnPlateau()], {"schedule": "cosine"}, "schedule=cosine"),
        (
            [EarlyStopping()],
            {
                "model": "knn",
                **dict.fromkeys(("optimizer", "learning_rate", "schedule")),
                **dict.fromkeys(("warmup_epochs", "batch_size", "epochs")),
            },
            "EarlyStopping has no effect on knn",
        ),
        (
            [BackupAndRestore("backup")],
            {},
            "BackupAndRestore decides .* zoo.resume",
        ),
        (
            [SwapEMAWeights()],
            {"ema_momentum": 0.9},
            "SwapEMAWeights .* ema_momentum=0.99",
        ),
        (
            [EarlyStopping("val_acc", mode="max")],
            {},
            "monitors val_acc, .* did you mean val_accuracy",
        ),
        (
            [ReduceLROnPlateau("sparse_categorical_accuracy")],
            {},
            "did you mean accuracy",
        ),
        (
            [EarlyStopping("f1")],
            {},
            "f1, .* reports accuracy, loss, val_accuracy and val_loss",
        ),
        (
            [EarlyStopping()],
            {"val_fraction": 0.0},
            "val_loss, .* no validation",
        ),
        ([Callback(), EarlyStopping("f1")], {}, "f1"),
        (
            [LambdaCallback(), EarlyStopping("f1")],
            {},
            "give mode='min' or mode='max'",
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


def test_no_callbacks_may_be_none_as_in_keras(tmp_path):
    assert run_with(tmp_path, None).metrics["status"] == "completed"
    with pytest.raises(UserError, match="pass a list"):
        run_with(tmp_path, 5)


def test_a_callback_without_state_or_not_passed_again_is_named(tmp_path):
    class Stateless(Callback):
        pass

    callbacks = [Stateless(), EarlyStopping(patience=50)]
    run = run_with(tmp_path, callbacks, epochs=2, until_epoch=1)
    said = io.StringIO()
    resume(run, callbacks=[Stateless()], console=TrainingConsole(said))
    assert "start again: Stateless" in said.getvalue()
    assert "not passed again" in said.getvalue()
    assert "EarlyStopping" in said.getvalue().partition("not passed again")[2]


def test_states_survive_being_stored_as_arrays():
    early = EarlyStopping(patience=2)
    callbacks = UserCallbacks([early])
    early.on_train_begin()
    callbacks.restore()
    early.wait, early.best = 1, np.float32(0.25)
    early.best_weights = [np.arange(6.0).reshape(2, 3), np.int64([7])]
    again = EarlyStopping(patience=2)
    restored = UserCallbacks([again], callbacks.arrays())
    again.on_train_begin()
    restored.restore()
    assert (again.wait, again.best) == (1, np.float32(0.25))
    for one, two in zip(early.best_weights, again.best_weights, strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_csv_logger_appends_when_a_run_is_resumed(tmp_path):
    path = tmp_path / "log.csv"
    logger = CSVLogger(str(path))
    run = run_with(tmp_path / "runs", [logger], epochs=4, until_epoch=2)
    logger.csv_file.close()  # as the end of a process does
    resume(run, callbacks=[CSVLogger(str(path))], console=QUIET)
    epochs = [line.split(",")[0] for line in path.read_text().splitlines()]
    assert epochs == ["epoch", "0", "1", "2", "3"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: EarlyStopping("loss", 0.02, patience=9),
        lambda: ReduceLROnPlateau("loss", min_delta=0.02, patience=9),
    ],
)
def test_min_delta_is_what_it_was_when_a_run_is_resumed(make):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    # No loss is lower than the first by more than 0.02.
    losses = [1.0, 0.99, 0.985, 0.99, 1.01]

    def seen(callback, losses):
        for epoch, loss in enumerate(losses):
            callback.on_epoch_end(epoch, {"loss": loss})

    def started(saved=None):
        callback = make()
        callback.set_model(model)
        callbacks = UserCallbacks([callback], saved)
        callback.on_train_begin()
        callbacks.restore()
        return callback, callbacks

    plain, _ = started()
    seen(plain, losses)
    before, callbacks = started()
    seen(before, losses[:2])
    after, _ = started(callbacks.arrays())
    seen(after, losses[2:])
    assert (after.wait, after.best) == (plain.wait, plain.best) == (4, 1.0)
    assert after.min_delta == plain.min_delta


def test_a_rate_is_not_scheduled_again_when_an_epoch_is_continued(tmp_path):
    class Fail(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if (self.model.optimizer.iterations == 11) and batch == 2:
                raise RuntimeError

    def halved():
        return LearningRateScheduler(lambda e, rate: rate / 2)

    options = {"epochs": 3, "checkpoint_every": 1, "run_name": "it"}
    with pytest.raises(RuntimeError):
        run_with(tmp_path, [halved(), Fail()], **options)
    run = zoo.resume(
        "it", callbacks=[halved()], runs_dir=str(tmp_path), verbose=False
    )
    rates = [row["learning_rate"] for row in run.history]
    assert rates == [0.75, 0.375, 0.1875]


def test_a_callback_that_moves_the_beginning_does_not_stall_training(tmp_path):
    class Late(Callback):
        def on_train_begin(self, logs=None):
            self.model._initial_epoch = 9

    with pytest.raises(UserError, match="no step in epoch 1"):
        run_with(tmp_path, [Late()], epochs=2)


def test_a_value_that_an_own_callback_adds_can_be_monitored(tmp_path):
    class Rising(Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["mine"] = epoch

    stop = EarlyStopping("mine", mode="min", patience=1)
    run = run_with(tmp_path, [Rising(), stop], epochs=5)
    assert len(run.history) == 2


@pytest.mark.parametrize(
    ("monitor", "options"),
    [("val_accuracy", {"augment": "mixup"}), ("data_loss", {"l2": 1e-3})],
)
def test_whether_more_is_better_is_known_of_all_that_is_reported(
    monitor, options
):
    setup = prepare(TrainConfig(**OPTIONS, **options))
    callback = EarlyStopping(monitor)
    callback.set_model(setup.model)
    callback._set_monitor_op()
    UserCallbacks([callback]).check(setup)
    upwards = callback.monitor_op is keras.ops.greater
    assert upwards == (monitor == "val_accuracy")


def test_a_single_callback_is_taken_as_a_list_of_it():
    recorder = Recorder()
    assert UserCallbacks(recorder).callbacks == [recorder]


def test_a_model_checkpoint_holds_layers_of_keras_alone(tmp_path):
    path = tmp_path / "each.keras"
    run = run_with(
        tmp_path / "runs",
        [ModelCheckpoint(str(path))],
        model="cnn_cnf",
        optimizer="adam",
        learning_rate=1e-3,
        epochs=1,
    )
    config = zipfile.ZipFile(path).read("config.json").decode()
    assert '"registered_name": "zoo' not in config and "Fused" not in config
    saved = keras.saving.load_model(path)
    images = np.zeros((2, 8, 8, 1), "float32")
    np.testing.assert_allclose(
        saved(images), run.load_model()(images), rtol=1e-5
    )


def described(*callbacks):
    return UserCallbacks(callbacks).describe()


def test_callbacks_are_recorded_by_what_differs_from_their_defaults():
    (found,) = described(keras.callbacks.EarlyStopping(patience=3, verbose=1))
    assert found["class"].endswith(".EarlyStopping")
    assert found["arguments"] == {"patience": 3}
    assert not found["passive"]
    (watching,) = described(keras.callbacks.CSVLogger("log.csv"))
    assert watching["passive"]


def test_functions_and_classes_are_recorded_by_what_they_do():
    def scheduler(rate):
        return keras.callbacks.LearningRateScheduler(lambda epoch: rate)

    def own(step):
        class Own(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                self.model.stop_training = epoch == step

        return Own()

    for make in (scheduler, own):
        assert described(make(1)) == described(make(1))
        assert described(make(1)) != described(make(2))


def test_a_run_with_a_callback_is_no_seed_of_one_without(tmp_path):
    options = {"epochs": 1, "train_examples": 100}
    plain = run_with(tmp_path, [], **options)
    stop = [keras.callbacks.EarlyStopping(patience=3)]
    stopping = run_with(tmp_path, stop, **options)
    again = run_with(tmp_path, stop, seed=1, **options)
    groups = group_by_config([plain, stopping, again])
    assert [len(group) for group in groups] == [1, 2]
    assert "EarlyStopping" in (stopping.path / "flags.txt").read_text()
