"""Logit checks: every 200 iterations, for mistakes that don't raise an error, such as a sigmoid or NaN."""

import warnings
from collections.abc import Hashable

import torch
from torch import Tensor

from advloss.core.clock import Clock, Timed
from advloss.core.errors import TrainingError

SPAN = 0.05
"""If logits differ by less, there is no warning of a sigmoid: a critic whose weights are clipped to 0.01 gives such."""


class LogitChecks(Timed):
    """Stores the smallest and the largest logit on the device, and checks them in the first and every 200th iteration.

    Raises TrainingError if one is NaN. Warns once, in the 200th iteration, if all logits of these 200 were in [0, 1]
    and not all equal: then the discriminator most likely ends in a sigmoid, which must be removed. Where a training
    that was resumed has seen fewer, the warning waits for the next 200.

    A check waits for the device, so it is rare, and a NaN is reported up to 199 iterations late. There is no check
    under torch.compile or on the meta device. Training does not depend on the stored values.

    energies: whether the discriminator gives energies, which are often in [0, 1]; then it does not warn.
    """

    def __init__(self, every: int = 200, energies: bool = False) -> None:
        self.clock = Clock(keeper=self)
        self.every = every
        self.may_warn = not energies
        self.raises = True  # for NaN
        self.since = 0  # the iteration in which `range` began
        self.range: Tensor | None = None  # [-smallest, largest] since the last look; stays in its place in memory

    def phase(self, iteration: int) -> Hashable:
        """None in an iteration with a check, which needs Python."""
        return None if self.range is None or (iteration + 1) % self.every == 0 else 0

    @torch.no_grad()
    def __call__(self, logits: list[Tensor]) -> None:
        """logits: those of fake and real, of all scales."""
        if torch.compiler.is_compiling() or logits[0].is_meta:
            return
        first = self.range is None
        low, high = torch.aminmax(torch.cat([scale.flatten() for scale in logits]))
        now = torch.stack([-low, high]).float()
        if self.range is None or self.range.device != now.device:
            self.range, self.since = torch.full_like(now, -torch.inf), self.clock.iteration
        torch.maximum(self.range, now, out=self.range)  # NaN stays NaN
        ends = (self.clock.iteration + 1) % self.every == 0
        if first or ends:
            self._look(self.range, ends)
        self.clock.tick(self)

    def _look(self, reached: Tensor, ends: bool) -> None:
        """Checks the logits. ends: whether this is the end of `every` iterations, and not the first iteration."""
        smallest, largest = reached.tolist()
        smallest = -smallest
        if smallest != smallest and self.raises:
            raise TrainingError(
                f"the discriminator's logits are NaN (seen in iteration {self.clock.iteration + 1}; it is looked for "
                f"every {self.every}): its weights or the images hold NaN or infinity; a lower learning rate, a "
                "penalty or precision bf16 instead of fp16 may help"
            )
        if not ends:
            return
        reached.fill_(-torch.inf)
        seen, self.since = self.clock.iteration + 1 - self.since, self.clock.iteration + 1
        if seen < self.every:
            return
        # 0 and 1 themselves too: a sigmoid that is sure rounds to them
        if self.may_warn and smallest >= 0 and largest <= 1 and largest - smallest > SPAN:
            warnings.warn(
                f"until iteration {self.clock.iteration + 1} all of the discriminator's logits were between "
                f"{smallest:.3g} and {largest:.3g}: does it end in a sigmoid? Objectives take logits: leave the "
                "sigmoid out",
                stacklevel=6,
            )
        self.may_warn = False
