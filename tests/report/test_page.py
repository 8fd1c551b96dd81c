"""The report as a page: what stands in it, its size, and that it works in a real browser."""

import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from advloss.report.page import write
from advloss.report.pictures import evenly, sample_grids
from tests.browsing import ask, opened, requests, schemed, sized
from tests.report.runs import DOCTOR, logged, write_run
from tests.training.started import done, refused

if TYPE_CHECKING:
    from selenium.webdriver import Chrome


pytestmark = pytest.mark.xdist_group("report")  # one worker makes what all its tests need

DRAWN = "charts[0].figure !== undefined && document.querySelectorAll('.plot > *').length > 0"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Chrome]":
    yield from opened(tmp_path_factory.mktemp("profile"))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of two runs."""
    folder = tmp_path_factory.mktemp("runs")
    runs = [write_run(folder / "one"), write_run(folder / "other", rate="0.0005", weight="10", samples=(1, 400))]
    return write(runs, folder / "new" / "report.html")


def content(page: Path) -> dict[str, Any]:
    said = re.search(r'<script type="application/json" id="content">(.*?)</script>', page.read_text(), re.DOTALL)
    assert said
    return json.loads(said[1])  # type: ignore[no-any-return]


def test_what_differs_and_what_was_trained(written: Path) -> None:
    found = content(written)
    assert found["differences"] == [["optimizer.lr", "0.001", "0.0005"]]
    facts = found["runs"][0]["facts"]
    assert facts["asked for"] == "advloss train recipe=cyclegan-small stripes" and facts["iterations"] == "400 of 400"
    assert (facts["time"], facts["memory"], facts["best"]) == ("2 min", "1.5 GiB", "kid 0.0025 at iteration 400")
    assert facts["test psnr"] == "23.456" and facts["versions"] == "advloss 0.0, torch 2.0"
    assert found["runs"][0]["data"] == ["stripes: train 200 of a and 200 of b", "no problems found"]
    assert [sample["iteration"] for sample in found["runs"][0]["samples"]] == [1, 200, 400]


def test_a_run_without_samples_and_with_a_cut_log_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_run(Path("runs/run"), [logged(20), logged(40)], samples=(), ended=None)
    with (folder / "log.jsonl").open("a") as file:
        file.write('{"iteration": 60')
    (folder / "samples/0000020.png").write_bytes(b"no picture")
    assert done("report", "runs/run").stdout == "report.html\n"
    (run,) = content(Path("report.html"))["runs"]
    assert run["samples"] == [] and run["state"] == "killed"
    assert run["notes"] == [
        "log.jsonl: the last line was not written to its end, and is passed over",
        "samples/0000020.png can't be read",
    ]
    done("report", "runs/run")  # a report replaces a report


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["runs/none"], "runs/none: no such folder"),
        (["runs"], "runs: is no run's folder"),
        (["runs/run", "runs/run"], "is named twice"),
        (["runs/run"] * 7, "7 runs: a report shows at most 6"),
        (["runs/run", "-o", "report.pdf"], "report.pdf: the report is an .html file"),
        (["runs/run", "-o", "runs.html"], "runs.html: is a folder"),
        (["runs/run", "-o", "notes.html"], "notes.html: is there, and no HTML page"),
    ],
)
def test_bad_input(words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_run(Path("runs/run"), [])
    Path("runs.html").mkdir()
    Path("notes.html").write_text("my notes")
    assert said in " ".join(refused("report", *words).split())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.html", "runs", "runs.html"]
    assert Path("notes.html").read_text() == "my notes"


def test_without_bokeh_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "bokeh.resources", None)
    write_run(Path("run"), [])
    assert 'need bokeh: pip install "advloss[report]"' in refused("report", "run")
    assert not Path("report.html").exists()


def test_sample_grids_fit_and_keep_the_first_and_the_last(tmp_path: Path) -> None:
    for iteration in range(0, 100, 10):
        noise = np.random.default_rng(iteration).integers(0, 255, (200, 200, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{iteration:07d}.png")
    notes: list[str] = []
    grids = sample_grids(tmp_path, notes, 200_000)
    shown = [grid["iteration"] for grid in grids]
    assert {0, 90} <= set(shown) and len(shown) < 10 and notes == [f"{len(shown)} of 10 sample grids are shown"]
    assert sum(len(grid["source"]) for grid in grids) < 200_000 * 4 / 3 + 10 * 30
    assert evenly(list(range(10)), 4) == [0, 3, 6, 9]


@pytest.mark.slow
def test_a_run_of_200_000_entries_is_a_page_of_at_most_8_mb_that_opens(tmp_path: Path, browser: "Chrome") -> None:
    """With 20 losses of noise, and as many sample grids as are taken."""
    random = np.random.default_rng(0).random((10_000, 20)).round(6).tolist()
    rows = [{"losses": {f"term_{place}": value for place, value in enumerate(row)}} for row in random]
    run = write_run(tmp_path / "run", [], samples=tuple(range(1, 60)))
    with (run / "log.jsonl").open("w") as file:
        for number in range(200_000):
            file.write(json.dumps({"iteration": number, **rows[number % 10_000]}) + "\n")
    page = write([run], tmp_path / "report.html")
    assert page.stat().st_size < 8e6
    (first, *_) = content(page)["charts"]
    assert len(content(page)["charts"]) == 20 and len(first["lines"][0]["x"]) <= 2002 * 4 * 4 / 3 + 4
    sized(browser, 1280)
    browser.get(page.as_uri())
    drawn(browser)


def drawn(browser: "Chrome") -> None:
    """Scrolls to the first chart, which is drawn when it can be seen, until it is there; pictures above it may still
    grow."""
    wait(browser, f"(document.querySelector('#charts').scrollIntoView(), {DRAWN})")


def wait(browser: "Chrome", expression: str) -> None:
    """Until it is true, for at most two minutes."""
    end = time.monotonic() + 120
    while not ask(browser, expression):
        assert time.monotonic() < end, expression
        time.sleep(0.05)


def test_the_page_works_in_a_browser(written: Path, browser: "Chrome") -> None:
    sized(browser, 1280)
    requests(browser)  # those of the browser's own first page
    browser.get(written.as_uri())
    text = browser.find_element("tag name", "body").text
    assert "2 runs" in text and "optimizer.lr" in text and text.index("differs") < text.index("What was trained")
    assert DOCTOR["sentence"] in text and "What helps: a lower rate for it" in text  # as text, not as HTML
    assert ask(browser, "charts.length") == 8  # of losses 2, kid, right; and 4 of rate, time and memory
    drawn(browser)

    assert [ask(browser, f"view.{end}") for end in ("from", "to")] == [20, 400]
    assert ask(browser, "[...charts[0].keys.querySelectorAll('b')].map(b => b.textContent)") == ["0.0025", "0.0025"]
    browser.execute_script("point(105)")
    assert ask(browser, "charts[0].lines[0].value.textContent") == "0.01"  # of iteration 100
    low, high = ask(browser, "[charts[0].figure.y_range.start, charts[0].figure.y_range.end]")
    browser.execute_script("charts[0].figure.x_range.setv({start: 200, end: 300})")  # as a box that is drawn does
    assert browser.find_element("id", "from").get_attribute("value") == "200"
    narrow = ask(browser, "[charts[0].figure.y_range.start, charts[0].figure.y_range.end]")
    assert low < narrow[0] < 1 / 300 < 1 / 200 < narrow[1] < high
    assert ask(browser, "charts[1].figure.x_range.end") == 300  # the charts share their range
    browser.find_element("id", "log").click()
    assert ask(browser, "charts[0].figure.y_scale.type") == "LogScale"
    browser.find_element("id", "whole").click()
    assert [ask(browser, f"view.{end}") for end in ("from", "to")] == [20, 400]

    slider = browser.find_element("id", "slider")
    sources = "[...document.querySelectorAll('figure img')].map(i => i.src)"
    last = ask(browser, sources)
    browser.execute_script("slider.value = 1; slider.dispatchEvent(new Event('input'))")
    middle = ask(browser, sources)
    assert slider.is_displayed() and all(source.startswith("data:image/webp") for source in last)
    assert middle[0] != last[0] and "iteration 200" in browser.find_element("id", "at").text
    assert "(iteration 1)" in browser.find_elements("tag name", "figcaption")[1].text  # it has none of iteration 200
    severe = [entry for entry in browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]  # type: ignore[attr-defined]
    assert severe == []
    assert {address.partition(":")[0] for address in requests(browser)} <= {"chrome", "data", "file", "blob"}


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_in_both_schemes(written: Path, browser: "Chrome", width: int, scheme: str) -> None:
    sized(browser, width)
    schemed(browser, scheme)
    browser.get(written.as_uri())
    drawn(browser)
    assert ask(browser, "document.documentElement.scrollWidth") <= width
    inner = "[...document.querySelectorAll('.card, button, input, h1, h2, figure img, .plot > *')]"
    assert ask(browser, f"Math.max(...{inner}.map(e => e.getBoundingClientRect().right))") <= width
    cells = "[...document.querySelectorAll('th, td')].filter(e => e.textContent && e.offsetParent)"
    assert ask(browser, f"Math.max(...{cells}.map(e => e.getBoundingClientRect().right))") <= width
    assert ask(browser, f"Math.min(...{cells}.map(e => e.getBoundingClientRect().width))") >= 80  # words fit
    ink, paper = ask(
        browser, "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ink, paper)]
    assert (brightness[0] < brightness[1]) == (scheme == "light")
    assert abs(brightness[0] - brightness[1]) > 450
    assert ask(browser, "[...charts[0].figure.xaxis][0].major_label_text_color") == ask(browser, "colour('soft')")
    buttons = "[...document.querySelectorAll('button, input[type=number]')]"
    assert ask(browser, f"Math.min(...{buttons}.map(e => e.getBoundingClientRect().height))") >= 36  # for a thumb
