"""A data set whose fields or sources each have a folder or a file of their own: `data.a=FOLDER data.b=FOLDER`."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from advloss.core.errors import InputError
from advloss.data.fields import Fields, Image, Label, from_files, images_of, kind_of, sources_of
from advloss.data.sources.base import DataSet, split_of
from advloss.data.sources.class_folders import labelled
from advloss.data.sources.folders import folder, sides, split_folders
from advloss.data.sources.matching import LAYOUTS, enough, listed, matched
from advloss.data.sources.rows import Rows
from advloss.data.sources.values import FileValues, Values

Paths = Mapping[str, Sequence[Path]]
"""Folders or files, by the name of a field or of a source."""


def open_paths(paths: Paths, fields: Fields) -> DataSet:
    """The data set in these folders. It has a train split only. Raises `InputError` with what to do.

    paths: of all fields that need one, see `check_given`. The folder of a source with a label holds a folder for each
    class. That of a source with several image fields holds a folder for each, or files of two pictures side by side.
    """
    _check_apart(paths, fields)
    images: dict[str, Values] = {}
    rows: dict[str, Rows] = {}
    skipped_files: tuple[Path, ...] = ()
    for source in sources_of(fields):
        own = {name: field for name, field in fields.items() if field.source == source}
        found, labels, skipped = _source(source, own, paths)
        images |= found
        rows |= labels
        skipped_files += skipped
    aligned = kind_of(fields) != "unpaired" and len(images) > 1
    split = split_of(fields, {name: images[name] for name in fields if name in images}, aligned, rows)
    titles = {name: (paths.get(name) or paths[fields[name].source])[0].name for name in split.images}
    name = "-".join(where[0].resolve().name for where in paths.values() if where)
    return DataSet(name, {"train": split}, titles, (), {"train": skipped_files} if skipped_files else {})


def _source(name: str, own: Fields, paths: Paths) -> tuple[dict[str, Values], dict[str, Rows], tuple[Path, ...]]:
    """The pictures of one source, the labels that are their folders' names, the files that have no partner."""
    given = {field: [folder(one) for one in paths[field]] for field in images_of(own) if field in paths}
    wanted = from_files(own)
    if name in paths and name not in own and len(wanted) > 1:
        (root,) = [folder(one) for one in paths[name]][:1]
        folders = sides(root, len(wanted))
        if folders is None:
            raise InputError(f"{root} holds no pictures that can be used; {LAYOUTS}")
        split, skipped = split_folders(folders, own, 2)
        return dict(split.images), {}, skipped
    if name in paths and len(wanted) == 1 and wanted[0] not in given:
        given = {wanted[0]: [folder(one) for one in paths[name]]}
    if len(given) > 1:
        found, skipped = matched(given, own)
        for field, values in found.items():
            enough(given[field][0], len(values), 2)
        return found, {}, skipped
    if not given:
        return {}, {}, ()
    ((field, folders_of),) = given.items()
    labels = [label for label, one in own.items() if isinstance(one, Label) and label not in paths]
    if labels and not own[labels[0]].optional:
        values, classes = labelled(folders_of)
        return {field: values}, {labels[0]: classes}, ()
    everything = FileValues(listed(folders_of))
    enough(folders_of[0], len(everything), 2)
    return {field: everything}, {}, ()


def check_given(paths: Paths, fields: Fields) -> None:
    """InputError for the first field that has neither a path of its own nor its source's."""
    needed = from_files(fields)
    missing = [name for name in needed if name not in paths and fields[name].source not in paths]
    if missing:
        give = " ".join(f"data.{name}=FOLDER" for name in needed)
        both = "both folders" if len(needed) == 2 else "each folder" if len(needed) > 2 else "its folder"
        raise InputError(f"data.{missing[0]} is missing: give {both}, {give}")


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
