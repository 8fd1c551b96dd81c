"""Cross-entropy and accuracy of classes, by hand."""

from math import exp, log

import pytest
import torch

from advloss.core.errors import InputError
from advloss.losses.classes import Accuracy, CrossEntropy


def test_cross_entropy_by_hand() -> None:
    """-log softmax: log(1 + e^-1 + e^-2) for the largest of 2, 1, 0; log 3 for three alike; their mean."""
    logits = torch.tensor([[2.0, 1.0, 0.0], [5.0, 5.0, 5.0]])
    first = log(1 + exp(-1) + exp(-2))
    assert CrossEntropy()(logits, torch.tensor([0, 1])).item() == pytest.approx((first + log(3)) / 2)
    assert CrossEntropy()(logits, torch.tensor([2, 1])).item() == pytest.approx((first + 2 + log(3)) / 2)
    assert CrossEntropy()(logits.bfloat16(), torch.tensor([0, 1])).dtype == torch.float32


def test_accuracy_by_hand() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 5.0], [0.0, 3.0, 1.0]])
    assert Accuracy()(logits, torch.tensor([0, 1, 1])).tolist() == [1, 0, 1]
    assert Accuracy()(logits, torch.tensor([0.0, 1.0, 1.0])).tolist() == [1, 0, 1]  # labels of a batch in one type


@pytest.mark.parametrize("of", [CrossEntropy, Accuracy])
def test_other_shapes_are_refused(of: type) -> None:
    for logits, label in ((torch.zeros(2, 3), torch.zeros(3)), (torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4))):
        with pytest.raises(InputError, match=r"logits \[B, K\] are compared with labels \[B\], not"):
            of()(logits, label.long())
