"""A data set whose fields or sources each have a folder or a file of their own: `data.a=FOLDER data.b=FOLDER`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from advloss.core.errors import InputError
from advloss.data.array_sets.array_file import is_array_file
from advloss.data.array_sets.opening import array_split
from advloss.data.fields import VAL, Fields, Image, Label, from_files, images_of, kind_of, sources_of
from advloss.data.sources.base import DataSet, Split, split_of
from advloss.data.sources.class_folders import labelled
from advloss.data.sources.folders import folder, sides, split_folders
from advloss.data.sources.matching import LAYOUTS, enough, listed, matched
from advloss.data.sources.rows import Rows
from advloss.data.sources.side_names import by_field, side_name, side_names
from advloss.data.sources.values import FileValues, Values

Paths = Mapping[str, Sequence[Path]]
"""Folders or files, by the name of a field or of a source."""


def open_paths(paths: Paths, fields: Fields) -> DataSet:
    """The data set in these folders. It has a train split only. Raises `InputError` with what to do.

    paths: of all fields that need one, see `check_given`. The folder of a source with a label holds a folder for each
    class. That of a source with several image fields holds a folder for each, or files of two pictures side by side.
    """
    found = _opened(paths, fields, None)
    name = "-".join(where[0].resolve().name for where in paths.values() if where)
    return DataSet(name, {"train": found.split}, found.titles, (), {"train": found.skipped} if found.skipped else {})


def with_paths_to_validate(opened: DataSet, paths: Paths, fields: Fields) -> DataSet:
    """`opened` with the pictures of these folders as its val split: `data.val_a=FOLDER data.val_b=FOLDER`.

    paths: as for `open_paths`. Sides of one source belong to the fields as in the training, see `by_field`.
    """
    try:
        found = _opened(paths, fields, opened)
    except InputError as error:
        raise InputError(f"data.{VAL}...: {error}") from error
    alone = {name: files for name, files in opened.alone.items() if name != "val"}
    alone |= {"val": found.skipped} if found.skipped else {}
    return replace(opened, splits=opened.splits | {"val": found.split}, alone=alone)


@dataclass
class _Found:
    """What was found in folders: pictures and titles by field, labels, and the files that have no partner."""

    split: Split
    titles: dict[str, str]
    skipped: tuple[Path, ...]


def _opened(paths: Paths, fields: Fields, trained: DataSet | None) -> _Found:
    """trained: the data set that these pictures are to validate; None: they are for training."""
    _check_apart(paths, fields)
    images: dict[str, Values] = {}
    rows: dict[str, Rows] = {}
    titles: dict[str, str] = {}
    skipped: tuple[Path, ...] = ()
    for source in sources_of(fields):
        own = {name: field for name, field in fields.items() if field.source == source}
        found = _source(source, own, paths, trained)
        images |= found.split.images
        rows |= found.split.rows
        titles |= found.titles
        skipped += found.skipped
    aligned = kind_of(fields) != "unpaired" and len(images) > 1
    split = split_of(fields, {name: images[name] for name in fields if name in images}, aligned, rows)
    return _Found(split, {name: titles[name] for name in split.images}, skipped)


def _source(name: str, own: Fields, paths: Paths, trained: DataSet | None) -> _Found:
    """The pictures of one source, and the labels that are their folders' names."""
    if file := _array_file(name, own, paths):
        split = array_split(file, own, [label for label in own if label in paths], trained.train if trained else None)
        return _Found(split, {next(iter(split.images)): file.stem}, ())
    given = {field: [folder(one) for one in paths[field]] for field in images_of(own) if field in paths}
    wanted, least = from_files(own), 1 if trained else 2
    if name in paths and name not in own and len(wanted) > 1:
        return _sides(folder(paths[name][0]), own, trained)
    if name in paths and len(wanted) == 1 and wanted[0] not in given:
        given = {wanted[0]: [folder(one) for one in paths[name]]}
    titles = {field: side_name(folders[0]) for field, folders in given.items()}
    if len(given) > 1:
        found, skipped = matched(given, own)
        for field, values in found.items():
            enough(given[field][0], len(values), least)
        return _Found(split_of(own, found, True), titles, skipped)
    if not given:
        return _Found(split_of(own, {}, False), {}, ())
    ((field, folders_of),) = given.items()
    labels = [label for label, one in own.items() if isinstance(one, Label) and label not in paths]
    if labels and not own[labels[0]].optional:
        classes = trained.train.rows[labels[0]].classes if trained else None
        values, numbers = labelled(folders_of, classes)
        return _Found(split_of(own, {field: values}, False, {labels[0]: numbers}), titles, ())
    everything = FileValues(listed(folders_of))
    enough(folders_of[0], len(everything), least)
    return _Found(split_of(own, {field: everything}, False), titles, ())


def _array_file(name: str, own: Fields, paths: Paths) -> Path | None:
    """The file of images and labels that is given for the one image field of a source."""
    wanted = from_files(own)
    where = paths.get(wanted[0], paths.get(name, ())) if len(wanted) == 1 else ()
    return Path(where[0]) if len(where) == 1 and is_array_file(where[0]) else None


def _sides(root: Path, own: Fields, trained: DataSet | None) -> _Found:
    """The sides of one source, which lie in one folder."""
    folders = sides(root, len(from_files(own)))
    if folders is None:
        raise InputError(f"{root} holds no pictures that can be used; {LAYOUTS}")
    if trained:
        folders = by_field(folders, {field: trained.titles[field] for field in from_files(own)})
    split, skipped = split_folders(folders, own, 1 if trained else 2)
    return _Found(split, dict(zip(split.images, side_names(folders), strict=True)), skipped)


def check_given(paths: Paths, fields: Fields, before: str = "") -> None:
    """InputError for the first field that has neither a path of its own nor its source's. before: the keys' beginning,
    such as `val_`."""
    needed = from_files(fields)
    missing = [name for name in needed if name not in paths and fields[name].source not in paths]
    if missing:
        give = " ".join(f"data.{before}{name}=FOLDER" for name in needed)
        both = "both folders" if len(needed) == 2 else "each folder" if len(needed) > 2 else "its folder"
        raise InputError(f"data.{before}{missing[0]} is missing: give {both}, {give}")


def _check_apart(paths: Paths, fields: Fields) -> None:
    seen: dict[Path, str] = {}
    for name, where in paths.items():
        if name in fields and not isinstance(fields[name], Image):
            continue
        for one in where:
            place = Path(one).expanduser().resolve()
            if place in seen:
                if seen[place] == name:
                    raise InputError(f"data.{name} names the folder {one} twice")
                raise InputError(f"data.{seen[place]} and data.{name} are the same folder, {one}")
            seen[place] = name
