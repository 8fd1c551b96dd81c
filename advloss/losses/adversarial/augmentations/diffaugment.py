"""DiffAugment: a few simple changes of every image, through which gradients flow."""

from collections.abc import Callable
from typing import Annotated

import torch
from torch import Tensor

from advloss.core.clock import Schedule, WithinLimits
from advloss.core.errors import InputError, unknown
from advloss.core.limits import between, check_limits
from advloss.losses.adversarial.augmentations.base import Augmentation, Change, check_image, in_sequence
from advloss.losses.adversarial.logits import shifted


def draw_color(x: Tensor) -> Change:
    """Brightness x + U[-1/2, 1/2], then saturation and contrast: the distance of each value from its pixel's mean over
    channels times U[0, 2], and from its image's mean times U[1/2, 3/2]. For images in [-1, 1]; nothing is clipped."""
    brightness, saturation, contrast = torch.rand(3, x.shape[0], 1, 1, 1, device=x.device, dtype=x.dtype)

    def change(x: Tensor) -> Tensor:
        x = x + brightness - 0.5
        gray = x.mean(1, keepdim=True)  # [B, 1, H, W]
        x = gray + (x - gray) * 2 * saturation
        mean = x.mean((1, 2, 3), keepdim=True)  # [B, 1, 1, 1]
        return mean + (x - mean) * (contrast + 0.5)

    return change


def draw_translation(x: Tensor) -> Change:
    """Moved by up to 1/8 of its height and width, in whole pixels; zeros come in."""
    steps = {}
    for axis in (2, 3):
        most = (x.shape[axis] + 4) // 8
        steps[axis] = torch.randint(-most, most + 1, x.shape[:1], device=x.device)  # [B]
    return lambda x: shifted(shifted(x, steps[2], 2), steps[3], 3)


def draw_cutout(x: Tensor) -> Change:
    """Sets a rectangle of half the height and width (rounded up), whose middle is anywhere in the image, to zero.

    The middle of an even side is a border between two pixels, so the image's own two borders are among its places.
    """
    keep = torch.zeros((), dtype=torch.bool, device=x.device)
    for axis, shape in ((2, (1, 1, -1, 1)), (3, (1, 1, 1, -1))):
        size = x.shape[axis]
        side = (size + 1) // 2
        middle = torch.randint(0, size + 1 - side % 2, (x.shape[0], 1, 1, 1), device=x.device)
        place = torch.arange(size, device=x.device).reshape(shape) - (middle - side // 2)
        keep = keep | (place < 0) | (place >= side)  # [B, 1, H, W] in the end
    return lambda x: x * keep


CHANGES: dict[str, Callable[[Tensor], Change]] = {
    "color": draw_color,
    "translation": draw_translation,
    "cutout": draw_cutout,
}


class DiffAugment(Augmentation):
    """Each image's colours, place and a hole in it changed at random, fake and real alike, in both steps.

    Zhao et al. 2020, arXiv:2006.10738, section 3.2 and appendix: `draw_color`, `draw_translation`, `draw_cutout`.
    Images [B, C, H, W]. A condition is moved and cut as its image is, and keeps its colours.

    policy: the changes, in their order, separated by commas: of color, translation, cutout.
    p: the probability that an image is changed at all, in [0, 1], or a schedule; 1 in the paper.

    kornia's own colour changes clip to [0, 1], where the gradient ends, and its random modules wait for the device.
    """

    def __init__(
        self,
        policy: str = "color,translation,cutout",
        p: Annotated[float | Schedule, WithinLimits(between(0, 1))] = 1.0,
    ) -> None:
        super().__init__()
        check_limits(self, p=p)
        self.p = p
        self.policy = [name.strip() for name in policy.split(",") if name.strip()]
        if not self.policy:
            raise InputError("DiffAugment: policy is empty; name some of color, translation, cutout")
        for name in self.policy:
            if name not in CHANGES:
                raise InputError(unknown("change in DiffAugment's policy", name, CHANGES))

    def draw(self, image: Tensor) -> tuple[Change, Change]:
        check_image("DiffAugment", image)
        changes = [(name, CHANGES[name](image)) for name in self.policy]
        of_image = in_sequence(change for _, change in changes)
        of_given = in_sequence(change for name, change in changes if name != "color")
        p = self.now(self.p)
        if p == 1:
            return of_image, of_given
        chosen = torch.rand(len(image), 1, 1, 1, device=image.device) < p
        return lambda x: torch.where(chosen, of_image(x), x), lambda x: torch.where(chosen, of_given(x), x)

    def extra_repr(self) -> str:
        return f"policy={','.join(self.policy)!r}, p={self.p}"
