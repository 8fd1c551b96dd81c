"""Consistency: the discriminator's logits must not change with an augmentation of the image."""

from typing import Annotated

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.limits import at_least, check_limits
from advloss.losses.adversarial.logits import Critic, scales, shifted
from advloss.losses.adversarial.penalties.base import Interval, Penalty, Weight, check_precision


class Consistency(Penalty):
    """weight * [E (D(T(x)) - D(x))^2 at real x + the same at fakes], T a random augmentation of each sample.

    Zhao et al. 2020 (bCR), arXiv:2002.04724 (both weights 10); without fakes it is CR: Zhang et al. 2020,
    arXiv:1910.12027. D of a sample is the mean of its logits, one a scale, since patches move with the image;
    scales are averaged. It runs the discriminator twice on each of the batches.

    on_fake: also at the fakes (bCR). shift: T flips an image (its last axis) half of the time and moves it by up to
    `shift` pixels along each side, zeros coming in; the condition moves with it. augment: a module [B, ...] -> [B, ...]
    or an `Augmentation` in place of that T, which changes the condition as the image; vectors, which have no sides,
    need one.
    """

    per_sample = False

    def __init__(
        self,
        weight: Weight = 10.0,
        interval: Interval = 1,
        shift: Annotated[int, at_least(0)] = 4,
        on_fake: bool = True,
        augment: nn.Module | None = None,
    ) -> None:
        super().__init__(weight, interval)
        check_limits(self, shift=shift)
        self.shift = shift
        self.on_fake = on_fake
        self.augment = augment

    def value(self, critic: Critic, fake: Tensor, real: Tensor) -> Tensor:
        loss = self._difference(critic, real)
        return loss + self._difference(critic, fake) if self.on_fake else loss

    def _difference(self, critic: Critic, x: Tensor) -> Tensor:
        check_precision(critic, x)
        changed = self._changed(x)
        pairs = zip(scales(critic(changed)), scales(critic(x)), strict=True)
        return torch.stack([(_sample_mean(a) - _sample_mean(b)).square().mean() for a, b in pairs]).mean()

    def _changed(self, x: Tensor) -> Tensor:
        if self.augment is None:
            return flip_and_shift(x, self.shift)
        changed = self.augment(x)
        return changed[0][0] if isinstance(changed, tuple) else changed  # an Augmentation gives ([images], condition)


def flip_and_shift(x: Tensor, shift: int) -> Tensor:
    """Each sample flipped along its last axis or not, and moved along each side by at most `shift`: [B, C, ...]."""
    if x.ndim < 3:
        raise InputError(
            f"Consistency: a batch of shape {tuple(x.shape)} has no sides to move along; give it `augment`"
        )
    flip = torch.rand(x.shape[0], device=x.device) < 0.5
    x = torch.where(flip.reshape(-1, *[1] * (x.ndim - 1)), x.flip(-1), x)
    for axis in range(2, x.ndim):
        x = shifted(x, torch.randint(-shift, shift + 1, x.shape[:1], device=x.device), axis)
    return x


def _sample_mean(logits: Tensor) -> Tensor:
    return logits.reshape(logits.shape[0], -1).mean(1)  # [B]
