"""Which parts `make bench` measures, and what it shows of all of them."""

import pytest

from benchmarks import __main__ as command
from benchmarks import config, subprocesses
from benchmarks.__main__ import PARTS, main
from tests.unit.benchmarks import fake_results
from zoo.errors import UserError


def test_all_parts_are_measured_where_none_is_named():
    assert command.choose_parts([]) == list(PARTS)


def test_named_parts_are_measured_in_the_order_of_the_table():
    chosen = command.choose_parts(["utilization", "training", "utilization"])
    assert [part.name for part in chosen] == ["training", "utilization"]


@pytest.mark.parametrize(
    ("flags", "start"),
    [
        (["trainin"], "zoo: there is no part 'trainin'; did you mean training"),
        (
            ["utilization", "--cases=lr/64"],
            "zoo: there is no case 'lr/64'; did you",
        ),
        (["--cases=,"], "zoo: --cases names none"),
        (["--repeats=0"], "zoo: --repeats=0 is not a positive"),
        (["--out=/dev/null/x.json"], "zoo: --out=/dev/null/x.json cannot be"),
    ],
)
def test_a_mistake_costs_one_sentence(flags, start, capsys):
    assert main(flags) == 2
    said = capsys.readouterr()
    assert said.err.startswith(start) and said.err.count("\n") == 1
    assert not said.out


def test_help_lists_every_part(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert all(f"  {part.name} " in said for part in PARTS)


def test_all_parts_are_said_to_take_less_than_an_hour():
    assert sum(part.minutes for part in PARTS) < 60


def test_the_table_shows_every_part_that_is_stored():
    text = command.format_results(fake_results.results())
    headings = [line for line in text.splitlines() if line.startswith("== ")]
    assert headings == [
        f"== {part.name}, 2026-01-02, --repeats=5" for part in PARTS
    ]


def test_the_table_leaves_out_what_was_never_measured():
    results = fake_results.results()
    results["parts"] = {"memory": results["parts"]["memory"]}
    assert command.format_results(results).count("== ") == 1


def test_a_heading_tells_all_days_and_all_software_once():
    row = fake_results.results()["parts"]["memory"][0]
    newer = {**row, "measured": "2026-03-04", "repeats": 3}
    newest = {**newer, "software": {"keras": "4.0"}}
    assert command.heading("memory", [newer, row, newest]).splitlines() == [
        "== memory, 2026-01-02 to 2026-03-04, --repeats=3 to 5",
        "keras 3.15.1",
        "keras 4.0",
    ]


def test_a_stand_in_for_the_images_is_told_once():
    rows = fake_results.results()["parts"]["memory"]
    rows = 2 * [{**rows[0], "stand_in": "random images stand in."}]
    assert command.heading("memory", rows).count("random images stand in.") == 1


def test_a_peer_that_is_missing_is_left_out_in_one_line():
    present, lines = config.find_installed(find=lambda package: None)
    assert [side.name for side in present] == ["keras"]
    assert lines == [
        "torch is not installed and is skipped; "
        "`python -m pip install -e '.[bench]'` installs it."
    ]


def test_a_peer_that_is_installed_takes_part():
    present, lines = config.find_installed(find=lambda package: "found")
    assert [side.name for side in present] == ["keras", "torch"]
    assert not lines


def test_the_commands_need_no_keras():
    heavy = (
        "import sys, benchmarks.__main__;"
        "print({'keras', 'tensorflow', 'torch'} & set(sys.modules))"
    )
    assert subprocesses.python("-c", heavy).output == "set()\n"


def test_images_are_saved_once_and_only_when_they_are_needed(tmp_path):
    saved = []

    def save(dataset, path):
        saved.append(dataset)
        return "they are random." if dataset == "cifar10" else ""

    images = fake_results.SharedImages(str(tmp_path), save)
    assert not saved
    assert images.path("mnist") == images.path("mnist")
    assert images.dataset_flag("mnist") == "mnist"
    assert images.dataset_flag("cifar10") == f"npz:{tmp_path / 'cifar10.npz'}"
    assert images.substitute("cifar10") == "they are random."
    assert saved == ["mnist", "cifar10"]


@pytest.mark.parametrize("name", ["", "all", "benchmarks"])
def test_a_word_that_is_no_part_is_a_mistake(name):
    with pytest.raises(UserError):
        command.choose_parts([name])
