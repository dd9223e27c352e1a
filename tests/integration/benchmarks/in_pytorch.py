"""The networks in PyTorch are those of the zoo, layer by layer.

Run by `test_pytorch.py` in a process of its own.
"""

import pytest
import torch

from benchmarks import pytorch
from benchmarks.config import CASES, SHAPES, random_images
from benchmarks.subprocesses import Stopwatch
from zoo.errors import UserError
from zoo.models import MODELS
from zoo.models.describe import read_counts

NAMES = sorted({case.model for case in CASES})


def built(name, shape):
    """Builds a network without memory for its weights."""
    with torch.device("meta"):
        return pytorch.build(name, shape, 10)


@pytest.mark.parametrize("name", NAMES)
def test_a_network_has_as_many_weights_as_the_zoo_s(name):
    network = built(name, MODELS.find(name).default_input_shape)
    count = sum(weights.numel() for weights in network.parameters())
    assert count == read_counts()[name]["trainable"]


@pytest.mark.parametrize(
    ("name", "count"),
    [("resnet32", 464_154), ("resnet44", 658_586), ("wrn16_1", 175_066)],
)
def test_families_have_the_counts_of_their_papers(name, count):
    network = built(name, (32, 32, 3))
    assert sum(w.numel() for w in network.parameters()) == count


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_images_of_a_case_become_logits(case):
    height, width, channels = shape = SHAPES[case.dataset]
    batch = torch.empty(2, channels, height, width, device="meta")
    assert built(case.model, shape)(batch).shape == (2, 10)


@pytest.mark.parametrize("name", ["lr", "lenet5", "cnn_cpcpff"])
def test_a_case_s_own_images_give_both_sides_as_many_weights(name):
    import zoo

    ours = zoo.create_model(name, num_classes=10, input_shape=(28, 28, 1))
    theirs = built(name, (28, 28, 1))
    count = sum(weights.numel() for weights in theirs.parameters())
    assert count == ours.count_params()


def test_the_perceptron_drops_what_the_zoo_s_recipe_drops():
    layers = built("mlp", (28, 28, 1))
    dropped = [one.p for one in layers if isinstance(one, torch.nn.Dropout)]
    assert dropped == 2 * [MODELS.find("mlp").recipe_large["dropout"]]


def test_a_network_that_is_not_there_is_named():
    with pytest.raises(UserError, match="no model in PyTorch 'lenet'"):
        built("lenet", (28, 28, 1))


def test_the_shortcut_of_a_residual_network_keeps_every_second_pixel():
    block = pytorch.BasicBlock(1, 2, stride=2).eval()
    torch.nn.init.zeros_(block.conv2.weight)
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    with torch.no_grad():
        kept, new = block(image)[0]
    assert kept.tolist() == [[0.0, 2.0], [8.0, 10.0]]
    assert new.abs().sum() == 0


def test_the_peer_trains_and_reports(capsys):
    images = pytorch.tensors(random_images(40, (8, 8, 1), seed=0), 128.0, 74.0)
    data = torch.utils.data.DataLoader(images, batch_size=8)
    model = pytorch.build("lr", (8, 8, 1), 10)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=5)
    loss = torch.nn.CrossEntropyLoss()
    watch = Stopwatch(started=0.0)
    before = pytorch.test(data, model, loss)
    pytorch.train_epoch(data, model, loss, optimizer, schedule, watch)
    assert pytorch.test(data, model, loss) > before
    assert "first_step" in watch.moments
    # The cosine has come to its end with the last of 5 batches.
    assert schedule.get_last_lr() == [pytest.approx(0.0, abs=1e-9)]
    assert "Accuracy" in capsys.readouterr().out


def test_images_are_centered_and_put_channels_first():
    split = random_images(6, (5, 4, 3), seed=0)
    mean, std = [1.0, 2.0, 3.0], [4.0, 5.0, 6.0]
    found, labels = pytorch.tensors(split, mean, std)[2]
    assert found.shape == (3, 5, 4) and found.dtype == torch.float32
    expected = (split.images[2, 1, 3, 2] - 3.0) / 6.0
    assert found[2, 1, 3].item() == pytest.approx(expected)
    assert labels.item() == split.labels[2]
