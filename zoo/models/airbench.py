"""airbench94: a small network for CIFAR-10, made to be trained in minutes.

Jordan 2024, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", arXiv
2404.00498, section 3 and the listing in its appendix; authors' code:
KellerJordan/cifar10-airbench. Descends from Page 2018, "How to Train Your
ResNet", and tysam-code's hlb-CIFAR10.

A first layer of 2x2 patches whitens the images: its kernel is measured on the
training images and then fixed, its bias learns. Three groups of two 3x3
convolutions follow; each group halves the side by max pooling after its first
convolution. Batch norm shifts and does not scale. Convolutions start as the
identity on their first maps, so that at the start each group passes on what
it sees, and the logits are scaled down, so that the loss starts near ln K.

What is changed, and why:
- The bias of the whitening layer learns for all of training. The authors
  freeze it after three epochs, to save the time of its gradient.
- The scale of the logits stands before the last layer, a linear one without
  bias, and not behind: the same function with the same gradients.
- Batch norm adds 1e-5 to the variance, as everywhere here, and not 1e-12.
- The last pooling is over the whole map, where the authors' is over 3x3: the
  same at 32x32, and images of other sizes work too.

Trainable parameters, 10 classes, 32x32x3:

    whitening   24 biases; its kernel of 2*2*3*24 = 288 is fixed     24
    group1      9*24*64 + 9*64*64 + 2*64                         50,816
    group2      9*64*256 + 9*256*256 + 2*256                    737,792
    group3      9*256*256 + 9*256*256 + 2*256                 1,180,160
    logits      256*10                                            2,560
                                                              1,971,352

Running averages of batch norm are 2 * 2 * (64 + 256 + 256) = 2,304 more. With
the widths of airbench95, 128, 384 and 384, there are 4,604,440.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import layers

from zoo.errors import UserError
from zoo.models.layers import (
    BATCH_NORM_EPSILON,
    Activation,
    Initializer,
    LayerFactory,
)
from zoo.models.options import Size

PATCH = 2  # side of a whitened patch in pixels
WHITENING = "whitening"
NUM_IMAGES = 5000  # whose patches are measured
EPSILON = 5e-4  # added to the variances, of inputs with variance near 1
BATCH_NORM_MOMENTUM = 0.6


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: Size | tuple[Size, ...] = 64,
    activation: Activation = "gelu_tanh",
    whitening: bool = True,
    identity: bool = True,
    logit_scale: float = 1 / 9,
    initializer: Initializer = "torch_uniform",
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Builds airbench94 from images `[B, H, W, C]`.

    Args:
        width: maps of the first group, of which the others have four times as
            many; or those of each group, as `(128, 384, 384)` of airbench95.
        activation: the authors take GELU in its exact form.
        whitening: whether the first layer has a fixed kernel, which `adapt`
            measures; else it learns like the others.
        identity: whether convolutions start as the identity on as many maps
            as they read; their other maps start at random in any case.
        logit_scale: factor on the logits.
        initializer: of the maps that do not start as the identity; the
            authors' is Torch's, uniform within 1 / sqrt(fan-in).
    """
    make = LayerFactory(seed, initializer, activation, l1=l1, l2=l2)
    image = keras.Input(input_shape, name="inputs")  # [B, 32, 32, 3]
    maps = 2 * PATCH * PATCH * input_shape[-1]
    x = make.conv(image, maps, PATCH, WHITENING, padding="valid")
    x = make.activate(x, f"{WHITENING}_activation")  # [B, 31, 31, 24]
    widths = _checked_widths(width)
    x = _group(x, make, "group1", widths[0])  # [B, 15, 15, 64]
    x = _group(x, make, "group2", widths[1])  # [B, 7, 7, 256]
    x = _group(x, make, "group3", widths[2])  # [B, 3, 3, 256]
    x = layers.GlobalMaxPooling2D(name="features")(x)  # [B, 256]
    x = layers.Rescaling(logit_scale, name="logit_scale")(x)
    logits = make.logits(x, num_classes, bias=False)  # [B, K]
    model = keras.Model(image, logits, name="airbench94")
    if identity:
        for layer in model.layers:
            if isinstance(layer, layers.Conv2D) and layer.name != WHITENING:
                layer.kernel.assign(with_identity(np.array(layer.kernel)))
    # Of this layer the kernel alone: its bias learns.
    model.get_layer(WHITENING).kernel.trainable = not whitening
    return model


def _checked_widths(width: int | tuple[int, ...]) -> tuple[int, ...]:
    widths = width
    if isinstance(width, int):
        widths = (width, 4 * width, 4 * width)
    if len(widths) != 3:
        raise UserError(
            f"--model_arg=width={width} is not of three groups; write one "
            "number, or three, as in --model_arg=width=(128,384,384)."
        )
    return widths


def _group(x, make: LayerFactory, name: str, maps: int):
    """Two convolutions; max pooling halves the side after the first."""
    x = make.conv(x, maps, 3, f"{name}_conv1", bias=False)
    x = layers.MaxPooling2D(2, name=f"{name}_pool")(x)
    x = _norm_activate(x, make, f"{name}_conv1")
    x = make.conv(x, maps, 3, f"{name}_conv2", bias=False)
    return _norm_activate(x, make, f"{name}_conv2")


def _norm_activate(x, make: LayerFactory, name: str):
    x = layers.BatchNormalization(
        momentum=BATCH_NORM_MOMENTUM,
        epsilon=BATCH_NORM_EPSILON,
        scale=False,
        name=f"{name}_norm",
    )(x)
    return make.activate(x, f"{name}_activation")


def with_identity(kernel: np.ndarray) -> np.ndarray:
    """Returns a kernel whose first maps pass on the maps that it reads.

    Args:
        kernel: `[h, w, C, F]`, odd sides. Of the first min(C, F) maps, map i
            becomes 1 at the center of input i, and 0 elsewhere.
    """
    height, width, channels, filters = kernel.shape
    same = min(channels, filters)
    kernel = kernel.copy()
    kernel[..., :same] = 0
    index = np.arange(same)
    kernel[height // 2, width // 2, index, index] = 1
    return kernel


def adapt(model: keras.Model, images: np.ndarray) -> None:
    """Gives the first layer its kernel, if it is one that whitens.

    Args:
        model: as `build` returns.
        images: float32 `[N, H, W, C]`, training images as the model sees
            them; the first 5,000 are used.
    """
    layer = model.get_layer(WHITENING)
    if not layer.kernel.trainable:
        layer.kernel.assign(whitening_kernel(images[:NUM_IMAGES]))


def whitening_kernel(images: np.ndarray) -> np.ndarray:
    """Returns filters whose answers to patches have no correlation.

    They are the eigenvectors of the second moments of all patches, those of
    the largest eigenvalue first, each divided by the root of its eigenvalue,
    and then the same with the opposite sign.

    Args:
        images: float32 `[N, H, W, C]`.

    Returns:
        float32 `[PATCH, PATCH, C, 2 * PATCH * PATCH * C]`.
    """
    channels = images.shape[-1]
    size = PATCH * PATCH * channels
    patches = np.lib.stride_tricks.sliding_window_view(
        images, (PATCH, PATCH), axis=(1, 2)
    )  # [N, H - 1, W - 1, C, PATCH, PATCH]
    flat = patches.transpose(0, 1, 2, 4, 5, 3).reshape(-1, size)
    moments = np.zeros((size, size))
    for start in range(0, len(flat), 2**20):
        chunk = flat[start : start + 2**20].astype(np.float64)
        moments += chunk.T @ chunk
    values, vectors = np.linalg.eigh(moments / len(flat))
    filters = vectors[:, ::-1] / np.sqrt(values[::-1] + EPSILON)
    kernel = np.concatenate([filters, -filters], axis=1).astype(np.float32)
    return kernel.reshape(PATCH, PATCH, channels, 2 * size)
