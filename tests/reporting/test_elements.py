"""HTML whose texts are escaped, whatever they are."""

import html
import json
import shutil

import hypothesis
import pytest
from hypothesis import strategies as st

from tests.reporting.conftest import Page
from zoo.reporting import figures
from zoo.reporting.elements import Markup, element, joined, sentence, table

EVIL = "<script>alert('x')</script>\"&"
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")))


@hypothesis.given(TEXTS, TEXTS)
def test_text_and_attributes_come_back_as_they_were(text, attribute):
    page = Page(element("p", text + EVIL, title=attribute + EVIL))
    assert page.words == text + EVIL
    assert page.tags == [("p", {"title": attribute + EVIL})]


@hypothesis.given(TEXTS)
def test_code_in_a_sentence_is_escaped_too(text):
    page = Page(sentence(f"{EVIL}{text}`{EVIL}`"))
    assert {tag for tag, _ in page.tags} <= {"code"}


def test_markup_stands_as_it_is_and_nothing_is_nothing():
    inner = element("b", "<")
    assert isinstance(inner, Markup)
    assert joined(inner, None, ["&", 3]) == "<b>&lt;</b>&amp;3"
    assert element("img", alt=None, hidden=True) == "<img hidden>"


def test_a_table_heads_its_rows_and_sets_numbers_right():
    page = Page(table(("name", "count"), [("a", 1), ("b", 22)], right=(1,)))
    assert page.count("th", scope="row") == 2
    assert page.count("td", **{"class": "number"}) == 2


@pytest.mark.parametrize("name", ["$a_b$", "_hidden", "a-->b", EVIL, "]]>"])
def test_words_in_a_picture_stay_words(name):
    with figures.theme():
        figure, axes = figures.new(3, 2)
        axes.plot([1, 2], [3, 4])
        axes.set_title(name)
        page = Page(figures.svg(figure, name))
    assert name in page.words
    assert page.count("svg", **{"aria-label": name}) == 1
    assert page.count("script") == 0


def test_names_of_runs_classes_and_data_are_escaped_on_a_page(
    read, folder, tmp_path
):
    for file in ("config.json", "resolved.json"):
        path = folder / "digits" / file
        found = json.loads(path.read_text())
        if "data" in found:
            found["data"]["class_names"] = [f"{EVIL}{k}" for k in range(10)]
            found["data"]["name"] = EVIL
            found["parent"] = {"run": EVIL, "changed": {EVIL: [1, 2]}}
            found["machine"]["device"] = EVIL
            found["config"]["model"] = EVIL
        path.write_text(json.dumps(found))
    named = folder / "<script>alert(1)<"
    shutil.move(folder / "digits", named)
    pages = [
        read(named.name, folder=folder),
        read(named.name, "other", folder=folder),
    ]
    for page in pages:
        assert page.count("script") == 0
        assert named.name in page.words and EVIL in page.words
        assert "<script" not in page.text
        assert html.escape(EVIL) in page.text
