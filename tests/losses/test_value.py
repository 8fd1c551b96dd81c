"""A scalar as a loss."""

import pytest
import torch

from advloss.core.errors import InputError
from advloss.losses.value import Value


def test_the_scalar_itself_with_its_gradient():
    x = torch.tensor(3.0, requires_grad=True)
    Value()(x).backward()
    assert x.grad == 1
    with pytest.raises(InputError, match=r"'value' takes a scalar .* not \[2\]"):
        Value()(torch.zeros(2))
