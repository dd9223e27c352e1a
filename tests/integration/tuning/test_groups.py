"""Groups of runs: made, found again, grown, trained, and told of."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from scipy import stats

from zoo.cli.main import main
from zoo.config import TrainConfig
from zoo.errors import Interrupted, UserError
from zoo.run_store import RunStore
from zoo.training.console import TrainingConsole
from zoo.training.train import train
from zoo.tuning import multirun, multirun_summary, workers
from zoo.tuning.jobs import RunResult
from zoo.tuning.multirun import MultirunConfig, seeds_from
from zoo.tuning.multirun_summary import MultirunProgress, format_summary
from zoo.tuning.varied_option import VariedOption

FAST = {"model": "lr", "steps": 4, "batch_size": 128, "summaries": ("scalars",)}
VARY = "lr-digits-batch_size128-steps4-vary-learning_rate"
SEEDS = "lr-digits-batch_size128-steps4-seeds"


def here(requests, num_workers, log):
    """Stands for `workers.run_jobs`: trains in this process."""
    for request in requests:
        yield workers.train_run(request)


def stopped(requests, num_workers, log):
    """Is interrupted after the first run."""
    yield workers.train_run(next(requests))
    raise Interrupted("stopped")


def ask(root, varied="learning_rate=0.001,0.1", seeds=(0,), **options):
    config = TrainConfig(**{**FAST, "runs_dir": str(root), **options})
    return MultirunConfig(
        config, seeds, varied and VariedOption.parse(*varied.split("=", 1))
    )


def begin(config, parent=None, run_jobs=here):
    said = []
    result = multirun.run_multirun(config, parent, 1, said.append, run_jobs)
    return result, "\n".join(said)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder with a base run, a group of values and one of seeds."""
    root = tmp_path_factory.mktemp("runs")
    base = TrainConfig(
        **FAST, learning_rate=0.1, run_name="base", runs_dir=str(root)
    )
    parent = train(base, console=TrainingConsole(quiet=True))
    begin(ask(root), parent)
    begin(ask(root, None, seeds_from(7, 2)))
    return root


@pytest.mark.slow
def test_a_group_holds_ordinary_runs_with_their_parent(root):
    run = RunStore(str(root)).find(f"{VARY}/learning_rate-0.001")
    assert run.status == "completed"
    parent = run.resolved["parent"]
    assert parent == {"run": "base", "changed": {"learning_rate": [0.1, 0.001]}}


def test_the_run_that_is_there_is_not_repeated(root):
    found = json.loads((root / VARY / "vary.json").read_text())
    new, old = found["runs"]
    assert new["run"] == f"{VARY}/learning_rate-0.001"
    assert old["run"] == "base" and old["reused"]
    assert not (root / VARY / "learning_rate-0.1").exists()


def test_the_same_again_trains_nothing_and_says_the_same(root):
    def nothing(requests, num_workers, log):
        assert not list(requests)
        yield from ()

    before = json.loads((root / VARY / "vary.json").read_text())
    ending, said = begin(ask(root), run_jobs=nothing)
    assert ending.summary == before
    assert "0 to train; 2 exist already" in said


def test_seeds_have_the_spread_that_scipy_finds(root):
    found = json.loads((root / SEEDS / "seeds.json").read_text())
    assert [row["seed"] for row in found["runs"]] == [7, 8]
    scores = [row["correct"] / row["examples"] for row in found["runs"]]
    (row,) = found["values"]
    assert row["mean"] == pytest.approx(np.mean(scores))
    assert row["median"] == pytest.approx(np.median(scores))
    assert row["std"] == pytest.approx(np.std(scores, ddof=1))
    low, high = stats.t.interval(
        0.95, 1, np.mean(scores), max(stats.sem(scores), 1e-300)
    )
    assert row["low"] == pytest.approx(max(low, 0))
    assert row["high"] == pytest.approx(min(high, 1))


def test_values_are_compared_in_words(root):
    found = json.loads((root / VARY / "vary.json").read_text())
    text = format_summary(found)
    assert "learning_rate  accuracy  95% CI" in text
    assert "the existing run base" in text
    assert "`zoo compare`" in text


def test_a_group_is_read_back_as_it_was_written(root):
    request = ask(root)
    known = multirun.read_multirun(RunStore(str(root)).find_group(VARY))
    assert known.config.common == request.common
    assert known.config.varied == request.varied
    assert [m.value for m in known.specs] == [0.001, 0.1]


def test_more_values_make_a_group_grow_and_fewer_make_a_new_one(root):
    grown = multirun.find_multirun(ask(root, "learning_rate=0.1,0.001,0.5"))
    assert grown.group.name == VARY
    places = [spec.path for spec in grown.specs]
    assert places[1:] == ["learning_rate-0.001", "learning_rate-0.5"]
    assert grown.specs[0].reused
    other = multirun.find_multirun(ask(root, "learning_rate=0.001,0.5"))
    assert other.group.name == f"{VARY}-2"


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"varied": "l2=0,1"}, "in which learning_rate is varied"),
        ({"varied": None}, "in which learning_rate is varied"),
        ({"varied": "learning_rate=1,2"}, "learning_rate is 0.001 and 0.1"),
        ({"l2": 0.5}, "with no --l2 and not --l2=0.5"),
        ({"seeds": (0, 1)}, "with one seed for each value"),
        ({"seeds": (3,)}, "with the seed 0"),
    ],
)
def test_another_request_of_that_name_is_told_what_differs(
    root, request_, sentence
):
    with pytest.raises(UserError, match=sentence) as error:
        multirun.find_multirun(ask(root, **{**request_, "run_name": VARY}))
    assert "choose another --run_name." in str(error.value)


def test_a_value_that_cannot_work_leaves_nothing(tmp_path):
    with pytest.raises(UserError, match="--batch_size=9999 is larger"):
        begin(ask(tmp_path, "batch_size=64,9999"))
    assert not list(tmp_path.iterdir())


def test_runs_that_fail_or_diverge_are_told_and_others_go_on(tmp_path):
    def ill(requests, num_workers, log):
        first, *rest = requests
        yield RunResult(first, "failed", reason="its process died")
        yield from here(iter(rest), num_workers, log)

    ending, said = begin(ask(tmp_path), run_jobs=ill)
    assert ending.failed and not ending.diverged
    assert "1 of 2  learning_rate=0.001; failed: its process died" in said
    first, second = ending.summary["runs"]
    assert first["status"] == "not started"
    assert second["status"] == "completed"
    assert "fewer than two values have a result" in said


def test_an_interrupted_group_says_how_to_go_on_and_goes_on(tmp_path):
    request = ask(tmp_path, None, (0, 1))
    with pytest.raises(Interrupted, match="1 of 2 runs done; `zoo resume"):
        begin(request, run_jobs=stopped)
    ending, said = begin(request)
    assert "1 to train; 1 exist already" in said
    assert not ending.failed


@pytest.mark.parametrize(
    ("name", "seed", "rate"),
    [("base", 0, 1e-7), (f"{VARY}/learning_rate-0.001", 1, 0.001)],
)
def test_a_run_that_was_replaced_is_no_member(root, tmp_path, name, seed, rate):
    shutil.copytree(root, tmp_path, dirs_exist_ok=True)
    known = multirun.read_multirun(RunStore(str(tmp_path)).find_group(VARY))
    before = (known.group.path / "group.json").read_text()
    shutil.rmtree(tmp_path / name)
    options = {**FAST, "learning_rate": rate, "seed": seed, "run_name": name}
    config = TrainConfig(**options, runs_dir=str(tmp_path))
    train(config, console=TrainingConsole(quiet=True))
    with pytest.raises(UserError, match=f"^{name} is not the run that"):
        begin(ask(tmp_path, "learning_rate=0.001,0.1,0.5"))
    assert (known.group.path / "group.json").read_text() == before
    with pytest.raises(UserError, match=f"^{name} is not the run that"):
        multirun.resume_multirun(known, 1, [].append, here)


def write_images(path, seed):
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (400, 8, 8), np.uint8)
    np.savez(path, x_train=images, y_train=np.arange(400) % 3)


@pytest.mark.parametrize("kind", ["seeds", "folds", "vary"])
def test_runs_on_data_that_were_changed_join_no_group(tmp_path, kind):
    write_images(tmp_path / "d.npz", 0)
    options = {"dataset": f"npz:{tmp_path / 'd.npz'}", "run_name": "g"}
    varied = "learning_rate=0.1,0.2" if kind == "vary" else None
    request = ask(tmp_path, varied, (0, 1), **options)
    if kind == "folds":
        folds = multirun.all_folds(2)
        request = dataclasses.replace(request, varied=folds, seeds=(0,))
    with pytest.raises(Interrupted):
        begin(request, run_jobs=stopped)
    known = multirun.read_multirun(RunStore(str(tmp_path)).find_group("g"))
    write_images(tmp_path / "d.npz", 1)
    with pytest.raises(UserError, match="than there are now"):
        begin(request)
    with pytest.raises(UserError, match="^g/.* was trained on other data"):
        multirun.resume_multirun(known, 1, [].append, here)
    write_images(tmp_path / "d.npz", 0)
    assert not begin(request)[0].failed


def test_seeds_that_started_from_other_weights_are_not_summarized(tmp_path):
    source = {**FAST, "run_name": "src", "runs_dir": str(tmp_path)}
    train(TrainConfig(**source), console=TrainingConsole(quiet=True))
    request = ask(tmp_path, None, (0, 1), weights="src", run_name="g")

    def replaced(requests, num_workers, log):
        yield workers.train_run(next(requests))
        shutil.rmtree(tmp_path / "src")
        config = TrainConfig(**source, learning_rate=0.3)
        train(config, console=TrainingConsole(quiet=True))
        yield from here(requests, num_workers, log)

    with pytest.raises(UserError, match="g/seed1 .* than g/seed0 was"):
        begin(request, run_jobs=replaced)
    more = ask(tmp_path, None, (0, 1, 2), weights="src", run_name="g")
    with pytest.raises(UserError, match="g/seed1 .* than g/seed0 was"):
        begin(more)
    shutil.rmtree(tmp_path / "g" / "seed1")
    with pytest.raises(UserError, match="g/seed0 .* than there are now"):
        begin(more)


def test_a_group_stands_for_its_runs(root):
    found, without = RunStore(str(root)).find_all([SEEDS])
    assert [run.name for run in found] == [f"{SEEDS}/seed7", f"{SEEDS}/seed8"]
    assert not without
    by_folder, _ = RunStore(str(root)).find_all([f"{root / SEEDS}/"])
    by_prefix, _ = RunStore(str(root)).find_all([SEEDS[:-2]])
    assert [r.path.resolve() for r in by_folder] == [
        r.path.resolve() for r in by_prefix
    ]
    # Both groups and the run that one of them took over: each run once.
    assert len(RunStore(str(root)).find_all([VARY, SEEDS])[0]) == 4


def test_a_group_is_no_run(root):
    with pytest.raises(UserError, match="is a group of 2 runs; name one"):
        RunStore(str(root)).find(SEEDS)


def test_a_run_of_no_group_is_compared_with_a_group(root, capsys):
    assert main(["compare", "base", SEEDS, f"--runs_dir={root}"]) == 0
    assert "3 runs of 2 configs" in capsys.readouterr().out
    assert main(["evaluate", SEEDS, f"--runs_dir={root}"]) == 0
    assert "95% CI over seeds" in capsys.readouterr().out


@pytest.mark.slow
def test_folds_are_resumed_and_validate_each_image_once(tmp_path):
    request = ask(tmp_path, None)
    request = dataclasses.replace(request, varied=multirun.all_folds(3))
    with pytest.raises(Interrupted, match="1 of 3 runs done; `zoo resume"):
        begin(request, run_jobs=stopped)
    ending, said = begin(request)
    assert "2 to train; 1 exist already" in said
    group = next(tmp_path.glob("*-folds3"))
    found = json.loads((group / "folds.json").read_text())
    assert found == ending.summary
    assert [row["value"] for row in found["runs"]] == ["1/3", "2/3", "3/3"]
    data = RunStore(str(tmp_path)).find(found["runs"][0]["run"]).resolved
    total = data["data"]["train"] + data["data"]["val"]
    pooled = found["folds"]["pooled"]
    assert pooled["examples"] == total == 1437
    right = sum(row["correct"] for row in found["runs"])
    interval = stats.binomtest(right, total).proportion_ci()
    assert (pooled["low"], pooled["high"]) == pytest.approx(tuple(interval))
    # The variance of Nadeau and Bengio, by hand for three folds.
    scores = [row["correct"] / row["examples"] for row in found["runs"]]
    scale = np.std(scores, ddof=1) * (1 / 3 + 1 / 2) ** 0.5
    low, high = stats.t.interval(0.95, 2, np.mean(scores), scale)
    ends = found["folds"]["low"], found["folds"]["high"]
    assert ends == pytest.approx((max(low, 0), min(high, 1)))
    for words in ("All folds together", "Nadeau", "best on its own fold"):
        assert words in said


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 99}'])
def test_a_group_that_cannot_be_understood_is_refused(tmp_path, text):
    (tmp_path / "g").mkdir()
    (tmp_path / "g" / "group.json").write_text(text)
    with pytest.raises(UserError, match="corrupt|format 99"):
        multirun.read_multirun(RunStore(str(tmp_path)).find_group("g"))


def test_a_group_at_work_is_held(root):
    group = RunStore(str(root)).find_group(SEEDS)
    with group.lock(), pytest.raises(UserError, match="another process"):
        begin(ask(root, None, seeds_from(7, 2)))


def test_progress_tells_the_best_and_the_time_that_is_left():
    said, time = [], iter([0.0, 10.0, 20.0, 30.0])
    progress = MultirunProgress(3, said.append, lambda: next(time))
    done = {"status": "completed", "wall_seconds": 9.0}
    progress.ended("a", "completed", {**done, "best_val_accuracy": 0.9})
    progress.ended("b", "diverged", {}, "the loss is no number.")
    progress.ended("c", "completed", {**done, "best_val_accuracy": 0.95})
    assert said == [
        "1 of 3  a; accuracy 90.00% in 9 s; about 20 s left",
        "2 of 3  b; diverged: the loss is no number; best so far: a; about "
        "10 s left",
        "3 of 3  c; accuracy 95.00% in 9 s; best so far: this one",
    ]


def test_a_terminal_shows_how_many_runs_are_done_until_all_are(monkeypatch):
    shown = []
    monkeypatch.setattr(multirun_summary, "show_activity", shown.append)
    progress = MultirunProgress(2, str, lambda: 0.0)
    progress.ended("a", "diverged", {})
    progress.ended("b", "diverged", {})
    assert shown == [f"training, {done} of 2 runs done" for done in (0, 1)]


def test_two_values_that_are_one_config_are_compared_as_one():
    def value(text, mean):
        return {"value": text, "mean": mean, "loss": 1 - mean, "scored": 1}

    summary = {
        "kind": "vary", "option": "batch_size", "score": "accuracy",
        "untested": None,
        "values": [value("50", 0.5), value("200", 0.9), value("full", 0.9)],
        "pairs": [
            {
                "first": "50", "second": "200 = full", "better": "200 = full",
                "p_corrected": 0.01,
            },
        ],
    }  # fmt: skip
    text = multirun_summary._conclusion(summary)
    assert text.startswith("batch_size 200 = full is better than 50 (p 0.01")
    assert multirun_summary._conclusion({**summary, "pairs": []}) == ""


def test_a_group_with_and_without_weights_is_found_again(root, tmp_path):
    asked = ask(
        root, f"weights=none,{root / 'base' / 'model.keras'}", run_name="begun"
    )
    made = multirun.find_multirun(asked)
    made.write()
    again = multirun.find_multirun(asked)
    assert [spec.path for spec in again.specs] == [s.path for s in made.specs]
    assert again.specs[0].value is None


def test_what_is_printed_next_works_without_validation_images(
    tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    words = ["train", "--model=lr", "--steps=2", "--val_fraction=0"]
    assert main([*words, "--seeds=2", "--run_name=g", "--summaries=none"]) == 0
    lines = capfd.readouterr().out.splitlines()
    (line,) = [line for line in lines if line.startswith("next")]
    command = line.split("zoo ", 1)[1].split()
    assert command == ["evaluate", "g", "--split=train"]
    assert main(command) == 0
