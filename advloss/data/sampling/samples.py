"""Which pictures make a sample, where they are cut, and what replaces a file that can't be read."""

from dataclasses import dataclass, field, replace
from typing import Generic

from advloss.core.errors import InputError
from advloss.data.loading.cache import Picture, Pictures, Shaped
from advloss.data.random_streams import VIEW_A, VIEW_B, draws
from advloss.data.sampling.crops import Crop, View, check_crop_fits, drawn_crop
from advloss.data.sampling.sampler import Item, Sampler
from advloss.data.sources.pair_checks import called, check_fit
from advloss.images.reading import UnreadableImage


@dataclass(frozen=True)
class Skip:
    """A picture that can't be read, and why."""

    side: str
    index: int
    why: str


@dataclass
class SamplePictures(Generic[Picture]):
    """What each sample is made of, the same wherever the pictures lie and whatever cuts them.

    pictures: by the letter of the side, both or b alone. scale: how many times as large b is as its partner. bad: what
    was found unreadable so far.
    """

    pictures: dict[str, Pictures[Picture]]
    paired: bool
    order: Sampler
    view: View
    scale: int = 1
    bad: dict[tuple[str, int], Skip] = field(default_factory=dict)

    @property
    def sizes(self) -> dict[str, int]:
        """The side of a sample, in pixels, by letter."""
        sizes = dict.fromkeys(self.pictures, self.view.crop)
        return sizes | {"a": self.view.crop // self.scale} if self.paired else sizes

    def of(self, item: Item) -> dict[str, tuple[Crop, Picture]]:
        """By letter, the sample's picture, or the next that can be read, and what is cut out of it."""
        return self._pair(item) if self.paired else self._apart(item)

    def _pair(self, item: Item) -> dict[str, tuple[Crop, Picture]]:
        """The pair, or the next one of which both can be read, and one crop for both."""
        index, (a, b) = self._readable("ab", item.a)
        size_a, size_b = _size(a), _size(b)
        check_fit(self.pictures["a"].source, self.pictures["b"].source, index, size_a, size_b, self.scale)
        crop = self._crop(VIEW_A, item, "a" if self.scale == 1 else "b", index, size_a, self.scale)
        return {"a": (crop, a), "b": (crop.scaled(self.scale), b)}

    def _apart(self, item: Item) -> dict[str, tuple[Crop, Picture]]:
        """Each side's own picture, or the next of that side that can be read, and its own crop."""
        found = {}
        for letter in self.pictures:
            stream, start = (VIEW_A, item.a) if letter == "a" else (VIEW_B, item.b)
            index, (picture,) = self._readable(letter, start)
            found[letter] = self._crop(stream, item, letter, index, _size(picture)), picture
        return found

    def _crop(self, stream: int, item: Item, letter: str, index: int, size: tuple[int, int], scale: int = 1) -> Crop:
        """A crop of view.crop / scale pixels; a picture too small for it is named by its file on side `letter`."""
        if min(size) * scale < self.view.crop:
            whole = (size[0] * scale, size[1] * scale)
            check_crop_fits(called(self.pictures[letter].source, index), whole, self.view.crop)
        view = self.view if scale == 1 else replace(self.view, crop=self.view.crop // scale)
        return drawn_crop(draws(stream, self.order.seed, item.epoch, item.position), size, view)

    def _readable(self, letters: str, start: int) -> tuple[int, list[Picture]]:
        """The pictures number `start` of these sides, or the next ones that can all be read; and their number."""
        count = len(self.pictures[letters[0]].source)
        for step in range(count):
            index = (start + step) % count
            read = [self._get(letter, index) for letter in letters]
            found = [picture for picture in read if picture is not None]
            if len(found) == len(letters):
                return index, found
        what = "pairs" if len(letters) > 1 else f"pictures of side {letters}"
        raise InputError(f"not one of the {count} {what} can be read")

    def _get(self, letter: str, index: int) -> Picture | None:
        if (letter, index) in self.bad:
            return None
        try:
            return self.pictures[letter].get(index)
        except UnreadableImage as error:
            self.bad[letter, index] = Skip(letter, index, str(error))
            return None


def _size(picture: Shaped) -> tuple[int, int]:
    """(height, width) of [3, H, W]."""
    return picture.shape[1], picture.shape[2]
