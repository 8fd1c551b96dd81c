"""Cross-entropy of classes."""

import torch.nn.functional as F
from torch import Tensor, nn


class CrossEntropy(nn.Module):
    """-E log softmax(logits)[label], the mean over the batch.

    logits: [B, K]. label: int64 [B], numbers of classes below K -> a scalar in float32 at least.
    """

    def forward(self, logits: Tensor, label: Tensor) -> Tensor:
        return F.cross_entropy(logits, label)
