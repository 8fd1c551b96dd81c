"""Which calls of a network can be one."""

import pytest
import torch
from torch import nn

from advloss.core.call_batching import can_batch_calls, can_repeat_call, compiled
from advloss.networks.discriminators.patchgan import PatchGAN
from advloss.networks.generators.resnet import ResNetGenerator
from advloss.networks.generators.unet import UNetGenerator
from advloss.networks.layers.minibatch import MinibatchStdDev


class Own(nn.Module):
    """A user's."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.rand(())


@pytest.mark.parametrize(
    ("network", "batches_calls", "repeats"),
    [
        (PatchGAN(width=2, layers=1, norm="instance"), True, True),
        (PatchGAN(width=2, layers=1, norm="none"), True, True),
        (PatchGAN(width=2, layers=1, norm="batch"), False, True),
        (PatchGAN(width=2, layers=1, norm="none", spectral_norm=True), False, False),
        (ResNetGenerator(width=2, blocks=1), True, True),
        (ResNetGenerator(width=2, blocks=1, dropout=0.5), False, False),
        (UNetGenerator(width=2, levels=2, dropout=0.0, norm="instance"), True, True),
        (nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.1)), False, False),
        (nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.0)), True, True),
        (nn.Sequential(MinibatchStdDev(), nn.Conv2d(4, 1, 1)), False, True),
        (nn.Sequential(nn.Conv2d(3, 1, 1), Own()), False, False),
    ],
    ids=lambda value: "" if isinstance(value, bool) else type(value).__name__,
)
def test_joinable_and_repeatable(network: nn.Module, batches_calls: bool, repeats: bool) -> None:
    assert (can_batch_calls(network), can_repeat_call(network)) == (batches_calls, repeats)


def test_compiled() -> None:
    network = nn.Sequential(nn.Conv2d(3, 1, 1))
    assert not compiled(network)
    assert compiled(torch.compile(network))
    network[0].compile()
    assert compiled(network)
