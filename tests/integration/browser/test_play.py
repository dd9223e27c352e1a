"""What a person sees and does on the page of `zoo play`."""

import os
import re
import signal
import subprocess
import sys

import pytest

from docs import browser

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """The page, served by the command."""
    if reason := browser.missing():
        pytest.skip(reason)
    pytest.importorskip("uvicorn")
    folder = tmp_path_factory.mktemp("runs")
    process = subprocess.Popen(
        [sys.executable, "-m", "zoo", "play", f"--runs_dir={folder}"],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.default_int_handler
        ),
    )
    try:
        said = ""
        while not (found := re.search(r"http://\S+", said)):
            said = process.stdout.readline()
            assert said, "zoo play has ended"
        with browser.browsing(found[0], 1500, 1150) as page:
            page.driver.get(found[0])
            yield page
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 0
        process.stdout.close()


def text(board, selector):
    return " ".join(board.read(selector))


def choose(board, name, value):
    """Changes a control as a person does."""
    board.driver.execute_script(
        """
        const field = document.getElementsByName(arguments[0])[0];
        field.value = arguments[1];
        field.dispatchEvent(new Event("change", {bubbles: true}));
        """,
        name,
        value,
    )


def wait_for_rows(board, number):
    board.wait(lambda: len(board.find("#runs tr")) >= number, "rows of runs")


def shoot(board, name):
    """Keeps a screenshot where that is asked for."""
    if folder := os.environ.get("ZOO_SCREENSHOTS"):
        board.driver.save_screenshot(f"{folder}/{name}.png")


def test_a_network_trains_live_and_runs_are_compared(board):
    board.wait(lambda: board.find("#controls select"), "controls")
    board.wait(lambda: board.find("#network image"), "hidden units")
    wait_for_rows(board, 1)
    assert len(board.find("#network image")) == 4
    assert "--model_arg=hidden=4" in text(board, "#command")
    shoot(board, "play-circles")

    choose(board, "dataset", "spiral")
    choose(board, "hidden", "8,8")
    board.wait(lambda: "hidden=(8, 8)" in text(board, "#command"), "command")
    board.wait(lambda: len(board.find("#network image")) == 16, "16 units")
    shoot(board, "play-training")
    board.wait(
        lambda: "8,8" in text(board, "#runs td"), "the row of the last run"
    )

    choose(board, "hidden", "many")
    board.wait(lambda: "hidden=many" in text(board, "#error"), "the mistake")
    choose(board, "hidden", "")
    board.wait(lambda: "--model=lr" in text(board, "#command"), "the command")
    board.wait(lambda: "none" in text(board, "#runs td"), "its row")

    for box in board.find("#runs input")[:2]:
        box.click()
    board.wait(lambda: not board.read("#compare", "disabled")[0], "a button")
    board.find("#compare")[0].click()
    board.wait(lambda: "compare play/" in text(board, "#comparison"), "result")
    shoot(board, "play-compared")
    own = ("data:", "chrome:")  # a new tab asks the browser itself
    asked = [a for a in board.requests() if not a.startswith(own)]
    assert asked and all(a.startswith("http://127.0.0.1:") for a in asked)
    refused = [e for e in board.errors() if "400 (Bad Request)" not in e]
    assert refused == []
