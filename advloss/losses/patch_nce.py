"""PatchNCE: what stands at a place of the output must be found again at the same place of the input."""

from collections.abc import Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.limits import above, check_limits
from advloss.core.precision import at_least_float32
from advloss.losses.checks import check_same_shape

EPS = 1e-7
"""What is added to a vector's length before it is divided by it, as in the authors' code."""
GAIN = 0.02
"""The factor of the heads' first weights, as in the authors' code."""
Maps = tuple[Tensor, ...]
"""One layer's vectors each: [B, C, P], or a whole map [B, C, H, W]."""


def patch_nce(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """mean over the places s of -log(exp(q_s . k_s / t) / sum over s' of exp(q_s . k_s' / t)): a scalar.

    The cross-entropy of finding the key of a query's own place among all keys of its image: Park et al. 2020,
    arXiv:2007.15651, section 3. queries, keys: float [B, P, D], of length 1. temperature: t, above 0.
    """
    logits = queries @ keys.mT / temperature  # [B, P, P]
    own = torch.arange(logits.shape[1], device=logits.device).expand(logits.shape[:2])  # [B, P]
    return F.cross_entropy(logits.flatten(0, 1), own.flatten())


class PatchNCE(nn.Module):
    """The mean over layers of `patch_nce` of projected features, with projection heads that it trains.

    x: features of what the generator made; y: those of the image that it was made from, at the same places; of each
    layer [B, C, P], or maps [B, C, H, W]. A scalar. Gradients go into x and the heads; what comes of y is a constant,
    as in the authors' code. A head is two dense layers with a ReLU between, whose vectors are divided by their length:
    Park et al. 2020, arXiv:2007.15651, section 3. What shares heads is one term, of joined batches.

    in_channels: C of each layer. width: of the heads' layers. temperature: t of `patch_nce`. across_batch: whether the
    other images of the batch give negatives too, as the paper does for crops of one picture; several processes
    then don't compute what one does.
    Raises InputError for a parameter out of range, and for features of other layers or shapes.
    """

    partners = True

    def __init__(
        self,
        in_channels: Sequence[int],
        width: Annotated[int, above(0)] = 256,
        temperature: Annotated[float, above(0)] = 0.07,
        across_batch: bool = False,
    ) -> None:
        super().__init__()
        check_limits(self, width=width, temperature=temperature)
        if isinstance(in_channels, int):
            raise InputError("patch_nce compares features of layers, such as features_fake_b with features_a")
        self.temperature = temperature
        self.across_batch = across_batch
        self.heads = nn.ModuleList(_head(channels, width) for channels in in_channels)

    def forward(self, x: Maps, y: Maps) -> Tensor:
        if not len(x) == len(y) == len(self.heads):
            raise InputError(f"patch_nce has heads of {len(self.heads)} layers, and got {len(x)} and {len(y)}")
        if y[0].requires_grad and not x[0].requires_grad:
            raise InputError(
                "features of what the generator made come first, and x does not depend on it; exchange them"
            )
        losses = []
        for number, (head, query, key) in enumerate(zip(self.heads, x, y, strict=True)):
            check_same_shape(query, key, (f"x of layer {number}", f"y of layer {number}"))
            queries, keys = _projected(head, query), _projected(head, key).detach()  # [B, P, width]
            if self.across_batch:
                queries, keys = queries.flatten(0, 1)[None], keys.flatten(0, 1)[None]  # [1, B P, width]
            losses.append(patch_nce(queries, keys, self.temperature))
        return torch.stack(losses).mean()

    def extra_repr(self) -> str:
        return f"temperature={self.temperature}, across_batch={self.across_batch}"


def _head(channels: int, width: int) -> nn.Sequential:
    """[B, P, channels] -> [B, P, width]. Its weights begin 0.02 times as large as those of Glorot and Bengio 2010."""
    first, second = nn.Linear(channels, width), nn.Linear(width, width)
    for layer in (first, second):
        nn.init.xavier_normal_(layer.weight, GAIN)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(first, nn.ReLU(), second)


def _projected(head: nn.Module, maps: Tensor) -> Tensor:
    """[B, C, ...] -> [B, P, width], of length 1."""
    vectors: Tensor = head(at_least_float32(maps).flatten(2).mT)
    return vectors / (torch.linalg.vector_norm(vectors, dim=2, keepdim=True) + EPS)  # of zeros the gradient is 0
