"""Endless batches of a split, for training."""

import itertools
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from fractions import Fraction
from math import lcm
from typing import Any, Protocol, cast

import numpy as np
import torch

from advloss.core.clock import Schedule
from advloss.core.errors import InputError
from advloss.data.degradations.base import Degradation
from advloss.data.fields import Mask, made_field, made_from, scale_of
from advloss.data.formats import MASK, RGB8, FieldFormat
from advloss.data.loading.augment import Augmenter
from advloss.data.loading.cache import Cache, Decoded, Pictures, Sizes
from advloss.data.loading.cache_place import Memory, Place, faster, in_mb, place
from advloss.data.loading.derived import Derived
from advloss.data.loading.device_cache import DeviceCache, stored
from advloss.data.loading.host_batches import Arrays, HostBatches, Small
from advloss.data.loading.prefetch import prefetched
from advloss.data.loading.scaling import Convert, scaling
from advloss.data.loading.workers import from_workers
from advloss.data.random_streams import DEGRADE, random
from advloss.data.sampling.crops import CropSide, Resize, View
from advloss.data.sampling.sampler import Sampler
from advloss.data.sampling.samples import SamplePictures, Skip, groups_of
from advloss.data.sources.base import Split
from advloss.data.sources.pair_checks import check_scale, scales
from advloss.data.sources.shards import pieces_of

Batch = dict[str, torch.Tensor]
CPU = torch.device("cpu")
MOST_UNREADABLE = 0.01
"""If more than this fraction of a split's pictures (or pairs) can't be read, training stops."""


class InWorkers(Protocol):
    """A degradation whose `in_workers` is true."""

    scale: int

    def small(self, large: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """[H, W, C] -> [H / scale, W / scale, C] of the same type, a function of its two arguments."""


class Loader:
    """Makes the batches of a split, by field. Batch number n is the same in each run, also in a resumed one.

    Pictures are [B, C, side, side] in the type of their files, with the side times the field's scale; labels are int64
    [B]; vectors and noise are float32 [B, F]. A batch has a field that is made from another one only if the data set
    has its pictures, or if `degradation` works in the workers.

    formats: of the fields of pictures; 8-bit RGB for those not named. load, crop, resize, flip, rotate: see `View`.
    crop: in pixels, a number or a schedule by iterations of `per_iteration` batches; rounded down to multiples of
    `multiple`. batch: samples, for each process. augment: see `Augmenter`. rank, world: the number of this process, and
    of all. workers: processes that decode, used only if the pictures are not cached or `degradation` works in them.
    memory: where the pictures are cached, see `cache_place.place`. say: shows a line to the user. device: where the
    batches go; for a GPU they are prefetched.
    """

    def __init__(
        self,
        split: Split,
        *,
        load: int,
        crop: int | Schedule,
        batch: int,
        seed: int,
        formats: Mapping[str, FieldFormat] | None = None,
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
        degradation: Degradation | None = None,
        per_iteration: int = 1,
        multiple: int = 1,
    ) -> None:
        self.split, self.say, self.workers, self.memory, self.device = split, say, workers, memory, device
        self.formats = {name: (formats or {}).get(name, _default(split, name)) for name in split.declared}
        self.crop = CropSide(crop, per_iteration, lcm(multiple, _denominator(split)))
        self.view = View(resize, load, self.crop.ends[1], flip, rotate)
        self._check(bool(augment))
        counts = tuple(len(source) for source in split.sources.values())
        self.sampler = Sampler(counts, split.together, batch, seed, rank, world, pieces_of(split))
        self.derived = Derived(split, seed)
        self.augment = self._augmenter(augment, seed) if augment else None
        self.small = self._small(degradation)
        self.prefetches = device.type == "cuda"
        self.skipped: list[Skip] = []
        self.place: Place = "off"
        self._maker: HostBatches | DeviceCache | None = None

    @property
    def per_epoch(self) -> int:
        """Batches an epoch, for each process."""
        return self.sampler.per_epoch

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Yields batch number `start` and all that follow, without end."""
        return self._taken(start, lambda name, values: values)

    def images(self, start: int = 0) -> Iterator[Batch]:
        """Yields the same batches as a network takes them: images float32 in [-1, 1], masks float32 of 0 and 1."""
        return self._taken(start, scaling(self.split.declared, self.formats))

    def rngs(self, number: int) -> list[np.random.Generator]:
        """A generator for each sample of this process's batch `number`, for a degradation on the device."""
        return [random(DEGRADE, self.sampler.seed, item.epoch, item.position) for item in self.sampler.items(number)]

    @property
    def faster(self) -> str:
        """What a user can do when training waits for its batches, as the end of a sentence."""
        return faster(self.place, self.workers, self.device, self._on_host)

    def _check(self, augmented: bool) -> None:
        """Raises `InputError` for a crop or a resize that does not agree with the scale of a field."""
        multiple = _denominator(self.split)
        for side in self.crop.ends:
            if side % multiple or side < 1:
                raise InputError(f"data.crop: {side} pixels are no multiple of the scale, {multiple}")
        if self.split.paired:
            check_scale(self.view.resize, max(scales(self.split).values()), augmented)

    def _augmenter(self, augment: Sequence[Mapping[str, Any]], seed: int) -> Augmenter:
        kinds = [[isinstance(self.split.declared[name], Mask) for name in g.fields] for g in groups_of(self.split)]
        for name in self.split.images:
            form = self.formats[name]
            if not isinstance(self.split.declared[name], Mask) and (form.channels, form.depth) != (3, 8):
                raise InputError(
                    f"data.augment: '{name}' has {form.channels} channels of depth {form.depth}, and albumentations is "
                    "given 8-bit RGB here; leave data.augment out"
                )
        return Augmenter(augment, seed, max(k.count(False) for k in kinds), max(k.count(True) for k in kinds))

    def _small(self, degradation: Degradation | None) -> Small | None:
        """How a missing field is made in the workers; None if no field is missing or the device makes it."""
        made = made_field(self.split.declared)
        if made is None or made in self.split.images or degradation is None or not degradation.in_workers:
            return None
        worker = cast(InWorkers, degradation)
        return Small(made, made_from(self.split.declared[made]) or "", worker.scale, worker.small)

    def _taken(self, start: int, convert: Convert) -> Iterator[Batch]:
        made = self._made(start, convert)
        with closing(prefetched(made, self.device) if self.prefetches else made) as ready:
            for batch, skips in ready:
                for skip in skips:
                    self._skip(skip)
                yield batch

    def _made(self, start: int, convert: Convert) -> Generator[tuple[Batch, list[Skip]], None, None]:
        maker = self._prepared()
        made: Iterator[tuple[Arrays | Batch, list[Skip]]]
        if isinstance(maker, HostBatches) and self.workers and (self.small is not None or self.place == "off"):
            made = from_workers(maker, start, self.workers)
        else:
            made = map(maker.batch, itertools.count(start))
        for values, skips in made:
            yield {name: convert(name, self._sent(torch.as_tensor(each))) for name, each in values.items()}, skips

    def _sent(self, values: torch.Tensor) -> torch.Tensor:
        if values.is_cuda or self.device.type != "cuda":
            return values
        return values.pin_memory().to(self.device, non_blocking=True)

    @property
    def _on_host(self) -> str | None:
        """The option that changes the pictures of each batch in the host's memory, or None."""
        if self.augment is not None:
            return "data.augment"
        return "data.degradation" if self.small is not None else None

    def _prepared(self) -> HostBatches | DeviceCache:
        """What makes the batches. The first call decodes all pictures, if they are cached."""
        if self._maker is None:
            sizes = {name: Sizes.of(v, self.view, self.formats[name]) for name, v in self.split.images.items()}
            count = sum(size.count for size in sizes.values())
            needed = sum(size.bytes for size in sizes.values())
            # each worker may get a copy
            copies = self.sampler.world * (1 + self.workers if self.small is not None else 1)
            self.place = place(self.memory, needed, self.device, copies, self._on_host) if sizes else "off"
            self._maker = self._placed(sizes)
            if self.place != "off":
                where = f"on {self.device}" if self.place == "device" else "in memory"
                self.say(f"kept {count} images {where} ({in_mb(needed)})")
            elif self.memory == "auto" and sizes:
                self.say(f"{count} images are decoded each time: to keep them takes {in_mb(needed)} of memory")
        return self._maker

    def _placed(self, sizes: Mapping[str, Sizes]) -> HostBatches | DeviceCache:
        decoded = {name: self._decoded(name) for name in self.split.images}
        channels = {name: self.formats[name].channels for name in decoded}
        if self.place == "device":
            kept = {name: self._kept(name, decoded[name], size) for name, size in sizes.items()}
            places, pixels = stored(kept, self.device)
            choices = SamplePictures(self.split, places, self.sampler, self.view, self.crop)
            return DeviceCache(choices, self.derived, pixels, channels)
        pictures: dict[str, Pictures[np.ndarray]] = dict(decoded)
        if self.place == "on":
            pictures = {name: self._kept(name, decoded[name], size) for name, size in sizes.items()}
        types = {name: (channels[name], self.formats[name].dtype) for name in decoded}
        on_host = SamplePictures(self.split, pictures, self.sampler, self.view, self.crop)
        return HostBatches(on_host, self.derived, types, self.augment, self.small)

    def _decoded(self, name: str) -> Decoded:
        hard = isinstance(self.split.declared[name], Mask)
        return Decoded(self.split.images[name], self.view, self.formats[name], hard)

    def _kept(self, name: str, decoded: Decoded, sizes: Sizes) -> Cache:
        return Cache(decoded, sizes, lambda index, error: self._skip(Skip(name, index, str(error))))

    def _skip(self, skip: Skip) -> None:
        """Names a file that can't be read, once. Raises InputError if there are too many of them."""
        if any((skip.field, skip.index) == (known.field, known.index) for known in self.skipped):
            return
        self.skipped.append(skip)
        self.say(f"skipped {skip.why}")
        paired = self.split.paired
        bad = len({known.index for known in self.skipped}) if paired else len(self.skipped)
        count = len(self.split) if paired else sum(len(values) for values in self.split.images.values())
        if bad > MOST_UNREADABLE * count:
            first = "\n  ".join(known.why for known in self.skipped[:5])
            raise InputError(
                f"{bad} of {count} {'pairs' if paired else 'pictures'} can't be read, more than {MOST_UNREADABLE:.0%}; "
                f"repair or remove them (`advloss data check` lists all):\n  {first}"
            )


def _default(split: Split, name: str) -> FieldFormat:
    return MASK if isinstance(split.declared[name], Mask) else RGB8


def _denominator(split: Split) -> int:
    """The number of which a crop must be a multiple, so that each field's side is a whole number of pixels."""
    return lcm(*(Fraction(scale_of(field)).denominator for field in split.declared.values()))
