"""The PyTorch peer: the loop of its quickstart tutorial, and the same networks.

Tensors go to a `DataLoader`, a `train` and a `test` function take turns. The
network is that of zoo layer by layer; images are standardized once, before,
where zoo does it in every step.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.config import (
    CROP_PADDING,
    Case,
    load_images,
)
from benchmarks.subprocesses import Stopwatch, task
from zoo.errors import unknown_name_error

PRINT_EVERY = 100  # batches, as the tutorial does


def train() -> None:
    """Trains once; prints a report."""
    given = task()
    watch = Stopwatch(given["started"])
    watch.note("imported")
    case = Case(**given["case"])
    data = load_images(given["images"], case)
    watch.note("loaded")
    torch.manual_seed(0)
    train_loader, test_loader = loaders(data, case.batch_size, case.augment)
    model = build(
        case.model, data.input_shape, data.num_classes, **case.model_args
    )
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, T_max=case.epochs * len(train_loader)
    )
    for epoch in range(case.epochs):
        print(f"Epoch {epoch + 1}\n-------------------------------")
        watch.begin_epoch()
        train_epoch(train_loader, model, loss_fn, optimizer, scheduler, watch)
        watch.end_updates()
        watch.epoch(test(test_loader, model, loss_fn))
    print(watch.report(examples=len(data.train), val_examples=len(data.val)))


def train_epoch(
    dataloader, model, loss_fn, optimizer, scheduler, watch
) -> None:
    """Runs the steps of one epoch."""
    size = len(dataloader.dataset)
    model.train()
    for batch, (X, y) in enumerate(dataloader):
        # Compute prediction error
        pred = model(X)
        loss = loss_fn(pred, y)

        # Backpropagation
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()
        watch.note("first_step")

        if batch % PRINT_EVERY == 0:
            current = (batch + 1) * len(X)
            print(f"loss: {loss.item():>7f}  [{current:>5d}/{size:>5d}]")


def test(dataloader, model, loss_fn) -> float:
    """Returns the accuracy, 0..1, on all that a loader has."""
    size = len(dataloader.dataset)
    model.eval()
    test_loss, correct = 0.0, 0.0
    with torch.no_grad():
        for X, y in dataloader:
            pred = model(X)
            test_loss += loss_fn(pred, y).item()
            correct += (pred.argmax(1) == y).type(torch.float).sum().item()
    test_loss /= len(dataloader)
    print(f"Accuracy: {100 * correct / size:>0.1f}%, loss: {test_loss:>8f}")
    return correct / size


def loaders(data, batch_size: int, augment: str = "none"):
    """Returns loaders of the training and the validation images."""
    from torch.utils.data import DataLoader

    # Per channel, over all pixels of the training images.
    mean = data.train.images.mean(axis=(0, 1, 2), dtype=np.float64)
    std = data.train.images.std(axis=(0, 1, 2), dtype=np.float64)
    train = tensors(data.train, mean, std)
    if augment == "crop_flip":
        train = Augmented(train)
    return (
        DataLoader(train, batch_size=batch_size, shuffle=True),
        DataLoader(tensors(data.val, mean, std), batch_size=batch_size),
    )


class Augmented(torch.utils.data.Dataset):
    """Random crops after reflection padding, and horizontal flips."""

    def __init__(self, dataset):
        images, self.labels = dataset.tensors
        self.size = images.shape[2:]
        self.padded = F.pad(images, [CROP_PADDING] * 4, mode="reflect")

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        y, x = torch.randint(2 * CROP_PADDING + 1, (2,)).tolist()
        height, width = self.size
        image = self.padded[index, :, y : y + height, x : x + width]
        if torch.rand(()) < 0.5:
            image = image.flip(-1)
        return image, self.labels[index]


def tensors(split, mean, std):
    """Returns a `TensorDataset` of float32 `[N, C, H, W]` and labels `[N]`."""
    from torch.utils.data import TensorDataset

    centered = ((split.images - mean) / std).astype(np.float32)
    channels_first = np.ascontiguousarray(centered.transpose(0, 3, 1, 2))
    labels = torch.from_numpy(split.labels.astype(np.int64))
    return TensorDataset(torch.from_numpy(channels_first), labels)


DROPOUT = 0.2  # of `mlp`, as in the default recipe of the zoo


def build(name: str, input_shape: tuple[int, ...], num_classes: int, **args):
    """Returns a network by its name in the zoo.

    Args:
        input_shape: `(H, W, C)`, as the zoo says it.
        args: `width` of `airbench94`.

    Raises:
        UserError: there is no such network here.
    """
    if name in BUILDERS:
        return BUILDERS[name](input_shape, num_classes)
    if name == "airbench94":
        return AirBench(input_shape, num_classes, **args)
    if found := re.fullmatch(r"resnet(\d+)", name):
        return ResNet(input_shape, num_classes, int(found[1]))
    if found := re.fullmatch(r"wrn(\d+)_(\d+)", name):
        depth, width = map(int, found.groups())
        return WideResNet(input_shape, num_classes, depth, width)
    raise unknown_name_error("model in PyTorch", name, BUILDERS, "")


def lr(input_shape: tuple[int, ...], num_classes: int):
    """Softmax regression."""
    height, width, channels = input_shape
    return nn.Sequential(
        nn.Flatten(), nn.Linear(height * width * channels, num_classes)
    )


def mlp(input_shape: tuple[int, ...], num_classes: int):
    """A perceptron with two hidden layers of 512 units."""
    height, width, channels = input_shape
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(height * width * channels, 512),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(512, 512),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
        nn.Linear(512, num_classes),
    )


def lenet5(input_shape: tuple[int, ...], num_classes: int):
    """LeNet-5 for 28x28 pixels, with averages and ReLU."""
    return nn.Sequential(
        nn.Conv2d(input_shape[2], 6, 5, padding=2),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, num_classes),
    )


def cnn_cpcpff(input_shape: tuple[int, ...], num_classes: int):
    """Two rounds of convolution and pooling, then two dense layers."""
    height, width, channels = input_shape
    return nn.Sequential(
        nn.Conv2d(channels, 64, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * (height // 4) * (width // 4), 256),
        nn.ReLU(),
        nn.Linear(256, num_classes),
    )


BUILDERS: dict[str, Callable] = {
    "lr": lr,
    "mlp": mlp,
    "lenet5": lenet5,
    "cnn_cpcpff": cnn_cpcpff,
}


def conv3x3(maps: int, new_maps: int, stride: int = 1) -> nn.Conv2d:
    """A 3x3 convolution without bias, since batch norm follows."""
    return nn.Conv2d(maps, new_maps, 3, stride, padding=1, bias=False)


def group(block, num_blocks: int, maps: int, new_maps: int, stride: int):
    """Blocks of one width; the first one changes size and width."""
    blocks = [block(maps, new_maps, stride)]
    blocks += [block(new_maps, new_maps, 1) for _ in range(num_blocks - 1)]
    return nn.Sequential(*blocks)


class BasicBlock(nn.Module):
    """Two convolutions, each before batch norm; shortcut A of the paper."""

    def __init__(self, maps: int, new_maps: int, stride: int):
        super().__init__()
        self.conv1 = conv3x3(maps, new_maps, stride)
        self.bn1 = nn.BatchNorm2d(new_maps)
        self.conv2 = conv3x3(new_maps, new_maps)
        self.bn2 = nn.BatchNorm2d(new_maps)
        self.stride, self.added = stride, new_maps - maps

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.added:
            x = x[:, :, :: self.stride, :: self.stride]
            x = F.pad(x, (0, 0, 0, 0, 0, self.added))
        return F.relu(out + x)


class ResNet(nn.Module):
    """A residual network for small images, of depth 6n + 2."""

    def __init__(
        self, input_shape: tuple[int, ...], num_classes: int, depth: int
    ):
        super().__init__()
        n = (depth - 2) // 6
        self.conv1 = conv3x3(input_shape[2], 16)
        self.bn1 = nn.BatchNorm2d(16)
        self.group1 = group(BasicBlock, n, 16, 16, 1)
        self.group2 = group(BasicBlock, n, 16, 32, 2)
        self.group3 = group(BasicBlock, n, 32, 64, 2)
        self.fc = nn.Linear(64, num_classes)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.group3(self.group2(self.group1(out)))
        return self.fc(out.mean(dim=(2, 3)))


class WideBlock(nn.Module):
    """Two convolutions, each behind batch norm and ReLU.

    Where the width changes, the 1x1 shortcut sees the activated input.
    """

    def __init__(self, maps: int, new_maps: int, stride: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(maps)
        self.conv1 = conv3x3(maps, new_maps, stride)
        self.bn2 = nn.BatchNorm2d(new_maps)
        self.conv2 = conv3x3(new_maps, new_maps)
        self.shortcut = None
        if maps != new_maps:
            self.shortcut = nn.Conv2d(maps, new_maps, 1, stride, bias=False)

    def forward(self, x):
        activated = F.relu(self.bn1(x))
        out = self.conv1(activated)
        out = self.conv2(F.relu(self.bn2(out)))
        return out + (self.shortcut(activated) if self.shortcut else x)


class WideResNet(nn.Module):
    """A wide residual network of depth 6n + 4."""

    def __init__(
        self,
        input_shape: tuple[int, ...],
        num_classes: int,
        depth: int,
        width: int,
    ):
        super().__init__()
        n = (depth - 4) // 6
        self.conv1 = conv3x3(input_shape[2], 16)
        self.group1 = group(WideBlock, n, 16, 16 * width, 1)
        self.group2 = group(WideBlock, n, 16 * width, 32 * width, 2)
        self.group3 = group(WideBlock, n, 32 * width, 64 * width, 2)
        self.bn = nn.BatchNorm2d(64 * width)
        self.fc = nn.Linear(64 * width, num_classes)

    def forward(self, x):
        out = self.group3(self.group2(self.group1(self.conv1(x))))
        out = F.relu(self.bn(out))
        return self.fc(out.mean(dim=(2, 3)))


class ShiftNorm(nn.BatchNorm2d):
    """Batch norm that shifts and does not scale."""

    def __init__(self, maps: int):
        super().__init__(maps, eps=1e-5, momentum=0.4, affine=False)
        self.bias = nn.Parameter(torch.zeros(maps))


class AirBench(nn.Module):
    """The network of 94% on CIFAR-10: a fixed layer, then three groups."""

    def __init__(
        self, input_shape: tuple[int, ...], num_classes: int, width: int = 64
    ):
        super().__init__()
        channels = input_shape[2]
        maps = 8 * channels
        self.register_buffer("kernel", torch.randn(maps, channels, 2, 2))
        self.bias = nn.Parameter(torch.zeros(maps))
        widths = [maps, width, 4 * width, 4 * width]
        self.groups = nn.Sequential(
            *(
                nn.Sequential(
                    conv3x3(old, new),
                    nn.MaxPool2d(2),
                    ShiftNorm(new),
                    nn.GELU(approximate="tanh"),
                    conv3x3(new, new),
                    ShiftNorm(new),
                    nn.GELU(approximate="tanh"),
                )
                for old, new in zip(widths[:-1], widths[1:], strict=True)
            )
        )
        self.fc = nn.Linear(widths[-1], num_classes, bias=False)

    def forward(self, x):
        out = F.conv2d(x, self.kernel, self.bias)
        out = self.groups(F.gelu(out, approximate="tanh"))
        return self.fc(out.amax(dim=(2, 3)) / 9)
