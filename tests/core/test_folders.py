"""Folders within folders."""

import os
from pathlib import Path

import pytest

from advloss.core.folders import walk
from advloss.images.reading import list_images
from tests.data.pictures import fill


def test_the_same_folders_as_os_walk(tmp_path: Path) -> None:
    for name in ("a/b/c", "a/d", "e", ".hidden/f"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "x.png").write_bytes(b"")
    (tmp_path / "e/loop").symlink_to(tmp_path)
    (tmp_path / "e/broken").symlink_to("nowhere")
    assert sorted(walk(tmp_path)) == sorted(os.walk(tmp_path))
    assert list(walk(tmp_path / "gone")) == []


def test_folders_deeper_than_a_path_can_be_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fill(Path("top"), ["a.png"])
    fill(Path("top", *["dd"] * 1200), ["b.png"])
    monkeypatch.chdir(Path("top", *["dd"] * 1200))
    for _ in range(300):
        Path("dd").mkdir()
        os.chdir("dd")
    monkeypatch.chdir(tmp_path)
    closed: list[OSError] = []
    assert [path.name for path in list_images(Path("top"), unreadable=closed.append)] == ["a.png", "b.png"]
    assert [error.strerror for error in closed] == ["File name too long"]
