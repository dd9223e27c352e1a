"""Glyphs along the edges of an image, and words as they were clustered."""

import numpy as np

from zoo.explain import draw_codebook, draw_glyphs, draw_hog, visual_words
from zoo.features import bag_of_visual_words, handcrafted
from zoo.summaries import drawing


def test_a_vertical_edge_has_an_upright_line():
    images = np.zeros((1, 16, 16, 1), np.float32)
    images[:, :, 9:] = 255
    cells = handcrafted.cell_histograms(images)[0]  # [2, 2, 9]
    assert cells.shape == (2, 2, 9)
    # The gradient points to the right: orientation 0, in the right cells.
    assert cells[:, 1].argmax(axis=-1).tolist() == [0, 0]
    assert cells[:, 0].max() == 0
    glyph = draw_glyphs(cells, (80, 80))[..., 0]
    lit = np.argwhere(glyph[:40, 40:] > 128)
    height, width = np.ptp(lit, axis=0)
    assert height > 3 * width
    assert glyph[:, :40].max() == 0


def test_a_horizontal_edge_has_a_level_line():
    images = np.zeros((1, 16, 16, 1), np.float32)
    images[:, 9:] = 255
    cells = handcrafted.cell_histograms(images)[0]
    glyph = draw_glyphs(cells, (80, 80))[..., 0]
    height, width = np.ptp(np.argwhere(glyph[40:, :40] > 128), axis=0)
    assert width > 3 * height


def test_the_words_are_the_cluster_centers():
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8, 3), np.uint8)
    extractor = bag_of_visual_words.fit(images)
    words = visual_words(extractor.model)
    patch = bag_of_visual_words.patch_size((8, 8, 3))
    expected = bag_of_visual_words.fit_words(images, patch)
    assert words.shape == (len(expected), patch, patch, 3)
    np.testing.assert_allclose(words.reshape(len(words), -1), expected)
    assert draw_codebook(words).dtype == np.uint8


def test_images_stand_beside_their_glyphs():
    images = np.random.default_rng(0).uniform(0, 255, (3, 16, 16, 3))
    drawn = draw_hog(images.astype("f4"), np.arange(3), ("a", "b", "c"))
    assert drawn.shape[1] > 4 * 100


def test_the_class_of_each_image_stands_below_it(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        drawing,
        "image_grid",
        lambda tiles, captions, columns: drawn.extend(captions) or tiles[0],
    )
    images = np.zeros((2, 16, 16, 1), np.float32)
    draw_hog(images, np.array([1, 0]), ("ant", "bee"))
    assert [line[0][0] for line in drawn] == ["bee", "", "ant", ""]
