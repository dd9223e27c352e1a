"""The projector's files, as TensorBoard's own plugin reads them."""

import io
import types

import numpy as np
import pytest
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector import ProjectorConfig

from zoo.summaries import tabs
from zoo.summaries.inspector import ScoredExamples


@pytest.fixture
def scored():
    random = np.random.default_rng(0)
    return ScoredExamples(
        random.uniform(0, 255, (7, 8, 8, 1)).astype(np.float32),
        np.array([0, 1, 2, 0, 1, 2, 0]),
        np.eye(3)[[0, 1, 2, 1, 1, 2, 0]],
    )


def config_in(folder):
    text = (folder / "projector_config.pbtxt").read_text()
    return text_format.Parse(text, ProjectorConfig()).embeddings[0]


def test_features_labels_and_answers_stand_line_by_line(tmp_path, scored):
    features = np.arange(14.0).reshape(7, 2) / 4
    names = ("cat", "dog", "an\tox")
    tabs.write_files(tmp_path, scored, features, names)
    found = config_in(tmp_path)
    table = np.loadtxt(tmp_path / found.tensor_path, delimiter="\t")
    np.testing.assert_array_equal(table, features)
    assert list(found.tensor_shape) == [7, 2]
    header, *rows = (tmp_path / found.metadata_path).read_text().splitlines()
    assert header == "label\tprediction\tcorrect"
    assert rows[2] == "an ox\tan ox\tyes"
    assert rows[3] == "cat\tdog\tno"


def test_thumbnails_lie_in_a_square_in_reading_order(scored):
    content, (width, height) = tabs.sprite(scored.inputs)
    picture = np.asarray(Image.open(io.BytesIO(content)))
    assert picture.shape == (3 * height, 3 * width, 3)
    factor = width // 8
    fourth = picture[height : 2 * height : factor, 0:width:factor, 0]
    np.testing.assert_array_equal(fourth, scored.inputs[3, ..., 0].round())


def test_the_projector_finds_the_thumbnails_of_images(tmp_path, scored):
    tabs.write_files(tmp_path, scored, np.ones((7, 3)), ("a", "b", "c"))
    sprite = config_in(tmp_path).sprite
    with Image.open(tmp_path / sprite.image_path) as picture:
        assert picture.size == tuple(3 * n for n in sprite.single_image_dim)


def test_vectors_have_no_thumbnails(tmp_path, scored):
    points = ScoredExamples(np.zeros((7, 2)), scored.labels, scored.logits)
    tabs.write_files(tmp_path, points, np.ones((7, 3)), ("a", "b", "c"))
    assert not config_in(tmp_path).sprite.image_path
    assert not (tmp_path / "thumbnails.png").exists()


def test_a_thousand_examples_make_a_sheet_that_a_browser_takes():
    content, _ = tabs.sprite(np.zeros((1000, 32, 32, 3)))
    assert max(Image.open(io.BytesIO(content)).size) <= 8192


def test_many_features_become_components_that_keep_the_distances():
    random = np.random.default_rng(0)
    flat = random.normal(size=(30, 5)) @ random.normal(size=(5, 400))
    points = tabs.principal_components(flat, 10)
    assert points.shape == (30, 10)

    def distances(x):
        return np.linalg.norm(x[:, None] - x[None], axis=-1)

    np.testing.assert_allclose(distances(points), distances(flat), atol=1e-6)


def test_few_features_are_left_as_they_are():
    features = np.ones((3, 4))
    assert tabs.principal_components(features, 4) is features


def test_components_are_named_as_such(tmp_path, scored):
    features = np.random.default_rng(0).normal(size=(7, 300))
    tabs.write_files(tmp_path, scored, features, ("a", "b", "c"))
    assert "principal components" in config_in(tmp_path).tensor_name


def test_files_are_written_at_the_end_where_tensorboard_looks(
    scored, snapshot, writer
):
    inspector = types.SimpleNamespace(features=lambda x: np.ones((len(x), 2)))
    tabs.write_projector(writer, snapshot(inspector=inspector))
    assert not (writer.path.parent / "projector_config.pbtxt").exists()
    tabs.write_projector(
        writer, snapshot(inspector=inspector, last=True, scored=scored)
    )
    assert config_in(writer.path.parent).tensor_path


@pytest.mark.parametrize("features", [None, np.full((7, 2), np.nan)])
def test_networks_without_usable_features_have_no_files(
    features, scored, snapshot, writer
):
    inspector = types.SimpleNamespace(features=lambda x: features)
    tabs.write_projector(
        writer, snapshot(inspector=inspector, last=True, scored=scored)
    )
    assert not (writer.path.parent / "projector_config.pbtxt").exists()
