"""Spectral norm against torch's older form, which other projects' networks are built on: step by step the same."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from advloss.networks.layers.spectral_norm import add_spectral_norm

Made = Callable[[], nn.Module]
LAYERS: dict[str, tuple[Made, tuple[int, ...]]] = {
    "linear": (lambda: nn.Linear(7, 5), (2, 7)),
    "row": (lambda: nn.Linear(6, 1, bias=False), (2, 6)),
    "column": (lambda: nn.Linear(1, 6), (2, 1)),
    "conv1d": (lambda: nn.Conv1d(3, 4, 5), (2, 3, 9)),
    "conv2d": (lambda: nn.Conv2d(3, 8, 4, 2, 1, bias=False), (2, 3, 8, 8)),
    "grouped": (lambda: nn.Conv2d(4, 8, 3, groups=2), (2, 4, 6, 6)),
    "conv3d": (lambda: nn.Conv3d(2, 3, 3, padding=1), (2, 2, 3, 4, 5)),
    "transposed": (lambda: nn.ConvTranspose2d(3, 5, 4, 2, 1), (2, 3, 4, 4)),
}


def both(name: str) -> tuple[nn.Module, nn.Module]:
    """A layer in our form and in torch's older one, with the same weights and vectors, in float64."""
    torch.manual_seed(0)
    ours = LAYERS[name][0]().double()
    theirs = nn.utils.spectral_norm(copy.deepcopy(ours))
    add_spectral_norm(ours)
    state = ours.parametrizations.weight[0]
    state._u.copy_(theirs.weight_u)
    state._v.copy_(theirs.weight_v)
    return ours, theirs


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("name", LAYERS)
def test_training_goes_as_with_torch_s_older_form(name: str, passes: int) -> None:
    """Outputs, gradients, u and v in five steps of training; passes: through the layer before one backward."""
    ours, theirs = both(name)
    for _ in range(5):
        inputs = torch.randn(passes, *LAYERS[name][1], dtype=torch.float64)
        outputs = [[layer(x) for x in inputs] for layer in (ours, theirs)]
        torch.testing.assert_close(*outputs, rtol=1e-12, atol=1e-12)
        for layer, made in zip((ours, theirs), outputs, strict=True):
            sum(x.square().sum() for x in made).backward()
            with torch.no_grad():
                for parameter in layer.parameters():
                    parameter -= 0.05 * parameter.grad
                    parameter.grad = None
        state = ours.parametrizations.weight
        torch.testing.assert_close(state.original, theirs.weight_orig, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(state[0]._u, theirs.weight_u, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(state[0]._v, theirs.weight_v, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_eval_mode_moves_nothing_and_copies_and_states_are_whole(name: str) -> None:
    ours, theirs = both(name)
    x = torch.randn(LAYERS[name][1], dtype=torch.float64)
    before = copy.deepcopy(ours.state_dict())
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours.state_dict(), before, rtol=0, atol=0)
    again = copy.deepcopy(ours)
    again.load_state_dict(before)
    torch.testing.assert_close(again(x), ours(x), rtol=0, atol=0)


def test_it_is_computed_in_float32_under_autocast() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(64, 64)
    add_spectral_norm(layer)
    layer.eval()
    plain = layer.weight
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer.weight, plain)


def test_its_states_have_the_names_of_torch_s_parametrization() -> None:
    ours, torchs = nn.Linear(3, 2), nn.utils.parametrizations.spectral_norm(nn.Linear(3, 2))
    add_spectral_norm(ours)

    def shapes(layer: nn.Module) -> dict[str, torch.Size]:
        state: dict[str, Tensor] = layer.state_dict()
        return {name: value.shape for name, value in state.items()}

    assert shapes(ours) == shapes(torchs)
