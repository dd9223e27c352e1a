"""TensorBoard in a headless Chromium, for screenshots and for tests.

Needs Chromium, its driver and the extra `browser`. TensorBoard draws most of
its page inside shadow roots and one part in a frame; what is looked for here
is looked for in all of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 120  # seconds to wait for what must appear
# Elements that fit a selector, through shadow roots and frames.
DEEP = """
const found = [];
const look = root => {
  found.push(...root.querySelectorAll(arguments[0]));
  for (const inner of root.querySelectorAll('*')) {
    if (inner.shadowRoot) look(inner.shadowRoot);
    if (inner.tagName === 'IFRAME' && inner.contentDocument)
      look(inner.contentDocument);
  }
};
look(document);
"""


def missing() -> str:
    """Says in a sentence what is not installed; nothing if all is there."""
    if find_spec("selenium") is None:
        return "selenium is not installed: `pip install -e '.[browser]'`."
    if _chromium() is None:
        return "Chromium is not installed: `apt install chromium`."
    if shutil.which("chromedriver") is None:
        return "chromedriver is not installed: `apt install chromium-driver`."
    return ""


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Starts TensorBoard on a folder of runs; gives its address."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "tensorboard.main",
                "--logdir", str(folder), "--host", "127.0.0.1", "--port", "0",
                "--load_fast", "false", "--reload_interval", "0",
            ],
            stdout=subprocess.DEVNULL,
            stderr=said,  # a file, since a pipe that nobody reads fills up
        )  # fmt: skip
        try:
            yield _address(process, said)
        finally:
            process.terminate()
            process.wait()


def _address(process: subprocess.Popen, said: TextIO) -> str:
    """Waits until a TensorBoard tells its address."""
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        # By its own position: the process writes where this file ends.
        words = os.pread(said.fileno(), 2**16, 0).decode()
        if found := re.search(r"http://127\.0\.0\.1:\d+/", words):
            return found.group(0)
        time.sleep(0.2)
    words = os.pread(said.fileno(), 2**16, 0).decode()
    raise RuntimeError(f"TensorBoard did not start: {words}")


@contextlib.contextmanager
def browsing(address: str, width: int, height: int) -> Iterator[Board]:
    """Opens a browser that looks at a TensorBoard."""
    from selenium import webdriver

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = _chromium()
        logs = {"browser": "ALL", "performance": "ALL"}
        options.set_capability("goog:loggingPrefs", logs)
        for flag in (
            "headless=new", f"user-data-dir={profile}", "hide-scrollbars",
            f"window-size={width},{height}", "no-first-run",
            "disable-background-networking", "disable-component-update",
            "disable-sync", "disable-dev-shm-usage",
            # The projector draws by WebGL, here without a graphics card.
            "use-angle=swiftshader", "enable-unsafe-swiftshader",
        ):  # fmt: skip
            options.add_argument(f"--{flag}")
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")  # it has none for root
        driver = webdriver.Chrome(
            options, webdriver.ChromeService(shutil.which("chromedriver"))
        )
        try:
            yield Board(driver, address)
        finally:
            driver.quit()


class Board:
    """The page of a TensorBoard."""

    def __init__(self, driver: Any, address: str) -> None:
        self.driver = driver
        self._address = address

    def open(self, tab: str, **state: str) -> None:
        """Opens a tab, `scalars` or another, from its start.

        Args:
            tab: its name in TensorBoard's addresses.
            state: what else stands in them, such as `tagFilter`.
        """
        # A change behind the # alone would not load the page again.
        self.driver.get("about:blank")
        words = urllib.parse.urlencode(state, quote_via=urllib.parse.quote)
        # New tabs read what stands before the #, older ones what is behind,
        # and an & with nothing behind it leads to the first tab.
        place = "&".join(filter(None, (tab, words)))
        self.driver.get(f"{self._address}?{words}#{place}")

    def find(self, selector: str) -> list[Any]:
        """Returns all elements that fit, wherever they are."""
        return self.driver.execute_script(f"{DEEP} return found;", selector)

    def read(self, selector: str, what: str = "textContent") -> list[Any]:
        """Returns a property of every element that fits."""
        return self.driver.execute_script(
            f"{DEEP} return found.map(e => e[arguments[1]]);", selector, what
        )

    def wait(self, condition: Callable[[], Any], what: str) -> Any:
        """Waits until something is true, and returns it.

        Raises:
            TimeoutError: it does not come.
        """
        end = time.monotonic() + PATIENCE
        while not (found := condition()):
            if time.monotonic() > end:
                raise TimeoutError(f"no {what} in {self.driver.current_url}")
            time.sleep(0.2)
        return found

    def requests(self) -> list[str]:
        """Returns what was asked for since it was last asked: addresses."""
        found = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return found

    def errors(self) -> list[str]:
        """Returns the errors of the console since it was last asked."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] == "SEVERE"
        ]


def _chromium() -> str | None:
    return next(filter(None, map(shutil.which, CHROMIUM)), None)
