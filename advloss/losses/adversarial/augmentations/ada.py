"""Adaptive discriminator augmentation: the stronger, the more the discriminator overfits."""

from collections.abc import Hashable
from typing import Annotated

import torch
from torch import Tensor

from advloss.core import distributed
from advloss.core.clock import Schedule, WithinLimits
from advloss.core.errors import InputError
from advloss.core.limits import at_least, between, check_limits
from advloss.losses.adversarial.augmentations.base import Augmentation, Change, check_image
from advloss.losses.adversarial.augmentations.matrices import draw_colors, draw_warp, warped


class ADA(Augmentation):
    """Changes of geometry and colour, each applied to each image with probability p, which adapts to overfitting.

    Karras et al. 2020b, arXiv:2006.06676, section 3 and appendix B, the pipeline "bgc": see `matrices`. Images
    [B, C, H, W] (colours in full for C = 3, else brightness, contrast and luma flip). A condition is warped as its
    image is, and keeps its colours.

    At the end of every `interval` iterations, with r = E sign(D(real) - threshold) over them and all processes,
        p <- clip(p + sign(r - target) * images / speed, 0, 1)
    p, and the signs gathered, are buffers on the device; nothing is read back. Nothing adapts in eval mode.

    target: of r, the fraction of real images above the threshold minus that below; None: p does not adapt.
    p: the probability to begin with; where target is None it may be a schedule.
    speed: in real images, how many take p from 0 to 1. interval: in iterations.
    threshold: the logit between fake and real. None: the objective's `boundary`, which `AdversarialLoss` fills in; 0
        elsewhere. wasserstein, rpgan and ragan have no boundary and need one; with energies only target=None works.

    Unlike the paper's, the warp is one bilinear resampling, without a wavelet filter around it, what lies further
    out than one image beyond the border is mirrored again, not black, and its backward on CUDA is not deterministic.
    """

    p: Tensor  # []
    signs: Tensor  # sum of the signs and number of images since p last moved: [2]

    def __init__(
        self,
        target: Annotated[float, between(-1, 1)] | None = 0.6,
        p: Annotated[float | Schedule, WithinLimits(between(0, 1))] = 0.0,
        speed: Annotated[int, at_least(1)] = 500_000,
        interval: Annotated[int, at_least(1)] = 4,
        threshold: float | None = None,
    ) -> None:
        super().__init__()
        check_limits(self, target=target, p=p, speed=speed, interval=interval)
        if isinstance(p, Schedule) and target is not None:
            raise InputError("ADA: p follows either a schedule or the real logits: with a schedule set target=None")
        self.target = target
        self.speed = speed
        self.interval = interval
        self.threshold = threshold
        self.schedule = p if isinstance(p, Schedule) else None
        self.register_buffer("p", torch.tensor(float(p.at(0) if isinstance(p, Schedule) else p)))
        self.register_buffer("signs", torch.zeros(2))

    def phase(self, iteration: int) -> Hashable:
        """The scheduled p, and whether p moves."""
        return super().phase(iteration), self._due(iteration)

    def _due(self, iteration: int) -> bool:
        return self.target is not None and (iteration + 1) % self.interval == 0

    def draw(self, image: Tensor) -> tuple[Change, Change]:
        check_image("ADA", image)
        p = self.p.to(image) if self.schedule is None else image.new_full((), self.now(self.schedule))
        warp = draw_warp(image, p)  # [B, 3, 3]
        matrix, offset = draw_colors(image, p)  # [B, C, C], [B, C, 1]

        def of_image(x: Tensor) -> Tensor:
            x = warped(x, warp)
            return (matrix @ x.flatten(2) + offset).reshape(x.shape)

        return of_image, lambda x: warped(x, warp)

    @torch.no_grad()
    def adapt(self, real_logits: list[Tensor]) -> None:
        if self.target is not None:
            threshold = self.threshold or 0.0
            sign = torch.stack([(logits.float() - threshold).sign().mean() for logits in real_logits]).mean()
            images = real_logits[0].shape[0]
            self.signs += torch.stack([distributed.average(sign) * images, torch.full_like(sign, images)])
            if self._due(self.clock.iteration):
                self._move(self.target)
        super().adapt(real_logits)

    def _move(self, target: float) -> None:
        total, count = self.signs.unbind()
        moved = self.p + (total / count - target).sign() * count * distributed.world_size() / self.speed
        self.p.copy_(moved.clamp(0, 1))
        self.signs.zero_()

    def extra_repr(self) -> str:
        return f"target={self.target}, speed={self.speed}, interval={self.interval}, threshold={self.threshold}"
