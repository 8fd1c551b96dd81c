"""The pictures of a sample: which ones, where each is cropped, and what replaces a file that can't be read."""

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
from advloss.data.sources.shards import looked_at
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
    """Fields whose pictures get the same crop. sources: the numbers of the sources that they are drawn from.

    number: of the group's random streams. larger: each field's side over that of the group's smallest pictures.
    """

    fields: tuple[str, ...]
    sources: tuple[int, ...]
    number: int
    larger: Mapping[str, int]

    @cached_property
    def small(self) -> str:
        """The field of the smallest pictures."""
        return min(self.fields, key=lambda name: self.larger[name])

    @cached_property
    def large(self) -> str:
        """The field of the largest pictures."""
        return max(self.fields, key=lambda name: self.larger[name])


def groups_of(split: Split) -> list[Group]:
    """The groups of a split: one for each source, or one for all sources if they are drawn together.

    If there is one field of pictures, it has the random streams of the second source, so that old runs don't change.
    """
    larger = scales(split)
    if split.together:
        fields = tuple(split.images)
        return [Group(fields, tuple(range(len(split.sources))), 1 if len(fields) == 1 else 0, larger)]
    groups = []
    for number, source in enumerate(split.sources.values()):
        fields = tuple(name for name in split.images if name in source.fields)
        least = min((larger[name] for name in fields), default=1)
        groups.append(Group(fields, (number,), number, {name: larger[name] // least for name in fields}))
    return groups


@dataclass
class Sample(Generic[Picture]):
    """One sample. indices: of its item in each source. cuts: by field, a picture and its crop."""

    indices: list[int]
    cuts: dict[str, tuple[Crop, Picture]]


@dataclass
class SamplePictures(Generic[Picture]):
    """Chooses the pictures and crops of each sample. The choice does not depend on where the pictures are stored.

    pictures: by field. crop: the side of the crop in each batch. bad: the pictures that could not be read so far.
    """

    split: Split
    pictures: Mapping[str, Pictures[Picture]]
    sampler: Sampler
    view: View
    crop: CropSide
    bad: dict[tuple[str, int], Skip] = field(default_factory=dict)

    @cached_property
    def groups(self) -> list[Group]:
        """The groups of the split, see `groups_of`."""
        return groups_of(self.split)

    def sides(self, number: int) -> dict[str, int]:
        """The side of each field's images in batch `number`, in pixels."""
        crop = self.crop.at(number)
        return {name: int(crop * scale_of(self.split.declared[name])) for name in self.pictures}

    def of(self, item: Item, sides: Mapping[str, int]) -> Sample[Picture]:
        """The sample's pictures and their crops. A picture that can't be read is replaced by the next one that can.

        sides: of the crop, by field, in pixels.
        """
        sample = Sample[Picture](list(item.indices), {})
        for group in self.groups:
            if group.fields:
                self._add(sample, group, item, sides)
        return sample

    def _add(self, sample: Sample[Picture], group: Group, item: Item, sides: Mapping[str, int]) -> None:
        """Adds the pictures of one group, and the crop that they share."""
        index, pictures = self._readable(group, item.indices[group.sources[0]], sides)
        for source in group.sources:
            sample.indices[source] = index
        size, side = _size(pictures[group.small]), sides[group.small]
        drawn = draws(view_stream(group.number), self.sampler.seed, item.epoch, item.position)
        crop = drawn_crop(drawn, size, self.view, side)
        for name, picture in pictures.items():
            scale = group.larger[name]
            sample.cuts[name] = crop if scale == 1 else crop.scaled(scale), picture

    def _readable(self, group: Group, start: int, sides: Mapping[str, int]) -> tuple[int, dict[str, Picture]]:
        """The first number from `start` on at which the pictures of all fields can be used, and the pictures."""
        count = min(len(self.pictures[name].values) for name in group.fields)
        for step in range(count):
            index = (start + step) % count
            read = {name: self._get(name, index) for name in group.fields}
            found = {name: picture for name, picture in read.items() if picture is not None}
            if len(found) == len(group.fields) and self._fit(group, index, found, sides):
                return index, found
        what = "pairs" if len(group.fields) > 1 else f"pictures of {group.fields[0]}"
        raise InputError(f"not one of the {count} {what} can be read")

    def _fit(self, group: Group, index: int, pictures: Mapping[str, Picture], sides: Mapping[str, int]) -> bool:
        """Whether the sizes fit the crop and each other. Raises InputError if not, unless the training could not know
        it before: of very many pictures a sample is looked at, and the few others are skipped."""
        values: dict[str, Values] = {name: self.pictures[name].values for name in group.fields}
        size, side, scale = _size(pictures[group.small]), sides[group.small], group.larger[group.large]
        try:
            if len(pictures) > 1:
                check_fit(values, index, {name: _size(picture) for name, picture in pictures.items()}, group.larger)
            if min(size) < side:
                whole = (size[0] * scale, size[1] * scale)
                check_crop_fits(called(values[group.large], index), whole, sides[group.large])
        except InputError as error:
            if index in looked_at(values[group.large]):
                raise
            self.bad[group.large, index] = Skip(group.large, index, str(error))
            return False
        return True

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
