"""Adaptive discriminator augmentation: as much change as keeps the discriminator from knowing its images by heart."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from advloss.core import distributed
from advloss.core.errors import InputError
from advloss.losses.adversarial.augmentations.base import Augmentation, Change, check_image
from advloss.losses.adversarial.augmentations.matrices import draw_colors, draw_warp, warped


class ADA(Augmentation):
    """Changes of geometry and colour, each applied to each image with probability p, which adapts to overfitting.

    Karras et al. 2020b, arXiv:2006.06676, section 3 and appendix B, the pipeline "bgc": see `matrices`. Images
    [B, C, H, W] (colours in full for C = 3, else brightness and contrast). A condition is warped as its image is, and
    keeps its colours.

    Every `interval` discriminator's turns, with r = E sign(D(real) - threshold) over them and all processes,
        p <- clip(p + sign(r - target) * images / speed, 0, 1)
    p, and the signs gathered, are buffers on the device; nothing is read back. Nothing adapts in eval mode.

    target: of r, the share by which real images judged real outnumber the others: 0.6; None keeps p as it is.
    p: the probability to begin with. speed: in real images, how many take p from 0 to 1. interval: in turns.
    threshold: the logit between fake and real. None: the objective's `boundary`, which `AdversarialLoss` fills in; 0
        elsewhere. Critics and relativistic logits (wasserstein, rpgan, ragan) have none of their own, energies none.

    Unlike the paper's, the warp is one bilinear resampling, without a wavelet filter around it, and its backward on
    CUDA is not deterministic.
    """

    p: Tensor  # []
    signs: Tensor  # sum of the signs and number of images since p last moved: [2]
    turns: Tensor  # int64, []

    def __init__(
        self,
        target: Annotated[float, Field(ge=-1, le=1)] | None = 0.6,
        p: Annotated[float, Field(ge=0, le=1)] = 0.0,
        speed: Annotated[int, Field(ge=1)] = 500_000,
        interval: Annotated[int, Field(ge=1)] = 4,
        threshold: float | None = None,
    ) -> None:
        super().__init__()
        if target is not None and not -1 <= target <= 1:
            raise InputError(f"ADA: target={target}; it is a mean of signs, from -1 to 1")
        if not 0 <= p <= 1:
            raise InputError(f"ADA: p={p}; it is a probability")
        if speed < 1 or interval < 1:
            raise InputError(
                f"ADA: speed={speed}, interval={interval}; they are numbers of images and turns, at least 1"
            )
        self.target = target
        self.speed = speed
        self.interval = interval
        self.threshold = threshold
        self.register_buffer("p", torch.tensor(float(p)))
        self.register_buffer("signs", torch.zeros(2))
        self.register_buffer("turns", torch.zeros((), dtype=torch.int64))

    def draw(self, image: Tensor) -> tuple[Change, Change]:
        check_image("ADA", image)
        p = self.p.to(image)
        warp = draw_warp(image, p)  # [B, 3, 3]
        matrix, offset = draw_colors(image, p)  # [B, C, C], [B, C, 1]

        def of_image(x: Tensor) -> Tensor:
            x = warped(x, warp)
            return (matrix @ x.flatten(2) + offset).reshape(x.shape)

        return of_image, lambda x: warped(x, warp)

    @torch.no_grad()
    def adapt(self, real_logits: list[Tensor]) -> None:
        if self.target is None:
            return
        threshold = self.threshold or 0.0
        sign = torch.stack([(logits.float() - threshold).sign().mean() for logits in real_logits]).mean()
        images = real_logits[0].shape[0]
        self.signs += torch.stack([distributed.average(sign) * images, torch.full_like(sign, images)])
        self.turns += 1
        total, count = self.signs.unbind()
        moved = self.p + (total / count - self.target).sign() * count * distributed.world_size() / self.speed
        due = self.turns % self.interval == 0
        self.p.copy_(torch.where(due, moved.clamp(0, 1), self.p))
        self.signs.mul_(~due)

    def extra_repr(self) -> str:
        return f"target={self.target}, speed={self.speed}, interval={self.interval}, threshold={self.threshold}"
