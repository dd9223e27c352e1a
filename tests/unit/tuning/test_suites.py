"""Suites: what they list and expect, and how they are run."""

import dataclasses
import json
import pathlib
import shutil

import pytest

from experiments import record_results
from zoo import pretrained, recipes
from zoo.cli import train
from zoo.cli.main import main
from zoo.errors import UserError
from zoo.tuning import suites
from zoo.tuning.jobs import RunResult
from zoo.tuning.suites import SuiteRun

SUITES = suites.list_suites()
CASES = [(s, budget) for s in SUITES.values() for budget in suites.BUDGETS]


def test_every_recipe_is_in_a_suite():
    listed = {
        suite.recipe(label)
        for suite in SUITES.values()
        for label in suite.labels
    }
    assert {recipe.name for recipe in recipes.list_recipes()} <= listed


@pytest.mark.parametrize(
    "suite, budget", CASES, ids=lambda value: getattr(value, "name", value)
)
def test_every_recipe_is_valid_with_every_budget(suite, budget):
    for experiment in suite.experiments(budget):
        name = experiment.recipe
        assert recipes.find(name).name == name
        assert experiment.config().model


@pytest.mark.parametrize("recipe", recipes.list_recipes(), ids=lambda r: r.name)
def test_python_reads_a_recipe_as_the_command_line_does(recipe):
    typed = [f"--recipe={recipe.name}", "--steps=3", "--noskip_unreadable"]
    config, _ = train.read([*typed, "--model_arg=a=1", "--model_arg=b=2"])
    flags = [*typed[1:], "--model_arg=a=1", "--model_arg=b=2"]
    assert recipes.read_config(recipe.name, flags) == config


def test_a_flag_that_is_no_option_is_refused_beside_a_recipe():
    with pytest.raises(UserError, match="no option --epochz"):
        recipes.read_config("lr_sgd", ["--epochz=3"])


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_flags_of_a_budget_are_of_recipes_of_the_suite(suite):
    named = {label for flags in suite.budgets.values() for label in flags}
    assert named <= {*suite.labels, "default"}
    assert not suite.fallback or suite.fallback in SUITES


def test_the_nearest_flags_count():
    made = suites.Suite(
        "plane",
        "",
        ("moons_mlp", "xor_relu"),
        "",
        {"smoke": {"default": "--steps=3", "xor_relu": "--steps=7"}},
    )
    steps = [e.config().steps for e in made.experiments("smoke")]
    assert steps == [3, 7]
    assert [e.flags for e in made.experiments("full")] == [(), ()]


def test_the_lecture_s_names_are_commands():
    for label in SUITES["svhn"].labels:
        assert recipes.find(label).name == f"svhn/{label}"


def test_an_ambiguous_name_is_refused_with_both_recipes():
    with pytest.raises(UserError, match="cifar10/lr or mnist/lr"):
        recipes.find("lr")


def test_an_unknown_suite_is_refused_with_the_nearest_name():
    with pytest.raises(UserError, match="did you mean mnist"):
        suites.find_suite("mnits")


def test_missing_data_is_refused_with_both_ways_on(tmp_path, capsys):
    flags = [f"--data_dir={tmp_path}", f"--runs_dir={tmp_path}/runs"]
    assert main(["reproduce", "svhn", *flags]) == 2
    said = capsys.readouterr().err
    assert said.startswith("zoo: svhn is not in")
    assert "zoo download svhn`" in said
    assert "zoo reproduce street_digits" in said
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "flag", ["--seeds=0", "--workers=x", "--budget=big", "--scale=smoke"]
)
def test_invalid_flags_are_refused(flag, capsys, tmp_path):
    runs_dir = f"--runs_dir={tmp_path}/runs"
    assert main(["reproduce", "plane", flag, runs_dir]) == 2
    assert flag.partition("=")[0] in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_without_a_name_the_suites_are_listed(capsys):
    assert main(["reproduce"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in SUITES)


@pytest.mark.parametrize(("failed", "code"), [(False, 0), (True, 2)])
def test_the_command_trains_and_prints(failed, code, tmp_path, monkeypatch):
    done = []

    def show(suite_run, say):
        say(f"table of {suite_run.root.name}")
        return failed

    monkeypatch.setattr(SuiteRun, "train", lambda *args: done.append(args))
    monkeypatch.setattr(suites, "print_results", show)
    flags = ["--budget=smoke", "--workers=2", f"--runs_dir={tmp_path}"]
    assert main(["reproduce", "plane", *flags]) == code
    ((suite_run, workers, *_),) = done
    assert (suite_run.budget, suite_run.num_seeds, workers) == ("smoke", 1, 2)
    assert suite_run.root == tmp_path / "suite-plane-smoke"


SMALL = suites.Suite(
    "plane", "two recipes", ("moons_linear", "moons_mlp"), "", {}
)


def trained(request, accuracy):
    """Leaves behind what a run leaves behind, without training it."""
    config, source = request.config, pretrained.find("lr:mnist")
    path = pathlib.Path(config.runs_dir, config.run_name)
    path.mkdir(parents=True, exist_ok=True)
    metrics = {
        **source.metrics,
        "status": "completed",
        "train_accuracy": 0.75,
        "best_val_accuracy": accuracy,
        "wall_seconds": 2.0,
    }
    resolved = {
        **source.resolved,
        "config": {**config.as_dict(), "model": config.model or "lenet5"},
    }
    (path / "config.json").write_text(config.to_json())
    (path / "resolved.json").write_text(json.dumps(resolved))
    (path / "metrics.json").write_text(json.dumps(metrics))
    (path / "history.csv").write_text(
        "epoch,step,loss,accuracy,val_loss,val_accuracy\n1,1,0.5,,,\n"
    )
    shutil.copy(source.path / "model.keras", path)
    return RunResult(request, "completed", metrics)


@dataclasses.dataclass
class Worker:
    """Trains nothing, and can die or fail at one of its requests."""

    dies_at: int = 99
    fails_at: int = 99
    accuracy: float = 0.8
    requests: list = dataclasses.field(default_factory=list)

    @property
    def done(self):
        return [request.config.run_name for request in self.requests]

    def work(self, requests, workers, log):
        for count, request in enumerate(requests):
            if count == self.dies_at:
                raise KeyboardInterrupt
            if count == self.fails_at:
                yield RunResult(request, "failed", reason="no memory")
                continue
            self.requests.append(request)
            yield trained(request, self.accuracy)


def run_suite(root, worker, seeds=1, suite=SMALL):
    lines = []
    made = SuiteRun(suite, "laptop", seeds, root / "suite")
    made.train(1, lines.append, worker.work)
    failed = suites.print_results(made, lines.append)
    return failed, "\n".join(lines)


def test_a_suite_is_run_in_order_and_shown(tmp_path):
    worker = Worker()
    failed, text = run_suite(tmp_path, worker)
    assert worker.done == ["moons_linear", "moons_mlp"]
    assert not failed
    assert text.index("moons_linear  0") < text.index("moons_mlp     0")
    assert "75.00" in text and "80.00" in text


def test_a_killed_suite_repeats_no_run(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run_suite(tmp_path, Worker(dies_at=1))
    worker = Worker()
    run_suite(tmp_path, worker)
    assert worker.done == ["moons_mlp"]
    again = Worker()
    failed, _ = run_suite(tmp_path, again)
    assert not failed and again.done == []


def test_more_seeds_are_added_and_fewer_forget_none(tmp_path):
    run_suite(tmp_path, Worker())
    worker = Worker()
    run_suite(tmp_path, worker, seeds=2)
    assert worker.done == ["moons_linear_seed1", "moons_mlp_seed1"]
    _, text = run_suite(tmp_path, Worker(), seeds=1)
    assert "0, 1" in text


def test_seeds_of_before_count_in_the_progress(tmp_path):
    run_suite(tmp_path, Worker(), seeds=2)
    killed = next(tmp_path.rglob("moons_mlp_seed1"))
    (killed / "metrics.json").unlink()
    _, text = run_suite(tmp_path, Worker(), seeds=1)
    assert "1 of 1" in text


def test_a_failed_recipe_is_reported_and_the_rest_runs(tmp_path):
    worker = Worker(fails_at=0)
    failed, text = run_suite(tmp_path, worker)
    assert failed
    assert worker.done == ["moons_mlp"]
    assert "failed: no memory" in text


def test_a_recipe_whose_run_was_stopped_early_is_marked(tmp_path):
    run_suite(tmp_path, Worker())
    path = next(tmp_path.rglob("moons_mlp/metrics.json"))
    stopped = json.loads(path.read_text()) | {"status": "stopped_early"}
    path.write_text(json.dumps(stopped))
    _, text = run_suite(tmp_path, Worker())
    (line,) = [line for line in text.splitlines() if "stopped early" in line]
    assert line.startswith("moons_mlp")


def test_runs_of_another_form_of_a_recipe_are_not_mixed_in(tmp_path):
    run_suite(tmp_path, Worker())
    changed = dataclasses.replace(
        SMALL, budgets={"laptop": {"moons_mlp": "--learning_rate=0.5"}}
    )
    worker = Worker()
    failed, text = run_suite(tmp_path, worker, suite=changed)
    assert failed and worker.done == []
    assert "--learning_rate=0.02 and not --learning_rate=0.5" in text


EXPECTED = """
[plane.one]
test_accuracy = [0.980, 0.99]
training_accuracy = [0.99, inf]
validation_loss = [-inf, 0.2]
published = { test_accuracy = 0.9860, epochs = 200, source = "the paper" }
"""


@pytest.fixture
def expected(tmp_path, monkeypatch):
    (tmp_path / "expected.toml").write_text(EXPECTED)
    monkeypatch.setattr(recipes, "folder", lambda: tmp_path)
    recipes._read_expected.cache_clear()
    yield recipes.expected_ranges("plane/one")
    recipes._read_expected.cache_clear()


def test_expected_ranges_are_read(expected):
    assert [(r.score, r.low, r.high) for r in expected] == [
        ("test_accuracy", 0.98, 0.99),
        ("training_accuracy", 0.99, float("inf")),
        ("validation_loss", float("-inf"), 0.2),
    ]


@pytest.mark.parametrize(
    "value, contained",
    [(0.98, True), (0.9796, True), (0.9904, True), (0.9906, False)],
)
def test_scores_are_rounded_as_the_range_is_written(expected, value, contained):
    assert expected[0].contains(value) is contained


def test_an_open_range_is_not_rounded(expected):
    assert expected[1].contains(0.9901) and not expected[1].contains(0.9899)


def test_a_recipe_without_a_table_expects_nothing(expected):
    assert recipes.expected_ranges("plane/other") == []
    assert recipes.published("plane/other") is None


def test_the_published_result_is_read(expected):
    assert recipes.published("plane/one") == recipes.Published(
        "test_accuracy", "0.9860", "the paper", "200 epochs"
    )


def test_expected_ranges_are_of_recipes_and_scores_that_exist():
    scores = {
        f"{part}_{kind}"
        for part in ("training", "validation", "test")
        for kind in ("accuracy", "loss")
    }
    listed = {
        f"{group}/{label}"
        for group, labels in recipes._read_expected().items()
        for label in labels
    }
    assert listed <= {recipe.name for recipe in recipes.list_recipes()}
    for name in listed:
        for found in recipes.expected_ranges(name):
            assert found.score in scores and found.low < found.high
        if source := recipes.published(name):
            assert source.score in scores


@pytest.mark.parametrize(
    ("accuracy", "shown"), [(0.98, "within"), (0.9, "outside")]
)
def test_scores_are_compared_with_the_expected_ranges(
    tmp_path, monkeypatch, accuracy, shown
):
    monkeypatch.setattr(
        recipes,
        "expected_ranges",
        lambda name: [recipes.ExpectedRange("validation_accuracy", 0.95, 1, 2)],
    )
    _, text = run_suite(tmp_path, Worker(accuracy=accuracy))
    lines = [x for x in text.splitlines() if x.startswith("moons_mlp")]
    assert lines and shown in lines[0]


TRANSFER = suites.Suite("transfer", "", ("lenet5_0to4", "filters_10"), "", {})


def test_every_seed_starts_from_a_source_run_of_its_own(tmp_path):
    worker = Worker()
    made = SuiteRun(TRANSFER, "laptop", 3, tmp_path / "suite")
    made.train(1, [].append, worker.work)
    configs = [request.config for request in worker.requests]
    assert [(config.run_name, config.weights) for config in configs] == [
        ("lenet5_0to4", None),
        ("lenet5_0to4_seed1", None),
        ("lenet5_0to4_seed2", None),
        ("filters_10", "lenet5_0to4"),
        ("filters_10_seed1", "lenet5_0to4_seed1"),
        ("filters_10_seed2", "lenet5_0to4_seed2"),
    ]
    recipe = record_results.recipe_options("transfer/filters_10")
    for config in configs[3:]:
        found = record_results.identifying_options(config)
        assert found["weights"] == recipe["weights"]


@pytest.mark.parametrize(
    "name", [r.name for r in recipes.list_recipes() if "transfer" not in r.name]
)
def test_every_recipe_has_an_expected_range_and_a_time(name):
    assert recipes.expected_ranges(name)
    assert "\n# Time: " in recipes.find(name).path.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", SUITES)
def test_every_recipe_runs_with_the_smoke_budget(name, tmp_path, capfd):
    try:
        suites.check_data(suites.find_suite(name))
    except UserError as error:
        pytest.skip(str(error))
    flags = ["--budget=smoke", f"--runs_dir={tmp_path}"]
    assert main(["reproduce", name, *flags]) == 0, capfd.readouterr().out
