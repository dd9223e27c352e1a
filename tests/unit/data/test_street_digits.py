"""Synthetic house numbers."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from zoo.data import street_digits
from zoo.data.datasets import DatasetInfo
from zoo.data.loading import ReadRequest


@pytest.fixture(scope="module")
def some():
    return street_digits.render(400, seed=0)


@pytest.fixture
def request_of(tmp_path):
    source = DatasetInfo("street_digits", "", "", 10, (32, 32, 3), 30, 20)
    return ReadRequest(source, data_dir=str(tmp_path))


def random():
    return np.random.RandomState(0)


def test_images_are_the_same_every_time(some):
    again = street_digits.render(20, seed=0)
    assert np.array_equal(again.images, some.images[:20])
    assert np.array_equal(again.labels, some.labels[:20])


def test_another_seed_draws_other_images(some):
    other = street_digits.render(20, seed=1)
    assert not np.array_equal(other.images, some.images[:20])


def test_every_class_is_as_likely(some):
    counts = np.bincount(some.labels, minlength=10)
    assert counts.min() > 20 and counts.max() < 60


def test_brightness_is_spread_over_the_whole_range(some):
    brightness = some.images.mean(axis=(1, 2, 3))
    assert brightness.min() < 50 and brightness.max() > 205


@pytest.mark.parametrize("font", street_digits.FONTS)
def test_every_font_draws_ten_different_digits(font):
    drawn = [street_digits.render_glyph(font, digit) for digit in range(10)]
    assert all(image.shape[0] == street_digits.GLYPH_HEIGHT for image in drawn)
    assert len({image.tobytes() for image in drawn}) == 10
    assert all(image.max() > 200 for image in drawn)


@pytest.fixture(scope="module")
def colors():
    stream = random()
    return [street_digits.draw_colors(stream) for _ in range(500)]


def test_ink_is_lighter_than_the_wall_or_darker(colors):
    lighter = np.mean([ink.mean() > wall.mean() for wall, ink in colors])
    assert 0.6 < lighter < 0.8


def test_contrast_is_from_faint_to_strong(colors):
    contrast = np.array([abs((ink - wall).mean()) for wall, ink in colors])
    assert contrast.min() < 30 and contrast.max() > 120


def test_the_projection_shows_the_middle_of_the_wall():
    wall = np.array([street_digits.WALL[1], street_digits.WALL[0]]) / 2
    most = 0.08 * street_digits.GLYPH_HEIGHT + 1e-6
    for seed in range(50):
        a, b, c, d, e, f, g, h = street_digits.draw_projection(
            np.random.RandomState(seed)
        )
        x = y = street_digits.OVERSAMPLED_SIDE / 2
        depth = g * x + h * y + 1
        seen = np.array([a * x + b * y + c, d * x + e * y + f]) / depth
        assert np.abs(seen - wall).max() <= most


def test_a_digit_is_in_the_middle_of_its_mask():
    masks = [street_digits.render_mask(random(), digit) for digit in range(10)]
    for mask in masks:
        assert mask.shape == (32, 32)
        assert 0 <= mask.min() and mask.max() <= 1
        assert mask[4:28, 8:24].max() > 0.9


def test_some_numbers_have_neighbours_and_some_have_none():
    widths = []
    for seed in range(40):
        strip = street_digits.draw_number(np.random.RandomState(seed), 1)
        columns = np.flatnonzero(strip.any(axis=0))
        widths.append(columns[-1] - columns[0])
    assert min(widths) < street_digits.GLYPH_HEIGHT
    assert max(widths) > 1.5 * street_digits.GLYPH_HEIGHT


def test_neighbors_stand_on_both_sides_of_a_digit():
    left = right = False
    for seed in range(20):
        strip = street_digits.draw_number(np.random.RandomState(seed), 1)
        side = (strip.shape[1] - street_digits.GLYPH_HEIGHT) // 2
        left, right = left | strip[:, :side], right | strip[:, -side:]
    assert left.any() and right.any()


def test_brightness_tells_nothing_about_the_class(some):
    mean = some.images.mean(axis=(1, 2)) / 255
    model = LogisticRegression().fit(mean[:300], some.labels[:300])
    assert model.score(mean[300:], some.labels[300:]) < 0.25


def test_images_are_kept_and_read_again(request_of, capsys):
    first, _ = street_digits.read(request_of).read("train")
    assert "rendering 50 images" in capsys.readouterr().out
    second, _ = street_digits.read(request_of).read("train")
    assert capsys.readouterr().out == ""
    assert np.array_equal(first.images, second.images)


def test_a_file_that_was_cut_short_is_drawn_again(request_of, tmp_path):
    whole, _ = street_digits.read(request_of).read("test")
    (path,) = tmp_path.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:-1000])
    again, _ = street_digits.read(request_of).read("test")
    assert np.array_equal(whole.images, again.images)
