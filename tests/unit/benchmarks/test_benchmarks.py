"""`make bench`: cases, figures and tables; nothing is timed here."""

import dataclasses
import json

import pytest

from benchmarks import __main__ as command
from benchmarks import (
    config,
    inference,
    results,
    scaling,
    subprocesses,
    summary_overhead,
    time_to_accuracy,
    train_step,
    training,
)
from benchmarks.__main__ import PARTS, main
from benchmarks.config import CASES, PEERS, ZOO_VARIANTS, Case
from zoo.errors import UserError
from zoo.models import MODELS
from zoo.models.describe import read_counts

STORED = results.RESULTS / "amd-epyc-2-cores.json"
MACHINE = {"cpu": "AMD EPYC", "cores": 2, "system": "Linux"}
SCALED = [case for grown in scaling.SCALINGS for case in grown.cases]
KERAS, TORCH = PEERS
# Multiply-adds of one image, by hand. LeNet-5: 28 * 28 places of 25 * 6, 10 *
# 10 places of 25 * 6 * 16, then 400 * 120 + 120 * 84 + 84 * 10.
BY_HAND = {
    "lr": 784 * 10,
    "mlp": 784 * 512 + 512 * 512 + 512 * 10,
    "lenet5": 117_600 + 240_000 + 48_000 + 10_080 + 840,
}


def measured(run=None, **changes):
    """Returns a `BenchmarkConfig` whose processes are a function."""
    values = {
        "cases": CASES[:1],
        "repeats": 3,
        "peers": PEERS,
        "have_bfloat16": True,
        "images": config.SharedImages("nowhere", lambda dataset, path: ""),
        "run": run,
        "say": lambda what: None,
    }
    return config.BenchmarkConfig(**values | changes)


def trained(seconds, cpu=1.0, updates=None, accuracy=0.9):
    """A training of three epochs of 100 images; the first takes 50 s."""
    return {
        "moments": {"imported": 3.0, "loaded": 4.0, "first_step": 5.5},
        "epoch_ends": [50.0, 50.0 + seconds, 50.0 + 2 * seconds],
        "cpu_at_ends": [9.0, 9.0 + cpu, 9.0 + 2 * cpu],
        "update_seconds": [45.0, *2 * [updates or seconds]],
        "examples": 100,
        "val_examples": 1000,
        "val_accuracies": [0.2, accuracy, accuracy],
        "peak_bytes": 10**9,
        "event_bytes": 7,
    }


def test_every_case_is_of_the_zoo_and_has_its_images():
    for case in (*CASES, *SCALED):
        train, val = config.MAX_IMAGES[case.dataset]
        assert MODELS.find(case.model).name
        assert (case.train_examples or 0) <= train
        assert (case.val_examples or 0) <= val
        assert case.epochs > 1  # the first does not count
        assert case.config("runs").augment == "none"  # as for the peers
        assert Case(**json.loads(json.dumps(dataclasses.asdict(case)))) == case
    assert len({case.name for case in CASES}) == len(CASES)
    assert set(inference.NUM_EXAMPLES) <= {case.model for case in CASES}
    for grown in scaling.SCALINGS:
        assert list(grown.sizes) == sorted(grown.sizes)
        assert len(grown.sizes) == len(grown.cases)


@pytest.mark.parametrize(
    ("flags", "start"),
    [
        (["trainin"], "zoo: there is no part 'trainin'; did you mean training"),
        (["--cases=lr/64"], "zoo: there is no case 'lr/64'; did you"),
        (["--cases=,"], "zoo: --cases names none"),
        (["--repeats=0"], "zoo: --repeats=0 is not a positive"),
        (["--out=/dev/null/x.json"], "zoo: --out=/dev/null/x.json cannot be"),
    ],
)
def test_an_invalid_flag_is_one_sentence(flags, start, capsys):
    assert main(flags) == 2
    out, err = capsys.readouterr()
    assert err.startswith(start) and err.count("\n") == 1 and not out


def test_a_peer_that_is_not_installed_is_skipped():
    present, lines = config.find_installed(find=lambda package: None)
    assert present == [KERAS] and "'.[bench]'" in lines[0]
    assert config.find_installed(find=str) == ([KERAS, TORCH], [])


def test_the_commands_need_no_keras():
    heavy = (
        "import sys, benchmarks.__main__;"
        "print({'keras', 'tensorflow', 'torch'} & set(sys.modules))"
    )
    assert subprocesses.python("-c", heavy).output == "set()\n"


# Figures.


def test_the_rate_counts_epochs_after_the_first():
    assert training.rate(trained(seconds=4.0)) == 25.0
    assert training.rate(trained(4.0, updates=2.0), whole=False) == 50.0
    assert training.to_first_step(trained(1.0)) == 1.5


def test_ratios_are_medians_of_paired_rounds():
    # A machine that halves its speed between rounds; no round has 1 / 6.
    pairs = [(2.0, 6.0), (1.0, 3.5), (1.0, 9.0)]
    found = training.ratio(
        [(trained(a, cpu=0.5), trained(b)) for a, b in pairs], whole=True
    )
    assert found["ratios"] == [3.0, 3.5, 9.0]
    assert (found["ratio"], found["cpu_ratio"]) == (3.5, 2.0)
    part = training.ratio([(trained(1.0), trained(2.0))], whole=False)
    assert part["cpu_ratio"] is None  # known of whole epochs alone
    rounds = [{1: 90.0, 2: 50.0}, {1: 180.0, 2: 90.0}, {1: 90.0, 2: 60.0}]
    swept = scaling.compare_workers(
        [{n: {"moments": {"ended": s}} for n, s in r.items()} for r in rounds]
    )
    assert swept["ratios"] == [1.8, 2.0, 1.5]
    assert (swept["ratio"], swept["seconds"]) == (1.8, [90.0, 60.0])
    rates = [
        {side: {"rates": {"lr": {"predict": r}}} for side, r in one.items()}
        for one in ({"zoo": 6.0, "keras": 2.0}, {"zoo": 3.0, "keras": 1.0})
    ]
    predicted = inference.compare(rates, "lr", "predict")
    assert predicted["rates"] == {"zoo": 4.5, "keras": 1.5}
    assert predicted["ratios"][0]["ratios"] == [3.0, 3.0]
    used = train_step.compare_utilization(
        [{"product": 100.0, "step": 60.0}, {"product": 50.0, "step": 25.0}]
    )
    assert used["shares"] == [0.6, 0.5]
    assert used["share"] == pytest.approx(0.55)
    ablated = train_step.compare_ablation(
        [{"chosen": 30.0, "other": 20.0}, {"chosen": 14.0, "other": 10.0}]
    )
    assert ablated["ratios"] == pytest.approx([1.5, 1.4])
    batches = train_step.compare_batches(
        {
            "turns": [
                {"plain": 40.0, "moved": 20.0, "step": 10.0},
                {"plain": 30.0, "moved": 10.0, "step": 5.0},
            ]
        }
    )
    assert (batches["plain_ratio"], batches["moved_ratio"]) == (5.0, 2.0)


def test_the_interval_of_two_accuracies_is_newcombe_s():
    # 56 of 70 and 48 of 80: case (a) of Newcombe 1998, table II, method 10.
    ours = {"val_accuracy": 56 / 70, "val_examples": 70}
    theirs = {"val_accuracy": 48 / 80, "val_examples": 80}
    found = training.accuracy_gap(ours, theirs)
    assert found == pytest.approx((0.0524, 0.3339), abs=5e-5)


@pytest.mark.parametrize("model", BY_HAND)
def test_a_step_has_six_operations_a_multiply_add(model):
    # One multiplication and one addition, forward and twice backward.
    known = read_counts()[model]["multiply_adds"]
    assert train_step.flop(known, 128) == 6 * 128 * BY_HAND[model]


def test_scaling_is_the_slope_of_logarithms_of_medians():
    sizes = [2, 8, 32]
    assert scaling.exponent(sizes, [5 * s**1.5 for s in sizes]) == (
        pytest.approx(1.5)
    )
    rounds = [[trained(1.0), trained(4.0)], [trained(1.2), trained(4.8)]]
    found = scaling.compare_sizes([1, 2], rounds)
    assert found["seconds"] == pytest.approx([1.1, 4.4])
    assert found["seconds_exponent"] == pytest.approx(2.0)
    assert found["peak_exponent"] == pytest.approx(0.0)


def test_time_to_accuracy_is_that_of_the_first_epoch_that_reaches_it():
    report = trained(10.0, accuracy=0.9)  # images are in memory after 4 s
    assert time_to_accuracy.time_to(report, 0.9) == (50.0 + 10.0 - 4.0, 200)
    assert time_to_accuracy.time_to(report, 0.1) == (46.0, 100)
    assert time_to_accuracy.time_to(report, 0.91) == (None, None)


def test_trainings_that_miss_an_accuracy_are_counted():
    hits, misses = trained(10.0, accuracy=0.93), trained(10.0, accuracy=0.5)
    reports = iter([hits, hits, misses, misses, misses, misses])
    found = time_to_accuracy.measure(
        measured(
            lambda *given, **task: next(reports), repeats=2, peers=PEERS[:1]
        )
    )
    (row,) = found  # of lr alone
    assert row["sides"]["float32"]["seconds"] == [56.0, None]
    assert "1 of 2" in time_to_accuracy.table(found)


def test_summaries_cost_a_fraction_of_a_full_epoch():
    kinds = {"none": 1.0, "default": 1.2, "all": 2.0}
    rounds = [{kind: trained(1.0, cpu=cpu) for kind, cpu in kinds.items()}]
    found = summary_overhead.compare(rounds, whole=10.0)
    assert found["default"]["share"] == pytest.approx(0.02)
    assert found["all"]["share"] == pytest.approx(0.1)
    assert found["all"]["event_bytes"] == 7
    for one, total in zip(
        summary_overhead.TRAININGS, (60_000, 50_000), strict=True
    ):
        # An image that is held out costs a third of one trained on.
        part = one.train_examples + round(one.val_fraction * total) / 3
        whole = 0.9 * total + 0.1 * total / 3
        assert one.whole == pytest.approx(whole / part, rel=0.01)


# Who runs, and in which order.


def test_implementations_take_turns_on_the_same_case_and_images():
    ran = []

    def run(function, case, images, precision=None):
        ran.append((function, precision, json.dumps(case), images))
        return trained(1.0)

    training.measure(measured(run))
    sides = [(side.trains, side.task.get("precision")) for side in ZOO_VARIANTS]
    sides += [(peer.trains, None) for peer in PEERS]
    assert [r[:2] for r in ran] == [*sides, *sides[::-1], *sides]
    assert len({r[2:] for r in ran}) == 1
    ran.clear()
    case = dataclasses.replace(CASES[0], rounds=2)
    training.measure(measured(run, cases=[case], have_bfloat16=False))
    assert len(ran) == 2 * (1 + len(PEERS))


# The file of results, and its tables.


def test_the_tables_show_the_stored_figures():
    found = results.read_results(STORED, MACHINE)
    text = command.format_results(found)
    headings = [x.split(",")[0] for x in text.splitlines() if x[:3] == "== "]
    stored = [part for part in PARTS if found["parts"].get(part.name)]
    assert headings == [f"== {part.name}" for part in stored]
    parts = {name: rows[0] for name, rows in found["parts"].items()}
    figures = {
        "startup": f"{parts['startup']['seconds']:.2f}",
        "memory": f"{parts['memory']['peak_bytes'] / 1e9:.2f}",
        "training": f"{parts['training']['ratios'][0]['ratio']:.2f}",
        "inference": f"{parts['inference']['ratios'][0]['ratio']:.2f}",
        "utilization": f"{100 * parts['utilization']['share']:.0f}%",
        "ablations": f"{parts['ablations']['ratio']:.2f}",
        "batches": f"{parts['batches']['plain_ratio']:.1f}",
        "summaries": f"{100 * parts['summaries']['default']['share']:.1f}%",
        "scaling": f"{parts['scaling']['seconds_exponent']:.2f}",
        "sweeps": f"{parts['sweeps']['ratio']:.2f}",
        "accuracy": f"{parts['accuracy']['sides']['keras']['seconds'][0]:.1f}",
    }
    assert set(figures) == {part.name for part in stored}
    for part in stored:
        lines = part.table(found["parts"][part.name]).splitlines()
        key = parts[part.name]["key"]
        found_in = [x.split() for x in lines if x.startswith(key)]
        # The time to an accuracy has a line for each implementation.
        line = found_in[1 if part.name == "accuracy" else 0]
        assert figures[part.name] in line, part.name
    # And what is expected of them.
    assert "at least 4 " in text and "at least 1.7" in text
    assert "below 0.5\n" in text and "below 2\n" in text


@pytest.mark.parametrize(
    ("theirs", "same"), [(0.9, True), (0.91, True), (0.95, False)]
)
def test_the_table_marks_accuracies_that_are_not_the_same(theirs, same):
    rounds = [{"float32": trained(1.0), "keras": trained(1.0, 1, 1, theirs)}]
    row = training.compare(rounds, CASES[0], ZOO_VARIANTS[:1], [KERAS])
    text = training.table([{"key": "lr", "images": "all", **row}])
    assert ("not the same" not in text) == same


def test_what_is_not_measured_again_keeps_its_date_and_place(tmp_path):
    path = tmp_path / "deep" / "figures.json"
    before = results.read_results(path, MACHINE)
    for day, key in enumerate(("mlp", "lr", "mlp")):
        before = results.with_rows(
            before, "training", [{"key": key}], {"measured": day}
        )
    after = results.with_rows(before, "memory", [{"key": "run"}], {})
    results.write_results(path, after)
    assert results.read_results(path, MACHINE)["parts"] == {
        "training": [
            {"key": "mlp", "measured": 2},
            {"key": "lr", "measured": 1},
        ],
        "memory": [{"key": "run"}],
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no JSON", "is not a file"),
        ("[1]", "is not a file"),
        ('{"machine": {}, "pairs": []}', "is not a file"),
        ('{"format": 9, "machine": {}}', "has format 9"),
        ('{"format": 2, "machine": {"cpu": "Slow"}}', "machine, cpu Slow;"),
    ],
)
def test_another_file_is_refused_and_kept(text, reason, tmp_path):
    path = tmp_path / "figures.json"
    path.write_text(text)
    with pytest.raises(UserError, match=reason):
        results.read_results(path, MACHINE)
    assert path.read_text() == text
