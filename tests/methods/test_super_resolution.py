"""The method super_resolution: its tensors, and networks of its scale."""

import pytest
import torch
from torch import Tensor, nn

from advloss.data.degradations.resize import imresize
from advloss.data.degradations.sharpen import unsharp
from advloss.methods.super_resolution import SuperResolution


class Nearest(nn.Module):
    """Each pixel twice along both axes."""

    scale = 2

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x.repeat_interleave(2, -1).repeat_interleave(2, -2)


class Even(Nearest):
    """The same, and it wants even sides."""

    multiple = 2

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[-1] % 2 == x.shape[-2] % 2 == 0
        return super().forward(x)


def batch(height: int = 6, width: int = 8) -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(0)
    sides = {"a": (height, width), "b": (2 * height, 2 * width)}
    return {side: torch.rand(2, 3, *size, generator=rng) * 2 - 1 for side, size in sides.items()}


def test_what_the_names_mean():
    given = batch()
    made = SuperResolution(Nearest, scale=2)(given, set(SuperResolution.tensors))
    assert made.keys() == SuperResolution.tensors.keys()
    assert made["lr"] is given["a"] and made["hr"] is given["b"]
    assert torch.equal(made["sr"][..., ::2, ::2], given["a"]) and torch.equal(made["sr"][..., 1::2, 1::2], given["a"])
    assert torch.equal(made["bicubic"], imresize(given["a"], (12, 16)).clamp(-1, 1))
    assert torch.equal(made["sharp_hr"], unsharp(given["b"]))


def test_what_is_not_wanted_is_not_computed():
    method = SuperResolution(Nearest, scale=2)
    assert method(batch(), {"hr", "lr"}).keys() == {"hr", "lr"}
    assert method.generator.calls == 0


@pytest.mark.parametrize(("height", "width"), [(6, 8), (5, 7), (1, 1)])
def test_any_size_is_enlarged(height: int, width: int):
    given = batch(height, width)
    made = SuperResolution(Even, scale=2)(given, {"sr"})
    assert torch.equal(made["sr"], Nearest()(given["a"]))
