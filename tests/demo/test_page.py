"""The page in a real browser: what is uploaded, done and downloaded there has the bytes of the command line's result.

These tests need gradio, which `.ci/run` installs for them.
"""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
from PIL import Image

from advloss.recipe import components
from advloss.recipe.model_file import save_model
from tests.browsing import opened
from tests.data.pictures import fill, picture
from tests.demo.serving import METHODS
from tests.demo.test_uploads import huge, zipped
from tests.inference import own
from tests.training.started import ENVIRONMENT, done

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

pytestmark = pytest.mark.slow
Found = TypeVar("Found")
ROOT = Path(__file__).resolve().parents[2]


class Served:
    """`advloss demo` in a process of its own. address: the page's; temporary: the folder that it makes its own in."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.temporary = folder / "temporary"
        self.temporary.mkdir(exist_ok=True)
        environment = ENVIRONMENT | {"TMPDIR": str(self.temporary), "PYTHONPATH": str(ROOT), "GRADIO_SHARE": "True"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.demo.serving", "demo", *words, "--port", "0"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a script in the background ignores it
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """(exit code, standard error) after a signal."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a model file for each of the methods, and pictures. The methods are known here as well."""
    pytest.importorskip("gradio")
    made = tmp_path_factory.mktemp("demo")
    fill(made / "in", ["a.png", "b.png"], height=90, width=120)
    with pytest.MonkeyPatch.context() as patch:
        for name, method in METHODS.items():
            patch.setitem(components.METHODS, name, method)
            save_model(made / f"{name}.safetensors", own.recipe_of(name, resize="shorter"), method().state_dict(), {})
        yield made


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    """All models on one page."""
    names = [f"{name}.safetensors" for name in METHODS]
    page = Served(folder, *names, "--examples", "in", "--megapixels", "1", "--megabytes", "2")
    try:
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", page.address), page.end()
        yield page
    finally:
        code, said = page.end()
        assert code == 130 and said.endswith("advloss: interrupted\n") and "Traceback" not in said, said
        assert list(page.temporary.iterdir()) == []


class Page:
    """A window with the page, or a tab of it."""

    def __init__(self, browser: "Chrome", served: Served) -> None:
        self.browser, self.served = browser, served

    def find(self, css: str, text: str = "", last: bool = False) -> "WebElement":
        """The first (or last) visible element, once there is one."""

        def look() -> "WebElement | None":
            found = [one for one in self.browser.find_elements("css selector", css) if text in (one.text or "")]
            shown = [one for one in found if one.is_displayed()]
            return shown[-1 if last else 0] if shown else None

        return until(look)

    def upload(self, *files: Path) -> None:
        """Gives files to the first place for uploads of the tab that is shown."""
        self.find("[role=tabpanel]").find_element("css selector", "input[type=file]").send_keys(
            "\n".join(map(str, files))
        )
        for file in files:
            self.find(".file-preview", file.stem)

    def said(self) -> str:
        """The message, once there is one."""
        return until(lambda: self.find(".message textarea").get_attribute("value"))

    def downloaded(self, name: str) -> bytes:
        """A result's bytes, as the browser saves it."""
        target = self.served.temporary.parent / "downloads" / name
        target.unlink(missing_ok=True)
        self.find(f".results a[download='{name}']").click()
        until(target.exists)
        return target.read_bytes()


def until(look: Callable[[], Found | None], seconds: float = 120) -> Found:
    """What `look` finds, as soon as it finds something."""
    from selenium.common.exceptions import StaleElementReferenceException

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if found := look():
                return found
        except StaleElementReferenceException:
            pass
        time.sleep(0.1)
    raise TimeoutError


@pytest.fixture(scope="module")
def browser(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Chrome]":
    """It saves files in the folder."""
    yield from opened(tmp_path_factory.mktemp("profile"), folder / "downloads")


@pytest.fixture
def page(served: Served, browser: "Chrome") -> Callable[[str], Page]:
    """Opens the page on the tab of a name."""

    def open_tab(name: str) -> Page:
        browser.get_log("performance")  # type: ignore[attr-defined]
        browser.get(served.address)
        made = Page(browser, served)
        made.find("button[role=tab]", name).click()
        return made

    return open_tab


@pytest.fixture(autouse=True)
def _in_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    shutil.rmtree("out", ignore_errors=True)
    Path("out").mkdir()


def asked(browser: "Chrome") -> list[str]:
    """The addresses that the browser has asked for."""
    entries: list[dict] = browser.get_log("performance")  # type: ignore[attr-defined]
    messages = [json.loads(entry["message"])["message"] for entry in entries]
    return [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]


def test_a_picture_is_translated_and_no_other_machine_is_asked(page: Any, browser: "Chrome", served: Served) -> None:
    tab = page("translate: turn")
    tab.upload(Path("in/a.png").absolute())
    tab.find("button", "Translate").click()
    assert tab.said() == "1 picture written"
    assert tab.find(".results a[download]").is_displayed()
    done("translate", "turn.safetensors", "in/a.png", "out/a.png")
    assert tab.downloaded("a.png") == Path("out/a.png").read_bytes()
    shown = until(lambda: browser.execute_script(SLIDER))
    assert shown == [[480, 360]] * 2
    addresses = asked(browser)
    assert len(addresses) > 10
    assert {one for one in addresses if not one.startswith((served.address, "data:", "blob:", "chrome"))} == set()
    assert [one for one in browser.get_log("browser") if "Content Security" in one["message"]] == []  # type: ignore[attr-defined]


SLIDER = """
const found = [...document.querySelectorAll('img')].filter(i => i.offsetParent && /(before|after)[.]png/.test(i.src));
return found.length == 2 && found.every(i => i.naturalWidth) && found.map(i => [i.naturalWidth, i.naturalHeight])
"""


def test_a_zip_and_an_example(page: Any) -> None:
    files = {f"photos/{name}": Path("in", name).read_bytes() for name in ("a.png", "b.png")}
    zipped(Path("photos.zip"), files)
    tab = page("translate: turn")
    tab.upload(Path("photos.zip").absolute())
    tab.find("button", "Translate").click()
    assert tab.said() == "2 pictures written"
    done("translate", "turn.safetensors", "in", "out")
    Path("made.zip").write_bytes(tab.downloaded("turn-translated.zip"))
    with zipfile.ZipFile("made.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            name: Path("out", name).read_bytes() for name in ("a.png", "b.png")
        }
    tab = page("tokenize: tokens")
    tab.find(".examples button img", last=True).click()
    tab.find(".file-preview", "b")
    tab.find("button", "Tokenize").click()
    assert "120x90 pixels as 10,800 tokens of 256 codes" in tab.said()
    done("tokenize", "in/b.png", "out/tokens.safetensors", "--model", "tokens.safetensors")
    assert tab.downloaded("tokens.safetensors") == Path("out/tokens.safetensors").read_bytes()


def test_a_hole_that_is_drawn_is_filled(page: Any, browser: "Chrome") -> None:
    from selenium.webdriver import ActionChains

    Image.fromarray(picture(3, 200, 300)).save("photo.png")
    tab = page("inpaint: holes")
    tab.upload(Path("photo.png").absolute())
    canvas = tab.find("canvas")
    until(lambda: [url for url in asked(browser) if "preview.png" in url])
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    time.sleep(1)  # the editor lays its picture out in several steps, and tells of none
    ActionChains(browser).move_to_element(canvas).click_and_hold().move_by_offset(20, 10).release().perform()
    tab.find("button", "Fill").click()
    assert "1 picture written" in tab.said()
    Path("mask.png").write_bytes(tab.downloaded("photo-mask.png"))
    holes = np.asarray(Image.open("mask.png")) > 0
    assert holes.shape == (200, 300) and 0 < holes.mean() < 0.2 and holes[80:120, 130:170].any()
    done("inpaint", "holes.safetensors", "photo.png", "mask.png", "out/photo.png")
    assert tab.downloaded("photo.png") == Path("out/photo.png").read_bytes()


def test_samples_and_classes(page: Any) -> None:
    tab = page("generate: noise")
    tab.find("button", "Make").click()
    assert tab.said() == "16 of seed 0"
    done("sample", "noise.safetensors", "out/grid.png", "--grid", "--count", "16")
    assert tab.downloaded("grid.png") == Path("out/grid.png").read_bytes()
    tab = page("classify: holes")
    tab.upload(Path("in/a.png").absolute())
    tab.find("button", "Classify").click()
    assert tab.said() == "1 picture classified"
    done("classify", "holes.safetensors", "in/a.png", "--out", "out/classes.csv")
    assert tab.downloaded("classes.csv") == Path("out/classes.csv").read_bytes()


def test_what_is_too_large_or_hostile_is_refused_in_words(page: Any, served: Served) -> None:
    tab = page("translate: turn")
    tab.upload(huge(Path("large.png").absolute(), 10_000, 10_000))
    tab.find("button", "Translate").click()
    assert tab.said().startswith("large.png: is 10000x10000 pixels, 100 megapixels, and this page takes 1;")
    tab = page("translate: turn")
    tab.upload(zipped(Path("bad.zip").absolute(), {"a.png": b"x", "../../out.png": b"x"}))
    tab.find("button", "Translate").click()
    assert tab.said().startswith("bad.zip is not safe to unpack: its member '../../out.png' leads out")
    assert not list(served.temporary.rglob("out.png"))


def test_two_users_at_once_both_get_their_results(page: Any, browser: "Chrome") -> None:
    first = browser.current_window_handle
    windows = [first]
    for name in ("a.png", "b.png"):
        if name == "b.png":
            browser.switch_to.new_window("window")
            windows.append(browser.current_window_handle)
        tab = page("translate: slow")
        tab.upload(Path("in", name).absolute())
        tab.find("button", "Translate").click()
    done("translate", "turn.safetensors", "in", "out")
    for window, name in zip(windows, ("a.png", "b.png"), strict=True):
        browser.switch_to.window(window)
        assert tab.said() == "1 picture written"
        assert tab.downloaded(name) == Path("out", name).read_bytes()
    browser.close()
    browser.switch_to.window(first)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits(page: Any, browser: "Chrome", width: int) -> None:
    page("inpaint")
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    time.sleep(1)  # the page is laid out anew
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def status(address: str, **headers: str) -> int:
    try:
        with urlopen(Request(address, headers=headers)) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def test_no_file_but_its_own_is_served(served: Served, folder: Path) -> None:
    for path in ("/etc/passwd", str(folder / "slow.safetensors"), "../../../etc/passwd", "http://127.0.0.1:1/"):
        assert status(f"{served.address}gradio_api/file={path}") == 403, path
    assert status(served.address, Host="evil.example") == 421


def test_an_upload_that_is_too_large_is_refused(served: Served, folder: Path) -> None:
    body = (
        b"--b\r\nContent-Disposition: form-data; name=files; filename=a.png\r\n\r\n" + bytes(3 * 10**6) + b"\r\n--b--"
    )
    request = Request(
        f"{served.address}gradio_api/upload",
        data=body,
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    with pytest.raises(HTTPError) as error:
        urlopen(request)
    assert error.value.code == 413
    files = [path for path in served.temporary.rglob("*") if path.is_file() and path.stat().st_size > 2 * 10**6]
    assert files == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_leaves_nothing(folder: Path, tmp_path: Path, number: int) -> None:
    shutil.copy(folder / "slow.safetensors", tmp_path)
    served = Served(tmp_path, "slow.safetensors")
    assert status(served.address) == 200
    code, said = served.end(number)
    assert code == 130 and said.endswith("advloss: interrupted\n")
    assert list(served.temporary.iterdir()) == []
