"""Labels: a discriminator of classes is called with the images and their classes."""

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError

Seen = tuple[Tensor, ...]
"""A discriminator's input: (images,), or (images, labels)."""


class OfClasses(nn.Module):
    """A discriminator of classes as a function of images alone, for penalties.

    images [B, ...] -> discriminator(images, label). label: int64 [B].
    """

    label: Tensor

    def __init__(self, discriminator: nn.Module, label: Tensor) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.register_buffer("label", label, persistent=False)

    def forward(self, x: Tensor, **options: Any) -> Any:
        return self.discriminator(x, self.label, **options)


def joined(one: Seen, other: Seen) -> Seen:
    """Two inputs as one, on the batch's axis."""
    return tuple(torch.cat(pair) for pair in zip(one, other, strict=True))


def detached(seen: Seen) -> Seen:
    """The input without its graph."""
    return tuple(each.detach() for each in seen)


def takes_labels(discriminator: nn.Module) -> bool:
    """Whether its forward takes labels beside the images: a second positional parameter that is no `features`."""
    module = getattr(discriminator, "_orig_mod", discriminator)  # torch.compile's wrapper takes anything
    parameters = [*inspect.signature(module.forward).parameters.values()]
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return True
    positional = [each.name for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    return len(positional) > 1 and positional[1] != "features"


def check_labels(label: Tensor, batch: int, without: nn.Module | None) -> None:
    """Raises InputError unless label is int64 [B]. without: the discriminator, if it takes no labels."""
    if label.dtype != torch.int64 or label.shape != (batch,):
        raise InputError(f"label is {label.dtype} {list(label.shape)}; it is the numbers of classes, int64 [{batch}]")
    if without is not None:
        raise InputError(
            f"label: {type(without).__name__} takes no labels; use dcgan, residual or mlp, or one of your own "
            "with forward(x, label)"
        )
