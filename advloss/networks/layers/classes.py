"""Layers that know an item's class: conditional batch norm, an embedding of the class, a projection on it."""

from typing import Any

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.networks.layers.basic import BatchNorm
from advloss.networks.layers.parameters import Positive, check_at_least


class ConditionalBatchNorm(nn.Module):
    """Batch norm with a scale and a shift for each class: Dumoulin et al. 2017, arXiv:1610.07629, eq. 5, as the
    generators of Miyato and Koyama 2018, arXiv:1802.05637, have it.

    x: [B, C, *], label: int64 [B]. Returns x's shape. Scales begin as 1, shifts as 0.
    """

    def __init__(self, channels: Positive, classes: Positive) -> None:
        super().__init__()
        check_at_least(1, channels=channels, classes=classes)
        self.norm = BatchNorm(channels)
        self.norm.weight = self.norm.bias = None  # type: ignore[assignment]
        self.scale = nn.Embedding(classes, channels)
        self.shift = nn.Embedding(classes, channels)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.shift.weight)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        scale, shift = (table(label).unflatten(1, (-1, *[1] * (x.ndim - 2))) for table in (self.scale, self.shift))
        return self.norm(x) * scale + shift


class WithClass(nn.Module):
    """[z, e(label)]: a vector with the embedding of its class, `classes` numbers, behind it.

    The condition of Mirza and Osindero 2014, arXiv:1411.1784, with a learned embedding in the place of the one-hot
    vector. z: [B, F], label: int64 [B] -> [B, F + classes].
    """

    def __init__(self, classes: Positive) -> None:
        super().__init__()
        check_at_least(1, classes=classes)
        self.embedding = nn.Embedding(classes, classes)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        return torch.cat([z, self.embedding(label).to(z.dtype)], 1)


def of_label(logits: Tensor, label: Tensor) -> Tensor:
    """The logits of each item's class: [B, K, *], int64 [B] -> [B, 1, *].

    With logits = V phi(x) it is y^T V phi(x), the projection of a discriminator (Miyato and Koyama 2018,
    arXiv:1802.05637, sec. 3), at each place of the map.
    """
    place = label.view(-1, *[1] * (logits.ndim - 1)).expand(-1, 1, *logits.shape[2:])
    return logits.gather(1, place)


def check_label(network: Any, classes: int | None, label: Tensor | None) -> None:
    """Raises InputError where a network of classes gets no label, or one without classes gets one."""
    name = type(network).__name__
    if classes is not None and label is None:
        raise InputError(f"{name} is of {classes} classes: call it with (x, label), label int64 [B]")
    if classes is None and label is not None:
        raise InputError(f"{name} got labels and was built without classes: build it with classes=K")
