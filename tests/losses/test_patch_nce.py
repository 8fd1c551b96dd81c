"""PatchNCE, by hand; what learns from it, and what it refuses."""

import math

import pytest
import torch
from torch import nn

from advloss.core.errors import InputError
from advloss.losses.patch_nce import PatchNCE, patch_nce
from advloss.recipe.signatures import parameters_model


def plain(loss: PatchNCE) -> PatchNCE:
    """Its heads as the identity: vectors are compared as they are, divided by their length."""
    loss.heads = nn.ModuleList(nn.Identity() for _ in loss.heads)
    return loss


def test_two_places_by_hand() -> None:
    """Queries (1, 0) and (0, 1), keys (3/5, 4/5) and (0, 1): the products are 0.6, 0 and 0.8, 1; t = 1/2."""
    queries = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    keys = torch.tensor([[[0.6, 0.8], [0.0, 1.0]]])
    first, second = math.log(1 + math.exp(2 * (0 - 0.6))), math.log(1 + math.exp(2 * (0.8 - 1.0)))
    assert patch_nce(queries, keys, 0.5).item() == pytest.approx((first + second) / 2)


def test_the_module_projects_divides_by_the_length_and_takes_the_mean_over_layers() -> None:
    """The same vectors, 2 and 5 times as long, as [B, C, P]; the second layer has one place, which costs nothing."""
    queries = 2 * torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]).mT
    keys = 5 * torch.tensor([[[0.6, 0.8], [0.0, 1.0]]]).mT
    alone = torch.ones(1, 3, 1, 1)
    found = plain(PatchNCE([2, 3], temperature=0.5))((queries, alone), (keys, -alone))
    expected = (math.log(1 + math.exp(-1.2)) + math.log(1 + math.exp(-0.4))) / 2 / 2
    assert found.item() == pytest.approx(expected, rel=1e-6)


def test_equal_keys_cost_the_logarithm_of_their_number() -> None:
    x, y = torch.randn(2, 3, 4, 4), torch.ones(2, 3, 4, 4)
    assert plain(PatchNCE([3]))((x,), (y,)).item() == pytest.approx(math.log(16), rel=1e-5)
    assert plain(PatchNCE([3], across_batch=True))((x,), (y,)).item() == pytest.approx(math.log(32), rel=1e-5)


def test_a_joined_batch_is_the_mean_of_its_halves() -> None:
    """So CUT's half sum over two domains is one call, and two processes compute what one with both batches does."""
    torch.manual_seed(0)
    loss, x, y = PatchNCE([3], width=4).double(), *torch.randn(2, 4, 3, 7, dtype=torch.float64)
    halves = [loss((x[part],), (y[part],)) for part in (slice(2), slice(2, 4))]
    torch.testing.assert_close(loss((x,), (y,)), torch.stack(halves).mean(), rtol=1e-12, atol=0)


def test_gradients_go_into_queries_and_heads_and_not_into_keys() -> None:
    torch.manual_seed(0)
    loss = PatchNCE([3, 5], width=4)
    x, y = ([torch.randn(1, c, 6, requires_grad=True) for c in (3, 5)] for _ in range(2))
    loss(tuple(x), tuple(y)).backward()
    assert all(each.grad is not None and each.grad.abs().sum() > 0 for each in [*x, *loss.parameters()])
    assert all(each.grad is None for each in y)


def test_a_vector_of_zeros_has_a_gradient() -> None:
    """A head whose units are all off gives one: its length has no derivative, which is taken as 0."""
    x = torch.zeros(1, 3, 2, requires_grad=True)
    loss = plain(PatchNCE([3]))((x,), (torch.randn(1, 3, 2),))
    assert loss.item() == pytest.approx(math.log(2)) and torch.autograd.grad(loss, x)[0].isfinite().all()


def test_its_heads_begin_as_the_authors_do() -> None:
    """Xavier's deviation times 0.02, biases 0; from C values to 256 and to 256."""
    torch.manual_seed(0)
    first, _, second = PatchNCE([64]).heads[0]
    for layer, inputs in ((first, 64), (second, 256)):
        assert layer.weight.shape == (256, inputs) and not layer.bias.any()
        assert layer.weight.std().item() == pytest.approx(0.02 * math.sqrt(2 / (inputs + 256)), rel=0.05)


def test_it_learns_which_places_belong_together() -> None:
    """Half of the channels are large noise, the same in no two calls, which heads learn to leave out."""
    torch.manual_seed(0)
    loss = PatchNCE([8], width=16)
    x = torch.randn(2, 4, 16)
    optimizer = torch.optim.Adam(loss.parameters(), 0.01)
    values = []
    for _ in range(60):
        value = loss(*((torch.cat([x, 4 * torch.randn(2, 4, 16)], 1),) for _ in "xy"))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[0] > 1 and values[-1] < values[0] / 3


def test_it_runs_on_the_meta_device() -> None:
    with torch.device("meta"):
        assert PatchNCE([3])((torch.empty(2, 3, 8, 8),), (torch.empty(2, 3, 8, 8),)).shape == ()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PatchNCE([3], width=0), "width=0 must be above 0"),
        (lambda: PatchNCE([3], temperature=0.0), r"temperature=0\.0 must be above 0"),
        (lambda: PatchNCE(3), "compares features of layers, such as features_fake_b"),
        (
            lambda: PatchNCE([3])((torch.ones(1, 3, 2),), (torch.ones(1, 3, 2, requires_grad=True),)),
            "come first, and x",
        ),
        (lambda: PatchNCE([3])((torch.ones(1, 3, 2),) * 2, (torch.ones(1, 3, 2),) * 2), "heads of 1 layers, and got 2"),
        (lambda: PatchNCE([3])((torch.ones(1, 3, 2),), (torch.ones(1, 3, 4),)), "x of layer 0 .* must be the same"),
    ],
)
def test_what_it_refuses(make, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_a_recipe_says_its_numbers_and_not_its_channels() -> None:
    assert set(parameters_model(PatchNCE).model_fields) == {"width", "temperature", "across_batch"}
