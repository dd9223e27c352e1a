"""What `make bench` makes of its measurements; nothing is timed here."""

import json

import numpy as np
import pytest

from benchmarks import (
    children,
    images,
    looking,
    machine,
    pairs,
    sweeping,
    table,
)
from benchmarks.__main__ import main, save
from benchmarks.cases import CASES, OURS, PEERS, choose
from benchmarks.stopwatch import Stopwatch
from zoo.errors import UserError
from zoo.models import MODELS

KERAS = PEERS["keras"]


def report(seconds, cpu=1.0):
    """A training of three epochs of 100 images; the first takes 50 s."""
    ends = [50.0, 50.0 + seconds, 50.0 + 2 * seconds]
    return {
        "moments": {"imported": 3.0, "loaded": 4.0, "first_step": 5.5},
        "epoch_ends": ends,
        "cpu_at_ends": [9.0, 9.0 + cpu, 9.0 + 2 * cpu],
        "examples": 100,
        "val_accuracy": 0.9,
        "peak_bytes": 10**9,
    }


def looked(cpu, size=10**6):
    return {"cpu_at_ends": [5.0, 5.0 + cpu, 5.0 + 2 * cpu], "event_bytes": size}


def test_the_cost_of_looking_is_told_beside_a_whole_epoch():
    rounds = [
        {"none": looked(1.0), "default": looked(1.2), "all": looked(2.0, 7)}
    ]
    found = looking.compare(rounds, whole=10.0)
    assert found["default"]["share"] == pytest.approx(0.02)
    assert found["all"]["share"] == pytest.approx(0.1)
    assert found["all"]["event_bytes"] == 7


def test_every_round_trains_with_none_some_and_all():
    asked = []

    def run(module, look, summaries):
        asked.append((look["model"], summaries))
        return looked(1.0)

    found = looking.measure(looking.LOOKS[0], repeats=2, run=run)
    assert asked == 2 * [("lenet5", kinds) for kinds in looking.KINDS]
    assert found["look"] == "lenet5 on mnist"


def results():
    return {
        "machine": {"cpu": "Fast One", "cores": 2},
        "stand_in": "",
        "startup": [{"command": "zoo models", "seconds": 0.1, "expected": 0.5}],
        "memory": [{"command": "run", "peak_bytes": 10**9, "expected": 2e9}],
        "looks": [
            {
                "look": "lenet5 on mnist",
                "epochs": 20,
                **looking.compare(
                    [{kinds: looked(1.0) for kinds in looking.KINDS}], 1.0
                ),
            }
        ],
        "sweeps": [
            {
                "sweep": "lenet5 on digits",
                "expected": 1.7,
                **sweeping.compare([swept(90.0, 50.0)]),
            }
        ],
        "pairs": [
            {
                "case": "lr/128",
                "peer": "keras",
                "expected": 3.0,
                **pairs.compare([(report(1.0), report(4.0))]),
            }
        ],
    }


def swept(*seconds):
    """A round: a sweep with one worker, and with two."""
    return {n + 1: {"moments": {"ended": s}} for n, s in enumerate(seconds)}


def test_what_a_second_worker_is_worth_is_a_median_of_paired_ratios():
    # A machine that halves its speed between rounds.
    rounds = [swept(90.0, 50.0), swept(180.0, 90.0), swept(90.0, 60.0)]
    found = sweeping.compare(rounds)
    assert found["ratios"] == [1.8, 2.0, 1.5]
    assert found["ratio"] == 1.8
    assert found["seconds"] == [90.0, 60.0]


def test_sweeps_run_with_one_worker_and_two_by_turns():
    asked = []

    def run(module, sweep, workers):
        asked.append(workers)
        return {"moments": {"ended": 60.0 / workers}}

    assert sweeping.measure(3, run)["ratio"] == 2.0
    assert asked == [1, 2, 2, 1, 1, 2]


def test_the_table_shows_what_a_second_worker_is_worth():
    lines = table.text(results()).splitlines()
    row = next(line for line in lines if line.startswith("lenet5 on digits"))
    assert "1.80" in row and "at least 1.7" in row


def test_the_first_epoch_is_left_out_of_the_rate():
    assert pairs.rate(report(seconds=4.0)) == 25.0


def test_the_first_step_is_counted_from_the_images_on():
    assert pairs.to_first_step(report(1.0)) == 1.5


def test_the_ratio_is_the_median_of_paired_ratios():
    # A machine that halves its speed between pairs; no pair has 1 / 6.
    slow = (report(2.0), report(6.0))
    fast = (report(1.0), report(3.5))
    odd = (report(1.0), report(9.0))
    found = pairs.compare([slow, fast, odd])
    assert found["ratios"] == [3.0, 3.5, 9.0]
    assert found["ratio"] == 3.5


def test_less_processor_time_is_a_higher_ratio():
    found = pairs.compare([(report(1.0, cpu=0.5), report(1.0, cpu=1.0))])
    assert found["cpu_ratio"] == 2.0


def test_ours_and_the_peer_train_by_turns():
    ran = []

    def run(module, **task):
        ran.append(module)
        return report(1.0)

    pairs.measure(CASES[0], "keras", 3, "images.npz", run)
    assert ran == [OURS, KERAS] * 3


def test_both_sides_get_the_same_task():
    tasks = []

    def run(module, **task):
        tasks.append(task)
        return report(1.0)

    pairs.measure(CASES[0], "keras", 1, "images.npz", run)
    assert tasks[0] == tasks[1]


def test_every_case_names_a_model_of_the_zoo():
    for case in CASES:
        assert MODELS.find(case.model).name == case.model


def test_both_sides_train_without_augmentation():
    # The peer's arrays are what they are.
    assert {case.config("runs").augment for case in CASES} == {"none"}


def test_a_model_stands_for_all_its_cases():
    assert [case.name for case in choose("lr")] == ["lr/128", "lr/32"]


def test_a_single_case_can_be_chosen_and_counts_once():
    assert [case.name for case in choose("mlp/32,mlp/32")] == ["mlp/32"]


@pytest.mark.parametrize("names", ["lr/64", "lenet", ","])
def test_an_unknown_case_is_a_mistake(names):
    with pytest.raises(UserError):
        choose(names)


def test_no_repeats_are_refused_in_one_line(capsys):
    assert main(["--repeats=0"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("zoo: --repeats=0") and said.count("\n") == 1


def test_the_table_shows_ratio_and_expectation():
    lines = table.text(results()).splitlines()
    row = next(line for line in lines if line.startswith("lr/128"))
    assert "4.00" in row and "3.0" in row


def test_the_table_lines_up():
    text = table.columns([["a", "bb"], ["long", "c"]])
    assert text == "a     bb\nlong   c"


def test_a_stand_in_for_the_images_is_told():
    text = table.text({**results(), "stand_in": "random images stand in."})
    assert "random images stand in." in text


def test_results_are_kept_under_the_machine_s_name(tmp_path):
    path = save(results(), None, tmp_path)
    assert path == tmp_path / "fast-one-2-cores.json"
    assert json.loads(path.read_text()) == results()


def test_the_machine_is_named_without_its_trade_marks():
    about = {"cpu": "Intel(R) Xeon(R) @ 2.20GHz", "cores": 4}
    assert machine.file_name(about) == "intel-xeon-2-20ghz-4-cores.json"


def test_the_processor_is_read_from_linux_s_table(tmp_path):
    listing = tmp_path / "cpuinfo"
    listing.write_text("processor\t: 0\nmodel name\t: Fast One\nflags\t: x\n")
    assert machine.cpu_model(listing) == "Fast One"


def test_a_moment_is_noted_once():
    watch = Stopwatch(started=0.0)
    watch.note("first_step")
    first = dict(watch.moments)
    watch.note("first_step")
    assert watch.moments == first


def test_the_made_up_images_look_like_mnist_and_stay_the_same():
    split = images.made_up(20, seed=1)
    assert split.images.shape == (20, 28, 28, 1)
    assert split.images.dtype == np.uint8
    again = images.made_up(20, seed=1)
    assert np.array_equal(split.images, again.images)


def test_a_process_reports_its_output_and_memory():
    # From a small process: a child counts the pages it was forked with.
    code = (
        "from benchmarks import children\n"
        "outcome = children.python('-c', \"print('x' * 3)\")\n"
        "print(repr(outcome.output), outcome.peak_bytes)"
    )
    output, peak_bytes = children.python("-c", code).output.split()
    assert output == repr("xxx\n")
    # A Python takes some megabytes, whatever unit the system counts in.
    assert 10**6 < int(peak_bytes) < 10**9


def test_a_failed_process_says_what_it_said_last():
    with pytest.raises(RuntimeError, match="ended with 3:\nlast words"):
        children.python("-c", "print('last words'); raise SystemExit(3)")


def test_the_commands_need_no_keras():
    heavy = "import sys, benchmarks.__main__; print('keras' in sys.modules)"
    assert children.python("-c", heavy).output == "False\n"
