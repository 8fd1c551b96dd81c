"""Data sets by name or folder. Light to import: torch is needed for `advloss.data.loading` only."""

from pathlib import Path
from typing import Literal

from advloss.data.folders import open_folder
from advloss.data.published import NAMES, PAIRED, UNPAIRED, open_published
from advloss.data.sources import DataSet, Source, Split
from advloss.data.synthetic import SETS, SMALLEST
from advloss.errors import InputError, unknown

__all__ = ["DataSet", "Source", "Split", "known", "open_any", "open_data"]


def open_data(
    name: str | Path | None,
    *,
    a: str | Path | None = None,
    b: str | Path | None = None,
    paired: bool,
    size: int,
    seed: int,
    direction: Literal["a2b", "b2a"] = "a2b",
) -> DataSet:
    """A data set: a folder (a path that exists wins), a synthetic or published set's name, or the folders `a` and `b`.

    paired: whether the method needs partners. size: in pixels, of synthetic pictures. direction: b2a exchanges the
    sides. Raises `InputError`.
    """
    if direction not in ("a2b", "b2a"):
        raise InputError(f"data.direction is '{direction}'; use a2b or b2a")
    opened = _opened(name, a, b, paired, size, seed)
    return opened.swapped() if direction == "b2a" else opened


def open_any(name: str | Path) -> DataSet:
    """The same for a look at what is there. Raises `InputError`.

    Pairs if a folder or a synthetic set holds pairs, else two unpaired sides; a published set unpaired if it can be.
    """
    size, seed = 256, 0
    if str(name) in NAMES and not Path(name).expanduser().exists():  # not to be downloaded twice to find out
        return open_published(str(name), paired=str(name) not in UNPAIRED)
    try:
        return open_data(name, paired=True, size=size, seed=seed)
    except InputError:
        return open_data(name, paired=False, size=size, seed=seed)


def known() -> list[tuple[str, str, str]]:
    """(name, kind, description) of every set that needs no folder."""
    synthetic = [
        ("stripes", "synthetic, unpaired", "plain and striped animals; the partners of val and test are known"),
        ("facades-like", "synthetic, paired", "label maps of houses and their pictures"),
    ]
    published = []
    for name in NAMES:
        kinds = [kind for kind, sets in (("unpaired", UNPAIRED), ("paired", PAIRED)) if name in sets]
        sides = (PAIRED if name in PAIRED else UNPAIRED)[name]
        by_hand = "; its licence lets only you download it" if name == "cityscapes" else ""
        published.append((name, ", ".join(kinds), f"{sides[0]} and {sides[1]}{by_hand}"))
    return synthetic + published


def _opened(
    name: str | Path | None, a: str | Path | None, b: str | Path | None, paired: bool, size: int, seed: int
) -> DataSet:
    if name is None or a is not None or b is not None or Path(name).expanduser().exists():
        return open_folder(name, a, b, paired=paired)
    text = str(name)
    if text in SETS:
        if size < SMALLEST:
            raise InputError(
                f"pictures of {size} pixels are too small to draw '{text}'; at least {SMALLEST} are needed"
            )
        opened = SETS[text](size, seed)
        if paired and not opened.train.paired:
            raise InputError(f"'{text}' has no pairs to train on, and this method needs them; use facades-like")
        return opened
    if text in NAMES:
        return open_published(text, paired=paired)
    if isinstance(name, Path) or any(mark in text for mark in "/\\.~"):
        raise InputError(f"{text}: no such folder")
    raise InputError(f"{unknown('data set', text, [*SETS, *NAMES])}, or a folder; there is none of that name here")
