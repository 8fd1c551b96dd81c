"""Pictures in one folder for each class. The folder's name is the label."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from advloss.core.errors import InputError, unknown
from advloss.data.fields import Fields, from_files
from advloss.data.sources.base import Split, split_of
from advloss.data.sources.rows import Rows
from advloss.data.sources.values import FileValues
from advloss.images.reading import list_images


def class_folders(folders: list[Path], fields: Fields, label: str, classes: tuple[str, ...] | None) -> Split:
    """All pictures below some folders. The label is the name of the folder directly below the given one.

    classes: the names of the classes, those of train; None: the names of the folders, sorted.
    """
    image = next(name for name in from_files(fields) if fields[name].source == fields[label].source)
    values, rows = labelled(folders, classes)
    return split_of(fields, {image: values}, False, {label: rows})


def labelled(folders: Sequence[Path], classes: tuple[str, ...] | None = None) -> tuple[FileValues, Rows]:
    """The pictures and their labels."""
    paths, names = [], []
    for folder in folders:
        for path in list_images(folder):
            first, *rest = path.relative_to(folder).parts
            if not rest:
                raise InputError(f"{path} lies in no class's folder; each class has a folder of its own in {folder}")
            paths.append(path)
            names.append(first)
    found = tuple(sorted(set(names)))
    if classes is None and len(found) < 2:
        held = f"only {found[0]}/" if found else "no folder with pictures"
        raise InputError(f"{folders[0]} holds {held}; at least two classes, one folder each, are needed")
    classes = classes or found
    numbers = {name: number for number, name in enumerate(classes)}
    for name in found:
        if name not in numbers:
            raise InputError(f"{folders[0]}: {unknown('class', name, classes)}; the classes are those of train")
    return FileValues(paths), Rows(np.array([numbers[name] for name in names], np.int64), classes)
