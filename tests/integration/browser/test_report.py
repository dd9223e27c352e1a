"""A run's page in a browser: whole, silent, and readable everywhere."""

import base64
import shutil

import pytest

from zoo.cli.main import main

pytestmark = pytest.mark.browser
NARROW, WIDE = 400, 1120  # pixels


@pytest.fixture(scope="module")
def pages(runs, tmp_path_factory):
    """Pages of runs, by name, where no run is beside them."""
    folder = tmp_path_factory.mktemp("pages")
    for name in ("lenet5", "spiral"):
        shutil.copy(runs / name / "report.html", folder / f"{name}.html")
    out = f"--out={folder / 'two.html'}"
    assert main(["report", "lenet5", "lr", out, f"--runs_dir={runs}"]) == 0
    return folder


def show(board, path, width=WIDE, scheme="light"):
    """Opens a page in a window of some width, and waits until it is there."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1}
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    for command, words in (
        ("Emulation.setDeviceMetricsOverride", {**size, "mobile": False}),
        ("Emulation.setEmulatedMedia", {"media": "", "features": features}),
    ):
        board.driver.execute_cdp_cmd(command, words)
    board.requests()
    board.driver.get(path.as_uri())


@pytest.fixture(autouse=True)
def as_before(board):
    yield
    for command in ("clearDeviceMetricsOverride", "setEmulatedMedia"):
        board.driver.execute_cdp_cmd(f"Emulation.{command}", {})


@pytest.mark.parametrize("name", ["lenet5", "spiral", "two"])
def test_a_page_asks_for_nothing_but_itself(board, pages, name):
    path = pages / f"{name}.html"
    show(board, path)
    asked = [a for a in board.requests() if not a.startswith("data:")]
    assert asked == [path.as_uri()]
    assert all(board.read("img", "complete"))
    assert all(side > 0 for side in board.read("img", "naturalWidth"))


@pytest.mark.parametrize("name", ["lenet5", "spiral", "two"])
@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_a_page_is_no_wider_than_its_window(board, pages, name, width):
    show(board, pages / f"{name}.html", width)
    assert board.read("html", "scrollWidth") == [width]


def test_a_page_is_dark_where_that_is_wanted(board, pages):
    def paper():
        return board.driver.execute_script(
            "return getComputedStyle(document.body).backgroundColor"
        )

    show(board, pages / "lenet5.html")
    assert paper() == "rgb(255, 255, 255)"
    show(board, pages / "lenet5.html", scheme="dark")
    assert max(map(int, paper()[4:-1].split(","))) < 64


def test_a_page_prints_on_a_few_sheets(board, pages):
    show(board, pages / "lenet5.html")
    options = {"preferCSSPageSize": True}
    found = board.driver.execute_cdp_cmd("Page.printToPDF", options)
    pdf = base64.b64decode(found["data"])
    sheets = pdf.count(b"/Type /Page") - pdf.count(b"/Type /Pages")
    assert 2 <= sheets <= 4
