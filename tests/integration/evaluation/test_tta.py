"""Test-time augmentation, against views made by SciPy."""

import shutil

import keras
import numpy as np
import pytest
import scipy.ndimage
from keras import layers

from zoo.errors import UserError
from zoo.evaluation import evaluate, statistics
from zoo.evaluation.test_set import EvaluationLog
from zoo.evaluation.text import format_result, format_results
from zoo.runs import Run


@pytest.fixture(scope="module")
def linear():
    """A linear model of 5x7 images: any change of a pixel shows."""
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [keras.Input((5, 7, 3)), layers.Flatten(), layers.Dense(4)]
    )


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (20, 5, 7, 3), np.uint8)


def shifted(images, pixels):
    """Moves images down and right; SciPy's `mirror` repeats no border."""
    return scipy.ndimage.shift(
        images, (0, pixels, pixels, 0), order=0, mode="mirror"
    )


def test_six_views_are_weighted_as_in_the_paper(linear, images):
    expected = 0
    for pixels, weight in ((0, 0.5), (-1, 0.25), (1, 0.25)):
        view = shifted(images, pixels)
        for each in (view, view[:, :, ::-1]):
            logits = linear.predict(np.float32(each), verbose=0)
            expected = expected + weight / 2 * logits
    one_view, averaged = evaluate.predict_views(linear, images, "flip_shift")
    np.testing.assert_allclose(averaged, expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(
        one_view, linear.predict(np.float32(images), verbose=0), rtol=1e-6
    )


def test_flip_averages_an_image_and_its_mirror_image(linear, images):
    both = np.float32([images, images[:, :, ::-1]])
    expected = np.mean([linear.predict(x, verbose=0) for x in both], axis=0)
    averaged = evaluate.predict_views(linear, images, "flip")[1]
    np.testing.assert_allclose(averaged, expected, rtol=1e-4, atol=1e-3)


def test_the_views_do_not_depend_on_how_many_images_there_are(
    linear, images, monkeypatch
):
    whole = evaluate.predict_views(linear, images, "flip_shift")[1]
    monkeypatch.setattr(evaluate, "NUM_IMAGES", 7)
    parts = evaluate.predict_views(linear, images, "flip_shift")[1]
    # Logits near zero are sums of large terms, which batches of another size
    # add in another order.
    largest = np.abs(whole).max()
    np.testing.assert_allclose(parts, whole, rtol=1e-6, atol=1e-6 * largest)


@pytest.mark.parametrize("kind", evaluate.SHIFTS)
def test_the_weights_of_views_add_up_to_one(kind, images):
    weights = [weight for weight, _ in evaluate.weighted_views(images, kind)]
    assert len(weights) == evaluate.num_views(kind)
    assert sum(weights) == pytest.approx(1)


def test_other_metrics_stay_those_of_one_view(run):
    plain = evaluate.evaluate_runs([run], "val")[0]
    result = evaluate.evaluate_runs([run], "val", tta="flip_shift")[0]
    views = result.pop("tta")
    assert result == plain
    assert views["kind"] == "flip_shift" and views["views"] == 6
    assert views["correct"] != plain["correct"]  # mirrored digits mislead
    assert views["accuracy_low"] < views["accuracy"] < views["accuracy_high"]


def test_one_log_entry_has_one_view_and_several(run, tmp_path):
    copy = Run(shutil.copytree(run.path, tmp_path / "copy"), "copy")
    (result,) = evaluate.evaluate_runs(
        [copy], "test", str(tmp_path), tta="flip"
    )
    (entry,) = EvaluationLog(tmp_path).read()
    logged = entry["runs"][0]["result"]
    assert logged["correct"] == result["correct"]
    assert logged["tta"] == result["tta"]


@pytest.fixture
def result_and_rows(run):
    """What `flip_shift` gives for a run, and its table of seeds."""
    results = evaluate.evaluate_runs([run], "val", tta="flip_shift")
    return results[0], statistics.summarize_seeds([run], results)


def test_seeds_have_a_mean_of_one_view_and_one_of_several(result_and_rows):
    result, (row,) = result_and_rows
    assert row["mean"] == result["accuracy"]
    assert row["tta"]["mean"] == result["tta"]["accuracy"]


def test_the_text_says_how_many_views(result_and_rows):
    result, rows = result_and_rows
    assert "with 6 views" in format_result(result)
    assert "6 views" in format_results([result, result], rows)


def test_mirror_images_that_may_be_of_another_class_are_told(result_and_rows):
    result, rows = result_and_rows
    assert "mirror" in format_result(result)
    assert "mirror" in format_results([result, result], rows)
    result["tta"]["mirror_safe"] = True  # as of photographs
    assert "mirror" not in format_result(result)
    assert "mirror" not in format_results([result, result], rows)


def test_an_unknown_kind_is_refused_with_the_nearest_one(run):
    with pytest.raises(UserError, match="tta=flips .*flip"):
        evaluate.evaluate_runs([run], "val", tta="flips")


def test_vectors_have_no_views(linear):
    with pytest.raises(UserError, match="images"):
        evaluate.predict_views(linear, np.zeros((3, 2), np.float32), "flip")
