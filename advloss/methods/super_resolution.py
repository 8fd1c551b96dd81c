"""Super-resolution: enlarges an image (Ledig et al. 2017, arXiv:1609.04802, section 3)."""

from collections.abc import Collection, Mapping
from fractions import Fraction
from typing import Any

from torch import Tensor

from advloss.data.degradations.resize import imresize
from advloss.data.degradations.sharpen import unsharp
from advloss.data.fields import Fields, Image
from advloss.methods.base import Method, NetworkFactory
from advloss.methods.uses import Direction, Upscale
from advloss.networks.layers.padding import apply_padded
from advloss.networks.layers.parameters import Scale


class SuperResolution(Method):
    """G: I^LR -> I^SR, which should equal I^HR.

    generator: makes the network. scale: the side of its output over that of its input.
    """

    follows = dict.fromkeys(("lr", "hr", "sr", "bicubic", "sharp_hr"), "pictures")
    whole = True
    channels_last_on_cpu = True
    tensors = {
        "lr": "small images, the network's input [B, C, H, W]",
        "hr": "the large images that they were made from [B, C, scale H, scale W]",
        "sr": "lr enlarged by the network [B, C, scale H, scale W]",
        "bicubic": "lr enlarged by bicubic interpolation, what sr is to be better than [B, C, scale H, scale W]",
        "sharp_hr": "hr sharpened by an unsharp mask, as Real-ESRGAN's pixel and perceptual losses compare with it "
        "[B, C, scale H, scale W]",
    }
    uses = {"upscale": Upscale(Direction("generator", "a", "b"))}

    @classmethod
    def declared_fields(cls, parameters: Mapping[str, Any]) -> Fields:
        """`a`, the small image, and `b`, the large one. `a` is made from `b` if the data has no small images."""
        small = Image("pictures", scale=Fraction(1, int(parameters.get("scale", 4))), made_from="b")
        return {"a": small, "b": Image("pictures")}

    def __init__(self, generator: NetworkFactory, scale: Scale = 4) -> None:
        super().__init__()
        self.generator = generator()
        self.scale = scale

    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        lr, hr = batch["a"], batch["b"]  # [B, C, H, W], [B, C, scale H, scale W]
        made = {"lr": lr, "hr": hr}
        if "sr" in wanted:
            made["sr"] = apply_padded(self.generator, lr)
        if "bicubic" in wanted:
            made["bicubic"] = imresize(lr, (hr.shape[-2], hr.shape[-1])).clamp(-1, 1)
        if "sharp_hr" in wanted:
            made["sharp_hr"] = unsharp(hr)
        return made
