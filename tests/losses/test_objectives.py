"""Golden values worked out by hand for both sides of each objective, and their gradients."""

from math import exp, log, log1p

import pytest
import torch
from torch import Tensor, tensor

from advloss.errors import InputError
from advloss.losses.objectives import OBJECTIVES, Objective, get_objective

LOG2 = log(2)
FAKE = tensor([log(3), -log(3), 0.0, -2.0], dtype=torch.float64)
REAL = tensor([0.0, log(3), 3.0, 0.5], dtype=torch.float64)
# softplus(log 3) = log 4, softplus(-log 3) = log(4/3), softplus(0) = log 2
FAKE_PLUS = (log(4) + log(4 / 3) + LOG2 + log1p(exp(-2))) / 4
FAKE_MINUS = (log(4 / 3) + log(4) + LOG2 + log1p(exp(2))) / 4
REAL_MINUS = (LOG2 + log(4 / 3) + log1p(exp(-3)) + log1p(exp(-0.5))) / 4
GOLDEN = {
    "minimax": (REAL_MINUS + FAKE_PLUS, -FAKE_PLUS),
    "non_saturating": (REAL_MINUS + FAKE_PLUS, FAKE_MINUS),
    "lsgan": (
        (1 + (log(3) - 1) ** 2 + 4 + 0.25) / 4 + (2 * log(3) ** 2 + 4) / 4,
        ((log(3) - 1) ** 2 + (log(3) + 1) ** 2 + 1 + 9) / 4,
    ),
    "hinge": ((1 + 0 + 0 + 0.5) / 4 + (1 + log(3) + 0 + 1 + 0) / 4, 0.5),  # 1 - log 3 < 0, and 1 - 2 < 0
    "wasserstein": (-0.5 - (log(3) + 3.5) / 4, 0.5),
}


def test_golden_values_exist_for_every_objective() -> None:
    assert GOLDEN.keys() == OBJECTIVES.keys()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_both_halves_by_hand(name: str) -> None:
    objective = get_objective(name)
    discriminator, generator = GOLDEN[name]
    assert objective.discriminator(FAKE, REAL).item() == pytest.approx(discriminator, abs=1e-12)
    assert objective.generator(FAKE, None).item() == pytest.approx(generator, abs=1e-12)


def test_at_logit_zero() -> None:
    """Where D can't tell: the values that Goodfellow et al. 2014 give, 2 log 2, and the others' own."""
    zero = torch.zeros(3)
    expected = {
        "minimax": (2 * LOG2, -LOG2),
        "non_saturating": (2 * LOG2, LOG2),
        "lsgan": (1.0, 1.0),
        "hinge": (2.0, 0.0),
        "wasserstein": (0.0, 0.0),
    }
    for name, objective in OBJECTIVES.items():
        values = objective.discriminator(zero, zero).item(), objective.generator(zero, None).item()
        assert values == pytest.approx(expected[name])


@pytest.mark.parametrize(
    ("name", "slope"),
    [("minimax", -1 / (1 + exp(3))), ("non_saturating", -1 / (1 + exp(-3))), ("lsgan", -8), ("hinge", -1)],
)
def test_the_generators_slope_where_the_discriminator_is_sure(name: str, slope: float) -> None:
    """At logit -3: a hinge behind a tanh would give -0.0099, a swapped cross-entropy the wrong sign."""
    fake = tensor([-3.0], requires_grad=True)
    get_objective(name).generator(fake, None).backward()
    assert fake.grad is not None
    assert fake.grad.item() == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradients_are_right(name: str) -> None:
    objective = get_objective(name)
    generator = torch.Generator().manual_seed(0)
    fake, real = (torch.randn(3, 1, 2, generator=generator, dtype=torch.float64, requires_grad=True) for _ in "fr")
    assert torch.autograd.gradcheck(objective.discriminator, (fake, real))
    assert torch.autograd.gradcheck(lambda x: objective.generator(x, None), (fake,))


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_any_shape_and_precision(name: str, dtype: torch.dtype) -> None:
    objective = get_objective(name)
    expected = torch.promote_types(dtype, torch.float32)
    for shape in [(4,), (2, 2), (1, 1, 2, 2), ()]:
        fake = tensor([-2.0, 1.0, 0.5, -0.25], dtype=dtype)[: 4 if shape else 1].reshape(shape)
        for loss in (objective.discriminator(fake, -fake), objective.generator(fake, None)):
            assert loss.dtype == expected
            assert loss.shape == ()
    wide = objective.discriminator(fake.double(), -fake.double())
    assert objective.discriminator(fake, -fake).item() == pytest.approx(wide.item(), rel=1e-5)  # no bfloat16 inside


def test_large_logits_stay_finite() -> None:
    far = tensor([-200.0, 200.0], requires_grad=True)
    for objective in OBJECTIVES.values():
        loss = objective.discriminator(far, far) + objective.generator(far, None)
        assert torch.isfinite(loss)
        assert torch.isfinite(torch.autograd.grad(loss, far)[0]).all()


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown objective 'lsgn'; did you mean 'lsgan'\?"):
        get_objective("lsgn")


def test_an_objective_is_a_constant() -> None:
    def half(fake: Tensor, real: Tensor | None) -> Tensor:
        return fake.mean() / 2

    objective = Objective(half, half)
    assert not objective.needs_real
    with pytest.raises(AttributeError):
        objective.needs_real = True  # type: ignore[misc]
