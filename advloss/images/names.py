"""How pictures in two folders find each other: by their paths below the folders, without extension."""

import re
from collections.abc import Container, Iterable
from pathlib import Path

from advloss.core.errors import InputError

SCALE_IN_NAME = re.compile(r"x\d+$")
"""What DIV2K's small pictures are called beyond their large ones: 0001x4.png is made from 0001.png."""


def by_name(
    folder: Path, paths: Iterable[Path], large: Container[str] | None = None, suffix: str = ""
) -> dict[str, Path]:
    """Pictures under their path below the folder without extension, or under that of `large` they were made from.

    suffix: what the names have beyond those that they are to be found under; others are left out.
    Raises InputError for two of one name.
    """
    keyed: dict[str, Path] = {}
    for path in paths:
        key = path.relative_to(folder).with_suffix("").as_posix()
        if not key.endswith(suffix):
            continue
        key = key.removesuffix(suffix)
        if large is not None and key not in large:
            key = SCALE_IN_NAME.sub("", key)
        if key in keyed:
            raise InputError(f"{keyed[key]} and {path} have one name, so their partner is not clear; remove one")
        keyed[key] = path
    return keyed
