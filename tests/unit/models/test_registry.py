"""The table of names: finding, listing, explaining a wrong name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.errors import UserError
from zoo.models.registry import ModelEntry, Registry


def entry(name, **facts):
    return ModelEntry(name, "math:hypot", "about", (8, 8, 1), **facts)


def small_table():
    return Registry(
        (entry("lr"), entry("net<a>_<b>", members=("net1_2", "net3_4")))
    )


def test_a_family_is_listed_by_its_members():
    assert small_table().names() == ["lr", "net1_2", "net3_4"]
    assert small_table().names("net*") == ["net1_2", "net3_4"]
    assert small_table().names("vgg*") == []
    assert [family.name for family in small_table().families()] == [
        "net<a>_<b>"
    ]


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_family_reads_any_pair_of_numbers_from_a_name(a, b):
    found = small_table().find(f"net{a}_{b}")
    assert found.name == f"net{a}_{b}"
    assert found.arguments == {"a": a, "b": b}
    assert not found.is_family


@pytest.mark.parametrize("word", ["", "ab", "A", "3_x", "été"])
def test_a_family_reads_a_word_from_a_name(word):
    table = Registry((entry("say_<word>_<n>", name_patterns={"word": ".*"}),))
    assert table.find(f"say_{word}_5").arguments == {"word": word, "n": 5}


def test_a_name_of_its_own_goes_before_a_pattern_and_so_does_the_first():
    table = Registry(
        (entry("net1_<b>"), entry("net<a>_<b>"), entry("net2_3", year=1998))
    )
    assert table.find("net1_2").arguments == {"b": 2}
    assert table.find("net2_2").arguments == {"a": 2, "b": 2}
    assert table.find("net2_3").year == 1998


def test_a_family_gives_away_the_words_that_mean_nothing_to_it():
    table = Registry((entry("say_<word>", name_patterns={"word": "[ab]+"}),))
    with pytest.raises(UserError, match="already"):
        table.add(entry("say_ab"))
    table.add(entry("say_xyz", year=2001))
    assert table.find("say_xyz").year == 2001
    with pytest.raises(UserError, match="already"):
        table.add(entry("say_xyz"))


@pytest.mark.parametrize(
    "name, lacks", [("say_ab", False), ("say_b", True), ("say_", True)]
)
def test_an_option_can_need_something_in_the_word(name, lacks):
    family = entry(
        "say_<word>",
        name_patterns={"word": ".*"},
        option_patterns={"loud": "a.?b"},
    )
    assert Registry((family,)).find(name).lacks_option("loud") == lacks
    assert not family.match(name).lacks_option("other")


@pytest.mark.parametrize(
    "name", ["net1_02", "net01_2", "net1", "net1_2_3", "Net1_2", "net-1_2"]
)
def test_other_ways_to_write_a_name_are_unknown(name):
    with pytest.raises(UserError, match="no model"):
        small_table().find(name)


def test_a_wrong_name_is_answered_with_near_ones():
    with pytest.raises(UserError, match="did you mean net1_2") as error:
        small_table().find("net12")
    assert "`zoo models`" in str(error.value)


def test_a_name_can_be_given_away_only_once():
    table = small_table()
    table.add(entry("mine"))
    assert table.names()[-1] == "mine"
    for taken in ("mine", "lr", "net5_6"):
        with pytest.raises(UserError, match="already"):
            table.add(entry(taken))


def test_a_builder_is_imported_when_it_is_first_needed():
    assert entry("lr").load()(3, 4) == 5
    broken = ModelEntry("x", "no_such_module:build", "", (8, 8, 1))
    with pytest.raises(ModuleNotFoundError):
        broken.load()
