"""Which pictures make a sample, where they are cut, and what replaces a file that can't be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic

from advloss.core.errors import InputError
from advloss.data.fields import scale_of
from advloss.data.loading.cache import Picture, Pictures, Shaped
from advloss.data.random_streams import draws, view_stream
from advloss.data.sampling.crops import Crop, CropSide, View, check_crop_fits, drawn_crop
from advloss.data.sampling.sampler import Item, Sampler
from advloss.data.sources.base import Split
from advloss.data.sources.pair_checks import called, check_fit, scales
from advloss.data.sources.values import Values
from advloss.images.reading import UnreadableImage


@dataclass(frozen=True)
class Skip:
    """A picture that can't be read, and why."""

    field: str
    index: int
    why: str


@dataclass(frozen=True)
class Group:
    """What is drawn together: fields of pictures, from the sources of these numbers. number: of its random streams."""

    fields: tuple[str, ...]
    sources: tuple[int, ...]
    number: int


def groups_of(split: Split) -> list[Group]:
    """What is drawn together: every source by itself, or all of them.

    Pictures of one field alone are drawn as the second source's are: the numbers of runs so far are theirs.
    """
    if split.together:
        fields = tuple(split.images)
        return [Group(fields, tuple(range(len(split.sources))), 1 if len(fields) == 1 else 0)]
    return [
        Group(tuple(name for name in split.images if name in source.fields), (number,), number)
        for number, source in enumerate(split.sources.values())
    ]


@dataclass
class Sample(Generic[Picture]):
    """One sample. indices: of its item in each source. cuts: by field, a picture and what is cut out of it."""

    indices: list[int]
    cuts: dict[str, tuple[Crop, Picture]]


@dataclass
class SamplePictures(Generic[Picture]):
    """What each sample is made of, the same wherever the pictures lie and whatever cuts them.

    pictures: by field. crop: the side of the crop in each batch. bad: what was found unreadable so far.
    """

    split: Split
    pictures: Mapping[str, Pictures[Picture]]
    sampler: Sampler
    view: View
    crop: CropSide
    bad: dict[tuple[str, int], Skip] = field(default_factory=dict)

    @cached_property
    def groups(self) -> list[Group]:
        return groups_of(self.split)

    @cached_property
    def larger(self) -> dict[str, int]:
        return scales(self.split)

    def side(self, name: str, number: int) -> int:
        """Of a field's images in batch `number`, in pixels."""
        return int(self.crop.at(number) * scale_of(self.split.declared[name]))

    def of(self, item: Item, number: int) -> Sample[Picture]:
        """The sample's pictures in batch `number`, or the next ones that can be read, and what is cut out of each."""
        sample = Sample[Picture](list(item.indices), {})
        for group in self.groups:
            if group.fields:
                self._add(sample, group, item, number)
        return sample

    def _add(self, sample: Sample[Picture], group: Group, item: Item, number: int) -> None:
        """The pictures of one group, and one crop for all of them."""
        index, pictures = self._readable(group.fields, item.indices[group.sources[0]])
        for source in group.sources:
            sample.indices[source] = index
        sizes = {name: _size(picture) for name, picture in pictures.items()}
        values: dict[str, Values] = {name: self.pictures[name].values for name in group.fields}
        check_fit(values, index, sizes, self.larger)
        small = min(group.fields, key=lambda name: self.larger[name])
        large = max(group.fields, key=lambda name: self.larger[name])
        side = self.side(small, number)
        if min(sizes[small]) < side:
            scale = self.larger[large] // self.larger[small]
            whole = (sizes[small][0] * scale, sizes[small][1] * scale)
            check_crop_fits(called(values[large], index), whole, self.side(large, number))
        drawn = draws(view_stream(group.number), self.sampler.seed, item.epoch, item.position)
        crop = drawn_crop(drawn, sizes[small], self.view, side)
        for name, picture in pictures.items():
            sample.cuts[name] = crop.scaled(self.larger[name] // self.larger[small]), picture

    def _readable(self, fields: tuple[str, ...], start: int) -> tuple[int, dict[str, Picture]]:
        """The pictures number `start` of these fields, or the next ones that can all be read; and their number."""
        count = min(len(self.pictures[name].values) for name in fields)
        for step in range(count):
            index = (start + step) % count
            read = {name: self._get(name, index) for name in fields}
            found = {name: picture for name, picture in read.items() if picture is not None}
            if len(found) == len(fields):
                return index, found
        what = "pairs" if len(fields) > 1 else f"pictures of {fields[0]}"
        raise InputError(f"not one of the {count} {what} can be read")

    def _get(self, name: str, index: int) -> Picture | None:
        if (name, index) in self.bad:
            return None
        try:
            return self.pictures[name].get(index)
        except UnreadableImage as error:
            self.bad[name, index] = Skip(name, index, str(error))
            return None


def _size(picture: Shaped) -> tuple[int, int]:
    """(height, width) of [C, H, W]."""
    return picture.shape[1], picture.shape[2]
