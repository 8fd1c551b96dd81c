"""Endless batches of a split for training, and its pictures one by one for evaluation."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
import psutil
import torch
from torch.utils.data import DataLoader, Dataset

from advloss.data.augment import Augmenter
from advloss.data.images import UnreadableImage
from advloss.data.memory import Decoded, Kept, Pictures, Sizes
from advloss.data.order import Order
from advloss.data.samples import Samples, Skip
from advloss.data.sources import Source, Split
from advloss.data.transforms import Resize, View, check_crop_fits, middle_crop, resized
from advloss.errors import InputError

Batch = dict[str, torch.Tensor]
MOST_UNREADABLE = 0.01
"""Fraction of a split's pictures (pairs, where they are paired) beyond which training stops."""


def to_images(batch: torch.Tensor) -> torch.Tensor:
    """uint8 in [0, 255] to float32 in [-1, 1], on the device where it is."""
    return batch.float().div_(127.5).sub_(1)


class Loader:
    """Batches `{"a": uint8 [B, 3, crop, crop], "b": the same}` of a split; number n is the same however it is reached.

    load, crop: in pixels; see `View` for these, `resize` and `flip`. batch: pictures a side, for each process.
    workers: processes that decode, used only where the pictures are not kept in memory. augment: see `Augmenter`.
    memory: keep the resized pictures ("on"), don't ("off"), or do if they fit in half of what is free ("auto").
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
    ) -> None:
        self.split, self.say, self.workers, self.memory = split, say, workers, memory
        self.view = View(resize, load, crop, flip)
        self.order = Order(len(split.a), len(split.b), split.paired, batch, seed, rank, world)
        self.augment = Augmenter(augment, seed) if augment else None
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
        made: Iterator[tuple[np.ndarray, np.ndarray, list[Skip]]]
        if self.workers and not isinstance(samples.a, Kept):
            made = _from_workers(samples, start, self.workers)
        else:
            made = map(samples.batch, itertools.count(start))
        for a, b, skips in made:
            for skip in skips:
                self._skip(skip)
            batch = {"a": torch.from_numpy(a), "b": torch.from_numpy(b)}
            yield {side: images.pin_memory() for side, images in batch.items()} if self.pin else batch

    def _prepared(self) -> Samples:
        """At the first use: the pictures decoded into memory if they are to be kept."""
        if self._samples is None:
            sizes = [Sizes.of(side, self.view) for side in (self.split.a, self.split.b)]
            keep = self._fits(sum(size.bytes for size in sizes))
            a, b = (self._pictures(side, size, keep) for side, size in zip("ab", sizes, strict=True))
            if keep:
                count, mb = sum(size.count for size in sizes), sum(size.bytes for size in sizes) / 1e6
                self.say(f"kept {count} images in memory ({mb:.0f} MB)")
            self._samples = Samples(a, b, self.split.paired, self.order, self.view, self.augment)
        return self._samples

    def _fits(self, needed: int) -> bool:
        if self.memory != "auto":
            return self.memory == "on"
        return needed < psutil.virtual_memory().available / 2 / self.order.world

    def _pictures(self, side: str, sizes: Sizes, keep: bool) -> Pictures:
        source: Source = getattr(self.split, side)
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
        count = len(self.split.a) if paired else len(self.split.a) + len(self.split.b)
        if bad > MOST_UNREADABLE * count:
            first = "\n  ".join(known.why for known in self.skipped[:5])
            raise InputError(
                f"{bad} of {count} {'pairs' if paired else 'pictures'} can't be read, more than {MOST_UNREADABLE:.0%}; "
                f"repair or remove them (`advloss data check` lists all):\n  {first}"
            )


class _Numbered(Dataset[Any]):
    """What a worker process does. An `InputError` travels as a value: raised there, it would arrive as a traceback."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray, list[Skip]] | InputError:
        try:
            return self.samples.batch(number)
        except InputError as error:
            return error


def _unthreaded(worker: int) -> None:
    cv2.setNumThreads(0)


def _as_is(item: Any) -> Any:
    return item


def _from_workers(samples: Samples, start: int, workers: int) -> Iterator[tuple[np.ndarray, np.ndarray, list[Skip]]]:
    """Batches in order from processes that live as long as this iterator."""
    loader: DataLoader[Any] = DataLoader(
        _Numbered(samples),
        batch_size=None,
        sampler=itertools.count(start),
        num_workers=workers,
        collate_fn=_as_is,
        worker_init_fn=_unthreaded,
        generator=torch.Generator().manual_seed(0),  # else making the iterator draws from the global one
    )
    for made in loader:
        if isinstance(made, InputError):
            raise made
        yield made


@dataclass(frozen=True)
class EvaluationItem:
    """One pair of pictures to look at or to score: uint8 [1, 3, H, W] each; partners if the split is paired."""

    a: torch.Tensor
    b: torch.Tensor


def evaluation_items(
    split: Split, size: int, *, resize: Resize, say: Callable[[str], None]
) -> Iterator[EvaluationItem]:
    """All pictures in order, up to the end of the shorter side; the same every time.

    size: in pixels; each is resized to it as for training and its middle cut out. What can't be read is named through
    `say` and left out.
    """
    for index in range(min(len(split.a), len(split.b))):
        try:
            a, b = (_evaluated(side, index, size, resize) for side in (split.a, split.b))
        except UnreadableImage as error:
            say(f"skipped {error}")
            continue
        yield EvaluationItem(a, b)


def _evaluated(source: Source, index: int, size: int, resize: Resize) -> torch.Tensor:
    picture = resized(source.read(index), resize, size)  # [H, W, 3]
    check_crop_fits(str(source.path(index) or source.name(index)), picture.shape[:2], size)
    picture = middle_crop(picture, size)
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
