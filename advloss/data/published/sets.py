"""The data sets of the papers by name, downloaded at first use."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from advloss.core.errors import InputError
from advloss.data.checksums_file import record
from advloss.data.downloads import cache_folder, locked
from advloss.data.fields import Fields, Image, Kind, kind_of
from advloss.data.published import cityscapes, classified
from advloss.data.published.addresses import CHECKSUMS, addresses
from advloss.data.published.unpack import Damaged, unpack
from advloss.data.sources.base import DataSet
from advloss.data.sources.folders import SPLITS, halves, open_folder
from advloss.images.reading import list_images

UNPAIRED = {
    "horse2zebra": ("horses", "zebras"),
    "apple2orange": ("apples", "oranges"),
    "summer2winter_yosemite": ("summer", "winter"),
    "monet2photo": ("paintings by Monet", "photographs"),
    "cezanne2photo": ("paintings by Cezanne", "photographs"),
    "ukiyoe2photo": ("ukiyo-e prints", "photographs"),
    "vangogh2photo": ("paintings by van Gogh", "photographs"),
    "maps": ("aerial photographs", "maps"),
    "cityscapes": ("street photographs", "labels"),
    "facades": ("photographs of facades", "labels"),
    "iphone2dslr_flower": ("flowers by a phone", "flowers by a camera"),
}
"""By name, what side a and side b show (the folders ending in A and B)."""

PAIRED = {
    "facades": ("photographs of facades", "labels"),
    "maps": ("aerial photographs", "maps"),
    "cityscapes": ("street photographs", "labels"),
    "edges2shoes": ("edges", "shoes"),
    "edges2handbags": ("edges", "handbags"),
    "night2day": ("night", "day"),
}
"""By name, what side a (the left half) and side b (the right half) show."""

NAMES = sorted({*UNPAIRED, *PAIRED})
CLASSIFIED = {name: held.title for name, held in classified.SETS.items()}
"""By name, what the pictures of a set with labels show."""


TWO_DOMAINS: Fields = {"a": Image("a"), "b": Image("b")}
PAIRS: Fields = {"a": Image("pairs"), "b": Image("pairs")}


def open_published(name: str, *, kind: Kind) -> DataSet:
    """Opens the published set `name`, downloading it at its first use.

    kind: what the method needs. A set of pairs can also be used unpaired. For "single" the unpaired form is opened, if
    there is one. Raises `InputError`.
    """
    if kind == "single":
        return open_published(name, kind="unpaired" if name in UNPAIRED else "pairs")
    paired = kind == "pairs"
    if paired and name not in PAIRED:
        raise InputError(
            f"'{name}' has no pairs, and this method needs them; use an unpaired method (cyclegan), "
            f"or one of {', '.join(sorted(PAIRED))}"
        )
    if name == "cityscapes":
        return _cityscapes(kind)
    if paired or name not in UNPAIRED:
        return _paired(name, paired)
    opened = open_folder(_folder(name, "unpaired", f"cyclegan/datasets/{name}.zip"), TWO_DOMAINS)
    return DataSet(name, opened.splits, dict(zip("ab", UNPAIRED[name], strict=True)))


def open_classified(name: str, fields: Fields, given: frozenset[str] = frozenset()) -> DataSet:
    """Opens one of `CLASSIFIED`, downloading it at its first use.

    given: the fields that are read from files of their own. Raises `InputError`.
    """
    if kind_of(fields) != "single":
        raise InputError(f"'{name}' holds pictures of one kind with labels, and this method needs two kinds")
    folder = _made(f"prepared/{name}", lambda folder: classified.prepare(name, folder))
    return replace(open_folder(folder, fields, given), name=name)


def _paired(name: str, paired: bool) -> DataSet:
    """The splits of a set of pairs side by side. If not `paired`, the two halves are used as two domains."""
    folder = _folder(name, "paired", f"pix2pix/datasets/{name}.tar.gz")
    found = {split: list_images(folder / split) for split in SPLITS if (folder / split).is_dir()}
    if not found.get("train"):
        raise InputError(f"{folder} holds no pictures in train/; remove the folder, and it will be made again")
    splits = {
        split: halves(paths, PAIRS if paired else TWO_DOMAINS, paired or split != "train")
        for split, paths in found.items()
        if paths
    }
    return DataSet(name, splits, dict(zip("ab", PAIRED[name], strict=True)))


def _cityscapes(kind: Kind) -> DataSet:
    folder = _made("prepared/cityscapes", lambda folder: cityscapes.prepare(cache_folder(), folder))
    opened = open_folder(folder, PAIRS if kind == "pairs" else TWO_DOMAINS)
    return DataSet("cityscapes", opened.splits, dict(zip("ab", PAIRED["cityscapes"], strict=True)))


def _folder(name: str, kind: str, address: str) -> Path:
    """The set's folder in the cache folder. Downloads and unpacks it if it is not there."""

    def make(folder: Path) -> None:
        from advloss.data.download import fetch  # late: a network library takes time to load

        archive, published = cache_folder() / Path(address).name, CHECKSUMS.get(address)
        by_hand = archive.exists()
        fetch(addresses(address), archive, published)
        try:
            unpack(archive, folder)
        except Damaged as error:
            if by_hand:
                raise
            archive.unlink()  # else the next call would take it for one that was put there by hand
            raise InputError(f"{str(error).split('; remove')[0]}; it was removed, run again to download it") from error
        # after unpacking, so that a damaged archive's SHA-256 is not recorded
        if record(archive) and not published and not by_hand:
            tqdm.write(f"{archive.name}: no checksum of it is published; that of this first download is recorded")

    return _made(f"{kind}/{name}", make)


def _made(place: str, make: Callable[[Path], object]) -> Path:
    """The folder at `place` in the cache folder. If it does not exist, one process makes it."""
    folder = cache_folder() / place
    try:
        if not folder.exists():
            with locked(folder):
                if not folder.exists():
                    make(folder)
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError(f"{cache_folder()}: can't be written ({why}); set ADVLOSS_DATA to another folder") from error
    return folder
