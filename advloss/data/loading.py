"""Endless batches of a split for training, and its pictures one by one for evaluation."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

import numpy as np
import psutil
import torch

from advloss.data.augment import Augmenter
from advloss.data.images import UnreadableImage
from advloss.data.memory import Decoded, Kept, Pictures, Sizes
from advloss.data.order import Order
from advloss.data.samples import Samples, Sides, Skip, called, check_fit, check_scale
from advloss.data.shards import pieces_of
from advloss.data.sources import Source, Split
from advloss.data.transforms import DEGRADE, Resize, View, check_crop_fits, middle_crop, random, resized
from advloss.data.workers import from_workers
from advloss.errors import InputError

if TYPE_CHECKING:
    from advloss.data.degradations import Degradation

Batch = dict[str, torch.Tensor]
MOST_UNREADABLE = 0.01
"""Fraction of a split's pictures (pairs, where they are paired) beyond which training stops."""


def to_images(batch: torch.Tensor) -> torch.Tensor:
    """uint8 in [0, 255] to float32 in [-1, 1], on the device where it is."""
    return batch.float().div_(127.5).sub_(1)


class InWorkers(Protocol):
    """A degradation with `in_workers`."""

    def small(self, large: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """uint8 [H, W, 3] -> [H / scale, W / scale, 3]; what it looks like depends on these alone."""


class Loader:
    """Batches `{"a": uint8 [B, 3, crop, crop], "b": the same}` of a split; number n is the same however it is reached.

    Of pictures alone a batch has `b`, and `a` where `degradation` makes it in the workers. Of pairs of a small and a
    large picture, and of what is made in the workers, `a` is [B, 3, crop / scale, crop / scale].

    load, crop: in pixels; see `View` for these, `resize`, `flip` and `rotate`. batch: pictures a side, for each
    process. workers: processes that decode, used only where the pictures are not kept in memory, or `degradation` works
    in them. augment: see `Augmenter`. memory: keep the resized pictures ("on"), don't ("off"), or do if they fit in
    half of what is free ("auto").
    say: where notices to the user go. pin: page-locked batches, for copies to a CUDA device.
    """

    def __init__(
        self,
        split: Split,
        *,
        load: int,
        crop: int,
        batch: int,
        seed: int,
        resize: Resize = "stretch",
        flip: bool = True,
        augment: Sequence[Mapping[str, Any]] | None = None,
        rank: int = 0,
        world: int = 1,
        workers: int = 0,
        memory: Literal["auto", "on", "off"] = "auto",
        say: Callable[[str], None] = print,
        pin: bool = False,
        rotate: bool = False,
        scale: int = 1,
        degradation: "Degradation | None" = None,
    ) -> None:
        self.split, self.say, self.workers, self.memory = split, say, workers, memory
        self.view = View(resize, load, crop, flip, rotate)
        if crop % scale:
            raise InputError(f"data.crop: {crop} pixels are no multiple of the scale, {scale}")
        if split.paired:
            check_scale(resize, scale, bool(augment))
        self.scale = scale
        in_order = split.paired or split.a is None  # pictures alone are their own partners
        count_a, count_b = len(split.a or split.b), len(split.b)
        self.order = Order(count_a, count_b, in_order, batch, seed, rank, world, pieces_of(split))
        self.augment = Augmenter(augment, seed) if augment else None
        in_workers = split.a is None and degradation is not None and degradation.in_workers
        self.small = cast(InWorkers, degradation).small if in_workers else None
        self.pin = pin and torch.cuda.is_available()
        self.skipped: list[Skip] = []
        self._samples: Samples | None = None

    @property
    def per_epoch(self) -> int:
        """Batches an epoch, for each process."""
        return self.order.per_epoch

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Batch number `start` and all that follow, without end."""
        samples = self._prepared()
        made: Iterator[tuple[Sides, list[Skip]]]
        if self.workers and (self.small is not None or not isinstance(samples.pictures["b"], Kept)):
            made = from_workers(samples, start, self.workers)
        else:
            made = map(samples.batch, itertools.count(start))
        for sides, skips in made:
            for skip in skips:
                self._skip(skip)
            batch = {side: torch.from_numpy(images) for side, images in sides.items()}
            yield {side: images.pin_memory() for side, images in batch.items()} if self.pin else batch

    def rngs(self, number: int) -> list[np.random.Generator]:
        """For each sample of this process's batch `number`, what a degradation on the device is drawn from."""
        return [random(DEGRADE, self.order.seed, item.epoch, item.position) for item in self.order.items(number)]

    def _prepared(self) -> Samples:
        """At the first use: the pictures decoded into memory if they are to be kept."""
        if self._samples is None:
            sizes = {letter: Sizes.of(source, self.view) for letter, source in self.split.sides.items()}
            needed = sum(size.bytes for size in sizes.values())
            keep = self._fits(needed)
            pictures = {letter: self._pictures(letter, size, keep) for letter, size in sizes.items()}
            if keep:
                count = sum(size.count for size in sizes.values())
                self.say(f"kept {count} images in memory ({needed / 1e6:.0f} MB)")
            self._samples = Samples(
                pictures, self.split.paired, self.order, self.view, self.augment, self.scale, self.small
            )
        return self._samples

    def _fits(self, needed: int) -> bool:
        if self.memory != "auto":
            return self.memory == "on"
        copies = self.order.world * (1 + self.workers if self.small is not None else 1)  # workers may get their own
        return needed < psutil.virtual_memory().available / 2 / copies

    def _pictures(self, side: str, sizes: Sizes, keep: bool) -> Pictures:
        source: Source = self.split.sides[side]
        if not keep:
            return Decoded(source, self.view)
        return Kept(source, self.view, sizes, lambda index, error: self._skip(Skip(side, index, str(error))))

    def _skip(self, skip: Skip) -> None:
        """Says so, once for each file; too many of them stop the training."""
        if any((skip.side, skip.index) == (known.side, known.index) for known in self.skipped):
            return
        self.skipped.append(skip)
        self.say(f"skipped {skip.why}")
        paired = self.split.paired
        bad = len({known.index for known in self.skipped}) if paired else len(self.skipped)
        count = len(self.split.b) if paired else sum(len(source) for source in self.split.sides.values())
        if bad > MOST_UNREADABLE * count:
            first = "\n  ".join(known.why for known in self.skipped[:5])
            raise InputError(
                f"{bad} of {count} {'pairs' if paired else 'pictures'} can't be read, more than {MOST_UNREADABLE:.0%}; "
                f"repair or remove them (`advloss data check` lists all):\n  {first}"
            )


@dataclass(frozen=True)
class EvaluationItem:
    """Pictures to look at or to score: uint8 [1, 3, H, W] each; partners if the split is paired.

    index: their number in the split.
    """

    a: torch.Tensor | None
    b: torch.Tensor
    index: int


def evaluation_items(
    split: Split, size: int | None, *, resize: Resize, say: Callable[[str], None], scale: int = 1
) -> Iterator[EvaluationItem]:
    """All pictures in order, up to the end of the shorter side; the same every time.

    size: in pixels; each is resized to it as for training and its middle cut out (of a, where b is `scale` times as
    large, size / scale pixels). None leaves pictures whole: b is cut at the right and at the bottom to `scale` times
    its partner, or to multiples of `scale` where it has none. What can't be read is named through `say` and left out.
    """
    if split.paired:
        check_scale(resize if size is not None else "none", scale)
    for index in range(min(len(side) for side in split.sides.values())):
        try:
            pictures = _evaluated(split, index, size, resize, scale)
        except UnreadableImage as error:
            say(f"skipped {error}")
            continue
        images = {
            letter: torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
            for letter, picture in pictures.items()
        }
        yield EvaluationItem(images.get("a"), images["b"], index)


def _evaluated(split: Split, index: int, size: int | None, resize: Resize, scale: int) -> Sides:
    """[H, W, 3] each."""
    pictures = {letter: source.read(index) for letter, source in split.sides.items()}
    if size is not None:
        pictures = {letter: resized(picture, resize, size) for letter, picture in pictures.items()}
    height, width = pictures["b"].shape[:2]
    if split.a is None:
        height, width = height // scale * scale, width // scale * scale
        if size is None and not (height and width):
            raise UnreadableImage(called(split.b, index), f"too small to be made {scale} times smaller")
    elif split.paired and (scale > 1 or size is None):
        small = pictures["a"].shape[:2]
        check_fit(split.a, split.b, index, small, (height, width), scale)
        height, width = scale * small[0], scale * small[1]
    if size is None:
        return pictures | {"b": pictures["b"][:height, :width]}
    sides = {"a": size // scale, "b": size}
    for letter, source in split.sides.items():
        check_crop_fits(called(source, index), pictures[letter].shape[:2], sides[letter])
    cut = {letter: middle_crop(picture, sides[letter]) for letter, picture in pictures.items()}
    return cut if scale == 1 else cut | {"b": middle_crop(pictures["b"][:height, :width], size, scale)}
