"""Endless batches of a split, for training."""

import itertools
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
import torch

from advloss.core.errors import InputError
from advloss.data.loading.augment import Augmenter
from advloss.data.loading.cache import Cache, Decoded, Pictures, Sizes
from advloss.data.loading.cache_place import Memory, Place, faster, in_mb, place
from advloss.data.loading.device_cache import DeviceCache, stored
from advloss.data.loading.host_batches import Samples, Sides
from advloss.data.loading.prefetch import ahead
from advloss.data.loading.workers import from_workers
from advloss.data.random_streams import DEGRADE, random
from advloss.data.sampling.crops import Resize, View
from advloss.data.sampling.sampler import Sampler
from advloss.data.sampling.samples import SamplePictures, Skip
from advloss.data.sources.base import Split
from advloss.data.sources.pair_checks import check_scale
from advloss.data.sources.shards import pieces_of

if TYPE_CHECKING:
    from advloss.data.degradations import Degradation

Batch = dict[str, torch.Tensor]
CPU = torch.device("cpu")
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
    process. workers: processes that decode, used only where the pictures are not kept, or `degradation` works in them.
    augment: see `Augmenter`. memory: where the resized pictures are kept; see `keeping.place`.
    say: where notices to the user go. device: where the batches go; for a GPU they are made ahead, beside its work.
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
        memory: Memory = "auto",
        say: Callable[[str], None] = print,
        device: torch.device = CPU,
        rotate: bool = False,
        scale: int = 1,
        degradation: "Degradation | None" = None,
    ) -> None:
        self.split, self.say, self.workers, self.memory, self.device = split, say, workers, memory, device
        self.view = View(resize, load, crop, flip, rotate)
        if crop % scale:
            raise InputError(f"data.crop: {crop} pixels are no multiple of the scale, {scale}")
        if split.paired:
            check_scale(resize, scale, bool(augment))
        self.scale = scale
        in_order = split.paired or split.a is None  # pictures alone are their own partners
        count_a, count_b = len(split.a or split.b), len(split.b)
        self.order = Sampler(count_a, count_b, in_order, batch, seed, rank, world, pieces_of(split))
        self.augment = Augmenter(augment, seed) if augment else None
        in_workers = split.a is None and degradation is not None and degradation.in_workers
        self.small = cast(InWorkers, degradation).small if in_workers else None
        self.ahead = device.type == "cuda"
        self.skipped: list[Skip] = []
        self.place: Place = "off"
        self._maker: Samples | DeviceCache | None = None

    @property
    def per_epoch(self) -> int:
        """Batches an epoch, for each process."""
        return self.order.per_epoch

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Batch number `start` and all that follow, without end."""
        return self._taken(start, lambda images: images)

    def images(self, start: int = 0) -> Iterator[Batch]:
        """The same batches in float32, in [-1, 1]."""
        return self._taken(start, to_images)

    def rngs(self, number: int) -> list[np.random.Generator]:
        """For each sample of this process's batch `number`, what a degradation on the device is drawn from."""
        return [random(DEGRADE, self.order.seed, item.epoch, item.position) for item in self.order.items(number)]

    @property
    def faster(self) -> str:
        """What a user can do where training waits for its batches, as the end of a sentence."""
        return faster(self.place, self.workers, self.device, self._on_host)

    def _taken(self, start: int, convert: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[Batch]:
        made = self._made(start, convert)
        with closing(ahead(made, self.device) if self.ahead else made) as ready:
            for batch, skips in ready:
                for skip in skips:
                    self._skip(skip)
                yield batch

    def _made(
        self, start: int, convert: Callable[[torch.Tensor], torch.Tensor]
    ) -> Generator[tuple[Batch, list[Skip]], None, None]:
        maker = self._prepared()
        made: Iterator[tuple[Sides | Batch, list[Skip]]]
        if isinstance(maker, Samples) and self.workers and (self.small is not None or self.place == "off"):
            made = from_workers(maker, start, self.workers)
        else:
            made = map(maker.batch, itertools.count(start))
        for sides, skips in made:
            yield {side: convert(self._sent(torch.as_tensor(images))) for side, images in sides.items()}, skips

    def _sent(self, images: torch.Tensor) -> torch.Tensor:
        if images.is_cuda or self.device.type != "cuda":
            return images
        return images.pin_memory().to(self.device, non_blocking=True)

    @property
    def _on_host(self) -> str | None:
        """The option that has the pictures of each batch worked on in the host's memory, if one has."""
        if self.augment is not None:
            return "data.augment"
        return "data.degradation" if self.small is not None else None

    def _prepared(self) -> Samples | DeviceCache:
        """At the first use: the pictures decoded, if they are to be kept."""
        if self._maker is None:
            sizes = {letter: Sizes.of(source, self.view) for letter, source in self.split.sides.items()}
            count = sum(size.count for size in sizes.values())
            needed = sum(size.bytes for size in sizes.values())
            copies = self.order.world * (1 + self.workers if self.small is not None else 1)  # workers may get their own
            self.place = place(self.memory, needed, self.device, copies, self._on_host)
            self._maker = self._placed(sizes)
            if self.place != "off":
                where = f"on {self.device}" if self.place == "device" else "in memory"
                self.say(f"kept {count} images {where} ({in_mb(needed)})")
            elif self.memory == "auto":
                self.say(f"{count} images are decoded each time: to keep them takes {in_mb(needed)} of memory")
        return self._maker

    def _placed(self, sizes: Mapping[str, Sizes]) -> Samples | DeviceCache:
        rest = self.split.paired, self.order, self.view, self.scale
        if self.place == "off":
            decoded: dict[str, Pictures[np.ndarray]] = {
                letter: Decoded(source, self.view) for letter, source in self.split.sides.items()
            }
            return Samples(SamplePictures(decoded, *rest), self.augment, self.small)
        kept = {letter: self._kept(letter, size) for letter, size in sizes.items()}
        if self.place == "on":
            return Samples(SamplePictures(dict(kept), *rest), self.augment, self.small)
        places, pixels = stored(kept, self.device)
        return DeviceCache(SamplePictures(dict(places), *rest), pixels)

    def _kept(self, side: str, sizes: Sizes) -> Cache:
        return Cache(
            self.split.sides[side], self.view, sizes, lambda index, error: self._skip(Skip(side, index, str(error)))
        )

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
