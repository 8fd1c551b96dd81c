"""Opens folders of pictures as a data set, and finds out which layout they have."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from advloss.core.errors import InputError
from advloss.data.array_sets.array_file import is_array_file
from advloss.data.array_sets.opening import array_files, array_split, open_arrays
from advloss.data.fields import Fields, Image, Kind, Label, from_files, kind_of, made_field
from advloss.data.sources.base import DataSet, Split, split_of
from advloss.data.sources.class_folders import class_folders
from advloss.data.sources.matching import LAYOUTS, enough, listed, matched
from advloss.data.sources.shards import looked_at, names_shards, shard_split, with_shards_to_validate
from advloss.data.sources.side_names import LETTERS, Folders, by_field, side_by_side, side_names
from advloss.data.sources.values import FileValues, HalfValues, Values
from advloss.images.reading import UnreadableImage, is_image, list_images, read_header

SPLITS = ("train", "val", "test")


def open_folder(path: str | Path, fields: Fields, given: frozenset[str] = frozenset()) -> DataSet:
    """The data set in a folder. Raises `InputError` with what to do.

    fields: what the method declares. given: the fields that are read from files of their own.
    """
    if is_array_file(path):
        return open_arrays(Path(path).stem, {"train": Path(path)}, fields, given)
    root = folder(path)
    name = root.resolve().name
    if files := array_files(root):
        return open_arrays(name, files, fields, given)
    labels = [label for label, field in fields.items() if isinstance(field, Label) and label not in given]
    if kind_of(fields) == "single":
        return _single(name, root, fields, labels[0] if labels and not fields[labels[0]].optional else None)
    if labels:
        raise InputError(
            f"{root}: where the labels are is not clear; say data.{labels[0]}=FILE.csv, or one folder for each source, "
            "with a folder for each class in it"
        )
    return data_set(name, _with_train(root, _split_folders(root, len(from_files(fields)))), fields)


def with_validation(opened: DataSet, path: str | Path, fields: Fields) -> DataSet:
    """`opened` with the pictures in a folder as its val split: all domains, or large pictures for super-resolution.

    path: a folder; also shards, if the method needs pictures of one domain.
    """
    single = kind_of(fields) == "single"
    try:
        if single and names_shards(path):
            return with_shards_to_validate(opened, path, fields)
        if single and is_array_file(path):
            given = [
                name for name, field in fields.items() if isinstance(field, Label) and name not in opened.train.rows
            ]
            held = array_split(Path(path), fields, given, opened.train)
            return replace(opened, splits=opened.splits | {"val": held})
        root = folder(path)
        if single:
            return replace(opened, splits=opened.splits | {"val": _validated(root, opened, fields)})
        folders = sides(root, len(from_files(fields)))
        if folders is None:
            raise InputError(f"{root} holds no pictures that can be used; {LAYOUTS}")
        if not (side_by_side(folders) and kind_of(fields) == "unpaired"):  # which is refused below
            folders = by_field(folders, {name: opened.titles[name] for name in from_files(fields)})
        split, skipped = split_folders(folders, fields, 1)
    except InputError as error:
        raise InputError(f"data.val: {error}") from error
    alone = {name: paths for name, paths in opened.alone.items() if name != "val"}
    alone |= {"val": skipped} if skipped else {}
    return replace(opened, splits=opened.splits | {"val": split}, alone=alone)


def halves(paths: list[Path], fields: Fields, true_partners: bool) -> Split:
    """Pairs side by side: left is the first field, right the second."""
    both: tuple[Values, Values] = (HalfValues(paths, "left"), HalfValues(paths, "right"))
    return split_of(fields, dict(zip(from_files(fields), both, strict=True)), true_partners)


def holds_halves(split: Split) -> bool:
    """Whether the pictures of a split are taken to be halves of files."""
    return any(isinstance(values, HalfValues) for values in split.images.values())


def are_halves(split: Split) -> bool:
    """Whether all its files that can be read are twice as wide as high, as two pictures of one size side by side."""
    values = next(iter(split.images.values()))
    squares = 0
    for index in looked_at(values):
        with suppress(UnreadableImage):
            height, width = read_header(values.path(index) or "").size
            if width != 2 * height:
                return False
            squares += 1
    return squares > 0


def folder(path: str | Path) -> Path:
    """The folder of that path. Raises `InputError` if there is none."""
    found = Path(path).expanduser()
    if not found.exists():
        raise InputError(f"{found}: no such folder")
    if not found.is_dir():
        raise InputError(f"{found} is a file; give the folder it lies in")
    return found


T = TypeVar("T")


def _with_train(root: Path, found: dict[str, T]) -> dict[str, T]:
    """`found` by split; raises InputError if nothing was found for train."""
    if "train" in found:
        return found
    if found:
        raise InputError(f"{root} has no train split, only {', '.join(found)}; {LAYOUTS}")
    raise InputError(f"{root} holds no pictures that can be used; {LAYOUTS}")


def _single(name: str, root: Path, fields: Fields, label: str | None) -> DataSet:
    """Every picture below `root`, or below each of its splits' folders. label: the field of the folder names."""
    (field,) = from_files(fields)
    lettered = {} if label else {split: list(folders) for split, folders in _lettered(root, 2).items()}
    named = {split: [root / split] for split in SPLITS if (root / split).is_dir()}
    found = _with_train(root, lettered or named or {"train": [root]})
    splits: dict[str, Split] = {}
    for split, folders in found.items():
        least = 2 if split == "train" else 1
        classes = splits["train"].rows[label].classes if label and splits else None
        splits[split] = class_folders(folders, fields, label, classes) if label else alone(folders, fields, least)
    return DataSet(name, splits, {field: "pictures"})


def _validated(root: Path, opened: DataSet, fields: Fields) -> Split:
    labels = {name: rows for name, rows in opened.train.rows.items() if rows.classes is not None}
    for label, rows in labels.items():
        return class_folders([root], fields, label, rows.classes)
    return alone([root], fields, 1)


def alone(folders: list[Path], fields: Fields, least: int) -> Split:
    """All pictures in and below some folders as the one field. If there are none, the pictures in their shards."""
    paths = [path for each in folders for path in list_images(each)]
    shards = [] if paths else sorted(path for each in folders for path in each.glob("*.tar"))
    if shards:
        return shard_split(shards, fields, least)
    enough(folders[0], len(paths), least)
    return split_of(fields, {from_files(fields)[0]: FileValues(paths)}, False)


def _lettered(root: Path, count: int) -> dict[str, Folders]:
    """The folders trainA/ and trainB/, valA/ and valB/, testA/ and testB/ that exist; trainC/ and so on for more."""
    lettered = {name: tuple(root / f"{name}{letter}" for letter in LETTERS[:count]) for name in SPLITS}
    found = {name: folders for name, folders in lettered.items() if any(each.is_dir() for each in folders)}
    for folders in found.values():
        there = next(each for each in folders if each.is_dir())
        for each in folders:
            if not each.is_dir():
                raise InputError(f"{root} holds {there.name}/ but not {each.name}/")
    return found


def _split_folders(root: Path, count: int) -> dict[str, Folders]:
    """Which layout `root` has, as the folders of each split."""
    if found := _lettered(root, count):
        return found
    named = {name: root / name for name in SPLITS if (root / name).is_dir()}
    if named:
        opened = {name: sides(each, count) for name, each in named.items()}
        return {name: folders for name, folders in opened.items() if folders is not None}
    lone = sides(root, count)
    return {} if lone is None else {"train": lone}


def sides(root: Path, count: int) -> Folders | None:
    """The `count` folders with pictures in `root`, by alphabet; or `root` itself, `count` times, if it has pictures."""
    if any(is_image(path) and path.is_file() for path in root.iterdir()):
        return (root, root)
    below = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    below = sorted((path for path in below if list_images(path)), key=lambda path: (path.name.lower(), path.name))
    if not below:
        return None
    if len(below) != count:
        names = ", ".join(path.name + "/" for path in below)
        number = {2: "two", 3: "three"}.get(count, str(count))
        raise InputError(f"{root} holds pictures in {names}; {number} such folders, the sides, are needed; {LAYOUTS}")
    return tuple(below)


def data_set(name: str, found: dict[str, Folders], fields: Fields) -> DataSet:
    """The data set of the folders of each split, one for each image field."""
    splits: dict[str, Split] = {}
    skipped_files: dict[str, tuple[Path, ...]] = {}
    names = {split: side_names(folders) for split, folders in found.items()}
    for split, folders in found.items():
        if names[split] != names["train"]:
            raise InputError(f"the sides are {names['train']} in train and {names[split]} in {split}; name them alike")
        splits[split], skipped = split_folders(folders, fields, 2 if split == "train" else 1)
        if skipped:
            skipped_files[split] = skipped
    titles = dict(zip(splits["train"].images, names["train"], strict=True))
    return DataSet(name, splits, titles, _notes(found["train"], names["train"]), skipped_files)


def _notes(folders: Folders, names: tuple[str, ...]) -> tuple[str, ...]:
    if side_by_side(folders):
        return ("each file holds two pictures side by side; data.direction=b2a exchanges left and right",)
    if names == tuple(LETTERS[: len(names)]):
        return ()
    exchange = "; data.direction=b2a exchanges them" if len(names) == 2 else ""
    return (f"the sides are taken in the order of their folders' names{exchange}",)


def split_folders(folders: Folders, fields: Fields, least: int) -> tuple[Split, tuple[Path, ...]]:
    """The split, and the files that have no partner. least: how many pictures each domain needs."""
    kind = kind_of(fields)
    if kind != "unpaired" and not side_by_side(folders):
        names = from_files(fields) if len(folders) == len(from_files(fields)) else _with_made(fields)
        found, skipped = matched(dict(zip(names, ([each] for each in folders), strict=True)), fields)
        split = split_of(fields, found, True)
    else:
        split, skipped = _unmatched(folders, fields, kind), ()
    for values, each in zip(split.images.values(), folders, strict=True):
        enough(each, len(values), least)
    return split, skipped


def _with_made(fields: Fields) -> list[str]:
    """The field that is made from another, where the data has both, and that other one."""
    made = made_field(fields)
    return [name for name, field in fields.items() if isinstance(field, Image) and (name == made or not field.optional)]


def _unmatched(folders: Folders, fields: Fields, kind: Kind) -> Split:
    if side_by_side(folders):
        if kind == "unpaired":
            raise InputError(
                f"{folders[0]} is one folder of pictures, and an unpaired method needs two; "
                "say data.a=FOLDER data.b=FOLDER (pairs side by side are for paired methods, such as pix2pix)"
            )
        return halves(list_images(folders[0]), fields, True)
    found = {name: FileValues(listed([each])) for name, each in zip(from_files(fields), folders, strict=True)}
    return split_of(fields, dict(found), False)
