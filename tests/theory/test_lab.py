"""The lab: what is recorded is what a training computes, and the page plays it in a real browser."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

import advloss
from advloss.theory.distances import sliced_w1
from advloss.theory.lab import page
from advloss.theory.lab.page import HOLD, packed
from advloss.theory.lab.record import ARROWS, CELLS, FAKES, NUMBERS, REACH, frames_at, record
from tests.browsing import ask, opened, requests, schemed, seen, sized
from tests.training.started import done, refused

if TYPE_CHECKING:
    from selenium.webdriver import Chrome


def test_sliced_w1_of_a_shift_and_of_a_sample_with_itself() -> None:
    """The mean of |cos| over all directions is 2 / pi."""
    points = np.random.default_rng(0).normal(size=(50, 2))
    assert sliced_w1(points, points[::-1]) == 0
    assert sliced_w1(points, points + np.array([3, 4]), directions=1000) == pytest.approx(5 * 2 / np.pi, rel=1e-4)


def test_the_recorded_game_is_that_of_a_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last frame's fakes are those of the model that `advloss train` gives, whatever is drawn between."""
    monkeypatch.chdir(tmp_path)
    frames = []
    for frame in record("grid", "minimax", 3, 6, 4):
        torch.rand(5)
        frames.append(frame)
    assert [frame.iteration for frame in frames] == frames_at(6, 4) == [0, 2, 4, 6]
    rate = "optimizer.lr={from: 2e-3, to: 0, over: 6, shape: cosine}"
    settings = ["seed=3", "losses.adversarial.objective=minimax", rate, "train.executor=plain", "samples=[]"]
    done("train", "recipe=points", "grid", *settings, "--iterations", "6")
    trained = advloss.load("runs/points-grid/model.safetensors").method
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal((FAKES, 2))).float()
    with torch.no_grad():
        np.testing.assert_array_equal(trained.generator(noise).numpy(), frames[-1].fakes.astype(np.float32))


@pytest.mark.parametrize("objective", ["wasserstein", "ebgan", "rpgan+r1+r2"])
def test_frames_hold_what_is_shown(objective: str) -> None:
    """More of the surface is more real for each objective, also for energies."""
    first, last = record("lines", objective, 0, 60, 2)
    assert last.fakes.shape == (FAKES, 2) and last.surface.shape == (CELLS, CELLS) and last.pushes.shape == (ARROWS, 2)
    assert np.isnan(first.discriminator) and np.isfinite([last.discriminator, last.generator, last.push]).all()
    assert np.isnan([first.modes, last.modes]).all() and last.distance > 0
    cells = (np.arange(CELLS) + 0.5) / CELLS * 2 * REACH - REACH
    on_lines = last.surface[np.abs(cells) < 1.5][:, np.abs(np.abs(cells) - 1) < 0.1].mean()
    corners = last.surface[np.abs(cells) > 2.4][:, np.abs(cells) > 2.4].mean()
    assert on_lines > corners


def test_arrows_point_where_the_generator_s_loss_falls() -> None:
    """By the values of the loss along the arrows, which need no gradient."""
    frame = list(record("ring", "non_saturating", 0, 40, 2))[-1]
    steps = frame.fakes[:ARROWS] + 0.05 * frame.pushes / np.linalg.norm(frame.pushes, axis=1, keepdims=True)

    def cell(points: np.ndarray) -> np.ndarray:
        at = ((points + REACH) / (2 * REACH) * CELLS).astype(int).clip(0, CELLS - 1)
        return frame.surface[at[:, 1], at[:, 0]]

    assert (cell(steps) - cell(frame.fakes[:ARROWS])).mean() > 0


def test_packed_frames_are_read_back() -> None:
    """As the page's script reads them, to the steps of the quantisation."""
    frames = list(record("ring", "hinge", 0, 4, 3))
    made = packed(frames)

    def read(name: str, dtype: str, *shape: int) -> np.ndarray:
        return np.frombuffer(base64.b64decode(made[name]), dtype).astype(float).reshape(len(frames), *shape)

    numbers = read("numbers", "<f4", len(NUMBERS) + 3)
    low, high, longest = numbers[:, -3:].T
    fakes = (read("fakes", "<u2", FAKES, 2) / 65535 * 2 - 1) * HOLD
    surface = low[:, None, None] + read("surface", "u1", CELLS, CELLS) / 255 * (high - low)[:, None, None]
    pushes = read("pushes", "i1", ARROWS, 2) / 127 * longest[:, None, None]
    for number, frame in enumerate(frames):
        np.testing.assert_allclose(fakes[number], frame.fakes, atol=HOLD / 65535 + 1e-9)
        np.testing.assert_allclose(surface[number], frame.surface, atol=(high - low)[number] / 500)
        np.testing.assert_allclose(pushes[number], frame.pushes, atol=longest[number] / 250)
        np.testing.assert_allclose(numbers[number, :-3], [getattr(frame, name) for name in NUMBERS], rtol=1e-6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lab.html", "--data", "rnig"], "--data: unknown set of points 'rnig'; did you mean 'ring'"),
        (
            ["lab.html", "--objective", "minimax,wassertein"],
            "--objective: unknown objective 'wassertein'; did you mean",
        ),
        (["lab.html", "--objective", "hinge+r3"], "--objective hinge+r3: unknown penalty 'r3'; did you mean"),
        (["lab.html", "--objective", "hinge,hinge"], "hinge is named twice"),
        (["lab.html", "--objective", ","], "names 0 objectives"),
        (["lab.html", "--iterations", "0"], "--iterations 0: is a whole number from 1 to 100,000"),
        (["lab.html", "--seeds", "11"], "--seeds 11: is a whole number from 1 to 10"),
        (["lab.png"], "lab.png: the page is an .html file"),
        (["folder.html"], "folder.html: is a folder; name a file in it"),
    ],
)
def test_bad_input_is_told_before_any_game(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.html").mkdir()
    assert said in " ".join(refused("lab", *words).split())
    assert [path.name for path in tmp_path.iterdir()] == ["folder.html"]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two objectives and two seeds, of short games."""
    out = tmp_path_factory.mktemp("lab") / "new" / "lab.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "FRAMES", 5)
        page.draw(out, "ring", ["non_saturating", "wasserstein"], 2, 12, lambda line: None)
    return out


def test_the_page_names_no_other_file(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="(?!data:)|url\(|@import|https?://|fetch\(|XMLHttpRequest', text)
    assert "/* lab.css */" not in text and "{{" not in text


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Chrome]":
    yield from opened(tmp_path_factory.mktemp("profile"))


def test_the_page_plays_in_a_browser(written: Path, browser: "Chrome") -> None:
    from selenium.webdriver.common.keys import Keys

    sized(browser, 1280)
    requests(browser)  # those of the browser's own first page
    browser.get(written.as_uri())
    first = seen(browser)
    assert len(first) == 2 + 2 + 3  # a plane and a chart of losses for each objective, and three charts
    slider = browser.find_element("id", "slider")
    slider.send_keys(Keys.ARROW_RIGHT)
    assert (ask(browser, "state.frame"), ask(browser, "iteration()")) == (1, 3)
    assert all(one != other for one, other in zip(first, seen(browser), strict=True))
    browser.find_element("id", "back").click()
    assert seen(browser) == first  # a frame is drawn from what was recorded alone
    browser.find_element("tag name", "body").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert ask(browser, "state.frame") == 2
    browser.find_element("id", "play").click()
    assert browser.find_element("id", "play").get_attribute("aria-label") == "Pause"
    browser.set_script_timeout(20)
    browser.execute_async_script("const done = arguments[0]; setInterval(() => { if (!state.playing) done(); }, 50)")
    assert ask(browser, "state.frame") == 4  # it stops at the end
    ended = seen(browser)
    browser.find_element("css selector", "#seed option:nth-child(2)").click()
    assert all(one != other for one, other in zip(ended[:2], seen(browser)[:2], strict=True))
    browser.find_element("id", "field").click()
    assert "of 12" in browser.find_element("id", "iteration").text
    assert browser.get_log("browser") == []  # type: ignore[attr-defined]
    assert {address.partition(":")[0] for address in requests(browser)} <= {"chrome", "data", "file"}


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_and_is_drawn_in_both_schemes(written: Path, browser: "Chrome", width: int, scheme: str) -> None:
    sized(browser, width)
    schemed(browser, scheme)
    browser.get(written.as_uri())
    assert ask(browser, "document.documentElement.scrollWidth") <= width
    drawn = "[...document.querySelectorAll('canvas, button, input, select, p, h1, h2')]"
    assert ask(browser, f"Math.max(...{drawn}.map(e => e.getBoundingClientRect().right))") <= width
    ink, paper = ask(
        browser, "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    brightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ink, paper)]
    assert (brightness[0] < brightness[1]) == (scheme == "light")
    assert abs(brightness[0] - brightness[1]) > 450
    buttons = "[...document.querySelectorAll('button')]"
    assert ask(browser, f"Math.min(...{buttons}.map(e => e.getBoundingClientRect().height))") >= 36  # for a thumb
