"""Files are read and written while the network works, a few at a time, and each is whole or not there."""

import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from advloss.core.errors import Interrupted
from advloss.images.picture import PictureRows, rows_of
from advloss.images.reading import Picture, read_picture
from advloss.images.writing import write_rows
from advloss.inference.files import background
from advloss.inference.files.background import PREFETCHED
from advloss.inference.files.convert import Writing, convert_files
from advloss.inference.files.pixels import Conversion
from advloss.inference.files.summary import Summary
from advloss.inference.tiles.tiler import TileTooSmall
from tests.data.pictures import fill
from tests.inference.networks import nearest_model
from tests.training.started import ENVIRONMENT, command, done

PATIENCE = 60  # seconds before what never comes fails


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fill(Path("in"), [f"{letter}.png" for letter in "abcdefgh"])


def convert(converted: Callable[[Picture], Picture], scale: int = 1, overwrite: bool = False) -> Summary:
    said: list[str] = []
    summary = Summary("converted")
    by, writing = Conversion(no_bands, scale=scale), Writing(overwrite=overwrite)
    convert_files(
        lambda picture, _: rows_of(converted(picture)), by, Path("in"), Path("out"), summary, writing, say=said.append
    )
    assert said == [f"skipped: {why}" for why in summary.failed]
    return summary


def no_bands(*_: object) -> Iterator[Tensor]:
    raise AssertionError("the network is not asked")


def threads() -> set[str]:
    return {thread.name.split("_")[0] for thread in threading.enumerate()} & {"reading", "writing"}


class Log:
    """What is read and written, in order, and a way to wait for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.read: list[str] = []
        self.written: list[str] = []
        self.changed = threading.Condition()
        monkeypatch.setattr(background, "read_picture", self._read)
        monkeypatch.setattr(background, "write_rows", self._write)

    def until(self, true: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(true, PATIENCE)

    def _read(self, path: Path) -> Picture:
        assert threading.current_thread().name.startswith("reading")
        picture = read_picture(path)
        with self.changed:
            self.read.append(path.stem)
            self.changed.notify_all()
        return picture

    def _write(self, path: Path, picture: PictureRows) -> None:
        large = picture.height * picture.width > background.LARGE  # its rows are made by the thread that writes them
        assert threading.current_thread().name.startswith("writing") is not large
        write_rows(path, picture)
        with self.changed:
            self.written.append(path.stem)
            self.changed.notify_all()


def test_the_next_pictures_are_read_meanwhile_and_no_more(monkeypatch: pytest.MonkeyPatch):
    log, begun_pictures = Log(monkeypatch), []

    def converted(picture: Picture) -> Picture:
        begun_pictures.append(picture)
        wanted = min(len(begun_pictures) + PREFETCHED, 8)
        log.until(lambda: len(log.read) >= wanted)  # the network is at work, and they are read
        assert len(log.read) == wanted
        return picture

    assert convert(converted).written == 8
    assert log.read == log.written == list("abcdefgh") and not threads()
    for name in "abcdefgh":
        np.testing.assert_array_equal(read_picture(f"out/{name}.png").pixels, read_picture(f"in/{name}.png").pixels)


def test_a_result_is_written_meanwhile_and_one_at_most_waits(monkeypatch: pytest.MonkeyPatch):
    log, begun_pictures, begun = Log(monkeypatch), [], []
    real = background.write_rows

    def write(path: Path, picture: PictureRows) -> None:
        begun.append(path)
        number = len(begun)
        log.until(lambda: len(begun_pictures) > min(number, 7))  # the network has begun the next picture
        assert len(begun_pictures) == min(number + 1, 8)
        real(path, picture)

    def converted(picture: Picture) -> Picture:
        with log.changed:
            begun_pictures.append(picture)
            log.changed.notify_all()
        return picture

    monkeypatch.setattr(background, "write_rows", write)
    assert convert(converted).written == 8 and log.written == list("abcdefgh")


def test_large_pictures_are_not_read_in_advance_and_waited_for(monkeypatch: pytest.MonkeyPatch):
    fill(Path("in"), ["d.png", "e.png"], height=40, width=30)
    small = read_picture("in/a.png").pixels.shape
    monkeypatch.setattr(background, "LARGE", small[0] * small[1] * 4)
    log = Log(monkeypatch)

    def doubled(picture: Picture) -> Picture:
        large = picture.pixels.shape[:2] == (40, 30)
        after_large = len(log.written) in (4, 5) and log.written[-1] in "de"
        order.append((len(log.written), large, after_large))
        return Picture(picture.pixels.repeat(2, axis=0).repeat(2, axis=1))

    order: list[tuple[int, bool, bool]] = []
    assert convert(doubled, scale=2).written == 8
    assert log.read == list("abcfgh") and log.written == list("abcdefgh")
    assert [large for _, large, _ in order] == [name in "de" for name in "abcdefgh"]
    assert [order[place][2] for place in (4, 5)] == [True, True]  # what was large lies on the disk before the next


def test_results_that_are_there_are_not_read(monkeypatch: pytest.MonkeyPatch):
    fill(Path("out"), ["b.png", "c.png"])
    log = Log(monkeypatch)
    summary = convert(lambda picture: picture)
    assert (summary.written, summary.present) == (6, 2) and log.read == list("adefgh")
    assert convert(lambda picture: picture, overwrite=True).written == 8


def test_ctrl_c_counts_the_result_that_is_being_written(monkeypatch: pytest.MonkeyPatch):
    log, begun_pictures, stop = Log(monkeypatch), [], threading.Event()
    real = background.write_rows

    def write(path: Path, picture: PictureRows) -> None:
        if path.stem == "b":
            assert stop.wait(PATIENCE)
        real(path, picture)

    def converted(picture: Picture) -> Picture:
        begun_pictures.append(picture)
        if len(begun_pictures) == 3:
            stop.set()
            raise KeyboardInterrupt
        return picture

    monkeypatch.setattr(background, "write_rows", write)
    with pytest.raises(Interrupted, match="interrupted: 2 pictures written; the same command goes on from there"):
        convert(converted)
    assert log.written == ["a", "b"] and not threads()
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "b.png"]
    summary = convert(lambda picture: picture)
    assert (summary.written, summary.present) == (6, 2)


def test_ctrl_c_while_a_result_is_waited_for_counts_it_too(monkeypatch: pytest.MonkeyPatch):
    real, calls = background.wait, []

    def wait(futures: list) -> None:
        calls.append(futures)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(futures)

    monkeypatch.setattr(background, "wait", wait)
    with pytest.raises(Interrupted, match="interrupted: 2 pictures written"):
        convert(lambda picture: picture)
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "b.png"] and not threads()


@pytest.mark.parametrize("error", [TileTooSmall("tile=8"), ZeroDivisionError("a fault of ours")])
def test_what_ends_the_work_ends_the_threads(error: Exception):
    begun_pictures: list[Picture] = []

    def converted(picture: Picture) -> Picture:
        begun_pictures.append(picture)
        if len(begun_pictures) == 3:
            raise error
        return picture

    with pytest.raises(type(error)):
        convert(converted)
    assert not threads()
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "b.png"]


def test_each_failure_is_named_and_the_others_are_done(monkeypatch: pytest.MonkeyPatch):
    log, begun_pictures = Log(monkeypatch), []
    real = background.write_rows

    def write(path: Path, picture: PictureRows) -> None:
        if path.stem == "d":
            raise OSError(28, "No space left on device")
        real(path, picture)

    def converted(picture: Picture) -> Picture:
        begun_pictures.append(picture)
        if len(begun_pictures) == 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return picture

    Path("in/c.png").write_bytes(b"no picture")
    monkeypatch.setattr(background, "write_rows", write)
    summary = convert(converted)
    assert summary.written == 5 and log.written == list("aefgh")
    assert sorted(summary.failed) == [
        "in/b.png: there is not enough memory for it",
        "in/c.png: not a picture in a format that can be read, whatever its name says",
        "out/d.png: can't be written (No space left on device)",
    ]


@pytest.mark.slow
def test_a_real_ctrl_c_keeps_whole_files_and_says_how_many():
    nearest_model(Path("m.safetensors"))
    fill(Path("in"), [f"{number:03}.png" for number in range(200)], height=200, width=200)
    words = ["upscale", "in", "out", "--model", "m.safetensors"]
    process = subprocess.Popen(command(*words), env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    while len(list(Path("out").glob("*.png"))) < 3:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    finished = sorted(path.name for path in Path("out").iterdir())
    assert process.returncode == 130 and f"interrupted: {len(finished)} pictures written" in said
    assert not any(name.startswith(".advloss") for name in finished)
    for name in finished:
        read_picture(Path("out", name))
    assert f"{208 - len(finished)} pictures written, {len(finished)} were there" in done(*words).stderr
