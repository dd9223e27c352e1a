"""What a convolutional network looks at: Grad-CAM, and patches by map.

Grad-CAM (Selvaraju, Cogswell, Das, Vedantam, Parikh and Batra 2017,
"Grad-CAM: visual explanations from deep networks", arXiv 1610.02391) weights
the maps of the last convolution by the mean gradient of a class's logit, and
keeps what speaks for the class: ReLU(sum of a[k] * A[k]).

Patches show what a map responds to (Zeiler and Fergus 2014, "Visualizing and
understanding convolutional networks"): the parts of held-out images in the
receptive fields of the units that it excites most.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from zoo import metrics
from zoo.models.graph import as_functional, calls_of
from zoo.models.windows import receptive_fields
from zoo.summaries import drawing
from zoo.summaries.drawing import CORRECT, GAP, INCORRECT, TEXT
from zoo.summaries.events import EventWriter
from zoo.summaries.inspector import Snapshot

if TYPE_CHECKING:
    import keras
    from keras.src.ops.node import Node

# Inputs are preprocessed where this is called on a network alone.
Preprocess = Callable[[np.ndarray], np.ndarray]

GRAD_CAM = (
    "Grad-CAM (Selvaraju et al. 2017): each image, and beside it where the "
    "last convolution finds what speaks for the predicted class, from dark "
    "(nothing) to yellow (most). Look for predictions that rest on the "
    "background."
)
PATCHES = (
    "Parts of validation images that excite a map of this layer most, one map "
    "in a row. Low layers respond to edges and colors, higher ones to textures "
    "and parts; equal rows have learned the same."
)


# Grad-CAM.

NUM_IMAGES = 10
# Layers whose output is that of the convolution before them, only smaller or
# with some of it dropped.
NOT_CONVOLUTIONS = ("Pooling", "Dropout", "Resizing", "Padding", "Normaliz")


def cam_layer(network: keras.Model) -> keras.layers.Layer | None:
    """Returns the layer whose maps Grad-CAM weights, `None` if there is none.

    The last one with maps of more than one pixel, poolings left out, that is
    applied once and that everything the logits see of the input passes. A
    model inside the network has maps that no gradient of the network reaches.
    """
    import keras

    whole = as_functional(network)
    if whole is None:
        return None
    calls = calls_of(whole)
    for layer in reversed(network.layers):
        shape = getattr(layer.output, "shape", ())
        kind = type(layer).__name__
        if isinstance(layer, keras.Model):
            continue
        if len(shape) != 4 or max(shape[1:3]) < 2 or kind == "InputLayer":
            continue
        if any(word in kind for word in NOT_CONVOLUTIONS):
            continue
        own = [call for call in calls if call.operation is layer]
        if len(own) == 1 and not _is_bypassed(own[0], calls, whole.outputs[0]):
            return layer
    return None


def _is_bypassed(call: Node, calls: Sequence[Node], logits) -> bool:
    """Whether a path from an input to the logits leaves a call out.

    Args:
        calls: of the whole model, in order.
    """
    reached: set[int] = set()  # ids of tensors
    for each in calls:
        if each is call:
            continue
        if each.is_input or reached & set(map(id, each.input_tensors)):
            reached.update(map(id, each.output_tensors))
    return id(logits) in reached


def grad_cam(
    network: keras.Model, inputs: np.ndarray, classes: np.ndarray
) -> np.ndarray:
    """Returns Grad-CAM for one class of each input.

    Args:
        network: from preprocessed images to logits `[B, K]`, the first output
            if there are several.
        inputs: preprocessed, float32 `[N, H, W, C]`.
        classes: int `[N]`.

    Returns:
        float32 `[N, h, w]`, at least 0, of the size of the maps.

    Raises:
        ValueError: the network has no maps.
    """
    import keras
    from keras import ops

    layer = cam_layer(network)
    if layer is None:
        raise ValueError(f"{network.name} has no convolution with usable maps")
    logits = network.outputs[0]
    before = keras.Model(network.input, layer.output)
    after = keras.Model(layer.output, logits)
    maps = before(inputs, training=False)
    chosen = ops.one_hot(classes, logits.shape[-1])

    def score(maps):
        # Images do not depend on each other, so that one sum has the
        # gradients of all.
        return ops.sum(after(maps, training=False) * chosen)

    gradient = _gradient(score, maps)
    weights = gradient.mean(axis=(1, 2))  # [N, channels]
    values = ops.convert_to_numpy(ops.cast(maps, "float32"))
    return np.maximum(np.einsum("nhwc,nc->nhw", values, weights), 0)


def _gradient(score: Callable, maps) -> np.ndarray:
    """Returns the gradient of a score, float32 of the shape of the maps."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        return np.asarray(jax.grad(score)(maps), np.float32)
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(maps)
        value = score(maps)
    return tf.cast(tape.gradient(value, maps), tf.float32).numpy()


def resize_cam(cam: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns maps `[N, h, w]` of a size (H, W), each scaled to 0..1.

    Bilinear; a map that is 0 everywhere stays so.
    """
    from PIL import Image

    height, width = size
    resized = [
        np.asarray(
            Image.fromarray(each.astype(np.float32)).resize(
                (width, height), Image.Resampling.BILINEAR
            )
        )
        for each in cam
    ]
    values = np.stack(resized)
    largest = values.max(axis=(1, 2), keepdims=True)
    return values / np.where(largest > 0, largest, 1)


# From dark violet over red to yellow, as Matplotlib's inferno: it is read by
# brightness alone too, and by people who do not tell red from green.
HEAT = np.array(
    [(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)],
    np.float32,
)


def heat_colors(values: np.ndarray) -> np.ndarray:
    """Maps 0..1 to colors, uint8 with an axis of 3 added at the end."""
    at = np.clip(values, 0, 1) * (len(HEAT) - 1)
    low = np.minimum(at.astype(int), len(HEAT) - 2)
    part = (at - low)[..., None]
    colors = HEAT[low] * (1 - part) + HEAT[low + 1] * part
    return colors.round().astype(np.uint8)


def overlay(images: np.ndarray, cam: np.ndarray) -> np.ndarray:
    """Returns images in gray under their Grad-CAM, uint8 `[N, H, W, 3]`.

    Args:
        images: raw, 0..255, `[N, H, W, C]`.
        cam: 0..1, `[N, H, W]`.
    """
    gray = drawing.to_rgb(
        drawing.to_pixels(images.mean(axis=-1, keepdims=True), 0, 255)
    )
    mixed = 0.45 * gray + 0.55 * heat_colors(cam)
    return mixed.round().astype(np.uint8)


def write_grad_cam(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes the image `grad_cam`, if the network has maps."""
    if cam_layer(snapshot.inspector.network) is None:
        return
    from zoo.summaries.images import one_of_each_class

    chosen = one_of_each_class(snapshot.labels, NUM_IMAGES)
    image = draw_grad_cam(
        snapshot.inspector.network,
        snapshot.inspector.preprocess,
        snapshot.inputs[chosen],
        snapshot.logits[chosen],
        snapshot.labels[chosen],
        snapshot.class_names,
    )
    writer.image("grad_cam", image, snapshot.step, GRAD_CAM)


def draw_grad_cam(
    network: keras.Model,
    preprocess: Preprocess,
    images: np.ndarray,
    logits: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
) -> np.ndarray:
    """Returns images and beside each the Grad-CAM of its predicted class.

    Args:
        images: raw, 0..255, `[N, H, W, C]`.
        logits: `[N, K]`.
        labels: int `[N]`.
    """
    if not np.isfinite(logits).all():
        return drawing.nonfinite_placeholder()
    predicted = logits.argmax(axis=1)
    cam = grad_cam(network, preprocess(images), predicted)
    heat = overlay(images, resize_cam(cam, images.shape[1:3]))
    pixels = drawing.to_rgb(drawing.to_pixels(images, 0, 255))
    pairs = np.stack([pixels, heat], axis=1)
    tiles = drawing.resize(pairs.reshape(-1, *pixels.shape[1:]), CAM_SIDE)
    probabilities = np.exp(metrics.log_softmax(logits))
    captions = []
    for k, label, chances in zip(predicted, labels, probabilities, strict=True):
        color = CORRECT if k == label else INCORRECT
        captions.append([(f"is {names[label]}", TEXT)])
        captions.append([(f"{names[k]} {100 * chances[k]:.0f}%", color)])
    layer = cam_layer(network)
    height, width = layer.output.shape[1:3]
    return drawing.with_title(
        drawing.image_grid(tiles, captions, columns=CAM_COLUMNS),
        f"Image, and where {layer.name} ({height} x {width}) finds the "
        "predicted class: from dark to yellow.",
    )


CAM_SIDE = 84  # pixels, about, of each image
CAM_COLUMNS = 6


# Patches that excite a map most.

NUM_MAPS = 6
NUM_PATCHES = 8
NUM_LAYERS = 3  # low, middle and high
MAX_IMAGES = 1_000
CHUNK = 100  # images at once
PATCH_SIDE = 52  # pixels, about, of each patch
OUTSIDE = 200  # gray of what is outside the image


@dataclasses.dataclass(frozen=True)
class TopPatches:
    """The patches that excite the maps of one layer most.

    Attributes:
        layer: Name of the layer.
        field: Height and width of its receptive field, in input pixels.
        num_maps: Number of its maps.
        maps: The maps that are kept, the most excited first, int `[M]`.
        images: Index of the image of each patch, int `[M, P]`.
        boxes: Top, bottom, left and right of each patch in its image, int
            `[M, P, 4]`; pixels outside the image are in padding.
        values: Activation that each patch excites, float32 `[M, P]`.
        pixels: The patches, uint8 `[M, P, h, w, 3]`, gray outside the image.
    """

    layer: str
    field: tuple[int, int]
    num_maps: int
    maps: np.ndarray
    images: np.ndarray
    boxes: np.ndarray
    values: np.ndarray
    pixels: np.ndarray


def convolutions(network: keras.Model) -> list[str]:
    """Returns the convolutions with a known receptive field, in order.

    Those of shortcuts are left out: their maps are seen where they are added.
    """
    import keras

    known = receptive_fields(network)
    return [
        layer.name
        for layer in network.layers
        if isinstance(layer, keras.layers.Conv2D)
        and layer.name in known
        and "shortcut" not in layer.name
    ]


def low_middle_high(names: Sequence[str]) -> list[str]:
    """Returns the first, a middle and the last of some layers."""
    at = np.linspace(0, len(names) - 1, min(NUM_LAYERS, len(names)))
    return [names[round(index)] for index in at]


def top_patches(
    network: keras.Model,
    preprocess: Preprocess,
    images: np.ndarray,
    names: Sequence[str],
    num_maps: int = NUM_MAPS,
    num_patches: int = NUM_PATCHES,
) -> list[TopPatches]:
    """Finds the patches that excite the maps of some layers most.

    Of each image the unit that a map excites most counts, so that patches of
    one map come from different images. The value is that of the convolution,
    before any activation.

    Args:
        network: from preprocessed images to logits.
        images: raw, 0..255, `[N, H, W, C]`.
        names: of convolutions of the network.
        num_maps: Maps that are kept of each layer.
        num_patches: Patches of each map.
    """
    import keras
    from keras import ops

    outputs = [network.get_layer(name).output for name in names]
    model = keras.Model(network.input, outputs)
    best: list[list[np.ndarray]] = [[] for _ in names]
    places: list[list[np.ndarray]] = [[] for _ in names]
    for start in range(0, len(images), CHUNK):
        found = model(preprocess(images[start : start + CHUNK]), training=False)
        for index, output in enumerate(keras.tree.flatten(found)):
            values = ops.convert_to_numpy(ops.cast(output, "float32"))
            flat = values.reshape(len(values), -1, values.shape[-1])
            best[index].append(flat.max(axis=1))  # [n, maps]
            places[index].append(flat.argmax(axis=1))
    fields = receptive_fields(network)
    return [
        _cut(
            name,
            fields[name],
            network.get_layer(name).output.shape[2],
            network.input_shape[1:3],
            np.concatenate(best[index]),
            np.concatenate(places[index]),
            images,
            num_maps,
            num_patches,
        )
        for index, name in enumerate(names)
    ]


def _cut(
    name, field, columns, size, best, places, images, num_maps, num_patches
) -> TopPatches:
    """Cuts the patches of one layer.

    Args:
        field: receptive field along height and width.
        columns: of the layer's maps.
        size: height and width of the network's input.
        best: largest value of each image and map, `[N, maps]`.
        places: where that is, as an index into the flattened map.
    """
    num_patches = min(num_patches, len(best))
    order = np.argsort(-best, axis=0, kind="stable")[:num_patches]  # [P, maps]
    means = np.take_along_axis(best, order, axis=0).mean(axis=0)
    # By contrast to a map's usual maximum, so that no map with a large bias
    # hides the others.
    excitement = means - best.mean(axis=0)
    maps = np.argsort(-excitement, kind="stable")[:num_maps]
    chosen = order[:, maps].T  # [M, P]
    unit = places[chosen, maps[:, None]]
    rows, cols = np.divmod(unit, columns)
    # Where images are resized to the network's input, patches are too.
    scale = [given / side for given, side in zip(
        images.shape[1:3], size, strict=True)]  # fmt: skip
    boxes = np.stack(
        [
            *_ends(field[0], rows, scale[0]),
            *_ends(field[1], cols, scale[1]),
        ],
        axis=-1,
    )
    # A field larger than the image shows the image and no more.
    boxes[..., :2] = _clip(boxes[..., :2], images.shape[1])
    boxes[..., 2:] = _clip(boxes[..., 2:], images.shape[2])
    pixels = np.stack(
        [
            np.stack(
                [_crop(images[i], box) for i, box in zip(*pair, strict=True)]
            )
            for pair in zip(chosen, boxes, strict=True)
        ]
    )
    return TopPatches(
        name,
        (field[0].size, field[1].size),
        best.shape[1],
        maps,
        chosen,
        boxes,
        best[chosen, maps[:, None]],
        pixels,
    )


def _ends(axis, units: np.ndarray, scale: float) -> tuple:
    """Returns the first pixel of fields, and that behind them."""
    size = max(1, round(axis.size * scale))
    start = np.round((axis.start + units * axis.jump) * scale).astype(int)
    return start, start + size


def _clip(ends: np.ndarray, side: int) -> np.ndarray:
    if ends[0, 0, 1] - ends[0, 0, 0] < side:
        return ends
    return np.broadcast_to(np.array([0, side]), ends.shape)


def _crop(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Returns a part of an image, gray where it is outside."""
    top, bottom, left, right = box
    height, width = image.shape[:2]
    rgb = drawing.to_rgb(drawing.to_pixels(image, 0, 255))
    patch = np.full((bottom - top, right - left, 3), OUTSIDE, np.uint8)
    rows = slice(max(top, 0), min(bottom, height))
    columns = slice(max(left, 0), min(right, width))
    if rows.start < rows.stop and columns.start < columns.stop:
        inside = rgb[rows, columns]
        y, x = rows.start - top, columns.start - left
        patch[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return patch


def write_patches(writer: EventWriter, snapshot: Snapshot) -> None:
    """Writes `patches/<layer>` of a low, a middle and a high convolution."""
    inspector = snapshot.inspector
    names = low_middle_high(convolutions(inspector.network))
    if not names or not np.isfinite(snapshot.logits).all():
        return
    images = snapshot.scored.inputs[:MAX_IMAGES]
    for found in top_patches(
        inspector.network, inspector.preprocess, images, names
    ):
        tag = f"patches/{found.layer}"
        image = draw_patches(found, snapshot.describe("validation images"))
        writer.image(tag, image, snapshot.step, snapshot.describe(PATCHES))


def draw_patches(
    found: TopPatches, images: str = "validation images"
) -> np.ndarray:
    """Returns the patches of a layer, one map in a row.

    Args:
        found: the patches.
        images: what they are parts of.
    """
    num_maps, num_patches, height, width = found.pixels.shape[:4]
    flat = found.pixels.reshape(-1, height, width, 3)
    tiles = drawing.resize(flat, PATCH_SIDE)
    rows = drawing.image_grid(tiles, columns=num_patches)
    label_width = max(drawing.text_width(f"map {k}") for k in found.maps) + GAP
    labels = drawing.blank(len(rows), label_width)
    step = len(rows) // num_maps
    for row, number in enumerate(found.maps):
        y = row * step + (step - GAP - drawing.LINE_HEIGHT) // 2
        drawing.draw_text(labels, f"map {number}", 0, max(0, y))
    field = f"{found.field[0]} x {found.field[1]}"
    return drawing.with_title(
        np.concatenate([labels, rows], axis=1),
        f"{found.layer}: the parts of {images} that excite {num_maps} of "
        f"{found.num_maps} maps most; receptive field {field} pixels.",
    )


def draw_low_middle_high(layers: Sequence[TopPatches]) -> np.ndarray:
    """Returns the patches of several layers, one below the other."""
    drawn = drawing.pad_to_widest([draw_patches(x) for x in layers], align=0)
    return np.concatenate(drawn)
