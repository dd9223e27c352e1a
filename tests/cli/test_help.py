"""Help texts: what a verb takes, in few words and in many."""

import re

import pytest

from zoo.cli.main import VERBS, main
from zoo.config import GROUPS, OPTIONS


def shown(capsys, *argv):
    try:
        assert main(list(argv)) == 0
    except SystemExit as end:  # so do setup and doctor
        assert end.code == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


@pytest.mark.parametrize(
    "asked",
    [[], ["--help"], ["-h"], ["help"], ["help", "help"], ["help", "--help"]],
)
def test_the_overview_names_every_verb(capsys, asked):
    text = shown(capsys, *asked)
    assert re.findall(r"^  (\w+)  ", text, re.MULTILINE) == list(VERBS)


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_verb_says_what_it_takes(capsys, verb, flag):
    text = shown(capsys, verb, flag)
    assert f"zoo {verb}" in text.splitlines()[0]
    assert len(text.splitlines()) > 1


@pytest.mark.parametrize(
    "argv", [*([verb, "--help"] for verb in VERBS), ["train", "--helpfull"]]
)
def test_a_help_text_fits_a_terminal_of_80_columns(capsys, monkeypatch, argv):
    monkeypatch.setenv("COLUMNS", "80")  # argparse asks the terminal
    for line in shown(capsys, *argv).splitlines():
        assert len(line) <= 80


def test_the_short_help_of_train_has_the_everyday_flags_only(capsys):
    text = shown(capsys, "train", "--help")
    flags = re.findall(r"^  --(\w+)  ", text, re.MULTILINE)
    common = [name for name in OPTIONS if OPTIONS[name].common]
    assert flags == [*"recipe like seeds workers folds".split(), *common]
    assert 10 <= len(flags) <= 20
    assert "--helpfull" in text


def test_the_full_help_of_train_has_every_option_in_its_group(capsys):
    text = shown(capsys, "train", "--helpfull")
    parts = re.split(r"^(\S.*):$", text, flags=re.MULTILINE)
    by_title = dict(zip(parts[1::2], parts[2::2], strict=True))
    for group, title in GROUPS.items():
        flags = re.findall(r"^  --(\w+)  ", by_title[title], re.MULTILINE)
        assert flags == [n for n in OPTIONS if OPTIONS[n].group == group]


def test_the_full_help_names_the_choices(capsys):
    text = " ".join(shown(capsys, "train", "--helpfull").split())
    for option in OPTIONS.values():
        assert " | ".join(option.choices) in text


def test_help_is_given_whatever_else_is_typed(capsys):
    assert "zoo train" in shown(capsys, "train", "--modle=lr", "--help")
