"""Golden values worked out by hand for both sides of each objective, and their gradients."""

from dataclasses import FrozenInstanceError
from math import exp, log, log1p

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, tensor

from advloss.core.errors import InputError
from advloss.losses.adversarial.objectives import (
    EBGAN,
    LSGAN,
    OBJECTIVES,
    Minimax,
    NonSaturating,
    Objective,
    RpGAN,
    get_objective,
)
from advloss.recipe.signatures import parameters_model

LOG2 = log(2)
FAKE = tensor([log(3), -log(3), 0.0, -2.0], dtype=torch.float64)
REAL = tensor([0.0, log(3), 3.0, 0.5], dtype=torch.float64)
# softplus(log 3) = log 4, softplus(-log 3) = log(4/3), softplus(0) = log 2
FAKE_PLUS = (log(4) + log(4 / 3) + LOG2 + log1p(exp(-2))) / 4
FAKE_MINUS = (log(4 / 3) + log(4) + LOG2 + log1p(exp(2))) / 4
REAL_MINUS = (LOG2 + log(4 / 3) + log1p(exp(-3)) + log1p(exp(-0.5))) / 4


def plogp(*logits: float) -> float:
    """The mean of p log p + (1 - p) log(1 - p), p = 1 / (1 + exp(-logit))."""
    chances = [1 / (1 + exp(-logit)) for logit in logits]
    return sum(p * log(p) + (1 - p) * log(1 - p) for p in chances) / len(chances)


# p is 3/4, 1/4, 1/2, ...
FAKE_ENTROPY = (2 * (3 / 4 * log(3 / 4) + 1 / 4 * log(1 / 4)) - LOG2 + plogp(-2)) / 4
REAL_ENTROPY = (-LOG2 + 3 / 4 * log(3 / 4) + 1 / 4 * log(1 / 4) + plogp(3) + plogp(0.5)) / 4
GOLDEN = {
    "minimax": (REAL_MINUS + FAKE_PLUS, -FAKE_PLUS),
    "non_saturating": (REAL_MINUS + FAKE_PLUS, FAKE_MINUS),
    "lsgan": (
        (1 + (log(3) - 1) ** 2 + 4 + 0.25) / 4 + (2 * log(3) ** 2 + 4) / 4,
        ((log(3) - 1) ** 2 + (log(3) + 1) ** 2 + 1 + 9) / 4,
    ),
    "hinge": ((1 + 0 + 0 + 0.5) / 4 + (1 + log(3) + 0 + 1 + 0) / 4, 0.5),  # 1 - log 3 < 0, and 1 - 2 < 0
    "wasserstein": (-0.5 - (log(3) + 3.5) / 4, 0.5),
    "ebgan": ((log(3) + 3.5) / 4 + (0 + 1 + log(3) + 1 + 3) / 4, -0.5),  # margin 1 < log 3
    # real - fake is -log 3, 2 log 3, 3, 2.5
    "rpgan": (
        (log(4) + log(10 / 9) + log1p(exp(-3)) + log1p(exp(-2.5))) / 4,
        (log(4 / 3) + log(10) + log1p(exp(3)) + log1p(exp(2.5))) / 4,
    ),
    # E fake = -1/2, E real = (3.5 + log 3) / 4; its parts are in test_relativistic.py
    "ragan": (
        sum(log1p(exp(-(r + 0.5))) for r in (0, log(3), 3, 0.5)) / 4
        + sum(log1p(exp(f - (3.5 + log(3)) / 4)) for f in (log(3), -log(3), 0, -2)) / 4,
        sum(log1p(exp(r + 0.5)) for r in (0, log(3), 3, 0.5)) / 4
        + sum(log1p(exp((3.5 + log(3)) / 4 - f)) for f in (log(3), -log(3), 0, -2)) / 4,
    ),
    "entropy": (FAKE_ENTROPY + REAL_ENTROPY, FAKE_ENTROPY),
    "hybrid_entropy": (REAL_MINUS + FAKE_PLUS, FAKE_ENTROPY),
}


def test_golden_values_exist_for_every_objective() -> None:
    assert GOLDEN.keys() == OBJECTIVES.keys()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_both_halves_by_hand(name: str) -> None:
    objective = get_objective(name)
    discriminator, generator = GOLDEN[name]
    assert objective.discriminator(FAKE, REAL).item() == pytest.approx(discriminator, abs=1e-12)
    real = REAL if objective.needs_real else None
    assert objective.generator(FAKE, real).item() == pytest.approx(generator, abs=1e-12)


def test_label_smoothing_by_hand() -> None:
    """Cross-entropy with target 0.9: -(0.9 log s + 0.1 log(1 - s)); its minimum is at sigmoid(real) = 0.9."""
    for make in (Minimax, NonSaturating):
        by_hand = sum(-(0.9 * log(1 / (1 + exp(-r))) + 0.1 * log(1 - 1 / (1 + exp(-r)))) for r in (0, log(3), 3, 0.5))
        objective = make(real_label=0.9)
        assert objective.discriminator(FAKE, REAL).item() == pytest.approx(by_hand / 4 + FAKE_PLUS, abs=1e-12)
        assert objective.generator(FAKE).item() == make().generator(FAKE).item()  # one-sided
    best = tensor(log(9), dtype=torch.float64, requires_grad=True)
    Minimax(0.9).discriminator(FAKE, best).backward()
    assert best.grad is not None
    assert best.grad.item() == pytest.approx(0, abs=1e-12)


def test_labels_and_margin_by_hand() -> None:
    """a = -1, b = 1, c = 0 (eq. 8 of LSGAN); a margin of 2."""
    pearson = LSGAN(a=-1.0, b=1.0, c=0.0)
    real = (1 + (log(3) - 1) ** 2 + 4 + 0.25) / 4
    fake = ((log(3) + 1) ** 2 + (1 - log(3)) ** 2 + 1 + 1) / 4
    assert pearson.discriminator(FAKE, REAL).item() == pytest.approx(real + fake, abs=1e-12)
    assert pearson.generator(FAKE).item() == pytest.approx((2 * log(3) ** 2 + 4) / 4, abs=1e-12)
    energies = (log(3) + 3.5) / 4 + (2 - log(3) + 2 + log(3) + 2 + 4) / 4
    assert EBGAN(margin=2.0).discriminator(FAKE, REAL).item() == pytest.approx(energies, abs=1e-12)


def test_at_logit_zero() -> None:
    """Where D can't tell: the values that Goodfellow et al. 2014 give, 2 log 2, and the others' own."""
    zero = torch.zeros(3)
    expected = {
        "minimax": (2 * LOG2, -LOG2),
        "non_saturating": (2 * LOG2, LOG2),
        "lsgan": (1.0, 1.0),
        "hinge": (2.0, 0.0),
        "wasserstein": (0.0, 0.0),
        "ebgan": (1.0, 0.0),
        "rpgan": (LOG2, LOG2),
        "ragan": (2 * LOG2, 2 * LOG2),
        "entropy": (-2 * LOG2, -LOG2),
        "hybrid_entropy": (2 * LOG2, -LOG2),
    }
    for name in OBJECTIVES:
        objective = get_objective(name)
        values = objective.discriminator(zero, zero).item(), objective.generator(zero, zero).item()
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
    assert torch.autograd.gradcheck(objective.generator, (fake, real.detach()))


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_any_shape_and_precision(name: str, dtype: torch.dtype) -> None:
    objective = get_objective(name)
    expected = torch.promote_types(dtype, torch.float32)
    for shape in [(4,), (2, 2), (1, 1, 2, 2), ()]:
        fake = tensor([-2.0, 1.0, 0.5, -0.25], dtype=dtype)[: 4 if shape else 1].reshape(shape)
        for loss in (objective.discriminator(fake, -fake), objective.generator(fake, -fake)):
            assert loss.dtype == expected
            assert loss.shape == ()
    wide = objective.discriminator(fake.double(), -fake.double())
    assert objective.discriminator(fake, -fake).item() == pytest.approx(wide.item(), rel=1e-5)  # no bfloat16 inside


def test_large_logits_stay_finite() -> None:
    far = tensor([-200.0, 200.0], requires_grad=True)
    for name in OBJECTIVES:
        objective = get_objective(name)
        loss = objective.discriminator(far, far.flip(0)) + objective.generator(far, far.flip(0))
        assert torch.isfinite(loss)
        assert torch.isfinite(torch.autograd.grad(loss, far)[0]).all()


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"unknown objective 'lsgn'; did you mean 'lsgan'\?"):
        get_objective("lsgn")


def test_an_objective_is_a_constant() -> None:
    assert not Minimax().needs_real and RpGAN().needs_real and EBGAN().energy
    assert Minimax(0.9) == Minimax(real_label=0.9) != Minimax()
    with pytest.raises(FrozenInstanceError):
        LSGAN().a = 1.0  # type: ignore[misc]
    with pytest.raises(TypeError, match="abstract"):
        Objective()  # type: ignore[abstract]


def test_parameters_are_checked_by_their_annotations_and_by_themselves() -> None:
    for name, wrong in [
        ("minimax", {"real_label": 1.5}),
        ("non_saturating", {"real_label": 0}),
        ("ebgan", {"margin": 0}),
        ("rpgan", {"over": "hing"}),
        ("ragan", {"over": "wasserstein"}),
    ]:
        with pytest.raises(ValidationError):
            parameters_model(OBJECTIVES[name])(**wrong)
        with pytest.raises(InputError):
            OBJECTIVES[name](**wrong)
    with pytest.raises(InputError, match="unknown over 'hing'; did you mean 'hinge'"):
        RpGAN("hing")  # type: ignore[arg-type]
    assert parameters_model(LSGAN)(a="-1").model_dump() == {"a": -1.0, "b": 1.0, "c": 1.0}


def test_an_objective_of_ones_own() -> None:
    class Half(Objective):
        def discriminator(self, fake: Tensor, real: Tensor) -> Tensor:
            return (fake - real).mean() / 2

        def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
            return -fake.mean() / 2

    assert Half().generator(FAKE).item() == pytest.approx(0.25)
    assert not Half().needs_real
