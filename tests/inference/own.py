"""Methods as a user's own script has them, for each use, with networks whose results can be worked out by hand."""

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from advloss.data.fields import Field, Image, Label, Mask, Noise
from advloss.methods.base import Method
from advloss.methods.uses import (
    Classify,
    Direction,
    Generate,
    Inpaint,
    Tokenize,
    Translate,
    Upscale,
    Use,
)
from advloss.networks.bottlenecks import BottleneckOutput
from advloss.recipe.resolve import resolve
from advloss.recipe.schema import Recipe
from advloss.recipe.text.source import read


class Negative(nn.Module):
    """-x, so that what went through it is seen."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(-1.0))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class Repeat(Negative):
    """Each pixel twice along both axes."""

    scale = 2

    def forward(self, x: Tensor) -> Tensor:
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


class Painter(Negative):
    """Noise [N, 6] to images [N, 3, 1, 2], and a class's number on top."""

    def forward(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        images = noise.view(-1, 3, 1, 2) * self.weight
        return images if label is None else images + label.view(-1, 1, 1, 1)


class Own(Method):
    """All that a method must have."""

    tensors = {"b": "images [B, 3, H, W]"}
    fields: dict[str, Field] = {"b": Image("images"), "noise": Noise(size=6)}
    network: type[nn.Module] = Negative

    def __init__(self, **networks: Any) -> None:
        super().__init__()
        self.net = self.network()

    def forward(self, batch: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        return {"b": batch["b"]}


class OwnTranslator(Own):
    uses = {"translate": Translate({"there": Direction("net", "b", "b")})}


class OwnUpscaler(Own):
    network = Repeat
    scale = 2
    uses = {"upscale": Upscale(Direction("net", "b", "b"))}


class OwnTokenizer(Own):
    """A token a pixel: its red level."""

    uses = {"tokenize": Tokenize("b")}
    codes, books, factor = 256, 1, 1

    def encode(self, image: Tensor) -> BottleneckOutput:
        return BottleneckOutput(image, ((image[:, 0] + 1) * 127.5).round().long())

    def decode(self, codes: Tensor, size: tuple[int, int]) -> Tensor:
        return (codes[:, None].float() / 127.5 - 1).repeat(1, 3, 1, 1)


class OwnGreyTokenizer(OwnTokenizer):
    def decode(self, codes: Tensor, size: tuple[int, int]) -> Tensor:
        return codes[:, None].float() / 127.5 - 1


class OwnGenerator(Own):
    network = Painter
    uses = {"generate": Generate(Direction("net", "noise", "b"))}


class OwnClassGenerator(OwnGenerator):
    fields: dict[str, Field] = {**OwnGenerator.fields, "label": Label("images")}
    uses = {"generate": Generate(Direction("net", "noise", "b"), label="label")}


class OwnInpainter(Own):
    fields: dict[str, Field] = {**Own.fields, "mask": Mask("images"), "label": Label("images")}
    uses: dict[str, Use] = {"inpaint": Inpaint("b", "mask"), "classify": Classify("b", "label")}

    def inpaint(self, image: Tensor, mask: Tensor) -> Tensor:
        return torch.where(mask > 0, 1.0, image)

    def classify(self, image: Tensor) -> Tensor:
        return image.mean((2, 3))


def recipe_of(name: str, **data: Any) -> Recipe:
    """A whole recipe whose method has this name; data: what its data section says beyond it."""
    plain = resolve(read("pix2pix-small")).plain()
    term = {"loss": "total_variation", "between": ["b"]}
    own = {"method": name, "networks": {}, "losses": {"smooth": term}, "metrics": {}, "samples": []}
    recipe = Recipe.model_validate(plain | own)
    recipe.data = recipe.data.model_copy(update=data)
    return recipe
