"""One run on one device and on two: the same, but for rounding."""

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

    def typed(name, *words, code=0):
        place = [f"--runs_dir={runs_dir}", f"--run_name={name}"]
        done = environment.call(
            python, "-m", "zoo", "train", *WORDS, *words, *place,
            XLA_FLAGS="--xla_force_host_platform_device_count=2",
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stderr if code else RunStore(str(runs_dir)).find(name)

    return typed


@pytest.fixture(scope="module")
def pair(train):
    return train("one"), train("two", "--devices=all")


@pytest.mark.parametrize(
    ("name", "tolerance"), [("loss", 1e-4), ("val_loss", 1e-3)]
)
def test_losses_of_each_epoch_are_those_of_one_device(pair, name, tolerance):
    one, two = ([row[name] for row in run.history] for run in pair)
    assert len(one) == 10
    assert two == pytest.approx(one, rel=tolerance)


def test_what_explain_reads_is_that_of_one_device(pair):
    one, two = (run.layer_stats[-1]["logits_std"] for run in pair)
    assert two == pytest.approx(one, rel=1e-3)


def test_a_run_says_how_many_devices_it_had(pair):
    found = [run.resolved["machine"]["devices"] for run in pair]
    assert found == [1, 2]
    log = (pair[1].path / "log.txt").read_text()
    assert "batches split over 2 devices, float32" in log


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--devices=5"], "this machine has 2 CPU devices; give --devices=2"),
        (["--devices=2", "--jit=off"], "--jit=off does not go with 2 devices"),
    ],
    ids=["more than there are", "without compiling"],
)
def test_devices_that_cannot_be_used_are_one_sentence(train, words, said):
    text = train("refused", *words, code=2)
    assert text.count("\n") == 1
    assert said in text
