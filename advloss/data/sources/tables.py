"""Masks, labels and vectors that have files of their own: a folder, a CSV, a .npy."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from advloss.core.errors import InputError, unknown
from advloss.data.fields import VAL, Label, Mask
from advloss.data.sources.base import DataSet, Source, Split
from advloss.data.sources.rows import Rows
from advloss.data.sources.values import FileValues, PickedValues, Values
from advloss.images.names import by_name
from advloss.images.reading import list_images

CLASSES = 1_000_000
"""Labels in a .npy are below this. A larger number comes from another column, such as an id."""


def with_tables(
    opened: DataSet, paths: Mapping[str, Sequence[Path]], to_validate: Mapping[str, Sequence[Path]]
) -> DataSet:
    """`opened` with the masks, labels and vectors of these files added to their pictures.

    to_validate: the files of the val split, where it has its own. A val or test split whose pictures are not in the
    files is dropped, with a note. For train, and for files of the val split's own, that is an InputError.
    """
    for name, where in paths.items():
        splits: dict[str, Split] = {}
        notes = opened.notes
        for split, before in opened.splits.items():
            classes = splits["train"].rows[name].classes if splits and name in splits["train"].rows else None
            try:
                own = to_validate.get(name) if split == "val" else None
                splits[split] = _with(before, name, own or where, classes)
            except InputError as error:
                if split == "train" or own:
                    raise InputError(f"data.{VAL * bool(own)}{name}: {error}") from None
                notes += (f"{split} is dropped: {error}",)
        opened = replace(opened, splits=splits, notes=notes)
    return opened


def _with(split: Split, name: str, where: Sequence[Path], classes: tuple[str, ...] | None) -> Split:
    declared = split.declared[name]
    source = split.sources.get(declared.source, Source())
    if isinstance(declared, Mask):
        changed = _with_masks(source, name, where)
    else:
        if len(where) > 1:
            raise InputError(f"labels and vectors come from one file, not from {len(where)}; join them")
        images = next(iter(source.fields.values()), None)
        rows = _rows(where[0], isinstance(declared, Label), images, classes)
        if len(source.fields | source.rows) and len(rows) != len(source):
            raise InputError(f"{where[0]} holds {len(rows)} rows, and there are {len(source)} items in their order")
        changed = replace(source, rows=source.rows | {name: rows})
    return replace(split, sources=split.sources | {declared.source: changed})


def _with_masks(source: Source, name: str, where: Sequence[Path]) -> Source:
    """The source with masks; items without a mask are dropped."""
    images = next(iter(source.fields.values()))
    keyed = {key: path for folder in where for key, path in by_name(folder, list_images(folder)).items()}
    keys = [_key(images, index, keyed) for index in range(len(images))]
    numbers = [index for index, key in enumerate(keys) if key is not None]
    if not numbers:
        raise InputError(f"no picture in {where[0]} has the name of one that it is the mask of")
    fields: dict[str, Values] = {field: PickedValues(values, numbers) for field, values in source.fields.items()}
    fields[name] = FileValues([keyed[key] for key in keys if key is not None])
    return Source(fields, {field: rows.taken(numbers) for field, rows in source.rows.items()})


def _key(images: Values, index: int, known: Mapping[str, object]) -> str | None:
    """The longest end of a picture's path, with or without extension, that is a key of `known`; None if none is.

    Such as `train/cat/1` or `1` for train/cat/1.png.
    """
    path = Path(images.path(index) or images.name(index))
    for whole in (path.with_suffix(""), path):
        for start in range(len(whole.parts)):
            key = "/".join(whole.parts[start:])
            if key in known:
                return key
    return None


def _rows(path: Path, label: bool, images: Values | None, classes: tuple[str, ...] | None) -> Rows:
    if path.suffix.lower() == ".csv" and label:
        return _from_csv(path, images, classes)
    if path.suffix.lower() == ".npy":
        return _from_npy(path, label)
    raise InputError(f"{path}: is no {'.csv or .npy' if label else '.npy'} file")


def _from_npy(path: Path, label: bool) -> Rows:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: can't be read ({error})") from None
    if label:
        if array.ndim != 1 or array.dtype.kind not in "iu" or (array.size and array.min() < 0):
            raise InputError(f"{path}: {array.dtype} {list(array.shape)}; labels are whole numbers [N] from 0 on")
        if array.max(initial=0) >= CLASSES:
            raise InputError(f"{path}: has a label {array.max()}; labels are numbers of classes, below {CLASSES:,}")
        return Rows(array.astype(np.int64), tuple(str(number) for number in range(int(array.max(initial=0)) + 1)))
    if array.ndim != 2 or array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise InputError(f"{path}: {array.dtype} {list(array.shape)}; vectors are finite numbers [N, F]")
    return Rows(array.astype(np.float32))


def _from_csv(path: Path, images: Values | None, classes: tuple[str, ...] | None) -> Rows:
    """Labels from lines of (a picture's file name, its label). Lines for other names, as a heading, have no effect."""
    if images is None:
        raise InputError(f"{path}: a .csv names pictures, and these items have none; use a .npy [N]")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [line for line in csv.reader(file) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: can't be read ({error})") from None
    short = next((line for line in lines if len(line) < 2), None)
    if short is not None:
        raise InputError(f"{path}: the line '{short[0]}' has one column; it needs a file's name and a label")
    known: dict[str, str] = {}
    for name, label in (_entry(line[0], line[1]) for line in lines):
        if known.setdefault(name, label) != label:
            raise InputError(f"{path}: {name} has two labels, '{known[name]}' and '{label}'")
    keys = [_key(images, index, known) for index in range(len(images))]
    missing = [index for index, key in enumerate(keys) if key is None]
    if missing:
        first = images.path(missing[0]) or images.name(missing[0])
        raise InputError(f"{path}: has no line for {len(missing)} of {len(images)} pictures, such as {first}")
    labels = [known[key] for key in keys if key is not None]
    if "" in labels:
        raise InputError(f"{path}: {keys[labels.index('')]} has an empty label")
    classes = classes or _classes(path, labels)
    numbers = {label: number for number, label in enumerate(classes)}
    for label in labels:
        if label not in numbers:
            raise InputError(f"{path}: {unknown('class', label, classes)}; the classes are those of train")
    return Rows(np.array([numbers[label] for label in labels], np.int64), classes)


def _classes(path: Path, labels: Sequence[str]) -> tuple[str, ...]:
    """The classes that occur, in the order of their numbers if all are whole numbers, else by name.

    Raises InputError if all are numbers and one is negative or not whole: then they measure something.
    """
    numbers = all(label.isascii() and label.isdecimal() for label in labels)
    if not numbers and all(map(_is_number, labels)):
        odd = next(label for label in labels if not (label.isascii() and label.isdecimal()))
        raise InputError(f"{path}: has the label {odd}; labels are names, or whole numbers of classes from 0 on")
    return tuple(sorted(set(labels), key=(lambda label: (int(label), label)) if numbers else None))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _entry(name: str, label: str) -> tuple[str, str]:
    return Path(name.strip()).as_posix(), label.strip()
