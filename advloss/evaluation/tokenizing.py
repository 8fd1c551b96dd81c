"""Evaluates a tokenizer: its reconstructions, which codes it chooses in all pictures, and their bits."""

import math
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.inference.model import Model, load
from advloss.inference.tiles.options import Precision
from advloss.inference.tiles.precision import half_for
from advloss.inference.tiles.receptive_field import device_of
from advloss.methods.base import Method
from advloss.methods.uses import Tokenizing
from advloss.networks.bottlenecks.base import BottleneckOutput, Usage

WORDS = {
    "usage": "fraction of the codes that were chosen at least once in all pictures, the mean over codebooks",
    "perplexity": "exp of the entropy of the choices in all pictures, from 1 to the number of codes, the mean over "
    "codebooks",
    "bits_per_pixel": "indices of all pictures * log2(codes) / pixels of all pictures; pictures are mirrored to "
    "multiples of f before they are encoded, and the indices of what is added count, its pixels do not",
    "entropy_bits_per_pixel": "the same with the entropy of the choices in all pictures in place of log2(codes): what "
    "an ideal entropy coder needs that knows how often each code is chosen",
}


class CodeCounts:
    """How often each code is chosen over a set of pictures. codes: size of each codebook; books: how many there are."""

    def __init__(self, codes: int, books: int = 1) -> None:
        self.counts = torch.zeros(books, codes, dtype=torch.int64)
        self.pixels = 0

    def add(self, indices: Tensor, pixels: int) -> None:
        """indices: integers [B, h, w], or [B, h, w, books]; pixels: of the pictures that they stand for."""
        books, codes = self.counts.shape
        places = indices.cpu().long().reshape(-1, books)  # [N, books]
        chosen = (places + torch.arange(books) * codes).flatten()
        self.counts.view(-1).index_add_(0, chosen, torch.ones_like(chosen))
        self.pixels += pixels

    def measures(self) -> dict[str, float]:
        """The measures that WORDS defines. Needs one picture at least."""
        usage = Usage(self.counts.double())
        p = usage.counts / usage.counts.sum(1, keepdim=True)  # [books, codes]
        information = -torch.special.xlogy(usage.counts, p).sum().item() / math.log(2)  # bits
        return {
            "usage": usage.fraction.item(),
            "perplexity": usage.perplexity.item(),
            "bits_per_pixel": self.counts.sum().item() * math.log2(self.counts.shape[1]) / self.pixels,
            "entropy_bits_per_pixel": max(0.0, information) / self.pixels,
        }


class Reconstruction(nn.Module):
    """A tokenizer as one network: images [B, 3, H, W] in [-1, 1], any size -> the same shape in float32.

    precision: of encoder and decoder, see `half_for`; the bottleneck computes in float32 always.
    choices: the codes that were chosen for all pictures that were given to `measured` and then counted by `counted`;
    None if there are no codes.
    """

    def __init__(self, method: Method, precision: Precision = "fp32") -> None:
        super().__init__()
        self.method = method.eval()
        self.tokenizer = tokenizer = cast(Tokenizing, method)
        self.choices = None if tokenizer.codes is None else CodeCounts(tokenizer.codes, tokenizer.books)
        self._precision = precision
        self._chosen: tuple[Tensor, int] | None = None

    def forward(self, image: Tensor) -> Tensor:
        return self._both(image)[0]

    @torch.no_grad()
    def measured(self, image: Tensor) -> Tensor:
        """The reconstruction, whose choices `counted` counts. InputError where it is not finite."""
        half = half_for(self._precision, self, image[:1])
        with torch.autocast(image.device.type, half or torch.bfloat16, enabled=half is not None):
            result, made = self._both(image)
        if not (result.isfinite().all() and made.latent.isfinite().all()):
            raise InputError("its reconstruction is not finite" + ("; use --precision fp32" if half else ""))
        self._chosen = (
            None if made.indices is None else (made.indices, image.shape[0] * image.shape[2] * image.shape[3])
        )
        return result.float()

    def counted(self) -> None:
        """Counts the choices for the picture that `measured` saw last, once all its measures are known."""
        if self.choices is not None and self._chosen is not None:
            self.choices.add(*self._chosen)

    def _both(self, image: Tensor) -> tuple[Tensor, BottleneckOutput]:
        made = self.tokenizer.encode(image)
        codes = made.latent if made.indices is None else made.indices
        return self.tokenizer.decode(codes, (image.shape[-2], image.shape[-1])), made

    @torch.no_grad()
    def about(self) -> dict[str, str | int]:
        """The definitions of its figures, for the protocol."""
        if self.tokenizer.codes is None:
            side = self.tokenizer.factor
            latent = self.tokenizer.encode(torch.zeros(1, 3, side, side, device=device_of(self))).latent
            return {"codes": f"none: {latent.shape[1]} floats a place, the mean of their distribution"}
        return {"codes": self.tokenizer.codes, "codebooks": self.tokenizer.books, **WORDS}


def tokenizer_in(path: Path) -> Model | None:
    """The tokenizer in a model file; None for any other file."""
    try:
        model = load(path)
    except InputError:
        return None
    return model if "tokenize" in model.method.uses else None
