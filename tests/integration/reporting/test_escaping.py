"""Names of runs, classes and files are escaped, whatever they are."""

import shutil

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from markupsafe import Markup, escape
from PIL import Image

import zoo
from tests.integration.reporting.conftest import Page
from zoo.reporting import figures
from zoo.reporting.context import ReportNumbers
from zoo.reporting.render import _environment, with_code

EVIL = "<script>alert('x')</script>\"&"
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")))


def macro(name):
    """Returns a macro of macros.html, to be called by a test."""
    return getattr(_environment().get_template("macros.html").module, name)


@hypothesis.given(TEXTS)
def test_text_of_a_template_comes_back_as_it_was(text):
    page = Page(macro("term")(EVIL + text, EVIL))
    assert page.words == " ".join((EVIL + text + EVIL).split())
    assert {tag for tag, _ in page.tags} == {"div", "dt", "dd"}


@hypothesis.given(TEXTS)
def test_code_in_a_sentence_is_escaped_too(text):
    page = Page(with_code(f"{EVIL}{text}`{EVIL}`"))
    assert {tag for tag, _ in page.tags} <= {"code"}
    assert page.words.endswith(EVIL)


def test_markup_is_not_escaped_twice():
    assert macro("term")("a", Markup("<b>&lt;</b>")).count("<b>&lt;</b>") == 1


def test_a_term_without_a_value_is_left_out():
    for value in (None, ""):
        assert macro("term")("a", value).strip() == ""


def test_a_table_has_row_headers_and_aligns_numbers_right():
    page = Page(macro("table")(("name", "count"), [("a", 1), ("b", 22)], (1,)))
    assert page.count("th", scope="row") == 2
    assert page.count("td", **{"class": "number"}) == 2


def test_a_number_has_its_key_and_its_exact_value():
    numbers = ReportNumbers({"a": {"b": [0.123456]}})
    assert numbers.percent("a.b.0") == (
        '<data data-key="a.b.0" value="0.123456">12.35%</data>'
    )
    assert "–" in numbers.percent("a.c")


@pytest.mark.parametrize("name", ["$a_b$", "_hidden", "a-->b", EVIL, "]]>"])
def test_text_in_a_plot_stays_text(name):
    with figures.theme():
        figure, axes = figures.new(3, 2)
        axes.plot([1, 2], [3, 4])
        axes.set_title(name)
        page = Page(figures.svg(figure, name))
    assert name in page.words
    assert page.count("svg", **{"aria-label": name}) == 1
    assert page.count("script") == 0


def test_the_description_of_an_image_is_escaped():
    page = Page(figures.png(np.zeros((2, 2, 3), np.uint8), EVIL, EVIL))
    ((_, attributes),) = page.tags
    assert attributes["alt"] == attributes["class"] == EVIL


def test_names_of_runs_classes_and_data_are_escaped_on_a_page(
    read, folder, spoil
):
    spoil(
        folder / "digits",
        "resolved.json",
        data__class_names=[f"{EVIL}{k}" for k in range(10)],
        data__name=EVIL,
        parent={"run": EVIL, "changed": {EVIL: [1, 2]}},
        machine__device=EVIL,
        config__model=EVIL,
    )
    named = folder / "<script>alert(1)<"
    shutil.move(folder / "digits", named)
    for names in ((named.name,), (named.name, "other")):
        page = read(*names, folder=folder)
        assert page.count("script") == 0
        assert named.name in page.words and EVIL in page.words
        assert "<script" not in page.text
        assert str(escape(EVIL)) in page.text


@pytest.mark.report
def test_names_of_files_and_folders_are_escaped_on_a_page(tmp_path):
    random = np.random.default_rng(0)
    for label in ("<b>cat", "dog\"'&"):
        (tmp_path / "images" / label).mkdir(parents=True)
        for i in range(30):
            pixels = random.integers(0, 256, (6, 6, 3), np.uint8)
            name = f"<script>alert({i})<"
            path = tmp_path / "images" / label / f"{name}.png"
            Image.fromarray(pixels).save(path)
    run = zoo.train(
        "lr", tmp_path / "images", steps=1, val_fraction=0.4,
        summaries=("none",), runs_dir=str(tmp_path / "runs"), verbose=False,
    )  # fmt: skip
    page = Page((run.path / "report.html").read_text())
    assert page.count("script") == 0 and "<script" not in page.text
    assert page.count("span", **{"class": "file"}) > 0
    assert "<script>alert(" in page.words and "<b>cat" in page.words
