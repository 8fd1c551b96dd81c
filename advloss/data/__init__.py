"""Data sets by name or folder. Light to import: torch is needed for `advloss.data.loading.loader` only."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

from advloss.core.errors import InputError, unknown
from advloss.data.published.sets import NAMES, PAIRED, UNPAIRED, open_published
from advloss.data.sources.base import DataSet, Kind, Source, Split
from advloss.data.sources.folders import open_folder, with_validation
from advloss.data.sources.shards import names_shards, open_shards, title
from advloss.data.synthetic.sets import SETS, SMALLEST

__all__ = ["DataSet", "Kind", "Source", "Split", "known", "open_any", "open_data", "short_name"]


def open_data(
    name: str | Path | None,
    *,
    a: str | Path | None = None,
    b: str | Path | None = None,
    val: str | Path | None = None,
    kind: Kind,
    size: int,
    seed: int,
    direction: Literal["a2b", "b2a"] = "a2b",
) -> DataSet:
    """A data set: a folder (a path that exists wins), shards, a synthetic or published set, or the folders `a` and `b`.

    val: a folder (or shards) with the pictures to validate on, instead of the set's own. kind: what the method trains
    on; a set of another kind serves where it can. size: in pixels, of synthetic pictures. direction: b2a exchanges the
    sides. Raises `InputError`.
    """
    if direction not in ("a2b", "b2a"):
        raise InputError(f"data.direction is '{direction}'; use a2b or b2a")
    if direction == "b2a" and kind == "single":
        raise InputError("data.direction=b2a exchanges two sides, and this method's pictures are all on one; use a2b")
    opened = _opened(name, a, b, kind, size, seed)
    if val is not None:
        opened = with_validation(opened, val, kind)
    return opened.swapped() if direction == "b2a" else opened


def open_any(name: str | Path) -> DataSet:
    """The same for a look at what is there. Raises `InputError`.

    Pairs if a folder or a synthetic set holds pairs, else two unpaired sides, else single pictures; a published set
    unpaired if it can be.
    """
    size, seed = 256, 0
    if str(name) in NAMES and not Path(name).expanduser().exists():  # not to be downloaded twice to find out
        return open_published(str(name), kind="unpaired" if str(name) in UNPAIRED else "pairs")
    kinds: tuple[Kind, ...] = ("pairs", "unpaired")
    for kind in kinds:
        with suppress(InputError):
            return open_data(name, kind=kind, size=size, seed=seed)
    opened = open_data(name, kind="single", size=size, seed=seed)
    return replace(opened, notes=("no two sides were found: all pictures are taken as one, as for super-resolution",))


def short_name(name: str | Path) -> str:
    """What a run on this data set is called after: the folder's name without those above it, the shards' beginning."""
    return title(name) if names_shards(name) else Path(name).name


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
    name: str | Path | None, a: str | Path | None, b: str | Path | None, kind: Kind, size: int, seed: int
) -> DataSet:
    if name is not None and a is None and b is None and names_shards(name):
        return open_shards(name, kind)
    if name is None or a is not None or b is not None or Path(name).expanduser().exists():
        return open_folder(name, a, b, kind=kind)
    text = str(name)
    if text in SETS:
        if size < SMALLEST:
            raise InputError(
                f"pictures of {size} pixels are too small to draw '{text}'; at least {SMALLEST} are needed"
            )
        opened = SETS[text](size, seed)
        if kind == "pairs" and not opened.train.paired:
            raise InputError(f"'{text}' has no pairs to train on, and this method needs them; use facades-like")
        return opened.single() if kind == "single" else opened
    if text in NAMES:
        return open_published(text, kind=kind)
    if isinstance(name, Path) or any(mark in text for mark in "/\\.~"):
        raise InputError(f"{text}: no such folder")
    raise InputError(f"{unknown('data set', text, [*SETS, *NAMES])}, or a folder; there is none of that name here")
