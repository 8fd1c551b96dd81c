"""SPADE and its generator; their values are compared with the authors' in tests/tools/test_against_networks.py."""

import re
from typing import Any

import pytest
import torch
from torch import nn

from advloss.core.errors import InputError
from advloss.networks.generators.label_maps.spade import SPADE, SPADEGenerator

SMALL: dict[str, Any] = {"width": 2, "hidden": 4}


@pytest.mark.parametrize("doublings", [5, 6, 7])
@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_keeps_the_size_down_to_the_smallest(doublings: int, norm: str) -> None:
    network = SPADEGenerator(5, 2, doublings=doublings, norm=norm, **SMALL)  # type: ignore[arg-type]
    assert (network.multiple, network.smallest) == (2**doublings, 2 ** (doublings + 1))
    side = network.smallest
    y = network(torch.randn(1, 5, side, side + network.multiple))
    assert y.shape == (1, 2, side, side + network.multiple) and y.abs().max() <= 1
    with pytest.raises(InputError, match=f"multiples of {network.multiple} and at least {side}$"):
        network(torch.randn(1, 5, side // 2, side))


def test_runs_on_the_meta_device() -> None:
    with torch.device("meta"):
        assert SPADEGenerator(**SMALL)(torch.empty(2, 3, 64, 96)).shape == (2, 3, 64, 96)


def test_the_label_says_scale_and_shift() -> None:
    """One map of labels, gamma = 2 label, beta = 3 label: by hand, where the edges' zeros do not reach."""
    layer = SPADE(1, 1, 1, "none", "running")
    for conv, value in ((layer.shared, 1.0), (layer.gamma, 2.0), (layer.beta, 3.0)):
        nn.init.zeros_(conv.weight)
        nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
        conv.weight.data[0, 0, 1, 1] = value
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
    labels = torch.tensor([[0.0, 9, 1, 9], [9, 9, 9, 9], [2, 9, -1, 9], [9, 9, 9, 9]])[None, None]  # 9s are passed over
    wanted = torch.tensor([[1.0, 2 * 3 + 3], [3 * 5 + 6, 4.0]])[None, None]  # relu(-1) = 0
    torch.testing.assert_close(layer(x, labels), wanted)


def test_its_batch_norm_has_no_scale_and_shift_and_its_convolutions_spectral_norm() -> None:
    network = SPADEGenerator(**SMALL)
    norms = [one for one in network.modules() if isinstance(one, nn.modules.batchnorm._BatchNorm)]
    assert len(norms) == 2 * 7 + 4 and all(one.weight is None and one.bias is None for one in norms)
    divided = {name.partition(".parametrizations")[0] for name in network.state_dict() if name.endswith("_u")}
    wanted = {f"blocks.{i}.conv{j}" for i in range(7) for j in (0, 1)} | {f"blocks.{i}.shortcut" for i in range(3, 7)}
    assert divided == wanted
    assert SPADEGenerator(doublings=7, **SMALL).last.in_channels == 1 and network.last.in_channels == 2


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"doublings": 4}, "SPADEGenerator: doublings=4 must be at least 5 and at most 7"),
        ({"hidden": 0}, "SPADEGenerator: hidden=0 must be above 0"),
        ({"width": 1}, "SPADEGenerator: width=1 must be at least 2 and at most 1024"),
        ({"norm": "layer"}, "norm"),
    ],
)
def test_wrong_parameters(parameters: dict, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        SPADEGenerator(**{**SMALL, **parameters})
