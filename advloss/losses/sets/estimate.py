"""A measure of a set with its sampling error."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from advloss.core.errors import InputError

BLOCK = 2**24
"""About how many numbers a block of a matrix of N x M holds."""


@dataclass(frozen=True)
class Estimate:
    """value: of the measure. parts: what each vector contributes, a tensor for each set that counts: [N], [M].

    parts: to first order the value of another sample differs from this one by the difference of the means of the parts
    (they are the values of the measure's influence function, up to a constant). So they give the error that comes from
    the choice of the vectors. They do not tell the bias of a measure for few vectors, as FID has it. Empty: not known.
    """

    value: float
    parts: tuple[Tensor, ...] = field(default=(), repr=False)

    @property
    def error(self) -> float:
        """The standard error: the root of the sum over sets of variance / size. NaN if it is not known."""
        if not self.parts or min(map(len, self.parts)) < 2:
            return float("nan")
        return float(sum(part.var() / len(part) for part in self.parts)) ** 0.5

    def interval(self, resamples: int = 1000, level: float = 0.95, seed: int = 0) -> tuple[float, float]:
        """The bootstrap's percentile interval: each set is drawn again `resamples` times, with repetition.

        Efron 1979, Annals of Statistics 7, of the first-order value; so a measure is not computed again, and vectors
        that are drawn twice are no neighbours of themselves. NaN if the parts are not known.
        """
        if not self.parts:
            return float("nan"), float("nan")
        generator = torch.Generator().manual_seed(seed)
        means = torch.full((resamples,), self.value, dtype=torch.float64)
        for part in (part.detach().double().cpu() for part in self.parts):
            part = part - part.mean()
            for number in range(resamples):
                means[number] += part[torch.randint(len(part), (len(part),), generator=generator)].mean()
        outside = (1 - level) / 2
        low, high = torch.quantile(means, torch.tensor([outside, 1 - outside], dtype=torch.float64)).tolist()
        return low, high


def two_sets(measure: str, x: Tensor, y: Tensor, least: int = 2) -> tuple[Tensor, Tensor]:
    """Both sets in float64. Raises InputError if they are no vectors of one size, fewer than `least`, or not finite."""
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise InputError(
            f"{measure} compares feature vectors [N, D] and [M, D]; these have shapes {list(x.shape)} and "
            f"{list(y.shape)}"
        )
    return one_set(measure, x, least), one_set(measure, y, least).to(x.device)


def one_set(measure: str, x: Tensor, least: int) -> Tensor:
    """One set in float64; see `two_sets`."""
    if x.ndim != 2:
        raise InputError(f"{measure} is of vectors [N, D]; these have shape {list(x.shape)}")
    if len(x) < least:
        raise InputError(f"{measure} needs at least {least} pictures in each set, and one has {len(x)}")
    x = x.detach()
    if not x.isfinite().all():
        raise InputError(f"{measure}: features are not finite; is a picture, or the feature network, damaged?")
    return x.double() if x.device.type != "mps" else x.cpu().double()


def blocks(x: Tensor, columns: int) -> Iterator[tuple[int, Tensor]]:
    """(number of its first row, rows) of parts of x that make about BLOCK numbers with so many columns."""
    rows = max(1, BLOCK // max(1, columns))
    return ((start, x[start : start + rows]) for start in range(0, len(x), rows))
