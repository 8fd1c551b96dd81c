"""The last steps of a discriminator in numbers, kept on the device and read only when they are asked for."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from advloss.losses.adversarial.objectives import Objective

KEPT = 64
"""How many steps are kept. Later ones take the place of the oldest."""
LOGITS = ("fake", "real", "fake_spread", "real_spread", "right_fake", "right_real", "loss")
"""What is kept of each step, before the penalties and augmentations: the mean logit of fakes and of real images, the
standard deviations of both, the shares that the discriminator judges right, and the objective's loss."""


class LastSteps:
    """A table [64, K] on the device with a row a step of the discriminator, written in a ring without waiting for it.

    A fake is judged right if its logit is below the objective's boundary, a real image above it. Where the objective
    has none, both shares are that of the places at which the real image has the larger logit. Energies are compared the
    other way round. Logits of all scales are taken together. Nothing is kept under torch.compile and on the meta
    device. Training does not depend on the table, and it is no part of the state dict.
    """

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()
        self.table: Tensor | None = None  # [KEPT, K], float32; stays in its place in memory
        self.count: Tensor | None = None  # steps so far, int64 [1], on the device
        self.told = 0  # how many of them `new` has given

    @torch.no_grad()
    def add(
        self,
        objective: Objective,
        logits: tuple[list[Tensor], list[Tensor]],
        loss: Tensor,
        others: Mapping[str, Tensor],
    ) -> None:
        """Adds a step. logits: of fake and real, all scales. loss: the objective's. others: further scalars by name,
        the same names at each step."""
        if torch.compiler.is_compiling() or loss.is_meta:
            return
        fake, real = (torch.cat([scale.flatten() for scale in each]).float() for each in logits)
        (var_fake, mean_fake), (var_real, mean_real) = (torch.var_mean(x, correction=0) for x in (fake, real))
        spreads = torch.stack([var_fake, var_real]).sqrt().unbind()
        rights = judged_right(objective, fake, real)
        row = torch.stack(
            [mean_fake, mean_real, *spreads, *rights, loss.float(), *(x.float() for x in others.values())]
        )
        if self.table is None or self.count is None or self.table.device != row.device:
            self.names = (*LOGITS, *others)
            self.table, self.told = row.new_zeros(KEPT, len(row)), 0
            self.count = torch.zeros(1, dtype=torch.int64, device=row.device)
        self.table.index_copy_(0, self.count % KEPT, row[None])
        self.count += 1

    def rows(self) -> Tensor:
        """The steps that are kept, the oldest first, on the CPU: [at most 64, K]. Waits for the device."""
        if self.table is None or self.count is None:
            return torch.zeros(0, 0)
        table, count = self.table.cpu(), int(self.count)
        return table[:count] if count <= KEPT else table.roll(-(count % KEPT), 0)

    def new(self) -> Tensor:
        """As `rows`, without those that an earlier call of `new` gave."""
        rows, count = self.rows(), 0 if self.count is None else int(self.count)
        fresh, self.told = min(count - self.told, len(rows)), count
        return rows[len(rows) - fresh :]


def judged_right(objective: Objective, fake: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """The shares of the fakes' and of the real images' logits (of one shape) that a discriminator gets right: [], [].

    See `LastSteps`."""
    sign = -1.0 if objective.energy else 1.0
    if objective.boundary is None:
        above = (sign * real > sign * fake).float().mean()
        return above, above
    middle = sign * objective.boundary
    return (sign * fake < middle).float().mean(), (sign * real > middle).float().mean()


def in_numbers(names: Sequence[str], rows: Tensor, objective: Objective) -> dict[str, float]:
    """The mean of each column of `LastSteps.rows`, how many they are, and the objective's loss on its boundary."""
    if not len(rows):
        return {}
    means = dict(zip(names, rows.double().mean(0).tolist(), strict=True))
    middle = objective.boundary
    level = {} if middle is None else {"undecided": float(objective.discriminator(*torch.full((2, 1), middle)))}
    return {**means, **level, "steps": float(len(rows))}


def named(names: Sequence[str], values: Sequence[Tensor]) -> dict[str, Tensor]:
    """The values by name; the second of a name is NAME2."""
    found: dict[str, Tensor] = {}
    for place, (name, value) in enumerate(zip(names, values, strict=True)):
        before = names[:place].count(name)
        found[f"{name}{before + 1}" if before else name] = value
    return found
