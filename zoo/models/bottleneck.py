"""ResNet-50 for large images, and its wide sisters WRN-50-2 and WRN-50-3.

He, Zhang, Ren and Sun 2015, "Deep residual learning for image recognition",
arXiv 1512.03385, table 1; Zagoruyko and Komodakis 2016, "Wide Residual
Networks", arXiv 1605.07146, section 3. A block narrows to `filters` maps with
a 1x1 convolution, looks at them with a 3x3 one, and widens to 4 * filters
with another; four stages have 3, 4, 6 and 3 of them. A wide sister has
`width` times as many maps inside its blocks and the same number outside.

Batch norm follows each convolution, ReLU each batch norm but the last of a
block, where it follows the sum. The first block of a stage has a 1x1
convolution with batch norm as its shortcut (B).

What is changed, and why:
- The stride of a stage is in the 3x3 convolution, as in the authors' wide
  networks and in Torch's models, not in the first 1x1, where three of four
  pixels would go unseen; --model_arg=strided=1x1 puts it there, as in the
  paper ("v1"). Parameters are the same, multiply-adds 4,089 M and 3,858 M.
- Strided convolutions and the first pooling pad as Keras does ("same").

Trainable parameters, 1000 classes, 224x224x3: ResNet-50 25,557,032, WRN-50-2
68,883,240, WRN-50-3 134,843,944.
"""

from __future__ import annotations

from typing import Literal

import keras
from keras import layers

from zoo.models.layers import Activation, Initializer, LayerFactory
from zoo.models.options import Size
from zoo.models.residual import norm_activate, resample, stack

EXPANSION = 4  # maps outside a block for each of the narrow ones of ResNet-50


def build(
    input_shape: tuple[int, int, int],
    num_classes: int,
    *,
    width: Size = 1,
    strided: Literal["3x3", "1x1"] = "3x3",
    activation: Activation = "relu",
    initializer: Initializer = "he_normal",
    l1: float = 0.0,
    l2: float = 0.0,
    seed: int = 0,
) -> keras.Model:
    """Builds ResNet-50, or WRN-50-`width`, from images `[B, H, W, C]`.

    Args:
        width: factor on the maps inside the blocks.
        strided: which convolution of a block has the stride of its stage.
    """
    make = LayerFactory(seed, initializer, activation, l1=l1, l2=l2)
    options = {"width": width, "strided": strided}
    image = keras.Input(input_shape, name="inputs")  # [B, 224, 224, 3]
    x = make.conv(image, 64, 7, "conv1", 2, bias=False)
    x = norm_activate(x, make, "conv1", "")  # [B, 112, 112, 64]
    x = layers.MaxPooling2D(3, 2, "same", name="pool1")(x)  # [B, 56, 56, 64]
    x = stack(block, x, make, "stage1", 3, 64, 1, **options)
    # [B, 56, 56, 256]
    x = stack(block, x, make, "stage2", 4, 128, 2, **options)
    # [B, 28, 28, 512]
    x = stack(block, x, make, "stage3", 6, 256, 2, **options)
    # [B, 14, 14, 1024]
    x = stack(block, x, make, "stage4", 3, 512, 2, **options)
    # [B, 7, 7, 2048]
    x = layers.GlobalAveragePooling2D(name="features")(x)  # [B, 2048]
    logits = make.logits(x, num_classes)  # [B, K]
    name = "resnet50" if width == 1 else f"wrn50_{width}"
    return keras.Model(image, logits, name=name)


def block(x, make, name, filters, strides, width, strided):
    """Narrows, looks, widens, and adds the shortcut.

    Args:
        x: `[B, H, W, C]`.

    Returns:
        `[B, H / strides, W / strides, 4 * filters]`.
    """
    inner, outer = filters * width, filters * EXPANSION
    first, second = (1, strides) if strided == "3x3" else (strides, 1)
    carried = x
    if x.shape[-1] != outer:
        carried = resample(x, make, name, outer, strides, "B")
        carried = make.batch_norm(carried, f"{name}_shortcut_norm")
    y = make.conv(x, inner, 1, f"{name}_conv1", first, bias=False)
    y = norm_activate(y, make, name, 1)
    y = make.conv(y, inner, 3, f"{name}_conv2", second, bias=False)
    y = norm_activate(y, make, name, 2)
    y = make.conv(y, outer, 1, f"{name}_conv3", bias=False)
    y = make.batch_norm(y, f"{name}_norm3")
    y = layers.Add(name=f"{name}_sum")([y, carried])
    return make.activate(y, f"{name}_activation3")
