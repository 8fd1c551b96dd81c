"""Different losses for the two sides: each half is its own objective's, and halves that make no game are refused."""

from itertools import product
from math import exp, log, log1p

import pytest
import torch
from torch import nn, tensor

from advloss.core.clock import Schedule
from advloss.core.errors import InputError
from advloss.losses.adversarial.augmentations import ADA
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.objectives import (
    EBGAN,
    LSGAN,
    OBJECTIVES,
    Entropy,
    Halves,
    Hinge,
    HybridEntropy,
    Minimax,
    NonSaturating,
    RaGAN,
    RpGAN,
    Wasserstein,
    get_objective,
)
from tests.losses.discriminators import Featured, patches

FAKE = tensor([log(3), -log(3), 0.0, -2.0], dtype=torch.float64)
REAL = tensor([0.0, log(3), 3.0, 0.5], dtype=torch.float64)
REFUSED = {
    "energies": (NonSaturating(), EBGAN(), "EBGAN takes energies and NonSaturating logits"),
    "logits": (EBGAN(), Hinge(), "EBGAN takes energies and Hinge logits"),
    "no level": (NonSaturating(), Wasserstein(), "fixes its logits but for a constant, and the generator of NonSatur"),
    "no level of pairs": (LSGAN(), RpGAN(), "fixes its logits but for a constant, and the generator of LSGAN"),
    "nobody learns": (NonSaturating(), Entropy(), "does not learn to tell fake from real"),
    "another zero": (Entropy(), LSGAN(), r"wants logits of 0, and for the discriminator of LSGAN 0\.5 lies"),
    "halves": (Halves(Hinge(), Hinge()), Hinge(), "generator: is two halves itself"),
    "unread label": (NonSaturating(0.9), Hinge(), "generator: only the discriminator's half of NonSaturating reads r"),
    "unread target": (Hinge(), LSGAN(c=0.5), "discriminator: only the generator's half of LSGAN reads c"),
    "unread b": (LSGAN(b=0.9), Hinge(), "generator: only the discriminator's half of LSGAN reads b"),
    "unread mean": (RaGAN(detached_mean=True), Hinge(), "generator: only the discriminator's half of RaGAN reads det"),
}


def plus(x: float) -> float:
    return log1p(exp(x))


def test_llamagens_choice_by_hand() -> None:
    """gen_adv_loss non-saturating, disc_loss hinge: its `hinge_d_loss` is half of ours, and -E log sigmoid(fake)."""
    adv = AdversarialLoss(nn.Identity(), {"generator": "non_saturating", "discriminator": "hinge"})
    fake, real = FAKE[:, None].clone().requires_grad_(), REAL[:, None]
    loss = adv(fake)
    assert loss.item() == pytest.approx(sum(plus(-f) for f in (log(3), -log(3), 0, -2)) / 4, abs=1e-12)
    loss.backward()
    assert fake.grad is not None
    slopes = [-1 / (1 + exp(f)) / 4 for f in (log(3), -log(3), 0, -2)]  # -sigmoid(-f)
    assert fake.grad.flatten().tolist() == pytest.approx(slopes, abs=1e-12)
    by_hand = ((1 + 0 + 0 + 0.5) / 4, (1 + log(3) + 0 + 1 + 0) / 4)
    assert 0.5 * adv.discriminator_loss(fake, real).item() == pytest.approx(0.5 * sum(by_hand), abs=1e-12)


def test_each_half_is_its_own_objectives() -> None:
    played = 0
    for theirs, its in product(OBJECTIVES, repeat=2):
        generator, discriminator = get_objective(theirs), get_objective(its)
        try:
            both = Halves(generator, discriminator)
        except InputError:
            continue
        played += 1
        real = REAL if generator.needs_real else None
        assert both.needs_real == generator.needs_real and both.energy == discriminator.energy
        assert both.generator(FAKE, real) == generator.generator(FAKE, real)
        assert both.discriminator(FAKE, REAL) == discriminator.discriminator(FAKE, REAL)
        assert both.boundary == discriminator.boundary
    # generators (hinge, wasserstein, rpgan, ragan) x all 8 with levels or differences of logits but entropy = 32;
    # (minimax, non_saturating, lsgan) x (minimax, non_saturating, lsgan, hinge, hybrid_entropy) = 15;
    # (entropy, hybrid_entropy) x (minimax, non_saturating, hinge, entropy, hybrid_entropy) = 10; ebgan with itself
    assert played == 32 + 15 + 10 + 1


@pytest.mark.parametrize("case", REFUSED)
def test_halves_that_make_no_game_are_refused(case: str) -> None:
    generator, discriminator, said = REFUSED[case]
    with pytest.raises(InputError, match=said):
        Halves(generator, discriminator)


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_what_an_objective_says_of_its_level_is_true(name: str) -> None:
    """`fixes_level`, `reads_level`: whether a number added to all logits changes a loss, but for a constant."""
    objective = get_objective(name)
    if objective.energy:
        return
    fake, real = FAKE.clone().requires_grad_(), REAL.clone()
    of_discriminator = [objective.discriminator(fake + shift, real + shift).item() for shift in (0.0, 0.7)]
    assert objective.fixes_level == (abs(of_discriminator[0] - of_discriminator[1]) > 1e-9)
    slopes = [torch.autograd.grad(objective.generator(fake + s, real + s), fake)[0] for s in (0.0, 0.7)]
    assert objective.reads_level == (not torch.allclose(*slopes, atol=1e-9))


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_what_an_objective_says_of_its_parameters_is_true(name: str) -> None:
    """`read_by`: the other half stays as it is."""
    changed = {"real_label": 0.7, "a": -1.0, "b": 0.8, "c": 0.3, "margin": 3.0}
    objective = get_objective(name)
    for parameter, reader in objective.read_by.items():
        if parameter not in changed:
            continue
        other = OBJECTIVES[name](**{parameter: changed[parameter]})
        same = {
            "discriminator": other.discriminator(FAKE, REAL) == objective.discriminator(FAKE, REAL),
            "generator": other.generator(FAKE) == objective.generator(FAKE),
        }
        assert same == {side: side != reader for side in same}


def test_schedules_of_both_halves_follow_the_clock() -> None:
    smoothed = Schedule(0.5, 1.0, over=10, shape="linear")
    both = Halves(LSGAN(c=Schedule(0.0, 1.0, over=10, shape="linear")), Minimax(smoothed))
    assert both.changes and not Halves(LSGAN(), Minimax()).changes
    now = both.at(5)
    assert (now.of_generator, now.of_discriminator) == (LSGAN(c=0.5), Minimax(0.75))
    assert now == both.at(5) and hash(now) != hash(both.at(6))
    adv = AdversarialLoss(nn.Identity(), both)
    assert adv.phase(5) == adv.phase(5) != adv.phase(6)


def test_health_is_of_the_discriminators_half() -> None:
    adv = AdversarialLoss(nn.Identity(), {"generator": "hinge", "discriminator": "lsgan"})
    adv.discriminator_loss(tensor([[0.4], [0.6]]), tensor([[0.45], [0.9]]))
    found = adv.health()
    assert found["undecided"] == pytest.approx(0.5)
    assert (found["right_fake"], found["right_real"]) == (
        0.5,
        0.5,
    )  # of least squares' 0.5, not hinge's 0
    relativistic = AdversarialLoss(nn.Identity(), {"generator": "hinge", "discriminator": "rpgan"})
    relativistic.discriminator_loss(tensor([[5.0]]), tensor([[6.0]]))
    assert "undecided" not in relativistic.health() and relativistic.health()["right_fake"] == 1


def test_a_generator_of_pairs_needs_the_real_images() -> None:
    adv = AdversarialLoss(nn.Identity(), {"generator": RpGAN(), "discriminator": Hinge()})
    with pytest.raises(InputError, match="this objective compares fake with real"):
        adv(FAKE[:, None])
    expected = sum(plus(r - f) for f, r in zip(FAKE.tolist(), REAL.tolist(), strict=True)) / 4
    assert adv(FAKE[:, None], REAL[:, None]).item() == pytest.approx(expected, abs=1e-12)


def test_a_symmetric_game_mirrors_at_the_discriminators_boundary() -> None:
    """-E f, mirrored at 0.5: -E (1 - r)."""
    adv = AdversarialLoss(nn.Identity(), {"generator": "hinge", "discriminator": "lsgan"}, symmetric=True)
    expected = -(FAKE.mean() + (1 - REAL).mean()).item()
    assert adv(FAKE[:, None], REAL[:, None]).item() == pytest.approx(expected, abs=1e-12)


def test_what_asks_about_the_objective_asks_the_right_half() -> None:
    with pytest.warns(UserWarning, match="slope of the wasserstein critic"):
        AdversarialLoss(patches(), {"generator": "hinge", "discriminator": "wasserstein"})
    AdversarialLoss(patches(), {"generator": "wasserstein", "discriminator": "hinge"})  # no warning
    ada = ADA(target=0.6)
    AdversarialLoss(patches(), {"generator": "hinge", "discriminator": "lsgan"}, augment=ada)
    assert ada.threshold == 0.5
    with pytest.raises(InputError, match="and RpGAN has no logit between"):
        AdversarialLoss(patches(), {"generator": "hinge", "discriminator": "rpgan"}, augment=ADA(target=0.6))
    with pytest.raises(InputError, match=r"objective\.generator changes .* which matching=means"):
        AdversarialLoss(
            Featured(), {"generator": "hinge", "discriminator": "lsgan"}, feature_matching=1, matching="means"
        )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"generator": "hinge"}, "objective says generator; one for each side is"),
        ({"generator": "hinge", "critic": "hinge"}, "objective says generator, critic"),
        ({"generator": "hing", "discriminator": "hinge"}, "unknown objective 'hing'; did you mean 'hinge'"),
        ({"generator": "hinge", "discriminator": 3}, "objective is a int"),
    ],
)
def test_a_mapping_that_is_wrong(given: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        AdversarialLoss(nn.Identity(), given)


def test_it_compiles_to_one_graph_as_each_objective_does() -> None:
    torch.compiler.reset()
    adv = AdversarialLoss(patches(), {"generator": "ragan", "discriminator": "hinge"})
    compiled = torch.compile(adv, fullgraph=True, backend="eager")
    fake, real = torch.randn(2, 2, 3, 12, 12)
    torch.testing.assert_close(compiled(fake.requires_grad_(), real), adv(fake, real))


def test_the_uncertain_generator_beside_a_boundary_at_zero() -> None:
    for discriminator in (LSGAN(a=-1.0, b=1.0), Hinge(), Minimax()):
        assert Halves(HybridEntropy(), discriminator).boundary == 0
