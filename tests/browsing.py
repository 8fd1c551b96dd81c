"""Pages in a real headless Chromium, for tests."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome


def opened(profile: Path, downloads: Path | None = None) -> "Iterator[Chrome]":
    """A headless Chromium; skips where there is none, fails in CI. profile: an empty folder. downloads: where it saves
    files."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        if os.environ.get("CI") == "true":
            pytest.fail("chromium and chromedriver are missing, and CI must have them")
        pytest.skip("there is no chromium")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for word in ("headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync"):
        options.add_argument(f"--{word}")
    options.add_argument("--disable-background-networking")
    options.add_argument("--disable-component-update")
    options.add_argument("--window-size=1280,1000")
    options.add_argument(f"--user-data-dir={profile}")
    if downloads is not None:
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    try:
        yield browser
    finally:
        browser.quit()


def sized(browser: "Chrome", width: int) -> None:
    """A window of so many pixels; a narrow one is a phone's."""
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def schemed(browser: "Chrome", scheme: str) -> None:
    """The user's colour scheme, light or dark."""
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})


def seen(browser: "Chrome") -> list[str]:
    """What each canvas shows, as PNG."""
    shown: list[str] = browser.execute_script("return [...document.querySelectorAll('canvas')].map(c => c.toDataURL())")
    return shown


def ask(browser: "Chrome", expression: str) -> Any:
    """The value of an expression of JavaScript."""
    return browser.execute_script(f"return {expression}")


def requests(browser: "Chrome") -> list[str]:
    """The addresses that were asked for since the last call."""
    entries: list[dict] = browser.get_log("performance")  # type: ignore[attr-defined]
    return re.findall(
        r'"method":"Network.requestWillBeSent".*?"url":"([^"]*)"', "\n".join(e["message"] for e in entries)
    )
