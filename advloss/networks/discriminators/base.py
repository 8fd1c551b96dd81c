"""What the discriminators share: convolutions of one, two or three dimensions, features, checks.

A discriminator `d` gives logits, `d(x)`, without a sigmoid, or `(logits, features)`, `d(x, features=True)`: the same
logits, and what its layers made of x on the way, first layer first, as a list of tensors [B, C, ...], from the same
pass. They are what feature matching compares (Salimans et al. 2016, arXiv:1606.03498, sec. 3.1; Wang et al. 2018,
arXiv:1711.11585, eq. 4).
"""

from collections.abc import Callable, Iterable

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from advloss.core.errors import InputError
from advloss.networks.layers.classes import of_label
from advloss.networks.layers.parameters import Dims, check_choice

DiscriminatorOutput = Tensor | tuple[Tensor, list[Tensor]]
"""Logits, or logits and features."""

CONVOLUTIONS: dict[int, Callable[..., _ConvNd]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
SIDES = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}


def convolution(dims: Dims) -> Callable[..., _ConvNd]:
    """`nn.Conv1d`, `nn.Conv2d` or `nn.Conv3d`; InputError for another number of dimensions."""
    check_choice("dims", dims, Dims)
    return CONVOLUTIONS[dims]


def outputs(body: Iterable[nn.Module], last: nn.Module, x: Tensor) -> tuple[Tensor, list[Tensor]]:
    """What `last` makes of x after the layers of the body, and the outputs of these, first layer first."""
    maps = []
    for layer in body:
        x = layer(x)
        maps.append(x)
    return last(x), maps


def logits_of(
    body: Iterable[nn.Module],
    last: nn.Module,
    x: Tensor,
    features: bool,
    projection: nn.Module | None = None,
    label: Tensor | None = None,
) -> DiscriminatorOutput:
    """The logits that `last` gives after the layers of the body, with their outputs where wanted.

    projection: from the body's output to a logit for each class, of which that of the item's `label` is added
    (`of_label`); None without classes.
    """
    logits, maps = outputs(body, last, x)
    if projection is not None and label is not None:
        logits = logits + of_label(projection(maps[-1]), label)
    return (logits, maps) if features else logits


def check_images(network: str, x: Tensor, channels: int, dims: int = 2, smallest: int = 1) -> None:
    """Raises InputError where x is not [B, channels, ...] with `dims` sides of at least `smallest`."""
    if x.ndim != dims + 2:
        wanted = ", ".join(("B", str(channels), *SIDES[dims]))
        raise InputError(f"{network} got a tensor of shape {list(x.shape)}; it takes [{wanted}]")
    if x.shape[1] != channels:
        raise InputError(
            f"{network} got {x.shape[1]} channels (shape {list(x.shape)}); it was built for in_channels={channels}, "
            "those of the image and of its condition together"
        )
    if min(x.shape[2:]) < smallest:
        sides = "x".join(str(side) for side in x.shape[2:])
        raise InputError(
            f"{network} got an image of {sides} pixels ({'x'.join(SIDES[dims])}); each side must be at least {smallest}"
        )
