"""Context encoder: fills holes in images from what is around them (Pathak et al. 2016, arXiv:1604.07379)."""

from collections.abc import Collection, Mapping
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from advloss.core.errors import InputError
from advloss.core.limits import at_least
from advloss.data.fields import Drawn, Fields, Image, Mask
from advloss.methods.base import Method, NetworkFactory
from advloss.methods.uses import Inpaint


class ContextEncoder(Method):
    """F((1 - M) x) of the paper's eq. 1: generator: image with a hole -> image.

    A hole is shown to the generator as grey, 0. The L2 term with `weights` counts the hole, and `overlap` pixels around
    it `overlap_weight` times as much, so that the filling joins its surroundings (section 4.1 and the authors' code).

    generator: makes the network from images to images. masks: the holes to learn with where the data set has no masks:
    `centre`, the middle half along each axis, or `random`. overlap: in pixels. overlap_weight: at least 0.
    """

    follows = {
        "image": "images",
        "mask": "images",
        "context": "images",
        "generated": "images",
        "filled": "images",
        "weights": "images",
        "image_centre": "images",
        "filled_centre": "images",
    }
    tensors = {
        "image": "images [B, C, H, W]",
        "mask": "their holes: 1 within, 0 outside [B, 1, H, W]",
        "context": "image with grey in the place of the hole [B, C, H, W]",
        "generated": "what the generator makes of it, the hole and all around it [B, C, H, W]",
        "filled": "image, with generated within the hole [B, C, H, W]",
        "weights": "of each place in the L2 term: 1 in the hole, overlap_weight around it, else 0 [B, 1, H, W]",
        "image_centre": "the middle half of image along each axis, which is the hole of masks=centre [B, C, H/2, W/2]",
        "filled_centre": "the middle half of filled along each axis [B, C, H/2, W/2]",
    }
    uses = {"inpaint": Inpaint("image", "mask")}

    @classmethod
    def declared_fields(cls, parameters: Mapping[str, Any]) -> Fields:
        """Images, and masks of the kind that `masks` says."""
        return {"image": Image("images"), "mask": Mask("images", drawn=parameters.get("masks", "centre"))}

    def __init__(
        self,
        generator: NetworkFactory,
        masks: Drawn = "centre",
        overlap: Annotated[int, at_least(0)] = 4,
        overlap_weight: Annotated[float, at_least(0)] = 10.0,
    ) -> None:
        super().__init__()
        self.generator = generator(takes="image", gives="image")
        self.side = generator.crop
        self.overlap, self.overlap_weight = overlap, overlap_weight

    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        image, mask = batch["image"], batch["mask"]
        context = image * (1 - mask)
        made = {"image": image, "mask": mask, "context": context, "image_centre": centre(image)}
        if {"generated", "filled", "filled_centre"} & {*wanted}:
            generated = self.generator(context)
            filled = torch.where(mask > 0, generated, image)
            made |= {"generated": generated, "filled": filled, "filled_centre": centre(filled)}
        if "weights" in wanted:
            made["weights"] = mask + self.overlap_weight * (self._grown(mask) - mask)
        return made

    def _grown(self, mask: Tensor) -> Tensor:
        """The mask with all places that are at most `overlap` pixels away along each axis."""
        return F.max_pool2d(mask, 2 * self.overlap + 1, stride=1, padding=self.overlap)

    @torch.no_grad()
    def inpaint(self, image: Tensor, mask: Tensor) -> Tensor:
        """image: [B, C, H, W] in [-1, 1]. mask: [B, 1, H, W], 1 within the hole. -> [B, C, H, W]; as image outside it.

        Of any height and width: the generator sees a window around the hole, which is twice as wide and as high as the
        hole if the image is, and at least as large as a training crop; it is resized to that. Raises InputError for a
        mask of another size.
        """
        if mask.shape != image[:, :1].shape:
            raise InputError(f"the mask is {list(mask.shape)}, and of this image it is {list(image[:, :1].shape)}")
        return torch.stack([self._filled(*pair) for pair in zip(image, mask, strict=True)])

    def _filled(self, image: Tensor, mask: Tensor) -> Tensor:
        """One image [C, H, W] with its hole [1, H, W] filled."""
        hole = (mask[0] >= 0.5).nonzero()  # [N, 2]
        if not len(hole):
            return image.clone()
        low, high = hole.amin(0).tolist(), (hole.amax(0) + 1).tolist()
        rows, columns = (self._window(*each) for each in zip(low, high, image.shape[1:], strict=True))
        window = image[:, rows, columns], (mask[:, rows, columns] >= 0.5).to(image.dtype)
        small, small_mask = (self._resized(each[None], (self.side, self.side)) for each in window)
        small_mask = (small_mask > 0).to(image.dtype)  # whatever has a part of the hole in it
        made = self._resized(self.generator(small * (1 - small_mask)), window[0].shape[1:])[0]
        filled = image.clone()
        filled[:, rows, columns] = torch.where(window[1] > 0, made, window[0])
        return filled

    def _window(self, low: int, high: int, length: int) -> slice:
        """Along one axis: a window around [low, high) within [0, length)."""
        side = min(length, max(self.side, 2 * (high - low)))
        start = min(max(0, (low + high - side) // 2), length - side)
        return slice(start, start + side)

    def _resized(self, x: Tensor, size: tuple[int, ...] | torch.Size) -> Tensor:
        if x.shape[2:] == size:
            return x
        return F.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)


def centre(x: Tensor) -> Tensor:
    """The middle half along each axis: [B, C, H, W] -> [B, C, H // 2, W // 2]."""
    (top, height), (left, width) = (((side - side // 2) // 2, side // 2) for side in x.shape[2:])
    return x[:, :, top : top + height, left : left + width]
