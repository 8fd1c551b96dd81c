"""The adversarial loss: a discriminator, an objective, penalties and a pool of past fakes, as one loss module."""

import warnings
from collections.abc import Callable, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from advloss import distributed
from advloss.errors import InputError
from advloss.losses.objectives import Objective, get_objective
from advloss.losses.pool import Pool
from advloss.losses.ranges import check_batch, check_same_shape
from advloss.losses.tensors import Critic, Logits, scales


class AdversarialLoss(nn.Module):
    """How real `fake` looks to a discriminator that learns to tell it from `real` (Goodfellow et al. 2014).

        adv = AdversarialLoss(discriminator, objective="hinge")
        loss = l1(y, x) + 0.8 * adv(y, x)              # the generator's turn: leaves no gradient in the discriminator
        adv.discriminator_loss(y, x).backward()        # the discriminator's turn: leaves no gradient in the generator

    It owns the discriminator and what that learns from, and no optimizer, weight or step counter: give
    `adv.discriminator.parameters()` to an optimizer of your own and step it after the discriminator's turn.

    discriminator: any module from images [B, C, ...] (or feature vectors [B, F]) to a tensor of logits of any shape, or
        to a sequence of them, one a scale, over which losses are averaged. No sigmoid at its end.
    objective: a name in `objectives.OBJECTIVES`, or an Objective.
    penalties: regularisers of the discriminator, added in its turn: modules of (critic, fake, real), see `penalties`.
    pool: how many past fakes are kept to show the discriminator instead of the newest, see `Pool`; 0 for none.

    With a condition, `given=condition`, the discriminator judges the pair: cat([given, image], 1), on the channel axis
    (Isola et al. 2017, arXiv:1611.07004); `discriminator` takes the channels of both, and the pool keeps such pairs.

    In the generator's turn the discriminator is called with its parameters detached. Nothing of it is changed, also
    which of its parameters are frozen, except what its forward itself moves in the mode it is in: running statistics
    of batch norm and vectors of spectral norm move in both turns, as in the reference implementations.

    Works under autocast, with gradient accumulation, inside torch.compile(fullgraph=True) (the generator's turn) or
    with a compiled discriminator. In several processes call `average_gradients()` before the discriminator's step.
    The state dict holds the discriminator, the pool and the penalties' call counts, all tensors.

    Raises InputError: an unknown objective; fake and real of different shapes; a given whose batch or spatial size is
    another; integer or empty images; no real where the objective needs it; logits that are not tensors.
    """

    def __init__(
        self,
        discriminator: nn.Module,
        objective: str | Objective = "hinge",
        penalties: Sequence[nn.Module] = (),
        pool: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        super().__init__()
        if not isinstance(discriminator, nn.Module):
            raise InputError(f"discriminator is a {type(discriminator).__name__}; it must be an nn.Module")
        self.discriminator = discriminator
        self.objective = get_objective(objective) if isinstance(objective, str) else objective
        self.penalties = nn.ModuleList(penalties)
        self.pool = Pool(pool)
        self._warn_of_batch_norm()

    def forward(self, fake: Tensor, real: Tensor | None = None, *, given: Tensor | None = None) -> Tensor:
        """The generator's loss, a scalar in float32 at least. Its gradient reaches `fake` and `given` alone.

        fake: [B, C, ...], with the generator's graph. real: the same shape; read only if the objective needs it.
        given: [B, C', ...] or None.
        """
        _check(fake, real, given)
        critic = self._detached()
        fake_logits, real_logits = critic(_join(given, fake)), None
        if self.objective.needs_real:
            if real is None:
                raise InputError("this objective compares fake with real: call adv(fake, real)")
            real_logits = critic(_join(given, real.detach()))
        return _over_scales(self.objective.generator, fake_logits, real_logits)

    def discriminator_loss(self, fake: Tensor, real: Tensor, *, given: Tensor | None = None) -> Tensor:
        """The discriminator's loss, a scalar in float32 at least: objective plus penalties. Its gradient reaches the
        discriminator alone.

        fake, real: [B, C, ...] of one shape. given: [B, C', ...] or None. The discriminator judges the fakes (as the
        pool returns them) first and then the real images; a penalty is given the same two batches.
        """
        _check(fake, real, given)
        fakes = _join(*self._pooled(fake, given))
        reals = _join(given, real).detach()
        loss = _over_scales(self.objective.discriminator, self.discriminator(fakes), self.discriminator(reals))
        for penalty in self.penalties:
            loss = loss + penalty(self.discriminator, fakes, reals)
        return loss

    def average_gradients(self) -> None:
        """Averages the discriminator's gradients over the processes of torch.distributed; without them, does nothing.

        Call it between the discriminator's backward and its optimizer's step, in every process.
        """
        distributed.average_gradients(self.discriminator.parameters())

    def _detached(self) -> Critic:
        parameters = {name: parameter.detach() for name, parameter in self.discriminator.named_parameters()}
        return lambda x: torch.func.functional_call(self.discriminator, parameters, (x,))

    def _pooled(self, fake: Tensor, given: Tensor | None) -> tuple[Tensor | None, Tensor]:
        if given is None:
            return None, *self.pool(fake)
        return self.pool(given, fake)

    def _warn_of_batch_norm(self) -> None:
        names = [name for name, module in self.discriminator.named_modules() if isinstance(module, _BatchNorm)]
        penalties = [type(penalty).__name__ for penalty in self.penalties if getattr(penalty, "per_sample", False)]
        if names and penalties:
            warnings.warn(
                f"{', '.join(penalties)} looks at the discriminator's gradient at single samples, and its batch norm "
                f"({', '.join(names)}) mixes the samples of a batch: use another norm (instance, layer) or none",
                stacklevel=3,
            )


def _check(fake: Tensor, real: Tensor | None, given: Tensor | None) -> None:
    check_batch(fake, "fake")
    if real is not None:
        check_batch(real, "real")
        check_same_shape(fake, real, ("fake", "real"))
    if given is not None:
        check_batch(given, "given")
        if given.ndim != fake.ndim or given.shape[:1] + given.shape[2:] != fake.shape[:1] + fake.shape[2:]:
            raise InputError(
                f"given has shape {tuple(given.shape)} and the image {tuple(fake.shape)}; "
                "only their channels, axis 1, may differ"
            )


def _join(given: Tensor | None, image: Tensor) -> Tensor:
    return image if given is None else torch.cat([given, image], 1)


def _over_scales(
    function: Callable[..., Tensor],
    fake: Logits,
    real: Logits | None,
) -> Tensor:
    """The mean over the scales of an objective's function of (fake logits, real logits)."""
    fakes = scales(fake)
    reals = [None] * len(fakes) if real is None else scales(real)
    losses = [function(*pair) for pair in zip(fakes, reals, strict=True)]
    return sum(losses[1:], losses[0]) / len(losses)
