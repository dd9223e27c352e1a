"""Images: what is shown, in which order, and at the edges."""

import types

import numpy as np
import pytest

from zoo.summaries import drawing, images
from zoo.summaries.inspector import ScoredExamples


def test_few_classes_are_all_shown_in_their_order():
    counts = np.random.default_rng(0).integers(0, 9, (20, 20))
    assert images.most_confused(counts).tolist() == list(range(20))


def test_of_many_classes_those_with_most_errors_are_shown():
    counts = np.diag(np.full(1000, 7))
    wrong = np.arange(0, 1000, 50)  # 20 classes
    for number, k in enumerate(wrong):
        counts[k, (k + 50) % 1000] = number + 1
    assert images.most_confused(counts).tolist() == wrong.tolist()


@pytest.fixture
def texts(monkeypatch):
    """Every text that is drawn, with the pixel row at which it is."""
    drawn = []
    monkeypatch.setattr(
        drawing,
        "draw_text",
        lambda image, text, x, y, *_, **__: drawn.append((text, y)),
    )
    return drawn


def test_correct_predictions_are_blue_errors_orange_and_the_rest_white():
    def blueness(*counts):
        picture = images.draw_confusion(np.array(counts), ("a", "b"))
        return picture[..., 2].astype(int) - picture[..., 0]

    right, wrong = blueness([3, 0], [0, 2]), blueness([0, 3], [2, 0])
    assert right.max() > 50 and right.min() == 0
    assert wrong.min() < -50 and wrong.max() == 0
    rare, frequent = blueness([8, 1], [0, 9]), blueness([4, 5], [0, 9])
    assert frequent.min() < rare.min() < 0


def test_counts_and_recall_stand_in_the_row_of_their_class(texts):
    # A class without examples has no recall, and an unrecognized one zero.
    counts = np.array([[30, 10, 0], [0, 0, 0], [5, 0, 0]])
    images.draw_confusion(counts, ("a", "b", "c"))
    rows = [[text for text, y in texts if y == top] for _, top in texts]
    assert ["30", "10", "a", "75%"] in rows
    assert ["b", "-"] in rows
    assert ["5", "c", "0%"] in rows


@pytest.mark.parametrize("num_classes", [1, 2, 10, 20, 21, 1000])
def test_the_matrix_is_drawn_for_any_number_of_classes(
    num_classes, snapshot, writer, read
):
    random = np.random.default_rng(0)
    names = tuple(f"class number {k}" for k in range(num_classes))
    moment = snapshot(
        class_names=names,
        labels=random.integers(0, num_classes, 50),
        logits=random.normal(size=(50, num_classes)),
        inputs=np.zeros((50, 3)),
    )
    images.write_confusion(writer, moment)
    ((step, value),) = read(writer)["confusion"]
    assert step == 3
    width, height = map(int, value[:2])
    # A card of TensorBoard has about 380 x 215 pixels: text of 12 pixels keeps
    # 8 of them on it.
    assert min(380 / width, 215 / height) > 0.66


def png_size(value):
    return int(value[0]), int(value[1])


def test_the_order_is_that_of_plain_sorting():
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(5), 200)
    labels = random.integers(0, 5, 200)
    wrong = [
        (-max(row), index)
        for index, row in enumerate(probabilities)
        if list(row).index(max(row)) != labels[index]
    ]
    expected = [index for _, index in sorted(wrong)]
    order = images.most_confident_first(probabilities, labels)
    assert order.tolist() == expected


def test_the_first_tile_is_the_most_confident_error():
    inputs = np.zeros((3, 8, 8, 1), np.float32)
    inputs[2] = 200
    probabilities = np.array([[0.4, 0.6], [0.9, 0.1], [0.2, 0.8]])
    scored = ScoredExamples(inputs, np.zeros(3, int), np.log(probabilities))
    picture = images.draw_misclassified(scored, ("a", "b"))
    side = 72  # nine times the eight pixels
    rows = np.flatnonzero((picture[:, drawing.MARGIN] == 200).all(axis=1))
    assert len(rows) == side
    second = picture[rows, drawing.MARGIN + side + drawing.GAP]
    assert (second == 0).all()


@pytest.mark.parametrize("shape", [(8, 8, 1), (32, 32, 3), (200, 300, 3)])
def test_pictures_are_written_of_any_images(shape, snapshot, writer, read):
    random = np.random.default_rng(0)
    inputs = random.uniform(0, 255, (40, *shape)).astype(np.float32)
    labels = np.zeros(40, np.int32)
    logits = random.normal(size=(40, 3)).astype(np.float32)
    images.write_misclassified(
        writer, snapshot(inputs=inputs, labels=labels, logits=logits)
    )
    (step, value), *others = read(writer)["misclassified"]
    width, height = png_size(value)
    assert step == 3 and not others
    assert width <= 640 and height <= 900


@pytest.mark.parametrize(
    "draw",
    [
        lambda nan: images.draw_templates(nan((3, 2, 2, 1)), "logits", ()),
        lambda nan: images.draw_filters(nan((3, 3, 1, 2)), "conv1"),
        lambda nan: images.draw_inputs(nan((2, 8, 8, 1))),
        lambda nan: images.draw_feature_maps(
            np.zeros((2, 8, 8, 1)), nan((2, 4, 4, 3)), "conv"
        ),
    ],
)
def test_what_is_not_finite_gives_a_placeholder_and_zeros_a_picture(draw):
    assert len(draw(lambda shape: np.full(shape, np.nan))) < 60
    assert len(draw(np.zeros)) > 60


def test_no_errors_are_stated_in_words(snapshot, writer, read):
    right = np.eye(3, dtype=np.float32)[[0, 1, 2, 2]]
    images.write_misclassified(writer, snapshot(logits=right))
    width, height = png_size(read(writer)["misclassified"][0][1])
    assert height < 60


@pytest.mark.parametrize(
    ("kind", "value"),
    [("misclassified", np.nan), ("confusion", np.nan), ("calibration", np.inf)],
)
def test_logits_that_are_not_finite_give_a_placeholder(
    kind, value, snapshot, writer, read
):
    moment = snapshot(logits=np.full((4, 3), value))
    getattr(images, f"write_{kind}")(writer, moment)
    assert png_size(read(writer)[kind][0][1])[1] < 60


def test_long_class_names_and_a_thousand_of_them_fit(snapshot, writer, read):
    names = tuple(f"a very long name, number {k}" for k in range(1000))
    logits = np.random.default_rng(0).normal(size=(4, 1000))
    images.write_misclassified(
        writer, snapshot(class_names=names, logits=logits)
    )
    assert read(writer)["misclassified"]


def test_no_prediction_is_shown_as_certain(texts):
    logits, labels = np.array([[1e4, 0.0]]), np.array([1])
    scored = ScoredExamples(np.zeros((1, 8, 8, 1)), labels, logits)
    images.draw_misclassified(scored, ("a", "b"))
    assert [text for text, _ in texts[:2]] == ["a: 99.9%", "is b"]


def logits_with(confidence, count):
    """Logits of two classes, the first with this probability."""
    row = np.log([confidence, 1 - confidence])
    return np.tile(row, (count, 1))


def colored(picture, color, column):
    """Pixels of a color in the middle of a bin."""
    x = drawing.MARGIN + images.AXIS_WIDTH + 20 * column + 10
    return int((picture[:, x] == color).all(axis=1).sum())


def test_a_bar_is_as_high_as_the_share_that_is_right():
    # Confidence .9 is in the bin (13/15, 14/15]; 6 of 10 are right.
    labels = np.array([0] * 6 + [1] * 4)
    picture = images.draw_calibration(logits_with(0.9, 10), labels)
    side = images.DIAGRAM_SIDE
    blue = colored(picture, images.ACCURACY, 13)
    red = colored(picture, images.OVERCONFIDENCE, 13)
    # The line of equality covers one pixel of the red.
    assert blue == side * 6 // 10 and side * 3 // 10 - red in (0, 1)


def test_bins_without_examples_stay_empty():
    picture = images.draw_calibration(logits_with(0.9, 4), np.zeros(4, int))
    assert colored(picture, images.ACCURACY, 11) == 0


def test_nothing_is_red_where_it_is_more_often_right_than_sure():
    picture = images.draw_calibration(logits_with(0.6, 4), np.zeros(4, int))
    assert colored(picture, images.ACCURACY, 8) > 0
    assert not (picture == images.OVERCONFIDENCE).all(axis=2).any()


def test_a_single_example_is_counted_with_at_least_a_pixel():
    logits = np.concatenate([logits_with(0.9, 999), logits_with(0.6, 1)])
    picture = images.draw_calibration(logits, np.zeros(1000, int))
    assert colored(picture, drawing.MUTED, 8) == 1
    assert colored(picture, drawing.MUTED, 13) == images.COUNTS_HEIGHT


def test_calibration_is_written_at_the_step(snapshot, writer, read):
    images.write_calibration(writer, snapshot())
    assert [step for step, _ in read(writer)["calibration"]] == [3]


def looking_at(*shape):
    return types.SimpleNamespace(
        network=types.SimpleNamespace(input_shape=(None, *shape))
    )


def test_a_template_is_a_column_of_the_kernel_in_the_images_shape():
    kernel = np.arange(24.0).reshape(12, 2)
    layer, templates = images.first_dense({"logits": kernel}, (2, 2, 3))
    assert layer == "logits"
    assert templates[1, 0, 1].tolist() == [7.0, 9.0, 11.0]


def test_scales_of_a_norm_are_no_kernel():
    weights = {"norm": np.ones(4), "dense": np.ones((4, 3))}
    assert images.first_dense(weights, (2, 2, 1))[0] == "dense"


@pytest.mark.parametrize(
    "weights",
    [
        {},
        {"conv": np.ones((3, 3, 1, 2)), "logits": np.ones((4, 3))},
        {"hidden": np.ones((5, 3))},
    ],
)
def test_layers_that_see_something_else_than_pixels_have_none(weights):
    assert images.first_dense(weights, (2, 2, 1)) is None


def tile_pixels(picture, size):
    """The first tile's pixels, one for each weight; tiles are 100 wide."""
    top = len(picture) - drawing.MARGIN - drawing.GAP - 100
    left = drawing.MARGIN
    step = 100 // size
    return picture[top : top + 100 : step, left : left + 100 : step]


def test_gray_templates_are_blue_below_zero_and_red_above():
    kernel = np.array([[-1.0, 0.0], [0.5, 1.0]]).reshape(1, 2, 2, 1)
    pixels = tile_pixels(images.draw_templates(kernel, "hidden1", ()), 2)
    assert pixels[0, 0].tolist() == drawing.NEGATIVE.tolist()
    assert pixels[0, 1].tolist() == [255, 255, 255]
    limit = np.percentile([1, 0, 0.5, 1], images.PERCENTILE)
    expected = 255 + (drawing.POSITIVE - 255) * (0.5 / limit)
    np.testing.assert_allclose(pixels[1, 0], expected, atol=1)


def test_color_templates_are_gray_at_zero():
    kernel = np.zeros((1, 2, 2, 3))
    kernel[0, 0, 0] = [1, -1, 0]
    pixels = tile_pixels(images.draw_templates(kernel, "hidden1", ()), 2)
    assert pixels[0, 0].tolist() == [255, 0, 128]
    assert pixels[1, 1].tolist() == [128, 128, 128]


@pytest.mark.parametrize(
    ("shape", "units"), [((8, 8, 1), 100), ((32, 32, 3), 1), ((6, 6, 2), 10)]
)
def test_templates_are_written_for_any_data(
    shape, units, snapshot, writer, read
):
    kernel = np.random.default_rng(0).normal(size=(np.prod(shape), units))
    names = tuple(map(str, range(units)))
    images.write_templates(
        writer,
        snapshot(
            inspector=looking_at(*shape),
            weights={"logits": kernel},
            class_names=names,
        ),
    )
    ((step, value),) = read(writer)["templates"]
    assert step == 3 and int(value[0]) <= 640


@pytest.mark.parametrize(
    ("kind", "weights"),
    [
        ("templates", {"conv1": np.ones((3, 3, 1, 2))}),
        ("filters", {"logits": np.ones((4, 3))}),
    ],
)
def test_networks_without_such_weights_write_nothing(
    kind, weights, snapshot, writer, read
):
    moment = snapshot(inspector=looking_at(2, 2, 1), weights=weights)
    getattr(images, f"write_{kind}")(writer, moment)
    assert not read(writer)


def test_the_first_convolution_is_shown_under_its_name(snapshot, writer, read):
    weights = {
        "dense": np.ones((4, 4)),
        "conv1": np.ones((3, 3, 1, 6)),
        "conv2": np.ones((3, 3, 6, 6)),
    }
    images.write_filters(writer, snapshot(weights=weights))
    assert list(read(writer)) == ["filters/conv1"]


def test_pixels_are_the_weights_from_black_over_gray_to_white():
    kernel = np.array([[-2.0, 0.0], [1.0, 2.0]]).reshape(2, 2, 1, 1)
    picture = images.draw_filters(kernel, "conv1")
    top = len(picture) - drawing.MARGIN - drawing.GAP - 84
    tile = picture[top : top + 84 : 42, drawing.MARGIN :][:, :84:42, 0]
    assert tile.tolist() == [[0, 128], [191, 255]]


@pytest.mark.parametrize(("channels", "count"), [(1, 300), (2, 1), (3, 16)])
def test_filters_of_any_number_and_depth_are_drawn(channels, count):
    kernel = np.random.default_rng(0).normal(size=(3, 3, channels, count))
    assert images.draw_filters(kernel, "conv1").shape[1] <= 640


def test_images_are_of_different_classes_if_there_are_so_many():
    labels = np.array([3, 3, 1, 1, 2, 0])
    assert images.one_of_each_class(labels, 4).tolist() == [0, 2, 4, 5]


def test_images_are_filled_up_where_classes_are_few():
    labels = np.array([1, 1, 1, 0])
    assert images.one_of_each_class(labels, 4).tolist() == [0, 3, 1, 2]


def test_layers_are_spread_from_the_first_to_the_last():
    names = list("abcdefg")
    assert images.evenly_spaced(names, 4) == ["a", "c", "e", "g"]
    assert images.evenly_spaced(["a"], 4) == ["a"]
    assert images.evenly_spaced([], 4) == []


def test_layers_that_give_vectors_have_no_maps(snapshot, writer, read):
    inspector = types.SimpleNamespace(
        activations=lambda images: {
            "conv_activation": np.ones((len(images), 4, 4, 9)),
            "features": np.ones((len(images), 5)),
        }
    )
    images.write_feature_maps(writer, snapshot(inspector=inspector))
    assert list(read(writer)) == ["feature_maps/conv_activation"]


def test_channels_stand_beside_their_image_on_one_scale():
    inputs = np.full((1, 2, 2, 1), 255.0)
    outputs = np.zeros((1, 2, 2, 2))
    outputs[..., 1] = 4.0
    picture = images.draw_feature_maps(inputs, outputs, "conv")
    middle = len(picture) - drawing.MARGIN - drawing.GAP - 33
    row = picture[middle, drawing.MARGIN + 33 :: 66 + drawing.GAP, 0]
    assert row[:3].tolist() == [255, 0, 255]


def test_what_is_shown_is_a_training_batch_after_preprocessing(
    snapshot, writer, read
):
    asked = []

    def preprocess(images):
        asked.append(images)
        return images - 100

    moment = snapshot(
        step=0,
        inspector=types.SimpleNamespace(preprocess=preprocess),
        load_training_batch=lambda: np.full((50, 4, 4, 3), 7, np.float32),
    )
    images.write_inputs(writer, moment)
    assert asked[0].shape == (24, 4, 4, 3) and (asked[0] == 7).all()
    assert [step for step, _ in read(writer)["inputs"]] == [0]


def test_inputs_are_written_before_training_only(snapshot, writer, read):
    images.write_inputs(writer, snapshot(step=5))
    assert not read(writer)


def test_the_least_value_is_black_and_the_greatest_white():
    seen = np.array([-3.0, 0, 1, 5]).reshape(4, 1, 1, 1)
    picture = images.draw_inputs(seen)
    row = picture[-drawing.MARGIN - drawing.GAP - 10]
    left = drawing.MARGIN + 10
    tiles = row[left :: 88 + drawing.GAP][:4, 0].tolist()
    assert tiles == [0, round(255 * 3 / 8), round(255 / 2), 255]


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (8, 8, 2)])
def test_images_of_any_channels_are_drawn(shape):
    seen = np.random.default_rng(0).normal(size=(5, *shape))
    assert images.draw_inputs(seen).dtype == np.uint8
