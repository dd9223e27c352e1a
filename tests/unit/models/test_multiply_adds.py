"""Multiply-adds against published figures, to their last digit.

Where no source is named the figure is a sum over the layers of the paper: for
each, the places of its output times the weights of one filter times filters.
"""

import keras
import pytest
from keras import layers, ops

from zoo.models.costs import count_multiply_adds, layer_costs

# Multiply-adds of convolutions and dense layers for one image, to the digits
# to which they are published.
MULTIPLY_ADDS = {
    ("lr", (28, 28, 1)): (7.84e3, 10),
    ("lr", (32, 32, 3)): (30.7e3, 50),
    ("mlp", (28, 28, 1)): (0.669e6, 500),
    ("lenet5", (28, 28, 1)): (0.417e6, 500),
    ("lenet5", (32, 32, 3)): (0.651e6, 800),  # 651,720
    ("wrn16_1", (32, 32, 3)): (26.7e6, 5e4),
    ("wrn28_1", (32, 32, 3)): (55.0e6, 5e4),
    ("wrn40_2", (32, 32, 3)): (328e6, 5e5),
    ("wrn16_8", (32, 32, 3)): (1_548e6, 5e5),
    ("wrn28_2", (32, 32, 3)): (214e6, 5e5),
    ("wrn16_4", (32, 32, 3)): (393e6, 5e5),
    ("wrn40_4", (32, 32, 3)): (1_299e6, 5e5),
    ("wrn28_10", (32, 32, 3)): (5_243e6, 5e5),
    ("wrn28_10", (28, 28, 1)): (4_014e6, 5e5),
    ("resnet20", (32, 32, 3)): (40.6e6, 5e4),
    ("resnet32", (32, 32, 3)): (68.9e6, 5e4),
    ("resnet44", (32, 32, 3)): (97.2e6, 5e4),
    ("resnet56", (32, 32, 3)): (125.5e6, 5e4),
    ("densenet40_12", (32, 32, 3)): (265e6, 5e5),
    # a logit costs 448, or for the wide net 640, more: not a digit here
    ("densenet40_12", (32, 32, 3), 100): (265e6, 5e5),
    ("wrn28_10", (32, 32, 3), 100): (5_243e6, 5e5),
    ("resnet50", (224, 224, 3), 1000): (4_089e6, 5e5),
    # torchvision's _ops, 11.398
    ("wrn50_2", (224, 224, 3), 1000): (11_398e6, 5e5),
    ("googlenet", (224, 224, 3), 1000): (1_583e6, 5e5),
    ("alexnet", (227, 227, 3), 1000): (1_135e6, 5e5),
}
SLOW_MULTIPLY_ADDS = {
    ("resnet110", (32, 32, 3)): (252.9e6, 5e4),
    ("wrn50_3", (224, 224, 3), 1000): (22_406e6, 5e5),
    ("densenet100_12", (32, 32, 3)): (1_770e6, 6e5),  # 1,769.5
    ("densenet_bc100_12", (32, 32, 3)): (288e6, 5e5),
    ("wrn16_10", (32, 32, 3)): (2_412e6, 5e5),
    ("wrn22_8", (32, 32, 3)): (2_454e6, 5e5),
    ("wrn28_12", (32, 32, 3)): (7_544e6, 5e5),
    ("wrn40_8", (32, 32, 3)): (5_172e6, 5e5),
    ("wrn40_10", (32, 32, 3)): (8_074e6, 5e5),
}


# Model, side, channels, classes and options: the figure and its last digit.
VARIANTS = [
    ("resnet20", 32, 3, 10, {"shortcut": "B"}, 40.8e6, 5e4),
    # two projections of 131,072 on top of 125.5
    ("resnet56", 32, 3, 10, {"shortcut": "B"}, 125.7e6, 5e4),
    ("resnet50", 224, 3, 1000, {"strided": "1x1"}, 3_858e6, 5e5),
    ("alexnet", 227, 3, 1000, {"groups": 2}, 724e6, 5e5),
    ("googlenet", 224, 3, 1000, {"norm": "batch"}, 1_583e6, 5e5),
    ("googlenet", 224, 3, 1000, {"auxiliary": True}, 1_591e6, 5e5),
    # a perceptron multiplies once for each weight
    ("mlp", 28, 1, 10, {"hidden": 512}, 784 * 512 + 512 * 10, 0),
    # 784*300 + 300*100 + 100*10
    ("mlp", 28, 1, 10, {"hidden": (300, 100)}, 266_200, 0),
    # Zhang et al. 2017: 1.21 M, and 1.73 M of 2*512*512 more
    ("mlp", 28, 3, 10, {"hidden": 512}, 2352 * 512 + 512 * 10, 0),
    ("mlp", 28, 3, 10, {"hidden": (512, 512, 512)}, 1_733_632, 0),
]
SLOW_VARIANTS = [
    # two projections of 131,072 on top of 252.9
    ("resnet110", 32, 3, 10, {"shortcut": "B"}, 253.1e6, 5e4),
]


def slow(cases):
    return [pytest.param(case, marks=pytest.mark.slow) for case in cases]


@pytest.mark.parametrize(
    "case", [*MULTIPLY_ADDS, *slow(SLOW_MULTIPLY_ADDS)], ids=str
)
def test_multiply_adds_are_the_published_ones(totals, case):
    published, last_digit = {**MULTIPLY_ADDS, **SLOW_MULTIPLY_ADDS}[case]
    assert abs(totals(*case)["multiply_adds"] - published) <= last_digit


@pytest.mark.parametrize(
    "case", [*VARIANTS, *slow(SLOW_VARIANTS)], ids=lambda case: str(case[:5])
)
def test_multiply_adds_of_variants_are_the_published_ones(totals, case):
    name, side, channels, classes, options, published, last_digit = case
    found = totals(name, (side, side, channels), classes, **options)
    assert abs(found["multiply_adds"] - published) <= last_digit


def test_separable_convolutions_and_models_inside_a_model_count():
    inner = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.SeparableConv2D(5, 3, padding="same")]
    )
    image = keras.Input((8, 8, 3))
    outer = keras.Model(image, layers.Dense(2)(layers.Flatten()(inner(image))))
    separable = 64 * (9 * 3 + 3 * 5)
    assert count_multiply_adds(inner.layers[-1]) == separable
    assert count_multiply_adds(outer) == separable + 64 * 5 * 2


def test_layers_of_unknown_size_inside_a_model_count_nothing():
    class Subclass(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = layers.Conv2D(3, 3)

        def call(self, inputs):
            return self.conv(inputs)

    base = keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(3, 3)])
    image = keras.Input((8, 8, 3))
    for inner in (base, Subclass()):
        flat = layers.Flatten()(inner(image))
        outer = keras.Model(image, layers.Dense(2)(flat))
        assert count_multiply_adds(outer) == 36 * 3 * 2


def test_every_call_of_a_layer_or_an_inner_model_counts():
    inner = keras.Sequential([keras.Input((8,)), layers.Dense(8)])
    again = layers.Dense(8, name="again")
    inputs = keras.Input((8,))
    outputs = layers.Dense(2)(inner(again(inner(again(again(inputs))))))
    model = keras.Model(inputs, outputs)
    keras.Model(inputs, again(inputs))  # a call outside of it
    costs = {cost.name: cost.multiply_adds for cost in layer_costs(model)}
    assert costs["again"] == 3 * 64
    assert sum(costs.values()) == 5 * 64 + 16
    assert count_multiply_adds(model) == 5 * 64 + 16


def test_convolutions_of_every_kind_count():
    def count(layer, shape):
        layer(keras.Input(shape))
        return count_multiply_adds(layer)

    same = {"padding": "same"}
    assert count(layers.Conv1D(5, 3, **same), (8, 2)) == 8 * 3 * 2 * 5
    separable = layers.SeparableConv1D(5, 3, **same)
    assert count(separable, (8, 2)) == 8 * (3 * 2 + 2 * 5)
    depthwise = layers.DepthwiseConv1D(3, **same)
    assert count(depthwise, (8, 2)) == 8 * 3 * 2
    solid = layers.Conv3D(5, 3, **same)
    assert count(solid, (4, 4, 4, 2)) == 64 * 27 * 2 * 5
    # Each place of the input is multiplied with the whole kernel.
    up = layers.Conv2DTranspose(5, 3, strides=2, **same)
    assert count(up, (4, 4, 2)) == 16 * 9 * 2 * 5


def test_attention_counts_projections_scores_and_weighted_sums():
    # 16 queries and 16 keys of 8 numbers, in two heads of 3 and 5 numbers.
    sequence = keras.Input((16, 8))
    attention = layers.MultiHeadAttention(2, 3, value_dim=5)
    attention(sequence, sequence)
    projected = 16 * (8 * 6 + 8 * 6 + 8 * 10) + 16 * 10 * 8
    assert count_multiply_adds(attention) == projected + 2 * 256 * (3 + 5)
    # Along the height alone: each of 16 pixels sees its column of 4.
    image = keras.Input((4, 4, 3))
    axial = layers.MultiHeadAttention(1, 2, attention_axes=(1,))
    axial(image, image)
    assert count_multiply_adds(axial) == 16 * 4 * (3 * 2) + 16 * 4 * (2 + 2)


@pytest.mark.parametrize(
    "equation, output_shape, multiply_adds",
    [
        ("abc,cde->abde", (None, 3, 5), 16 * 8 * 3 * 5),
        ("abc,bcd->abd", (16, 7), 16 * 8 * 7),
        ("...x,xy->...y", (7,), 16 * 8 * 7),
    ],
)
def test_a_dense_einsum_multiplies_each_input_with_its_weights(
    equation, output_shape, multiply_adds
):
    layer = layers.EinsumDense(equation, output_shape=output_shape)
    layer(keras.Input((16, 8)))
    assert count_multiply_adds(layer) == multiply_adds


def test_layers_of_which_multiply_adds_are_unknown_are_named():
    class Custom(layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1], 4))

        def call(self, inputs):
            return ops.matmul(inputs, self.kernel)

    image = keras.Input((4, 4, 3))
    scaled = layers.BatchNormalization(name="norm")(image)
    custom = Custom(name="custom")(layers.Flatten()(scaled))
    outputs = layers.Dense(4, name="dense")(custom)
    product = ops.matmul(outputs[:, None], outputs[..., None])
    costs = layer_costs(keras.Model(image, product))
    unknown = [cost.kind for cost in costs if not cost.is_counted]
    assert unknown == ["Custom", "Matmul"]
