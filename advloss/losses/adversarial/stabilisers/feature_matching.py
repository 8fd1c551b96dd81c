"""Feature matching: the distance between the discriminator's features of fakes and of real images."""

import inspect
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from advloss.core import distributed
from advloss.core.errors import InputError
from advloss.core.precision import at_least_float32
from advloss.losses.adversarial.logits import Logits

Maps = Tensor | Sequence[Any]
"""A discriminator's feature maps: tensors, in lists of any depth (scales, layers)."""
Matching = Literal["maps", "means"]


def matched(matching: Matching, fake: Maps, real: Maps) -> Tensor:
    """The distance that `matching` names: `feature_matching` of all maps, or `mean_matching` of the last one."""
    return feature_matching(fake, real) if matching == "maps" else mean_matching(flat(fake)[-1], flat(real)[-1])


def mean_matching(fake: Tensor, real: Tensor) -> Tensor:
    """|E f(real) - E f(fake)|_2^2, the real mean without gradient -> a scalar, in float32 at least.

    Salimans et al. 2016, arXiv:1606.03498, section 3.1: f is an intermediate layer of the discriminator; here the last
    one before the logits. The norm is the sum over f's values; the authors' code for MNIST has their mean.
    fake, real: f(x) [B, ...], any two batches: the images need not be partners. The means are over the batches of all
    processes; call it in each of them.
    """
    difference = at_least_float32(fake).mean(0) - at_least_float32(real.detach()).mean(0)
    if not difference.is_meta:
        difference = difference + (distributed.average(difference) - difference.detach())  # own gradient, common value
    return difference.square().sum()


def feature_matching(fake: Maps, real: Maps) -> Tensor:
    """The mean over all maps k of E |f_k(fake) - f_k(real)|, the real ones without gradient -> a scalar.

    Wang et al. 2018 (pix2pixHD), arXiv:1711.11585, eq. 4, with means over layers and scales where that has sums. For
    images with a partner: it compares each fake with the real image of its place in the batch. In float32 at least.
    """
    fakes, reals = flat(fake), flat(real)
    if [x.shape for x in fakes] != [x.shape for x in reals]:
        raise InputError("feature matching: the feature maps of fake and real differ in number or shape")
    distances = [
        (at_least_float32(x) - at_least_float32(y.detach())).abs().mean() for x, y in zip(fakes, reals, strict=True)
    ]
    return torch.stack(distances).mean()


def flat(maps: Maps) -> list[Tensor]:
    """All feature maps in one list. Raises InputError if there is none, or if one is not a tensor."""
    found = [maps] if isinstance(maps, Tensor) else []
    if isinstance(maps, list | tuple):
        found = [each for inner in maps for each in flat(inner)]
    if not found:
        raise InputError(f"feature matching: the discriminator's feature maps are {type(maps).__name__}, not tensors")
    return found


def check_gives_features(discriminator: nn.Module) -> None:
    """Raises InputError unless `discriminator(x, features=True)` can be called."""
    module = getattr(discriminator, "_orig_mod", discriminator)  # torch.compile's wrapper takes anything
    parameters = inspect.signature(module.forward).parameters
    if "features" not in parameters and all(p.kind is not p.VAR_KEYWORD for p in parameters.values()):
        raise InputError(
            "feature_matching needs a discriminator that gives its feature maps, "
            f"d(x, features=True) -> (logits, [maps]); {type(module).__name__}.forward takes no `features`"
        )


def split(result: Any) -> tuple[Logits, Maps]:
    """The logits and the feature maps, from a discriminator's result for features=True."""
    if not isinstance(result, tuple) or len(result) != 2:
        raise InputError(
            "feature_matching: with features=True the discriminator returns (logits, [maps]); "
            f"this one returned {type(result).__name__}"
        )
    return result
