"""Nets spelled out in letters: what each letter does, and wrong words."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from zoo.errors import UserError
from zoo.models import MODELS, builder_options, create_model
from zoo.models.convnet import build, parse_word
from zoo.models.layers import local_response_norm

SHAPE = (8, 8, 1)
KINDS = {
    "c": layers.Conv2D,
    "p": layers.MaxPooling2D,
    "n": layers.BatchNormalization,
    "d": layers.Dropout,
    "f": layers.Dense,
}


@settings(max_examples=15)
@given(st.text("cpnd", max_size=5), st.text("ndf", max_size=3), st.just("f"))
def test_any_word_over_the_letters_is_a_net(first, second, last):
    word = first + second + last
    model = build(SHAPE, 3, letters=word, maps=2, dense_width=2)
    letters_of_layers = "".join(
        letter
        for layer in model.layers
        for letter, kind in KINDS.items()
        if isinstance(layer, kind)
    )
    assert letters_of_layers == word
    assert len(model.get_layer("features").output.shape) == 2


def test_an_activation_follows_each_convolution_and_hidden_layer():
    model = create_model("cnn_cff", 3, SHAPE, activation="tanh")
    for before, name in (("conv1", "conv1_activation"), ("dense1", "features")):
        layer = model.get_layer(name)
        assert layer.activation is keras.activations.tanh
        assert layer.input is model.get_layer(before).output


def test_features_are_the_last_hidden_vector_before_dropout():
    model = create_model("cnn_cffdf", 3, SHAPE, dense_width=7)
    features = model.get_layer("features")
    assert features.output.shape == (None, 7)
    assert features.input is model.get_layer("dense2").output
    assert model.get_layer("dropout1").input is features.output


def test_features_of_a_net_without_a_hidden_layer_are_its_maps():
    model = create_model("cnn_cpf", 3, SHAPE, maps=3)
    assert model.get_layer("features").output.shape == (None, 4 * 4 * 3)
    assert model.get_layer("logits").input is model.get_layer("features").output


def test_options_set_what_they_name():
    model = create_model(
        "cnn_cpndff",
        3,
        SHAPE,
        filter_size=3,
        maps=6,
        pool="average",
        pool_size=4,
        dense_width=9,
        dropout=0.25,
    )
    assert model.get_layer("conv1").kernel.shape == (3, 3, 1, 6)
    assert isinstance(model.get_layer("pool1"), layers.AveragePooling2D)
    assert model.get_layer("pool1").output.shape == (None, 2, 2, 6)
    assert model.get_layer("dense1").units == 9
    assert model.get_layer("dropout1").rate == 0.25


def test_n_can_be_local_response_normalization():
    model = create_model("cnn_cnf", 3, SHAPE, norm="local_response", maps=4)
    image = np.random.default_rng(0).normal(size=(2, *SHAPE))
    maps = keras.Model(
        model.input,
        [model.get_layer("conv1_activation").output, model.layers[-2].input],
    )
    before, after = maps(image)
    # Which is compared to its formula in test_layers.
    np.testing.assert_allclose(after, local_response_norm(before), rtol=1e-5)


def test_any_number_of_poolings_leaves_a_pixel():
    model = create_model("cnn_cppppppf", 3, (9, 9, 1), maps=2)
    assert model.get_layer("pool6").output.shape == (None, 1, 1, 2)


@pytest.mark.parametrize(
    "name, options",
    [
        ("cnn_f", ""),
        ("cnn_cf", "filter_size maps activation"),
        ("cnn_pnff", "pool pool_size dense_width activation norm"),
        # A number in the word takes the place of the option.
        ("cnn_c8k3-f", "activation"),
        ("cnn_c8-pa-f4-f", "filter_size pool_size activation"),
        ("cnn_ck3-p3-f-f", "maps pool dense_width activation"),
    ],
)
def test_a_word_has_the_options_that_it_leaves_open(name, options):
    expected = [*options.split(), "initializer", "l1", "l2"]
    assert list(builder_options(MODELS.find(name))) == expected


@pytest.mark.parametrize(
    "name, words",
    [
        ("cnn_xf", "'x' of cnn_xf .* c, p, n, d and f, as in cnn_cpcpff"),
        ("cnn_fcf", "cnn_fcf has c after f, .* before the first f"),
        ("cnn_cp", "cnn_cp ends in p, .* must be f, .* as in cnn_cpf"),
        ("cnn_", r"cnn_ names no layers; .* cnn_cpcpff \(c convolution, p"),
        ("cnn_CF", "'C' of cnn_CF"),
        ("cnn_cf_1", "'_' of cnn_cf_1"),
        ("cnn_c0f", "cnn_c0f has '0f' where a layer begins"),
        ("cnn_k3cf", "cnn_k3cf has 'k3cf' where"),
        ("cnn_cvk3f", "cnn_cvk3f has 'k3f' where"),
        ("cnn_-cf", "cnn_-cf has '-cf' where"),
        ("cnn_c--f", "cnn_c--f has '-f' where"),
        ("cnn_d2f", "cnn_d2f has '2f' where"),
        ("cnn_cas2f", "cnn_cas2f has 'as2f' where"),
        ("cnn_cf-", "cnn_cf- ends in '-', .* f alone"),
        ("cnn_f10", "cnn_f10 ends in '0', .* f alone"),
    ],
)
def test_a_word_that_is_no_net_is_explained(name, words):
    with pytest.raises(UserError, match=words):
        create_model(name)


@settings(max_examples=200)
@given(st.text("cpndfx", max_size=8))
def test_a_word_is_right_exactly_if_maps_come_first_and_f_last(word):
    first, f, rest = word.partition("f")
    right = (
        f == "f"
        and set(first) <= set("cpnd")
        and set(rest) <= set("ndf")
        and word[-1] == "f"
    )
    assert is_word(word) == right


@settings(max_examples=500)
@given(st.text("cpf32ksva-", max_size=9).map(lambda text: text + "f"))
def test_the_table_and_the_builder_know_the_same_words(word):
    is_word(word)


def is_word(word):
    """Whether the table lists a word, and that the builder agrees."""
    (family,) = (f for f in MODELS.families() if "letters" in f.name_patterns)
    try:
        parse_word(word)
        right = True
    except UserError:
        right = False
    assert family.matches(f"cnn_{word}") == right
    return right


def test_numbers_say_maps_kernel_stride_padding_and_units():
    model = create_model("cnn_c32k3s2v-p-c64k3-f128-d-f", 10, (32, 32, 3))
    conv1, conv2 = model.get_layer("conv1"), model.get_layer("conv2")
    assert conv1.kernel.shape == (3, 3, 3, 32)
    assert (conv1.strides, conv1.padding) == ((2, 2), "valid")
    assert conv1.output.shape == (None, 15, 15, 32)
    assert model.get_layer("pool1").output.shape == (None, 8, 8, 32)
    assert conv2.kernel.shape == (3, 3, 32, 64)
    assert (conv2.strides, conv2.padding) == ((1, 1), "same")
    assert model.get_layer("dense1").units == 128
    # 3*9*32 + 32, 32*9*64 + 64, 8*8*64*128 + 128, 128*10 + 10
    assert model.count_params() == 896 + 18_496 + 524_416 + 1_290 == 545_098


def test_numbers_say_kind_size_and_stride_of_each_pooling():
    model = create_model("cnn_cpa3pm2s1vpf", 3, (9, 9, 1), maps=2, pool_size=4)
    first, second, third = (model.get_layer(f"pool{i}") for i in (1, 2, 3))
    assert isinstance(first, layers.AveragePooling2D)
    assert (first.pool_size, first.strides) == ((3, 3), (3, 3))
    assert isinstance(second, layers.MaxPooling2D)
    assert second.padding == "valid"
    assert second.output.shape == (None, 2, 2, 2)
    assert third.pool_size == (4, 4)


def test_hyphens_and_numbers_that_are_the_defaults_change_nothing():
    plain = create_model("cnn_cpff", 3, SHAPE)
    spelled = create_model("cnn_c64k5s1-pm2s2-f256-f", 3, SHAPE)
    for one, two in zip(plain.weights, spelled.weights, strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_filter_larger_than_the_maps_is_explained():
    with pytest.raises(UserError, match="conv2 of cnn_ck5s2v-ck5v-f needs"):
        create_model("cnn_ck5s2v-ck5v-f", 3, SHAPE)


def test_an_option_without_its_letter_is_refused():
    with pytest.raises(UserError, match="=0.5 does not .* d dropout, as in"):
        create_model("cnn_cf", dropout=0.5)
    with pytest.raises(UserError, match="pool_size=3 does not apply to cnn_cf"):
        create_model("cnn_cf", pool_size=3)


def test_a_vector_is_not_normalized_as_maps_are():
    with pytest.raises(UserError, match="compares neighboring maps"):
        create_model("cnn_cfnf", norm="local_response")
