"""One run on one device and on two: the same, but for rounding."""

import subprocess

import pytest

from tests.integration.backends import environment
from zoo.run_store import RunStore

pytestmark = pytest.mark.jax

# Batch norm, dropout and augmentation; epochs that end with a batch of 13,
# and looks and checkpoints inside of them.
WORDS = [
    "--model=cnn_cnpdf", "--train_examples=141", "--batch_size=32",
    "--steps=50", "--augment=crop", "--l2=1e-4", "--debug_every=20",
    "--checkpoint_every=4", "--summaries=logits,gradients",
]  # fmt: skip


@pytest.fixture(scope="module")
def train(python, tmp_path_factory):
    """Returns a function that trains on two parts of the processor."""
    runs_dir = tmp_path_factory.mktemp("runs")
    flags = "--xla_force_host_platform_device_count=2"

    def typed(name, *words, code=0):
        environ = {**environment.variables(), "XLA_FLAGS": flags}
        line = [python, "-m", "zoo", "train", *WORDS, *words]
        line += [f"--runs_dir={runs_dir}", f"--run_name={name}"]
        done = subprocess.run(
            line, env=environ, cwd=environment.ROOT, capture_output=True,
            text=True,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stderr if code else RunStore(str(runs_dir)).find(name)

    return typed


@pytest.fixture(scope="module")
def pair(train):
    return train("one"), train("two", "--devices=all")


def test_losses_are_those_of_one_device(pair):
    one, two = ([r["loss"] for r in run.history] for run in pair)
    assert two == pytest.approx(one, rel=1e-4)


def test_scores_after_each_epoch_are_those_of_one_device(pair):
    one, two = ([r["val_loss"] for r in run.history] for run in pair)
    assert len(one) == 10
    assert two == pytest.approx(one, rel=1e-3)


def test_what_explain_reads_is_that_of_one_device(pair):
    one, two = (run.layer_stats[-1]["logits_std"] for run in pair)
    assert two == pytest.approx(one, rel=1e-3)


def test_a_run_says_how_many_devices_it_had(pair):
    found = [run.resolved["machine"]["devices"] for run in pair]
    assert found == [1, 2]
    log = (pair[1].path / "log.txt").read_text()
    assert "batches split over 2 devices, float32" in log


def test_more_devices_than_there_are_is_one_sentence(train):
    text = train("five", "--devices=5", code=2)
    assert text.count("\n") == 1
    assert "this machine has 2 CPU devices; give --devices=2" in text


def test_several_devices_without_compiling_are_one_sentence(train):
    text = train("six", "--devices=2", "--jit=off", code=2)
    assert text.count("\n") == 1
    assert "--jit=off does not go with 2 devices" in text
