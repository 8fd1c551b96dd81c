"""The page of plots, from experiments that are cut short."""

import re
import struct
from html import escape
from pathlib import Path

import pytest

from advloss.core.errors import InputError
from advloss.theory import page
from advloss.theory.ring import rings
from advloss.theory.statements import STATEMENTS

pytest.importorskip("matplotlib")
QUICK = [
    statement
    for statement in STATEMENTS
    if statement.title in ("Two lines: distances", "Four piles of earth", "The game xy", "Saturation")
]


def test_draw_writes_both_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each statement is there with its claim, its source and its measured numbers; the pictures are inside."""
    monkeypatch.setattr(page, "STATEMENTS", QUICK)
    said: list[str] = []
    picture, html = page.draw(tmp_path / "new" / "folder", said.append)
    assert picture.name == "theory.png"
    width, height = struct.unpack(">II", picture.read_bytes()[16:24])
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert width > 1500
    assert height > 1000
    text = html.read_text(encoding="utf-8")
    assert len(re.findall(r'src="data:image/png;base64,[A-Za-z0-9+/]{5000,}', text)) == len(QUICK) == len(said)
    assert not re.findall(r'(?:src|href)="(?!data:)', text)  # self-contained
    for statement in QUICK:
        assert f"<h2>{statement.title}</h2>" in text
        assert escape(statement.source) in text
    assert "work by cumulative differences: 5; by linear programming: 5" in text


def test_the_ring_is_drawn_with_its_samples(tmp_path: Path) -> None:
    """Rings of no training at all can be drawn: a bar and a line of numbers for each, and their samples."""
    statement = STATEMENTS[-1]
    assert statement.title == page.RING
    found = [(statement, rings(["hinge", "lsgan"], steps=0))]
    figure = page.sheet(found)
    assert len(figure.axes) == 2
    assert len(figure.axes[0].patches) == 4
    _, html = page.write(found, tmp_path)
    assert re.search(r"<li>lsgan: \d modes \(\d+% near one\) without, \d \(\d+%\) with</li>", html.read_text())


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """Bad input stops before the experiments do."""
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        page.draw(tmp_path / "file")


def test_every_statement_says_what_it_needs() -> None:
    """Each has a claim that is a sentence and a source with a year."""
    assert len({statement.title for statement in STATEMENTS}) == len(STATEMENTS) == 9
    for statement in STATEMENTS:
        assert statement.claim.endswith(".")
        assert re.search(r"\b(19|20)\d\d\b", statement.source)
