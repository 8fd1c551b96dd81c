"""Methods: named tensors from a batch, and what they are."""

import pytest
import torch
from torch import Tensor, nn

from advloss.methods.cyclegan import CycleGAN
from advloss.methods.pix2pix import Pix2Pix
from advloss.methods.uses import translations
from advloss.networks.generators.resnet import ResNetGenerator


class Plus(nn.Module):
    """Adds a number; counts its calls."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self.number = number
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x + self.number


def batch(count_a: int = 2, count_b: int = 2) -> dict[str, Tensor]:
    return {"a": torch.full((count_a, 3, 4, 4), 10.0), "b": torch.full((count_b, 3, 4, 4), 100.0)}


def plus_one_and_two() -> CycleGAN:
    numbers = iter([1.0, 2.0])
    return CycleGAN(lambda **fields: Plus(next(numbers)))


def test_what_the_names_of_cyclegan_mean():
    made = plus_one_and_two()(batch(), set(CycleGAN.tensors))
    values = {name: tensor.unique().item() for name, tensor in made.items()}
    assert values == {
        "a": 10, "b": 100, "fake_b": 11, "fake_a": 102, "cycle_a": 13, "cycle_b": 103, "same_a": 12, "same_b": 101
    }  # fmt: skip
    assert made.keys() == CycleGAN.tensors.keys()


def test_sides_of_unequal_size_go_in_calls_of_their_own():
    method = plus_one_and_two()
    made = method(batch(1, 3), set(CycleGAN.tensors))
    assert made["same_b"].shape[0] == made["fake_a"].shape[0] == 3 and made["fake_b"].shape[0] == 1
    assert method.g_ab.calls == 3


@pytest.mark.parametrize("name", sorted(CycleGAN.tensors))
def test_each_tensor_can_be_had_alone(name: str):
    method = plus_one_and_two()
    made = method(batch(), {name})
    assert name in made
    calls = {"a": 0, "b": 0, "cycle_a": 2, "cycle_b": 2}.get(name, 1)
    assert method.g_ab.calls + method.g_ba.calls == calls


def test_the_joined_call_changes_nothing():
    torch.manual_seed(0)
    method = CycleGAN(lambda **fields: ResNetGenerator(width=2, blocks=1)).double()
    images = {side: torch.rand(1, 3, 16, 16, dtype=torch.float64) * 2 - 1 for side in "ab"}
    assert method.batches_calls
    joined = method(images, set(CycleGAN.tensors))
    method.batches_calls = False
    for name, tensor in method(images, set(CycleGAN.tensors)).items():
        torch.testing.assert_close(joined[name], tensor, rtol=1e-12, atol=1e-13)


def test_batch_norm_is_not_joined():
    assert not CycleGAN(lambda **fields: ResNetGenerator(width=2, blocks=1, norm="batch")).batches_calls


def test_pix2pix():
    method = Pix2Pix(lambda: Plus(1.0))
    assert method(batch(), {"fake_b"})["fake_b"].unique().item() == 11
    assert method(batch(), {"a"}).keys() == {"a", "b"} and method.generator.calls == 1


def test_directions():
    method = plus_one_and_two()
    image = torch.zeros(1, 3, 5, 5)
    made = {name: getattr(method, way.network)(image) for name, way in translations(CycleGAN.uses).items()}
    assert made["a2b"].unique().item() == 1 and made["b2a"].unique().item() == 2
