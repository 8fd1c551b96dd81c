"""Data sets by name or folder. Light to import: torch is needed for `advloss.data.loading.loader` only."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

from advloss.core.errors import InputError, unknown
from advloss.data.array_sets.array_file import is_array_file
from advloss.data.fields import VAL, Fields, Image, Label, Vector, from_files, images_of, kind_of
from advloss.data.published.sets import (
    CLASSIFIED,
    NAMES,
    PAIRED,
    PAIRS,
    TWO_DOMAINS,
    UNPAIRED,
    open_classified,
    open_published,
)
from advloss.data.sources.base import DataSet, Source, Split, declared_as
from advloss.data.sources.folders import are_halves, holds_halves, open_folder, with_validation
from advloss.data.sources.left_out import left_out
from advloss.data.sources.paths import check_given, open_paths, with_paths_to_validate
from advloss.data.sources.shards import names_shards, open_shards, title
from advloss.data.sources.tables import with_tables
from advloss.data.synthetic.points import POINT_SETS, open_points
from advloss.data.synthetic.sets import SETS, SMALLEST

__all__ = ["DataSet", "Source", "Split", "known", "open_any", "open_data", "short_name"]


def open_data(
    name: str | Path | None,
    fields: Fields,
    *,
    paths: Mapping[str, Sequence[Path]] | None = None,
    val: str | Path | None = None,
    val_paths: Mapping[str, Sequence[Path]] | None = None,
    size: int,
    seed: int,
    direction: Literal["a2b", "b2a"] = "a2b",
) -> DataSet:
    """Opens a data set by its name, or from a path for each field or source.

    name: a folder, shards, or a synthetic or published set. A folder of that name is taken before a set.
    fields: what the method declares. paths: folders and files by field or source, instead of a name; those of masks,
    labels and vectors also in addition to a name. val: a folder or shards to validate on, instead of the set's own val.
    val_paths: the same as folders and files by field or source.
    size: in pixels, of synthetic pictures. direction: b2a exchanges the two images. Raises `InputError`.
    """
    _check_direction(direction, fields)
    own, separate = _of_pictures(paths or {}, fields)
    opened = _opened(name, fields, own, frozenset(separate), size, seed)
    own_to_validate, separate_to_validate = _of_pictures(val_paths or {}, fields)
    if val is not None and own_to_validate:
        raise InputError(f"data.val and data.{VAL}{next(iter(own_to_validate))}: give one of them")
    if val is not None:
        opened = with_validation(opened, val, fields)
    if own_to_validate:
        check_given(own_to_validate, fields, VAL)
        where = own_to_validate | dict.fromkeys({*separate, *separate_to_validate}, ())
        opened = with_paths_to_validate(opened, where, fields)
    for key in separate_to_validate:
        if key not in separate or "val" not in opened.splits:
            raise InputError(f"data.{VAL}{key}: needs data.{key} too, and pictures to validate on (data.val)")
    opened = with_tables(opened, separate, separate_to_validate)
    _check_complete(opened, fields)
    given = [*(paths or {}).values(), *(val_paths or {}).values(), [place for place in (name, val) if place]]
    places = [place for several in given for place in several]
    opened = replace(opened, notes=(*opened.notes, *left_out(opened, places)))
    return opened.swapped() if direction == "b2a" else opened


def _check_direction(direction: str, fields: Fields) -> None:
    if direction not in ("a2b", "b2a"):
        raise InputError(f"data.direction is '{direction}'; use a2b or b2a")
    if direction == "b2a" and kind_of(fields) == "single":
        raise InputError("data.direction=b2a exchanges two sides, and this method's pictures are all on one; use a2b")


def _of_pictures(
    paths: Mapping[str, Sequence[Path]], fields: Fields
) -> tuple[dict[str, Sequence[Path]], dict[str, Sequence[Path]]]:
    """The paths of pictures, and those of masks, labels and vectors, which are read later."""
    separate = {key: where for key, where in paths.items() if key in fields and not isinstance(fields[key], Image)}
    return {key: where for key, where in paths.items() if key not in separate}, separate


def _check_complete(opened: DataSet, fields: Fields) -> None:
    """Raises InputError if the pictures of a split have no label or vector that the method needs."""
    for name, field in fields.items():
        if isinstance(field, Label | Vector) and not field.optional and name not in opened.train.rows:
            ways = "FILE.csv, or one folder for each class" if isinstance(field, Label) else "FILE.npy"
            raise InputError(f"{opened.name} has no '{name}', which this method needs; say data.{name}={ways}")
        for split, values in opened.splits.items():
            if name in opened.train.rows and name not in values.rows:
                raise InputError(f"data.{split}: its pictures have no '{name}', which this method needs; leave it out")


def open_any(name: str | Path) -> DataSet:
    """Opens a data set without a method, to inspect it. Raises `InputError`.

    A folder or a synthetic set is opened as pairs if it holds pairs, else as two unpaired domains, else as single
    pictures. Files are taken for two pictures side by side if each is twice as wide as high. A published set is opened
    as unpaired if the set can be used so.
    """
    size, seed = 256, 0
    if str(name) in POINT_SETS and not Path(name).expanduser().exists():
        return open_points(str(name), seed)
    if str(name) in NAMES and not Path(name).expanduser().exists():  # not to be downloaded twice to find out
        return open_published(str(name), kind="unpaired" if str(name) in UNPAIRED else "pairs")
    for fields in (PAIRS, TWO_DOMAINS):
        with suppress(InputError):
            opened = open_data(name, fields, size=size, seed=seed)
            if not holds_halves(opened.train) or are_halves(opened.train):
                return opened
    opened = open_data(name, {"b": Image("pictures")}, size=size, seed=seed)
    note = "no two sides were found: all pictures are taken as one, as for super-resolution"
    return replace(opened, notes=(note, *opened.notes))


def short_name(name: str | Path) -> str:
    """The part of a run's name that stands for the data set: the folder's own name, that of a file without
    `.safetensors`, or the beginning of the shards'."""
    if is_array_file(name):
        return Path(name).stem
    return title(name) if names_shards(name) else Path(name).name


def known() -> list[tuple[str, str, str]]:
    """(name, kind, description) of every set that needs no folder."""
    synthetic = [
        ("stripes", "synthetic, unpaired", "plain and striped animals; the partners of val and test are known"),
        ("facades-like", "synthetic, paired", "label maps of houses and their pictures"),
        ("digits", "synthetic, labelled", "white digits on black, in several fonts"),
        ("digits-colour", "synthetic, labelled", "the same in one colour on another"),
        ("digits-styles", "synthetic, unpaired, labelled", "sharp digits and blurred ones, for domain adaptation"),
        ("ring", "synthetic, points", "8 Gaussians on a circle, in two dimensions"),
        ("grid", "synthetic, points", "25 Gaussians on a grid"),
        ("lines", "synthetic, points", "two parallel lines"),
        ("swiss-roll", "synthetic, points", "a spiral"),
    ]
    published = []
    for name in NAMES:
        kinds = [kind for kind, sets in (("unpaired", UNPAIRED), ("paired", PAIRED)) if name in sets]
        sides = (PAIRED if name in PAIRED else UNPAIRED)[name]
        by_hand = "; its licence lets only you download it" if name == "cityscapes" else ""
        published.append((name, ", ".join(kinds), f"{sides[0]} and {sides[1]}{by_hand}"))
    return synthetic + published + [(name, "labelled", shown) for name, shown in CLASSIFIED.items()]


def _opened(
    name: str | Path | None,
    fields: Fields,
    paths: Mapping[str, Sequence[Path]],
    separate: frozenset[str],
    size: int,
    seed: int,
) -> DataSet:
    """The data set with its pictures. separate: the fields that are read later, from files of their own."""
    if name is None and not paths and separate and not from_files(fields):
        return DataSet("-".join(sorted(separate)), {"train": Split({}, False, fields)})
    if name is None and not paths:
        if not images_of(fields):
            raise InputError(f"no data set given: name one, {', '.join(POINT_SETS)}, or give {_vector_files(fields)}")
        raise InputError("no data set given: name one, a folder, or data.a=FOLDER data.b=FOLDER")
    if paths:
        check_given(paths, fields)
        if name is not None:
            keys = " and ".join(f"data.{key}" for key in paths)
            raise InputError(f"give either one data set ('{name}') or {keys}, not both")
        return open_paths(dict(paths) | dict.fromkeys(separate, ()), fields)
    assert name is not None
    if str(name) in POINT_SETS and not Path(name).expanduser().exists():
        return open_points(str(name), seed, fields)
    if not images_of(fields):
        raise InputError(_no_vectors(str(name), fields))
    if names_shards(name):
        return open_shards(name, fields)
    if Path(name).expanduser().exists():
        return open_folder(name, fields, separate)
    return _named(name, fields, separate, size, seed)


def _named(name: str | Path, fields: Fields, separate: frozenset[str], size: int, seed: int) -> DataSet:
    """The synthetic or published set of pictures of that name."""
    text = str(name)
    if text in SETS:
        return _drawn(text, fields, size, seed)
    if text in CLASSIFIED:
        return open_classified(text, fields, separate)
    if text in NAMES:
        return declared_as(open_published(text, kind=kind_of(fields)), fields)
    if isinstance(name, Path) or any(mark in text for mark in "/\\.~"):
        raise InputError(f"{text}: no such {'file' if is_array_file(text) else 'folder'}")
    known = [*SETS, *POINT_SETS, *NAMES, *CLASSIFIED]
    raise InputError(f"{unknown('data set', text, known)}, or a folder; no folder here has that name")


def _drawn(name: str, fields: Fields, size: int, seed: int) -> DataSet:
    if size < SMALLEST:
        raise InputError(f"pictures of {size} pixels are too small to draw '{name}'; at least {SMALLEST} are needed")
    opened = SETS[name](size, seed)
    if kind_of(fields) == "pairs" and not opened.train.paired:
        raise InputError(f"'{name}' has no pairs to train on, and this method needs them; use facades-like")
    return declared_as(opened, fields)


def _no_vectors(name: str, fields: Fields) -> str:
    """Why a data set of that name has nothing for a method that learns from no pictures."""
    files = _vector_files(fields)
    if name in (*SETS, *NAMES, *CLASSIFIED) or Path(name).expanduser().exists():
        return f"'{name}' holds pictures, and this method learns from points: use {', '.join(POINT_SETS)}, or {files}"
    return f"{unknown('set of points', name, POINT_SETS)}; points of your own are {files}"


def _vector_files(fields: Fields) -> str:
    return " ".join(f"data.{field}=FILE.npy" for field, declared in fields.items() if isinstance(declared, Vector))
