"""The pulling-away term: the fakes' codes in an autoencoder are held apart, so that fakes do not become alike."""

from typing import Any

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.precision import at_least_float32
from advloss.losses.adversarial.stabilisers.feature_matching import Maps, check_gives_features, flat


def pulling_away(codes: Tensor) -> Tensor:
    """f_PT(S) = 1 / (N (N - 1)) sum_i sum_{j != i} (S_i . S_j / (|S_i| |S_j|))^2: the mean squared cosine -> a scalar.

    Zhao, Mathieu, LeCun 2017, arXiv:1609.03126, section 2.4, the repelling regulariser of EBGAN-PT, in the generator's
    loss alone. codes: [N, ...], those of the fakes. In float32 at least, in [0, 1]; of one code it is 0. It depends on
    which samples share a batch: in several processes each has the pairs of its own batch.
    """
    unit = torch.nn.functional.normalize(at_least_float32(codes).flatten(1), dim=1)  # [N, F]
    squared = (unit @ unit.T).square()  # [N, N]
    n = len(codes)
    return (squared.sum() - squared.diagonal().sum()) / max(n * (n - 1), 1)


def check_features(discriminator: nn.Module, feature_matching: Any, pulling_away: Any) -> None:
    """Raises InputError for a discriminator that does not give the features, or the code, that a weight asks for."""
    if feature_matching or pulling_away:
        check_gives_features(discriminator)
    if pulling_away and not isinstance(getattr(discriminator, "code_layer", None), int):
        raise InputError(
            f"pulling_away needs the code of an autoencoder, and {type(discriminator).__name__} has no `code_layer`, "
            "the place of the code among its feature maps; use the discriminator autoencoder"
        )


def code_of(discriminator: nn.Module, maps: Maps) -> Tensor:
    """The code, from the feature maps of a discriminator with `code_layer`."""
    layer: int = discriminator.code_layer  # type: ignore[assignment]  # checked in the constructor
    return flat(maps)[layer]
