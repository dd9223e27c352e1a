"""Figures of the lectures: the stored files, and the numbers behind them."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import zoo
from experiments import figures
from experiments.figures import __main__ as command
from experiments.figures import learning, toy
from zoo import recipes
from zoo.data import toy_datasets
from zoo.errors import UserError
from zoo.runs import Run
from zoo.summaries import toy_plots
from zoo.summaries.drawing import Axes
from zoo.tuning import suites

MAX_BYTES = 300_000
NAMES = [figure.name for figure in figures.FIGURES]


@pytest.mark.parametrize("figure", figures.FIGURES, ids=NAMES)
def test_every_figure_is_stored_small_and_of_its_size(figure):
    assert figure.path.stat().st_size < MAX_BYTES
    with Image.open(figure.path) as image:
        width, height = image.size
    assert width / height == pytest.approx(np.divide(*figure.size), rel=0.01)


@pytest.mark.parametrize("figure", figures.FIGURES, ids=NAMES)
def test_every_figure_is_made_of_recipes_that_are_in_its_suite(figure):
    whole = suites.find_suite(figure.suite_name)
    assert set(figure.titles) <= set(whole.labels)
    for label in figure.titles:
        assert recipes.find(whole.recipe(label))


def test_the_page_is_made_from_the_table():
    assert figures.PAGE.read_text() == figures.page()


@pytest.mark.parametrize("figure", figures.FIGURES, ids=NAMES)
def test_every_figure_has_a_caption_of_whole_sentences(figure):
    assert figure.caption[0].isupper() and figure.caption.endswith(".")


def test_without_a_name_the_figures_are_listed(capsys):
    assert command.main([]) == 0
    text = capsys.readouterr().out
    assert all(one.name in text and one.time in text for one in figures.FIGURES)


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["bump"], "there is no figure 'bump'; did you mean bumps?"),
        (["sgd", "--data_dir=nowhere"], "mnist is not in "),
        (["bumps", "--keep", "--budget=smoke"], "--budget=smoke only checks"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    words, sentence, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert command.main([*words, "--runs_dir=runs"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"zoo: {sentence}") and said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("batch", "steps", "seen"),
    [
        (4, [1, 10, 13_500, 20_000], [4, 40, 54_000, 80_000]),
        # The last batch of an epoch has what is left.
        (64, [843, 844, 845, 1688], [53_952, 54_000, 54_064, 108_000]),
    ],
)
def test_num_images_are_those_of_all_batches_so_far(batch, steps, seen):
    found = learning.num_images(np.array(steps), batch, 54_000)
    assert found.tolist() == seen


def test_bumps_by_hand_are_the_bumps_and_the_sum_of_their_parts():
    x = np.linspace(-3.2, 3.2, 201)
    fit = toy.by_hand(x)
    assert fit.terms.shape == (201, 4 * len(toy_datasets.BUMPS))
    np.testing.assert_allclose(fit.y, toy_datasets.bumps(x), atol=1e-12)
    np.testing.assert_allclose(fit.terms.sum(axis=1), fit.y)


def test_the_plane_goes_through_the_three_results():
    random = np.random.default_rng(0)
    shapes = (4, 3), (3,)
    results = [[random.normal(size=s) for s in shapes] for _ in range(3)]
    middle, (first, second) = learning.through(results)
    for angle, result in zip(learning.ANGLES, results, strict=True):
        for part in range(len(shapes)):
            there = middle[part] + (
                np.cos(angle) * first[part] + np.sin(angle) * second[part]
            )
            np.testing.assert_allclose(there, result[part], atol=1e-12)


@pytest.mark.parametrize(
    ("height", "bowl"),
    [
        (lambda x, y: x**2 + y**2, True),
        (lambda x, y: x - y, True),
        (lambda x, y: np.exp(-(x**2) - y**2), False),
    ],
    ids=["bowl", "slope", "hill"],
)
def test_a_disc_that_bends_upwards_everywhere_is_a_bowl(height, bowl):
    angles = np.linspace(0, 2 * np.pi, learning.SPOKES + 1)
    radii = np.linspace(0, 1, learning.RINGS)[:, None]
    x, y = radii * np.cos(angles), radii * np.sin(angles)
    disc = learning.Disc(x, y, height(x, y), np.zeros(3))
    assert learning.is_bowl(disc) is bowl


def test_the_longest_templates_are_shown_in_their_order():
    images = np.array([1.0, -3.0, 2.0, 0.5]).reshape(4, 1, 1, 1)
    assert learning.strongest(images, 2).tolist() == [1, 2]


class FakeInspector:
    """Two features, of which a linear classifier makes two logits."""

    kernel = np.array([[1.0, -2.0], [0.5, 3.0]])
    bias = np.array([0.25, -0.5])

    def linear_classifier(self):
        return self.kernel, self.bias

    def features(self, points):
        return np.maximum(points @ np.array([[1.0, -1.0], [2.0, 0.5]]), 0)


def test_folding_loses_nothing_that_the_answer_depends_on():
    inspector = FakeInspector()
    points = np.random.default_rng(0).normal(size=(50, 2))
    logits = (
        inspector.features(points.astype(np.float32)) @ inspector.kernel
        + inspector.bias
    )
    first, second = toy.evidence(inspector, points).T
    between = second - first + inspector.bias[1] - inspector.bias[0]
    np.testing.assert_allclose(between, logits[:, 1] - logits[:, 0], rtol=1e-6)


def test_a_run_without_a_result_is_not_drawn(tmp_path):
    run = Run(tmp_path, "none")
    with pytest.raises(UserError, match="has no result"):
        command.draw(figures.find("bumps"), {"": [run]}, tmp_path / "x.png")
    assert list(tmp_path.glob("*.png")) == []


def by_numpy(run, points, examples):
    """Returns the outputs of a network of one hidden layer, by hand."""
    with np.load(run.path / "checkpoints" / "last.npz") as file:
        first, shift, second, bias = (
            np.float64(file[f"weights/{index:04d}"]) for index in range(4)
        )
    seen = (points - examples.mean(axis=0)) / examples.std(axis=0)
    return np.maximum(seen @ first + shift, 0) @ second + bias


def trained(dataset, tmp_path):
    """Returns a run that is not at its best where it ends."""
    options = {"model": "mlp", "model_arg": {"hidden": 4}, "dropout": 0.0}
    options |= {"dataset": dataset, "epochs": 4, "learning_rate": 0.5}
    config = zoo.TrainConfig(
        **options, runs_dir=str(tmp_path), summaries=("scalars",)
    )
    return zoo.train(config)


@pytest.mark.slow
def test_the_plane_is_colored_by_the_last_weights_of_a_run(tmp_path):
    run = trained("moons", tmp_path)
    seen = toy.load_run(run)
    axes = Axes.around(seen.inputs, 100, 100)
    answers = toy_plots.logits_on_grid(seen.inspector, axes).argmax(axis=-1)
    grid = axes.grid(toy_plots.GRID, toy_plots.GRID)
    expected = by_numpy(run, grid, seen.inputs).argmax(axis=1)
    assert np.mean(answers.ravel() == expected) > 0.999


@pytest.mark.slow
def test_the_parts_of_a_fitted_function_add_up_to_the_prediction(tmp_path):
    run = trained("bumps", tmp_path)
    seen = toy.load_run(run)
    fit = toy_plots.evaluate_function(seen.inspector, seen.inputs)
    expected = by_numpy(run, fit.x[:, None], seen.inputs)[:, 0]
    whole = fit.terms.sum(axis=1) + fit.bias
    np.testing.assert_allclose(whole, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_made_with_the_smoke_budget(name, tmp_path, capfd):
    try:
        suites.check_data(figures.find(name).suite)
    except UserError as error:
        pytest.skip(str(error))
    words = [name, "--budget=smoke", f"--runs_dir={tmp_path}"]
    assert command.main(words) == 0, capfd.readouterr().err
    assert (tmp_path / "figures" / f"{name}-smoke.png").stat().st_size > 10_000


def test_the_margin_is_two_over_the_length_of_the_weights():
    weights = np.array([[1.0, 4.0], [0.0, 4.0]])  # they differ by (3, 4)

    def logits(points):
        return points @ weights + [0.0, 2.0]

    # The second class is ahead by 2, 7, -3 and, by far too little, 0.5.
    points = np.array([[0, 0], [-1, 2], [1, -2], [-0.5, 0]])
    loaded = SimpleNamespace(
        inspector=SimpleNamespace(logits=logits),
        inputs=points,
        labels=np.array([1, 1, 0, 1]),
    )
    width, inside = toy.margin(loaded)
    assert width == pytest.approx(2 / 5)
    assert inside == 0.25


def test_effects_of_two_by_two_are_differences_averaged_over_the_other():
    # Neither, the optimizer, the mean, both; two seeds.
    scores = np.array([[0.1, 0.2], [0.2, 0.3], [0.5, 0.4], [0.6, 0.7]])
    mean, optimizer = learning.effects(scores)
    assert mean.mean == pytest.approx((0.4 + 0.3) / 2)
    assert optimizer.mean == pytest.approx((0.1 + 0.2) / 2)
    # Student's t for one degree of freedom, from a table.
    half = 12.706 * np.std([0.4, 0.3], ddof=1) / np.sqrt(2)
    assert mean.high - mean.mean == pytest.approx(half, rel=1e-4)


def test_a_histogram_of_logits_keeps_its_counts_as_areas():
    # Edges and counts as TensorBoard stores them, by hand.
    histogram = np.array([[-2.0, 0.0, 6.0], [0.0, 0.5, 1.0], [0.5, 1.5, 3.0]])
    middles, heights = learning.density(histogram)
    np.testing.assert_allclose(middles, [-1.0, 0.25, 1.0])
    np.testing.assert_allclose(heights, [3.0, 2.0, 3.0])
