"""Folders of pictures as a data set: which layouts are understood, and how the two sides find each other."""

from dataclasses import dataclass, replace
from pathlib import Path

from advloss.data.images import EXTENSIONS, is_image, list_images
from advloss.data.sources import DataSet, FileSource, HalfSource, Split
from advloss.errors import InputError

SPLITS = ("train", "val", "test")
LAYOUTS = """understood are:
  trainA/ and trainB/ (also valA/, valB/, testA/, testB/)
  two folders of pictures in one, such as photo/ and edges/ (alone, or in each of train/, val/, test/)
  data.a=FOLDER data.b=FOLDER
  for paired methods also files of two pictures side by side (alone, or in each of train/, val/, test/)"""


@dataclass(frozen=True)
class Sides:
    """The two folders of a split, or the one folder that holds pairs side by side (then a is b)."""

    a: Path
    b: Path


def open_folder(
    path: str | Path | None, a: str | Path | None = None, b: str | Path | None = None, *, paired: bool
) -> DataSet:
    """The data set in a folder (`path`), or in the two folders `a` and `b`. Raises `InputError` with what to do."""
    if (a is None) != (b is None):
        missing = "data.b" if b is None else "data.a"
        raise InputError(f"{missing} is missing: give both folders, data.a=FOLDER data.b=FOLDER")
    if a is not None and b is not None:
        if path is not None:
            raise InputError(f"give either one data set ('{path}') or data.a and data.b, not both")
        sides = Sides(_folder(a), _folder(b))
        if sides.a.resolve() == sides.b.resolve():
            raise InputError(f"data.a and data.b are the same folder, {sides.a}")
        return replace(_data_set(f"{sides.a.name}-{sides.b.name}", {"train": sides}, paired), notes=())
    if path is None:
        raise InputError("no data set given: name one, a folder, or data.a=FOLDER data.b=FOLDER")
    root = _folder(path)
    found = _split_folders(root)
    if "train" not in found:
        if found:
            raise InputError(f"{root} has no train split, only {', '.join(found)}; {LAYOUTS}")
        raise InputError(f"{root} holds no pictures that can be used; {LAYOUTS}")
    return _data_set(root.resolve().name, found, paired)


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


def _split_folders(root: Path) -> dict[str, Sides]:
    """Which layout `root` has, as the folders of each split."""
    lettered = {name: Sides(root / f"{name}A", root / f"{name}B") for name in SPLITS}
    found = {name: sides for name, sides in lettered.items() if sides.a.is_dir() or sides.b.is_dir()}
    if found:
        for sides in found.values():
            for side, other in ((sides.a, sides.b), (sides.b, sides.a)):
                if not side.is_dir():
                    raise InputError(f"{root} holds {other.name}/ but not {side.name}/")
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


def _data_set(name: str, found: dict[str, Sides], paired: bool) -> DataSet:
    splits: dict[str, Split] = {}
    alone: dict[str, tuple[Path, ...]] = {}
    names = {split: _side_names(split, sides) for split, sides in found.items()}
    for split, sides in found.items():
        if names[split] != names["train"]:
            raise InputError(f"the sides are {names['train']} in train and {names[split]} in {split}; name them alike")
        splits[split], left_out = _split(sides, paired)
        if left_out:
            alone[split] = left_out
        least = 2 if split == "train" else 1
        for side, folder in ((splits[split].a, sides.a), (splits[split].b, sides.b)):
            _enough(folder, len(side), least)
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


def _split(sides: Sides, paired: bool) -> tuple[Split, tuple[Path, ...]]:
    if sides.a == sides.b:
        if not paired:
            raise InputError(
                f"{sides.a} is one folder of pictures, and an unpaired method needs two; "
                "say data.a=FOLDER data.b=FOLDER (pairs side by side are for paired methods, such as pix2pix)"
            )
        return halves(list_images(sides.a), True), ()
    a, b = list_images(sides.a), list_images(sides.b)
    if not paired:
        return Split(FileSource(a), FileSource(b), False), ()
    for folder, paths in ((sides.a, a), (sides.b, b)):
        _enough(folder, len(paths), 1)
    keyed_a, keyed_b = _by_stem(sides.a, a), _by_stem(sides.b, b)
    both = [key for key in keyed_a if key in keyed_b]
    if not both:
        raise InputError(
            f"no two pictures in {sides.a} and {sides.b} share a name ('{a[0].name}', '{b[0].name}', ...); "
            "a paired method needs partners of the same name, an unpaired one (cyclegan) does not"
        )
    left_out = [path for key, path in (keyed_a | keyed_b).items() if (key in keyed_a) != (key in keyed_b)]
    split = Split(FileSource([keyed_a[key] for key in both]), FileSource([keyed_b[key] for key in both]), True)
    return split, tuple(left_out)


def _by_stem(folder: Path, paths: list[Path]) -> dict[str, Path]:
    """Pictures under their path below the folder without extension."""
    keyed: dict[str, Path] = {}
    for path in paths:
        key = path.relative_to(folder).with_suffix("").as_posix()
        if key in keyed:
            raise InputError(f"{keyed[key]} and {path} have one name, so their partner is not clear; remove one")
        keyed[key] = path
    return keyed


def _enough(folder: Path, count: int, least: int) -> None:
    if count == 0:
        raise InputError(f"{folder} holds no pictures ({', '.join(EXTENSIONS)}); {LAYOUTS}")
    if count < least:
        raise InputError(f"{folder} holds {count} image; at least {least} are needed")
