"""Images that a network makes of noise. Image i is a function of (seed, i) alone, whatever the number of images.

So `count=10` gives the first 10 of `count=100`, and a command that was stopped goes on where it was.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError, unknown
from advloss.data.fields import Field, Noise
from advloss.data.loading.derived import uniform
from advloss.data.random_streams import SAMPLE, random

GROUP = 16
"""How many images the network makes at once. It is always so many, since how sums round may depend on it."""
LEAST_TRUNCATE = 0.01
"""Of normal numbers 0.8% lie within it; below it the drawing takes long, and all images are the same."""
SAME_DIRECTION = 1e-4
"""In radians: two vectors with a smaller angle are joined by a straight line."""


@dataclass(frozen=True)
class Sampling:
    """Which images are made. seed: of the noise. label: a class's number or name; None: image i is of class i modulo
    the number of classes.

    truncate: the truncation trick for normal noise (Brock et al. 2019, arXiv:1809.11096, section 3.1): numbers beyond
    it are drawn again. Small values give better and more similar images.
    """

    seed: int = 0
    label: int | str | None = None
    truncate: float | None = None


class Sampler:
    """Makes the images of a model. Raises InputError for what the model does not take.

    network: takes noise [N, size], and labels int64 [N] if `conditional`. classes: the names of its classes, if they
    are known.
    """

    def __init__(
        self,
        network: nn.Module,
        noise: Field | None,
        options: Sampling,
        conditional: bool,
        classes: Sequence[str] | None,
        device: torch.device,
    ) -> None:
        if not isinstance(noise, Noise):
            raise InputError("sample: what the method's network takes is no noise field among its fields")
        self.network, self.field, self.options, self.device = network, noise, options, device
        self.classes = classes
        if not isinstance(options.seed, int) or options.seed < 0:
            raise InputError(f"sample: seed={options.seed!r}; it is a whole number from 0 on")
        _check_truncate(options.truncate, noise)
        if options.label is not None and not conditional:
            raise InputError("sample: this model takes no label: it was trained without classes")
        self.conditional = conditional
        self.label = None if options.label is None else class_number(options.label, classes)
        if conditional and self.label is None and classes is None:
            raise InputError("sample: this model makes images of one class: give its number, label=0")

    def images(self, count: int) -> Iterator[Tensor]:
        """The first `count` images [C, H, W] in [-1, 1], one after the other, on the model's device."""
        check_count(count)
        for start in range(0, count, GROUP):
            yield from self.group(start)[: count - start]

    def group(self, start: int) -> Tensor:
        """Images start, start + 1, ... [GROUP, C, H, W]. start: a multiple of GROUP."""
        numbers = range(start, start + GROUP)
        return self._made(start, [self.noise(number) for number in numbers], [self.class_of(n) for n in numbers])

    def of_noise(self, noise: Tensor) -> Tensor:
        """The images of this noise, float [N, size]: [N, C, H, W]. Raises InputError for another shape or type."""
        wanted = f"noise is float [N, {self.field.size}] for this model"
        if not isinstance(noise, Tensor) or not noise.is_floating_point():
            raise InputError(f"generate: {wanted}, not {getattr(noise, 'dtype', type(noise).__name__)}")
        if noise.ndim != 2 or noise.shape[1] != self.field.size or not len(noise):
            raise InputError(f"generate: {wanted}, not {list(noise.shape)}")
        rows = [row.float().cpu().numpy() for row in noise]
        return self._made(0, rows, [self.class_of(number) for number in range(len(rows))])

    def walk(self, count: int, steps: int, closed: bool = False) -> Iterator[Tensor]:
        """Images [C, H, W] on the way from each of the first `count` images to the next, `steps` a way.

        closed: whether the last is followed by the way back to the first; each way then ends one step before the next
        image, so that none comes twice. Else each way has both its ends. Normal noise goes along the sphere (Shoemake
        1985; White 2016, arXiv:1609.04468), uniform noise along a straight line. A model of classes walks within one.
        """
        check_count(count)
        if count < 2 or steps < 2:
            raise InputError(f"interpolate: from one image to another in at least 2 steps, not {count} in {steps}")
        if self.conditional and self.label is None:
            raise InputError("interpolate: a walk is within one class: say which one, its number or its name as label")
        noise = _walked([self.noise(number) for number in range(count)], steps, closed, self.field)
        start = 0
        while group := list(islice(noise, GROUP)):
            filled = [*group, *[group[-1]] * (GROUP - len(group))]
            yield from self._made(start, filled, [self.label] * GROUP)[: len(group)]
            start += GROUP

    def noise(self, number: int) -> np.ndarray:
        """The noise of image `number`: float32 [size]."""
        rng = random(SAMPLE, self.options.seed, 0, number)
        if self.field.distribution == "uniform":
            return uniform(rng, self.field.size)
        drawn = rng.standard_normal(self.field.size, np.float32)
        most = self.options.truncate or math.inf
        while (beyond := np.abs(drawn) > most).any():
            drawn[beyond] = rng.standard_normal(int(beyond.sum()), np.float32)
        return drawn

    def class_of(self, number: int) -> int | None:
        """The class of image `number`; None for a model without classes."""
        if self.label is not None or not self.conditional:
            return self.label
        return number % len(self.classes or ())

    def _made(self, start: int, noise: Sequence[np.ndarray], labels: Sequence[int | None]) -> Tensor:
        devices = [self.device] if self.device.type == "cuda" else []
        inputs = [torch.from_numpy(np.stack(noise)).to(self.device)]
        if self.conditional:
            inputs.append(torch.tensor(labels, device=self.device))
        with torch.no_grad(), torch.random.fork_rng(devices=devices):
            # for networks that draw noise of their own
            torch.manual_seed(int(random(SAMPLE, self.options.seed, 1, start).integers(2**63)))
            made: Tensor = self.network(*inputs)
        if not made.isfinite().all():
            raise InputError("sample: the network's output is not a number in places")
        return made


def check_count(count: int) -> None:
    """Raises InputError for what is no number of images."""
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise InputError(f"sample: count={count!r}; it is a whole number of at least 1")


def class_number(label: int | str, classes: Sequence[str] | None) -> int:
    """The number of a class that is named, or given by its number. Raises InputError for one that is not known."""
    known = list(classes or ())
    if isinstance(label, str) and label in known:
        return known.index(label)
    number = int(label) if str(label).isdecimal() else -1
    if number < 0 or (known and number >= len(known)):
        what = unknown("class of this model", str(label), known)
        raise InputError(f"label: {what}" + (f"; or its number, 0 to {len(known) - 1}" if known else ""))
    return number


def _check_truncate(truncate: float | None, noise: Noise) -> None:
    if truncate is None:
        return
    if noise.distribution != "normal":
        raise InputError(
            "truncate: this model's noise is uniform in [-1, 1], where no number is rarer than another; the "
            "truncation trick is for normal noise"
        )
    if not LEAST_TRUNCATE <= truncate < math.inf:
        raise InputError(f"truncate: {truncate:g}; it is a number from {LEAST_TRUNCATE} on, such as 0.5")


def _walked(points: Sequence[np.ndarray], steps: int, closed: bool, noise: Noise) -> Iterator[np.ndarray]:
    ends = [*points[1:], points[0]] if closed else points[1:]
    along = spherical if noise.distribution == "normal" else linear
    for begin, end in zip(points, ends, strict=False):
        for step in range(steps):
            yield along(begin, end, step / (steps if closed else steps - 1)).astype(np.float32)


def linear(begin: np.ndarray, end: np.ndarray, part: float) -> np.ndarray:
    """The point at `part` in [0, 1] of the straight way between two vectors."""
    return (1 - part) * begin + part * end


def spherical(begin: np.ndarray, end: np.ndarray, part: float) -> np.ndarray:
    """The point at `part` in [0, 1] of the way between two vectors that turns at a constant rate (Shoemake 1985):
    (sin((1 - t) w) a + sin(t w) b) / sin w, with w the angle between a and b."""
    lengths = float(np.linalg.norm(begin) * np.linalg.norm(end))
    angle = math.acos(max(-1.0, min(1.0, float(np.dot(begin, end)) / lengths))) if lengths else 0.0
    if not SAME_DIRECTION < angle < math.pi - SAME_DIRECTION:
        return linear(begin, end, part)
    return (math.sin((1 - part) * angle) * begin + math.sin(part * angle) * end) / math.sin(angle)
