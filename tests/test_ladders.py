"""Ladders: what they list, what they promise, and how they are climbed."""

import dataclasses
import json
import pathlib

import pytest

from experiments import headers, ladder, ladders, record, view
from experiments.climbing import Climb
from zoo import recipes
from zoo.errors import UserError
from zoo.tuning.worker import Outcome

LADDERS = ladders.list_ladders()
RUNGS = [(one, scale) for one in LADDERS.values() for scale in ladders.SCALES]


def test_every_recipe_stands_in_a_ladder():
    assert ladders.missing() == []


@pytest.mark.parametrize(
    "one, scale", RUNGS, ids=lambda value: getattr(value, "name", value)
)
def test_every_rung_is_understood_at_every_scale(one, scale):
    for rung in one.rungs(scale):
        assert recipes.find(rung.recipe).name == rung.recipe
        assert rung.config().model


@pytest.mark.parametrize("one", LADDERS.values(), ids=LADDERS)
def test_flags_of_a_scale_are_of_rungs_that_are_there(one):
    named = {label for flags in one.scales.values() for label in flags}
    assert named <= {*one.labels, ladders.EVERY}
    assert not one.stand_in or one.stand_in in LADDERS


def test_the_nearest_flags_count():
    made = ladders.Ladder(
        "plane",
        "",
        ("moons_mlp", "xor_relu"),
        "",
        {"smoke": {ladders.EVERY: "--steps=3", "xor_relu": "--steps=7"}},
    )
    steps = [rung.config().steps for rung in made.rungs("smoke")]
    assert steps == [3, 7]
    assert [rung.flags for rung in made.rungs("full")] == [(), ()]


def test_the_lecture_s_names_are_commands():
    for label in LADDERS["svhn"].labels:
        assert recipes.find(label).name == f"svhn/{label}"


def test_a_name_that_two_ladders_have_is_told_with_both():
    with pytest.raises(UserError, match="cifar10/lr or mnist/lr"):
        recipes.find("lr")


def test_an_unknown_ladder_is_told_with_the_nearest_name():
    with pytest.raises(UserError, match="did you mean mnist"):
        ladders.find("mnits")


def test_without_data_both_ways_on_are_told(tmp_path):
    with pytest.raises(UserError) as caught:
        ladders.check_data(ladders.find("svhn"), str(tmp_path))
    assert "`zoo download svhn`" in str(caught.value)
    assert "LADDER=street_digits" in str(caught.value)


def test_without_data_nothing_is_made(tmp_path, capsys):
    words = ["svhn", f"--data_dir={tmp_path}", f"--runs_dir={tmp_path}/runs"]
    assert ladder.main(words) == 2
    assert capsys.readouterr().err.startswith("zoo: svhn is not in")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "words", [["mnist", "--seeds=0"], ["mnist", "--workers=x"], ["--scale=big"]]
)
def test_flags_out_of_range_are_refused(words, capsys):
    with pytest.raises(SystemExit, match="2"):
        ladder.main(words)
    assert "error" in capsys.readouterr().err


def test_without_a_name_the_ladders_are_listed(capsys):
    assert ladder.main([]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in LADDERS)


SMALL = ladders.Ladder(
    "plane", "two rungs", ("moons_linear", "moons_mlp"), "", {}
)


def trained(job, status="completed"):
    """Leaves behind what a run leaves behind, without training it."""
    config = job.config
    path = pathlib.Path(config.runs_dir, config.run_name)
    path.mkdir(parents=True)
    metrics = {
        "status": status,
        "train_accuracy": 0.75,
        "best_val_accuracy": 0.8,
        "best_val_loss": 0.5,
        "best_epoch": 1,
        "wall_seconds": 2.0,
    }
    resolved = {
        "format": 1,
        "config": config.as_dict(),
        "data": {"val": 85, "task": "classes", "class_names": ["a", "b"]},
        "features": None,
        "statistics": {
            "mean_subtraction": config.mean_subtraction,
            "scale": config.scale,
            "mean": None,
            "std": None,
        },
    }
    (path / "config.json").write_text(config.to_json())
    (path / "resolved.json").write_text(json.dumps(resolved))
    (path / "metrics.json").write_text(json.dumps(metrics))
    (path / "model.keras").write_text("")
    (path / "history.csv").write_text("epoch,step,loss\n1,1,0.5\n")
    return Outcome(job, status, metrics)


@dataclasses.dataclass
class Worker:
    """Trains nothing, and can die or fail at one of its jobs."""

    dies_at: int = 99
    fails_at: int = 99
    done: list = dataclasses.field(default_factory=list)

    def work(self, jobs, workers, log):
        for count, job in enumerate(jobs):
            if count == self.dies_at:
                raise KeyboardInterrupt
            if count == self.fails_at:
                yield Outcome(job, "failed", reason="no memory")
                continue
            self.done.append(job.config.run_name)
            yield trained(job)


def climb(root, worker, seeds=1, one=SMALL):
    lines = []
    made = Climb(one, "laptop", seeds, root / "ladder")
    made.train(1, lines.append, worker.work)
    failed = view.show(made, lines.append)
    return failed, "\n".join(lines)


def test_a_ladder_is_climbed_in_order_and_shown(tmp_path):
    worker = Worker()
    failed, text = climb(tmp_path, worker)
    assert worker.done == ["moons_linear/seed0", "moons_mlp/seed0"]
    assert not failed
    assert text.index("moons_linear  0") < text.index("moons_mlp     0")
    assert "75.00" in text and "80.00" in text


def test_a_killed_climb_repeats_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        climb(tmp_path, Worker(dies_at=1))
    worker = Worker()
    climb(tmp_path, worker)
    assert worker.done == ["moons_mlp/seed0"]
    again = Worker()
    failed, _ = climb(tmp_path, again)
    assert not failed and again.done == []


def test_more_seeds_are_added_and_fewer_forget_none(tmp_path):
    climb(tmp_path, Worker())
    worker = Worker()
    climb(tmp_path, worker, seeds=2)
    assert worker.done == ["moons_linear/seed1", "moons_mlp/seed1"]
    _, text = climb(tmp_path, Worker(), seeds=1)
    assert "0, 1" in text


def test_a_rung_that_fails_is_told_and_the_rest_goes_on(tmp_path):
    worker = Worker(fails_at=0)
    failed, text = climb(tmp_path, worker)
    assert failed
    assert worker.done == ["moons_mlp/seed0"]
    assert "failed: no memory" in text


def test_runs_of_another_form_of_a_recipe_are_not_mixed_in(tmp_path):
    climb(tmp_path, Worker())
    changed = dataclasses.replace(
        SMALL, scales={"laptop": {"moons_mlp": "--learning_rate=0.5"}}
    )
    worker = Worker()
    failed, text = climb(tmp_path, worker, one=changed)
    assert failed and worker.done == []
    assert "--learning_rate=0.02 and not --learning_rate=0.5" in text


HEADER = """\
# A recipe
#
# Held against: test accuracy 0.9862 (lecture notes, of two
# lines).
# Budget: reduced, 10 of 20
# epochs.
# Expected: test accuracy 0.985 to 0.989; training accuracy above 0.99; and
# validation loss (a mean) 0.1 to 0.2.
# Time: test accuracy 0.1 to 0.2 is of no concern here.
--model=lr
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "one.flags"
    path.write_text(HEADER)
    return recipes.Recipe("one", path)


def test_a_header_s_ranges_are_read(recipe):
    found = [(c.score, c.low, c.high) for c in headers.claims(recipe)]
    assert found == [
        ("test accuracy", 0.985, 0.989),
        ("training accuracy", 0.99, float("inf")),
        ("validation loss", 0.1, 0.2),
    ]


@pytest.mark.parametrize(
    "value, holds",
    [(0.985, True), (0.9846, True), (0.9893, True), (0.9896, False)],
)
def test_scores_are_rounded_as_the_range_is_written(recipe, value, holds):
    assert headers.claims(recipe)[0].holds(value) is holds


def test_a_bound_is_not_rounded(recipe):
    bound = headers.claims(recipe)[1]
    assert bound.holds(0.9901) and not bound.holds(0.9899)


def test_a_header_s_reference_is_read(recipe):
    found = headers.reference(recipe)
    assert found == headers.Reference(
        "test accuracy", "0.9862", "lecture notes, of two lines"
    )


def test_a_header_s_budget_is_read(recipe):
    assert headers.budget(recipe) == "reduced, 10 of 20 epochs"
    assert headers.is_reduced(recipe)


def test_a_figure_without_a_word_on_its_budget_is_refused(recipe):
    text = recipe.path.read_text().replace("Budget", "Wallet")
    recipe.path.write_text(text)
    with pytest.raises(ValueError, match="Budget"):
        headers.budget(recipe)


@pytest.mark.parametrize("name", [r.name for r in recipes.list_recipes()])
def test_every_recipe_that_is_held_against_a_figure_tells_its_budget(name):
    found = recipes.find(name)
    assert bool(headers.budget(found)) == bool(headers.reference(found))


BASED = ladders.Ladder("transfer", "", ("lenet5_0to4", "filters_10"), "", {})


def test_every_seed_starts_from_a_base_of_its_own(tmp_path):
    worker = Worker()
    made = Climb(BASED, "laptop", 3, tmp_path / "ladder")
    jobs = []

    def work(found, workers, log):
        for outcome in worker.work(found, workers, log):
            jobs.append(outcome.job)
            yield outcome

    made.train(1, [].append, work)
    pairs = [(job.config.run_name, job.config.weights) for job in jobs]
    assert pairs == [
        ("lenet5_0to4", None),
        ("lenet5_0to4_seed1", None),
        ("lenet5_0to4_seed2", None),
        ("filters_10/seed0", "lenet5_0to4"),
        ("filters_10/seed1", "lenet5_0to4_seed1"),
        ("filters_10/seed2", "lenet5_0to4_seed2"),
    ]
    recipe = record.recipe_options("transfer/filters_10")
    found = [record.what_counts(j.config) for j in jobs[3:]]
    assert all(one["weights"] == recipe["weights"] for one in found)


@pytest.mark.parametrize(
    "name", [r.name for r in recipes.list_recipes() if "transfer" not in r.name]
)
def test_every_recipe_says_what_is_expected_and_how_long_it_takes(name):
    found = recipes.find(name)
    assert headers.claims(found)
    assert headers.paragraph(found, "Time")


@pytest.mark.slow
@pytest.mark.parametrize("name", LADDERS)
def test_every_recipe_runs_at_the_smallest_scale(name, tmp_path, capfd):
    try:
        ladders.check_data(ladders.find(name))
    except UserError as error:
        pytest.skip(str(error))
    words = [name, "--scale=smoke", f"--runs_dir={tmp_path}"]
    assert ladder.main(words) == 0, capfd.readouterr().out
