"""A look at the logits now and then, for mistakes that no single value shows."""

import warnings
from collections.abc import Hashable

import torch
from torch import Tensor

from advloss.core.counting import Counting
from advloss.core.errors import TrainingError

SPAN = 0.05
"""Logits that differ by less say nothing of a sigmoid: a critic whose weights are clipped to 0.01 gives such."""


class LogitChecks(Counting):
    """Gathers the smallest and the largest logit on the device, and looks at them at the first and every 200th call.

    Raises TrainingError where one was not a number. Warns, after the first 200 calls and once, if all were in [0, 1]
    and not all alike: then there is most likely a sigmoid at the discriminator's end, which doesn't belong there.

    A look waits for the device, so a NaN is reported up to 199 calls late, and nothing is looked at under torch.compile
    or on the meta device. It keeps no state that training depends on.

    energies: low values of no sign are right, so there is no such warning.
    """

    def __init__(self, every: int = 200, energies: bool = False) -> None:
        self.every = every
        self.energies = energies
        self.range: Tensor | None = None  # [-smallest, largest] since the last look; stays in its place in memory

    def phase(self, calls: int) -> Hashable:
        """A look is for Python."""
        looks = self.calls == 0 or (self.calls + calls) // self.every > self.calls // self.every
        return None if looks else 0

    @torch.no_grad()
    def __call__(self, logits: list[Tensor]) -> None:
        """logits: those of fake and real, of all scales."""
        if torch.compiler.is_compiling() or logits[0].is_meta:
            return
        self.calls += 1
        low, high = torch.aminmax(torch.cat([scale.flatten() for scale in logits]))
        now = torch.stack([-low, high]).float()
        if self.range is None or self.range.device != now.device:
            self.range = torch.full_like(now, -torch.inf)
        torch.maximum(self.range, now, out=self.range)  # NaN stays NaN
        if self.calls == 1 or self.calls % self.every == 0:
            self._look(self.range)

    def _look(self, reached: Tensor) -> None:
        smallest, largest = reached.tolist()
        smallest = -smallest
        if smallest != smallest:
            raise TrainingError(
                f"the discriminator's logits are NaN (seen at call {self.calls}; it is looked for every {self.every}): "
                "its weights or the images hold NaN or infinity; a lower learning rate, a penalty or precision bf16 "
                "instead of fp16 may help"
            )
        if (
            self.calls == self.every
            and smallest >= 0
            and largest <= 1  # 0 and 1 themselves: a sigmoid that is sure iterations to them
            and largest - smallest > SPAN
            and not self.energies
        ):
            warnings.warn(
                f"in {self.calls} calls all of the discriminator's logits were between {smallest:.3g} and "
                f"{largest:.3g}: has it a sigmoid at its end? Objectives take logits: leave the sigmoid out",
                stacklevel=6,
            )
        if self.calls % self.every == 0:
            reached.fill_(-torch.inf)
