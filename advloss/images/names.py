"""Matches the pictures of two folders by their paths below the folders, without extension."""

import re
from collections.abc import Container, Iterable
from pathlib import Path

from advloss.core.errors import InputError

SCALE_IN_NAME = re.compile(r"x\d+$")
"""The end of the names of DIV2K's small pictures: 0001x4.png is made from 0001.png."""


def by_name(
    folder: Path, paths: Iterable[Path], large: Container[str] | None = None, suffix: str = ""
) -> dict[str, Path]:
    """Pictures by their paths below the folder, without extension; or by those of the pictures in `large` from which
    they were made.

    suffix: an end of the names that is removed from the keys; pictures without it are skipped. Raises InputError for
    two pictures with the same key.
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
