"""A data set: its splits, their sources, and the fields that each source gives."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from advloss.core.errors import InputError
from advloss.data.fields import Fields, Label, from_files
from advloss.data.sources.rows import Rows
from advloss.data.sources.values import JoinedValues, Values


@dataclass(frozen=True)
class Source:
    """Fields that are drawn together: item i of a source is value i of each field. fields: pictures. rows: labels and
    vectors."""

    fields: dict[str, Values] = field(default_factory=dict)
    rows: dict[str, Rows] = field(default_factory=dict)

    def __len__(self) -> int:
        lengths = [len(values) for values in self.fields.values()] + [len(rows) for rows in self.rows.values()]
        return min(lengths, default=0)


@dataclass(frozen=True)
class Split:
    """The sources of train, val or test.

    aligned: whether item i of all sources show the same, such as one scene in two domains; they are then drawn
    together. declared: all fields of a batch, also those that are drawn or made from others.
    """

    sources: dict[str, Source]
    aligned: bool
    declared: Fields

    @cached_property
    def images(self) -> dict[str, Values]:
        """The pictures by field, in the order of the declaration."""
        found = {name: values for source in self.sources.values() for name, values in source.fields.items()}
        return {name: found[name] for name in self.declared if name in found}

    @cached_property
    def rows(self) -> dict[str, Rows]:
        """Labels and vectors by field."""
        return {name: rows for source in self.sources.values() for name, rows in source.rows.items()}

    @property
    def paired(self) -> bool:
        """Whether an item has several pictures of the same thing."""
        return len(self.images) > 1 and (self.aligned or len(self.sources) == 1)

    @property
    def together(self) -> bool:
        """Whether a sample is item i of all sources."""
        return self.aligned or len(self.sources) == 1

    def __len__(self) -> int:
        """Items up to the end of the shortest source."""
        return min(len(source) for source in self.sources.values())

    def swapped(self) -> "Split":
        """The split with its first two fields of pictures exchanged."""
        if len(self.images) != 2 or len({len(source.fields) for source in self.sources.values()}) != 1:
            raise InputError("data.direction=b2a exchanges two images, and this data set has not two; use a2b")
        (first, one), (second, other) = self.images.items()
        changed = {first: other, second: one}
        sources = {
            name: replace(source, fields={field: changed[field] for field in source.fields})
            for name, source in self.sources.items()
        }
        return replace(self, sources=sources)


@dataclass(frozen=True)
class DataSet:
    """A named data set with its splits; `train` is always there."""

    name: str
    splits: dict[str, Split]
    titles: dict[str, str] = field(default_factory=dict)
    """The name of each field's pictures in the data set, such as {"a": "edges", "b": "photo"}."""
    notes: tuple[str, ...] = ()
    """Sentences for the user about how the set was read."""
    alone: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    """For each split, the files of a paired set that were skipped, since they have no partner."""

    @property
    def train(self) -> Split:
        """The split that is trained on."""
        return self.splits["train"]

    @property
    def validation(self) -> Split | None:
        """The split to validate on: val, else test, else None."""
        return self.splits.get("val") or self.splits.get("test")

    def swapped(self) -> "DataSet":
        """The data set with the two images exchanged, for `data.direction=b2a`."""
        splits = {name: split.swapped() for name, split in self.splits.items()}
        titles = dict(zip(self.titles, reversed(self.titles.values()), strict=True))
        return replace(self, splits=splits, titles=titles)


def split_of(fields: Fields, images: dict[str, Values], aligned: bool, rows: dict[str, Rows] | None = None) -> Split:
    """A split of these pictures and rows; each goes into the source that its field declares."""
    rows = rows or {}
    sources: dict[str, Source] = {}
    for name, declared in fields.items():
        if name in images:
            sources.setdefault(declared.source, Source()).fields[name] = images[name]
        elif name in rows:
            sources.setdefault(declared.source, Source()).rows[name] = rows[name]
    return Split(sources, aligned, fields)


def declared_as(opened: DataSet, fields: Fields) -> DataSet:
    """A data set of two domains, with its domains renamed to these fields, in order. Labels stay with their pictures.

    If there is one field, it gets the second domain's pictures if train has pairs, else those of both domains.
    """
    wanted, have = from_files(fields), list(opened.train.images)
    if len(wanted) == 1:
        return _as_one(opened, wanted[0], fields)
    if len(wanted) != len(have):
        raise InputError(f"'{opened.name}' has {len(have)} domains, and this method needs {len(wanted)}")

    def renamed(split: Split) -> Split:
        images = dict(zip(wanted, split.images.values(), strict=True))
        known = {fields[new].source: old for new, old in zip(wanted, split.images, strict=True)}
        rows: dict[str, Rows] = {}
        for name, declared in fields.items():
            labels = _labels_beside(split, known.get(declared.source)) if isinstance(declared, Label) else []
            if labels:
                rows[name] = labels[0]
        return split_of(fields, images, split.aligned, rows)

    splits = {name: renamed(split) for name, split in opened.splits.items()}
    return replace(opened, splits=splits, titles=dict(zip(wanted, opened.titles.values(), strict=True)))


def _labels_beside(split: Split, image: str | None) -> list[Rows]:
    """The labels that a split has of these pictures."""
    return [rows for source in split.sources.values() if image in source.fields for rows in source.rows.values()]


def _as_one(opened: DataSet, field: str, fields: Fields) -> DataSet:
    titles = list(opened.titles.values())
    paired = opened.train.paired

    def joined(split: Split) -> Split:
        taken = list(split.images)[-1:] if paired else list(split.images)
        one = JoinedValues([split.images[name] for name in taken]) if taken[1:] else split.images[taken[0]]
        mine = fields[field].source
        labels = [name for name, other in fields.items() if isinstance(other, Label) and other.source == mine]
        known = [labels for name in taken for labels in _labels_beside(split, name)]
        rows = Rows(np.concatenate([each.values for each in known]), known[0].classes) if known else None
        return split_of(fields, {field: one}, False, {labels[0]: rows} if labels and rows else {})

    splits = {name: joined(split) for name, split in opened.splits.items()}
    return replace(opened, splits=splits, titles={field: titles[-1] if paired else " and ".join(titles)})
