"""Classes of images: the cross-entropy of a classifier's logits, and its accuracy."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.precision import at_least_float32


def cross_entropy(logits: Tensor, label: Tensor) -> Tensor:
    """-E log softmax(logits)[label], in nats: log K for logits that are all alike.

    logits: [B, K]; label: int64 [B], in [0, K) -> a scalar, in float32 at least.
    """
    return F.cross_entropy(at_least_float32(logits), label)


class CrossEntropy(nn.Module):
    """See `cross_entropy`. Raises InputError for tensors of other shapes."""

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        _check(logits, label)
        return cross_entropy(logits, label)


class Accuracy(nn.Module):
    """A metric: 1 where the largest logit is that of the label, else 0. logits [B, K], label [B] -> [B].

    Raises InputError for tensors of other shapes.
    """

    higher_is_better: ClassVar[bool] = True
    partners: ClassVar[bool] = True

    @torch.no_grad()
    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        _check(logits, label)
        return (logits.argmax(1) == label).float()


def _check(logits: Tensor, label: Tensor) -> None:
    if logits.ndim != 2 or label.shape != logits.shape[:1]:
        raise InputError(
            f"a classifier's logits [B, K] are compared with labels [B], not {list(logits.shape)} with "
            f"{list(label.shape)}"
        )
