"""What an iteration computes in."""

import copy

import pytest
import torch

from advloss.core.errors import InputError
from advloss.training import precision
from advloss.training.player import Player
from advloss.training.precision import Precision

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(("fast", "name"), [(True, "bf16"), (False, "fp32")])
def test_auto_is_bf16_where_it_is_fast(monkeypatch: pytest.MonkeyPatch, fast: bool, name: str) -> None:
    monkeypatch.setattr(precision, "fast_bf16", lambda device: fast)
    for device in (CPU, CUDA):
        chosen = Precision("auto", device)
        assert chosen.name == name and chosen.dtype == (torch.bfloat16 if fast else None)


@pytest.mark.parametrize(
    ("name", "dtype", "on_gpu"),
    [
        ("fp32", None, False),
        ("tf32", None, True),
        ("bf16", torch.bfloat16, True),
        ("fp16", torch.float16, True),
        ("fp64", None, False),
    ],
)
def test_what_is_asked_for_is_taken(name: str, dtype: torch.dtype | None, on_gpu: bool) -> None:
    chosen = Precision(name, CUDA)
    assert (chosen.name, chosen.dtype, chosen.tensor_cores) == (name, dtype, on_gpu)
    if name != "tf32":
        assert not Precision(name, CPU).tensor_cores


def test_tf32_is_a_gpus() -> None:
    with pytest.raises(InputError, match=r"train\.precision: tf32 is a GPU's, and this runs on cpu; use auto or fp32"):
        Precision("tf32", CPU)


@pytest.mark.parametrize(("name", "allowed"), [("fp32", False), ("tf32", True), ("bf16", True)])
def test_float32_on_a_gpu_means_what_it_says_and_the_settings_are_put_back(name: str, allowed: bool) -> None:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul

    def state() -> tuple[bool, bool, bool]:
        return cudnn.allow_tf32, matmul.allow_tf32, cudnn.benchmark

    before = state()
    with pytest.raises(KeyError), Precision(name, CUDA).settings():
        assert state() == (allowed, allowed, True)
        raise KeyError
    assert state() == before
    torch.use_deterministic_algorithms(True)
    try:
        with Precision(name, CUDA).settings():
            assert not cudnn.benchmark
    finally:
        torch.use_deterministic_algorithms(False)
    with Precision("fp32", CPU).settings():
        assert state() == before


def test_a_state_from_another_layout_is_put_into_the_weights_own() -> None:
    """Fused steps read memory as it lies: a state that lies otherwise would be another weight's."""
    torch.manual_seed(0)
    start, gradients = torch.randn(4, 3, 5, 5), torch.randn(3, 4, 3, 5, 5)

    def player(layout: torch.memory_format) -> Player:
        weight = torch.nn.Parameter(start.contiguous(memory_format=layout))
        return Player("generator", [weight], torch.optim.Adam([weight], 0.1, fused=True))

    def step(player: Player, gradient: torch.Tensor) -> None:
        player.backward([(player.parameters[0] * gradient).sum()])
        player.step()

    whole, last = player(torch.contiguous_format), player(torch.channels_last)
    for gradient in gradients[:2]:
        step(whole, gradient)
    with torch.no_grad():
        last.parameters[0].copy_(whole.parameters[0])
    last.load_state_dict(copy.deepcopy(whole.state_dict()))  # torch's shares its tensors
    for each in (whole, last):
        step(each, gradients[2])
    assert last.parameters[0].is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(last.parameters[0], whole.parameters[0])
