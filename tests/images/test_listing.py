"""The pictures in a folder, and what is passed over and named."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from advloss.images.formats import FORMATS
from advloss.images.listing import Passed, list_images


def made(root: Path, *names: str) -> Path:
    """Empty files."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def found(root: Path, passed: Passed | None = None) -> list[str]:
    return [path.relative_to(root).as_posix() for path in list_images(root, passed=passed)]


def test_pictures_are_sorted_and_hidden_files_left_out(tmp_path: Path) -> None:
    made(tmp_path, "b.PNG", "a.jpeg", "sub/c.tif", ".hidden.png", ".git/d.png")
    passed = Passed()
    assert found(tmp_path, passed) == ["a.jpeg", "b.PNG", "sub/c.tif"] and passed == Passed() and not passed.words()
    assert [path.name for path in list_images(tmp_path, recursive=False)] == ["a.jpeg", "b.PNG"]


def test_every_format_that_is_read_alone_is_taken(tmp_path: Path) -> None:
    made(tmp_path, *(f"x{extension.upper()}" for extension in FORMATS))
    assert len(found(tmp_path)) == len(FORMATS) >= 25


def test_other_files_are_counted_by_their_extensions(tmp_path: Path) -> None:
    made(tmp_path, "a.png", *(f"{n}.txt" for n in range(12)), "x/b.heic", "LICENSE", "c.HEIC")
    passed = Passed()
    found(tmp_path, passed)
    counts = "15 files (12 .txt, 2 .heic, 1 without an extension)"
    assert passed.words() == [f"not taken, since the name is no picture's: {counts}"]
    assert passed.words(lambda path: path.suffix == ".txt")[0].endswith("3 files (2 .heic, 1 without an extension)")


def test_pipes_and_broken_links_are_named(tmp_path: Path) -> None:
    made(tmp_path, "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "self.png").symlink_to("self.png")
    (tmp_path / "whole.png").symlink_to("a.png")
    passed = Passed()
    assert found(tmp_path, passed) == ["a.png", "whole.png"]
    assert {path.name for path in passed.no_files} == {"pipe.png", "gone.png", "self.png"}
    assert "not taken, since they are no files (pipes, broken links): " in passed.words()[0]


def test_links_to_folders_are_followed_and_none_is_read_twice(tmp_path: Path) -> None:
    made(tmp_path / "elsewhere", "a.png", "deep/b.png")
    root = made(tmp_path / "root", "z/c.png", "d.png")
    (root / "a").symlink_to(tmp_path / "elsewhere")
    (root / "b").symlink_to(tmp_path / "elsewhere/deep")  # within the one before
    (root / "c").symlink_to(root / "z")  # read already, under its own name
    (root / "z/up").symlink_to(root)  # a circle
    (tmp_path / "elsewhere/round").symlink_to(tmp_path / "elsewhere")
    passed = Passed()
    assert found(root, passed) == ["a/a.png", "a/deep/b.png", "d.png", "z/c.png"]
    assert {path.relative_to(root).as_posix() for path in passed.linked} == {"b", "c", "z/up", "a/round"}
    assert passed.words()[0].startswith("not taken a second time: links to folders that are read already: ")
    assert list_images(root / "a")  # a root that is a link


def test_folders_that_can_not_be_listed_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, "a.png", "shut/b.png", "open/c.png")
    scandir = os.scandir

    def closed(path: str) -> object:
        if Path(path).name == "shut":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    passed = Passed()
    assert found(tmp_path, passed) == ["a.png", "open/c.png"] == found(tmp_path)
    assert [error.filename for error in passed.closed] == [str(tmp_path / "shut")]


def test_a_deep_tree(tmp_path: Path) -> None:
    """Deeper than Python's recursion, and than a path may be long in the end."""
    place = tmp_path
    for _ in range(60):
        place = place / "a-folder-with-a-long-name"
    place.mkdir(parents=True)
    made(place, "x.png")
    assert len(list_images(tmp_path)) == 1


@pytest.fixture
def deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with 1,500 levels of folders, each in the one before. It is removed level by level: rmtree recurses."""
    top = made(tmp_path / "top", "a.png")
    monkeypatch.chdir(top)
    for level in range(1500):
        os.mkdir("dd")  # noqa: PTH102 (pathlib makes the parents by recursion)
        os.chdir("dd")
        if level == 1199:
            made(Path(), "b.png")
    monkeypatch.chdir(tmp_path)
    yield top
    os.chdir(top)
    for _ in range(1500):
        os.chdir("dd")
    for _ in range(1500):
        Path("b.png").unlink(missing_ok=True)
        os.chdir("..")
        Path("dd").rmdir()


def test_folders_deeper_than_a_path_can_be_long(deep: Path) -> None:
    passed = Passed()
    assert [path.name for path in list_images(Path("top"), passed=passed)] == ["a.png", "b.png"]
    assert [error.strerror for error in passed.closed] == ["File name too long"]
