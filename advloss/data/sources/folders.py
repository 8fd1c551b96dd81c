"""Folders of pictures as a data set: which layouts are understood, and how the two sides find each other."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from advloss.core.errors import InputError
from advloss.data.sources.base import DataSet, FileSource, HalfSource, Kind, Split
from advloss.data.sources.shards import names_shards, shard_split, with_shards_to_validate
from advloss.images.names import by_name
from advloss.images.reading import extensions, is_image, list_images

SPLITS = ("train", "val", "test")
LAYOUTS = """understood are:
  trainA/ and trainB/ (also valA/, valB/, testA/, testB/)
  two folders of pictures in one, such as photo/ and edges/ (alone, or in each of train/, val/, test/)
  data.a=FOLDER data.b=FOLDER
  for paired methods also files of two pictures side by side (alone, or in each of train/, val/, test/)
  for super-resolution a folder of large pictures, also in folders below it (alone, or in each of train/, val/, test/),
    or data.a=SMALL data.b=LARGE; a folder of shards (.tar, as webdataset writes them) serves as one of pictures"""


@dataclass(frozen=True)
class Sides:
    """The two folders of a split, or the one folder that holds pairs side by side (then a is b)."""

    a: Path
    b: Path


def open_folder(
    path: str | Path | None, a: str | Path | None = None, b: str | Path | None = None, *, kind: Kind
) -> DataSet:
    """The data set in a folder (`path`), or in the two folders `a` and `b`. Raises `InputError` with what to do.

    kind: what the method trains on; "single" with two folders are pairs of a small and a large picture.
    """
    if (a is None) != (b is None):
        missing = "data.b" if b is None else "data.a"
        raise InputError(f"{missing} is missing: give both folders, data.a=FOLDER data.b=FOLDER")
    if a is not None and b is not None:
        if path is not None:
            raise InputError(f"give either one data set ('{path}') or data.a and data.b, not both")
        sides = Sides(_folder(a), _folder(b))
        if sides.a.resolve() == sides.b.resolve():
            raise InputError(f"data.a and data.b are the same folder, {sides.a}")
        return replace(_data_set(f"{sides.a.name}-{sides.b.name}", {"train": sides}, kind), notes=())
    if path is None:
        raise InputError("no data set given: name one, a folder, or data.a=FOLDER data.b=FOLDER")
    root = _folder(path)
    name = root.resolve().name
    return _single(name, root) if kind == "single" else _data_set(name, _with_train(root, _split_folders(root)), kind)


def with_validation(opened: DataSet, folder: str | Path, kind: Kind) -> DataSet:
    """`opened` with the pictures in `folder` as its val split: two sides as its own, or large pictures if "single".

    folder: or shards, if "single".
    """
    try:
        if kind == "single" and names_shards(folder):
            return with_shards_to_validate(opened, folder)
        root = _folder(folder)
        if kind == "single":
            return replace(opened, splits=opened.splits | {"val": _alone([root], 1)})
        sides = _two_sides(root)
        if sides is None:
            raise InputError(f"{root} holds no pictures that can be used; {LAYOUTS}")
        names, notes = _side_names("val", sides), opened.notes
        if names == opened.sides[::-1]:
            sides = Sides(sides.b, sides.a)
        elif names != opened.sides:
            notes += (f"of data.val the sides are {names[0]} (a) and {names[1]} (b)",)
        split, skipped = _split(sides, kind, 1)
    except InputError as error:
        raise InputError(f"data.val: {error}") from error
    alone = {name: paths for name, paths in opened.alone.items() if name != "val"}
    alone |= {"val": skipped} if skipped else {}
    return replace(opened, splits=opened.splits | {"val": split}, notes=notes, alone=alone)


def halves(paths: list[Path], true_partners: bool) -> Split:
    """Pairs side by side: left = a, right = b."""
    return Split(HalfSource(paths, "left"), HalfSource(paths, "right"), true_partners)


def _folder(path: str | Path) -> Path:
    folder = Path(path).expanduser()
    if not folder.exists():
        raise InputError(f"{folder}: no such folder")
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; give the folder it lies in")
    return folder


T = TypeVar("T")


def _with_train(root: Path, found: dict[str, T]) -> dict[str, T]:
    """What was found of each split, if there is something to train on."""
    if "train" in found:
        return found
    if found:
        raise InputError(f"{root} has no train split, only {', '.join(found)}; {LAYOUTS}")
    raise InputError(f"{root} holds no pictures that can be used; {LAYOUTS}")


def _single(name: str, root: Path) -> DataSet:
    """Every picture below `root`, or below each of its splits' folders."""
    lettered = {split: [sides.a, sides.b] for split, sides in _lettered(root).items()}
    named = {split: [root / split] for split in SPLITS if (root / split).is_dir()}
    found = _with_train(root, lettered or named or {"train": [root]})
    splits = {split: _alone(folders, 2 if split == "train" else 1) for split, folders in found.items()}
    return DataSet(name, splits, ("a", "pictures"))


def _alone(folders: list[Path], least: int) -> Split:
    """All pictures in and below some folders, as one side; those in shards, where there are no others."""
    paths = [path for folder in folders for path in list_images(folder)]
    shards = [] if paths else sorted(path for folder in folders for path in folder.glob("*.tar"))
    if shards:
        return shard_split(shards, least)
    _enough(folders[0], len(paths), least)
    return Split(None, FileSource(paths), False)


def _lettered(root: Path) -> dict[str, Sides]:
    """trainA/ and trainB/, valA/ and valB/, testA/ and testB/, those that are there."""
    lettered = {name: Sides(root / f"{name}A", root / f"{name}B") for name in SPLITS}
    found = {name: sides for name, sides in lettered.items() if sides.a.is_dir() or sides.b.is_dir()}
    for sides in found.values():
        for side, other in ((sides.a, sides.b), (sides.b, sides.a)):
            if not side.is_dir():
                raise InputError(f"{root} holds {other.name}/ but not {side.name}/")
    return found


def _split_folders(root: Path) -> dict[str, Sides]:
    """Which layout `root` has, as the folders of each split."""
    if found := _lettered(root):
        return found
    named = {name: root / name for name in SPLITS if (root / name).is_dir()}
    if named:
        opened = {name: _two_sides(folder) for name, folder in named.items()}
        return {name: sides for name, sides in opened.items() if sides is not None}
    lone = _two_sides(root)
    return {} if lone is None else {"train": lone}


def _two_sides(folder: Path) -> Sides | None:
    """Two sub-folders with pictures (a first, else by alphabet), or the folder itself if pictures lie in it."""
    if any(is_image(path) and path.is_file() for path in folder.iterdir()):
        return Sides(folder, folder)
    below = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    below = sorted((path for path in below if list_images(path)), key=lambda path: (path.name.lower(), path.name))
    if not below:
        return None
    if len(below) != 2:
        names = ", ".join(path.name + "/" for path in below)
        raise InputError(f"{folder} holds pictures in {names}; two such folders, the sides, are needed; {LAYOUTS}")
    return Sides(*below)


def _data_set(name: str, found: dict[str, Sides], kind: Kind) -> DataSet:
    splits: dict[str, Split] = {}
    alone: dict[str, tuple[Path, ...]] = {}
    names = {split: _side_names(split, sides) for split, sides in found.items()}
    for split, sides in found.items():
        if names[split] != names["train"]:
            raise InputError(f"the sides are {names['train']} in train and {names[split]} in {split}; name them alike")
        splits[split], skipped = _split(sides, kind, 2 if split == "train" else 1)
        if skipped:
            alone[split] = skipped
    return DataSet(name, splits, names["train"], _notes(found["train"], names["train"]), alone)


def _side_names(split: str, sides: Sides) -> tuple[str, str]:
    """What the sides are called: the folders' names without the split's."""
    if sides.a == sides.b:
        return "left", "right"
    first, second = (side.name.removeprefix(split) or side.name for side in (sides.a, sides.b))
    return first, second


def _notes(sides: Sides, names: tuple[str, str]) -> tuple[str, ...]:
    if sides.a == sides.b:
        return ("each file holds two pictures side by side; data.direction=b2a exchanges left and right",)
    if names == ("A", "B"):
        return ()
    return ("the sides are taken in the order of their folders' names; data.direction=b2a exchanges them",)


def _split(sides: Sides, kind: Kind, least: int) -> tuple[Split, tuple[Path, ...]]:
    """The split, and the files that have no partner. least: how many pictures each side needs."""
    by_name = kind != "unpaired" and sides.a != sides.b
    split, skipped = _matched(sides, kind) if by_name else (_unmatched(sides, kind), ())
    for source, folder in zip(split.sides.values(), (sides.a, sides.b), strict=True):
        _enough(folder, len(source), least)
    return split, skipped


def _unmatched(sides: Sides, kind: Kind) -> Split:
    if sides.a == sides.b:
        if kind == "unpaired":
            raise InputError(
                f"{sides.a} is one folder of pictures, and an unpaired method needs two; "
                "say data.a=FOLDER data.b=FOLDER (pairs side by side are for paired methods, such as pix2pix)"
            )
        return halves(list_images(sides.a), True)
    return Split(FileSource(list_images(sides.a)), FileSource(list_images(sides.b)), False)


def _matched(sides: Sides, kind: Kind) -> tuple[Split, tuple[Path, ...]]:
    """Pairs by name, and the files that have no partner."""
    a, b = list_images(sides.a), list_images(sides.b)
    for folder, paths in ((sides.a, a), (sides.b, b)):
        _enough(folder, len(paths), 1)
    keyed_b = by_name(sides.b, b)
    keyed_a = by_name(sides.a, a, keyed_b if kind == "single" else None)
    both = [key for key in keyed_a if key in keyed_b]
    if not both:
        needs = (
            "a small picture is called as its large one, or as in 0001x4.png and 0001.png"
            if kind == "single"
            else "a paired method needs partners of the same name, an unpaired one (cyclegan) does not"
        )
        raise InputError(
            f"no two pictures in {sides.a} and {sides.b} share a name ('{a[0].name}', '{b[0].name}', ...); {needs}"
        )
    skipped = [path for key, path in (keyed_a | keyed_b).items() if (key in keyed_a) != (key in keyed_b)]
    split = Split(FileSource([keyed_a[key] for key in both]), FileSource([keyed_b[key] for key in both]), True)
    return split, tuple(skipped)


def _enough(folder: Path, count: int, least: int) -> None:
    if count == 0:
        raise InputError(f"{folder} holds no pictures ({extensions()}); {LAYOUTS}")
    if count < least:
        raise InputError(f"{folder} holds {count} image; at least {least} are needed")
