"""The names of sides: what a field's folder is called, and which folder of a validation set belongs to which field."""

import re
from collections.abc import Mapping
from pathlib import Path

from advloss.core.errors import InputError

Folders = tuple[Path, ...]
"""One for each image field."""
LETTERS = "ABCDEFGHIJKLMNOP"
SPLIT = "train|training|val|valid|validation|test"
BEFORE = re.compile(rf"^(?i:{SPLIT})([-_. ]+|(?=[A-Z]))")
AFTER = re.compile(rf"[-_. ]+(?i:{SPLIT})$")
ALONE = re.compile(rf"^(?i:{SPLIT})$")


def side_name(folder: Path) -> str:
    """What a folder is called without its split: `A` of trainA, `photo` of train_photo, of photo/val and of photo."""
    names = [part for part in folder.parts[::-1] if not ALONE.match(part) and part != folder.anchor]
    name = names[0] if names else folder.name
    return AFTER.sub("", BEFORE.sub("", name)) or name


def side_names(folders: Folders) -> tuple[str, ...]:
    """The names of the sides: left and right for files of two pictures side by side."""
    return ("left", "right") if side_by_side(folders) else tuple(side_name(each) for each in folders)


def side_by_side(folders: Folders) -> bool:
    """Whether the pictures of one folder hold two domains each."""
    return len(folders) == 2 and folders[0] == folders[1]


def by_field(folders: Folders, titles: Mapping[str, str]) -> Folders:
    """The folders of a validation set in the order of the training's fields.

    titles: the name of each field's side in the training. A folder belongs to the field whose side has its name, or
    which has its name itself, as `a` and valA. Raises InputError if the names don't say which belongs to which.
    """
    names = [name.casefold() for name in side_names(folders)]
    for known in (titles.values(), titles.keys(), LETTERS[: len(titles)]):
        order = [each.casefold() for each in known]
        if sorted(names) == sorted(order) and len({*order}) == len(order):
            return tuple(folders[names.index(name)] for name in order)
    theirs = " and ".join(f"{title} ({field})" for field, title in titles.items())
    instead = " ".join(f"data.val_{field}=FOLDER" for field in titles)
    raise InputError(
        f"its sides are {' and '.join(side_names(folders))}, and those of the training are {theirs}: which is which is "
        f"not clear; say {instead} instead of data.val, or name the folders as those of the training"
    )
