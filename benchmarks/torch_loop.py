"""The peer: a plain PyTorch loop, as its quickstart tutorial writes one.

Tensors go to a `DataLoader`, a `train` and a `test` function take turns. The
network is the same as ours, layer by layer; the images are centred and scaled
once, before, where ours does it in every step.
"""

from __future__ import annotations

import numpy as np

from benchmarks import images
from benchmarks.cases import Case
from benchmarks.stopwatch import Stopwatch, task

PRINT_EVERY = 100  # batches, as the tutorial does


def main() -> None:
    """Trains once and prints what the stopwatch says."""
    given = task()
    watch = Stopwatch(given["started"])
    import torch
    from torch import nn

    from benchmarks import torch_models

    watch.note("imported")
    case = Case(**given["case"])
    data = images.load(given["images"], case)
    watch.note("loaded")
    torch.manual_seed(0)
    train_loader, test_loader = loaders(data, case.batch_size)
    model = torch_models.build(case.model, data.input_shape, data.num_classes)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimizer, T_max=case.epochs * len(train_loader)
    )
    accuracy = 0.0
    for epoch in range(case.epochs):
        print(f"Epoch {epoch + 1}\n-------------------------------")
        watch.begin_epoch()
        train(train_loader, model, loss_fn, optimizer, scheduler, watch)
        watch.end_updates()
        accuracy = test(test_loader, model, loss_fn)
        watch.epoch()
    print(
        watch.report(
            examples=len(data.train),
            val_examples=len(data.val),
            val_accuracy=accuracy,
        )
    )


def train(dataloader, model, loss_fn, optimizer, scheduler, watch) -> None:
    """Makes the updates of one epoch."""
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
    import torch

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


def loaders(data, batch_size: int):
    """Returns loaders of the training and the validation images."""
    from torch.utils.data import DataLoader

    # In units of pixels, over all places and training images, a channel each.
    mean = data.train.images.mean(axis=(0, 1, 2), dtype=np.float64)
    std = data.train.images.std(axis=(0, 1, 2), dtype=np.float64)
    return (
        DataLoader(
            tensors(data.train, mean, std), batch_size=batch_size, shuffle=True
        ),
        DataLoader(tensors(data.val, mean, std), batch_size=batch_size),
    )


def tensors(split, mean, std):
    """Returns a `TensorDataset` of float32 `[N, C, H, W]` and labels `[N]`."""
    import torch
    from torch.utils.data import TensorDataset

    centred = ((split.images - mean) / std).astype(np.float32)
    channels_first = np.ascontiguousarray(centred.transpose(0, 3, 1, 2))
    labels = torch.from_numpy(split.labels.astype(np.int64))
    return TensorDataset(torch.from_numpy(channels_first), labels)


if __name__ == "__main__":
    main()
