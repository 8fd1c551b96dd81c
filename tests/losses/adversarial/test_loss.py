"""The adversarial loss as a component: values, conditions, scales, pool, state, errors."""

import copy
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.objectives import OBJECTIVES, Hinge, RpGAN, get_objective
from advloss.losses.adversarial.one_pass import both
from advloss.losses.adversarial.penalties import R1, GradientPenalty
from tests.losses.discriminators import Spy, constant, patches


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def test_both_steps_by_hand() -> None:
    """Logits 2 * 0.25 = 0.5 on the fakes and 2 * 0.75 = 1.5 on the real ones."""
    for name, discriminator, generator in [("hinge", 0 + 1.5, -0.5), ("lsgan", 0.25 + 0.25, 0.25)]:
        adv = AdversarialLoss(Spy(), name)
        assert adv(constant(0.25), constant(0.75)).item() == pytest.approx(generator)
        assert adv.discriminator_loss(constant(0.25), constant(0.75)).item() == pytest.approx(discriminator)


ORDERS: dict[tuple[str, str, bool], list[str]] = {
    ("hinge", "generator", False): ["fake"],
    ("hinge", "generator", True): ["fake"],
    ("hinge", "discriminator", False): ["fake", "real"],
    ("hinge", "discriminator", True): ["real", "fake"],
    ("ragan", "generator", False): ["fake", "real"],
    ("ragan", "generator", True): ["real", "fake"],
    ("ragan", "discriminator", False): ["fake", "real"],
    ("ragan", "discriminator", True): ["real", "fake"],
}


@pytest.mark.parametrize(("objective", "step", "real_first"), ORDERS)
def test_the_order_in_which_the_discriminator_is_called(objective: str, step: str, real_first: bool) -> None:
    """The order changes no value where the discriminator keeps nothing; a running mean of batch norm shows it."""
    fake, real = constant(0.25), constant(0.75)
    spy = Spy()
    adv = AdversarialLoss(spy, objective, real_first=real_first)
    value = adv(fake, real) if step == "generator" else adv.discriminator_loss(fake, real)
    seen = ["fake" if x.mean() < 0.5 else "real" for x in spy.seen]
    assert seen == ORDERS[objective, step, real_first]
    other = AdversarialLoss(Spy(), objective, real_first=not real_first)
    assert value == (other(fake, real) if step == "generator" else other.discriminator_loss(fake, real))

    norm = nn.BatchNorm2d(3)
    adv = AdversarialLoss(nn.Sequential(norm, nn.Conv2d(3, 1, 1)), objective, real_first=real_first)
    adv(fake, real) if step == "generator" else adv.discriminator_loss(fake, real)
    mean = 0.0
    for name in ORDERS[objective, step, real_first]:
        mean += 0.1 * ({"fake": 0.25, "real": 0.75}[name] - mean)
    torch.testing.assert_close(norm.running_mean, torch.full((3,), mean))


@pytest.mark.parametrize("real_first", [False, True])
def test_one_pass_for_both_steps_keeps_the_order(real_first: bool) -> None:
    norm = nn.BatchNorm2d(3)
    adv = AdversarialLoss(nn.Sequential(norm, nn.Conv2d(3, 1, 1)), real_first=real_first)
    both(adv, constant(0.25), constant(0.75))
    first, second = (0.75, 0.25) if real_first else (0.25, 0.75)
    torch.testing.assert_close(norm.running_mean, torch.full((3,), 0.09 * first + 0.1 * second))


def test_scales_are_averaged() -> None:
    adv = AdversarialLoss(Spy(scales=2), "hinge")  # fake logits 0.5 and 1, real ones 1.5 and 3
    assert adv(constant(0.25)).item() == pytest.approx(-(0.5 + 1) / 2)
    assert adv.discriminator_loss(constant(0.25), constant(0.75)).item() == pytest.approx((1.5 + 2) / 2)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_same_as_written_by_hand(name: str) -> None:
    """Values and gradients of both steps, with a graph that ends in a shared generator's parameter."""
    discriminator, by_hand = patches(), get_objective(name)
    adv = AdversarialLoss(discriminator, name)
    noise, real = torch.randn(2, 2, 3, 16, 16)
    generator = nn.Conv2d(3, 3, 1)

    adv(generator(noise), real).backward()
    gradients = [p.grad.clone() for p in generator.parameters() if p.grad is not None]
    expected = torch.autograd.grad(
        by_hand.generator(discriminator(generator(noise)), discriminator(real)), tuple(generator.parameters())
    )
    torch.testing.assert_close(gradients, list(expected))

    adv.discriminator_loss(generator(noise), real).backward()
    loss = by_hand.discriminator(discriminator(generator(noise).detach()), discriminator(real))
    torch.testing.assert_close(
        [p.grad for p in discriminator.parameters()], list(torch.autograd.grad(loss, tuple(discriminator.parameters())))
    )


def test_the_real_pass_is_run_only_where_it_is_needed() -> None:
    spy = Spy()
    AdversarialLoss(spy)(constant(0.25), constant(0.75))
    assert len(spy.seen) == 1

    adv = AdversarialLoss(spy, RpGAN(over="lsgan"))  # logits 0.5 and 1.5: (0.5 - 1.5 - 1)^2
    assert adv(constant(0.25), constant(0.75)).item() == pytest.approx(4.0)
    assert len(spy.seen) == 3
    with pytest.raises(InputError, match=r"compares fake with real: call adv\(fake, real\)"):
        adv(constant(0.25))


def test_fakes_come_before_real_images() -> None:
    spy = Spy()
    AdversarialLoss(spy).discriminator_loss(constant(0.25), constant(0.75))
    assert [x.mean().item() for x in spy.seen] == [0.25, 0.75]


def test_feature_vectors() -> None:
    adv = AdversarialLoss(nn.Linear(5, 1))
    fake, real = torch.randn(2, 4, 3)
    assert adv(fake, given=torch.randn(4, 2)).shape == ()
    assert adv.discriminator_loss(fake, real, given=torch.randn(4, 2)).shape == ()


def test_the_condition_comes_before_the_image() -> None:
    spy = Spy()
    adv = AdversarialLoss(spy)
    given = constant(-1.0, channels=1)
    adv(constant(0.25), given=given)
    adv.discriminator_loss(constant(0.25), constant(0.75), given=given)
    assert [x[0, :, 0, 0].tolist() for x in spy.seen] == [[-1, v, v, v] for v in (0.25, 0.25, 0.75)]


def test_the_pool_returns_a_fake_with_its_own_condition() -> None:
    spy = Spy()
    adv = AdversarialLoss(spy, pool=2)
    fake_seen = []
    for call in range(20):
        adv.discriminator_loss(constant(call / 64, batch=1), constant(0.75, batch=1), given=constant(call / 32, 1, 1))
        fake, real = (x[0, :, 0, 0] for x in spy.seen[-2:])
        assert fake[0].item() == 2 * fake[1].item()
        assert real[0].item() == call / 32  # a real image keeps its newest condition
        fake_seen.append(fake[1].item())
    assert fake_seen[:2] == [0, 1 / 64]
    assert fake_seen != [call / 64 for call in range(20)]
    adv(constant(0.5, batch=1), given=constant(0.5, 1, 1))  # the generator is given its newest image
    assert spy.seen[-1][0, 1, 0, 0] == 0.5


def test_penalties_are_added() -> None:
    discriminator = nn.Sequential(nn.Flatten(), nn.Linear(48, 1, bias=False))
    slope = discriminator[1].weight.norm().item()
    adv = AdversarialLoss(discriminator, "wasserstein", [GradientPenalty(), GradientPenalty(weight=1.0)])
    same = constant(0.5)
    assert adv.discriminator_loss(same, same).item() == pytest.approx(11 * (slope - 1) ** 2, rel=1e-5)


def test_a_warning_about_batch_norm_under_a_penalty() -> None:
    with pytest.warns(UserWarning, match=r"GradientPenalty .* batch norm \(1\)") as record:
        AdversarialLoss(patches(norm=nn.BatchNorm2d), "wasserstein", [GradientPenalty(), GradientPenalty()])
    assert len(record) == 1
    assert record[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        AdversarialLoss(patches(), "wasserstein", [GradientPenalty()])
        AdversarialLoss(patches(norm=nn.BatchNorm2d))


def test_the_state_continues_as_if_nothing_had_happened() -> None:
    def make() -> AdversarialLoss:
        return AdversarialLoss(patches(), "wasserstein", [GradientPenalty(interval=3)], pool=4)

    adv = make()
    for _ in range(4):
        adv.discriminator_loss(*torch.randn(2, 2, 3, 16, 16))
    state = adv.state_dict()
    assert all(isinstance(value, Tensor) for value in state.values())
    resumed = make()
    resumed.load_state_dict(state)
    copied = copy.deepcopy(adv)
    futures = []
    for each in (adv, resumed, copied):
        torch.manual_seed(7)
        futures.append([each.discriminator_loss(*torch.randn(2, 2, 3, 16, 16)).item() for _ in range(5)])
    assert futures[0] == futures[1] == futures[2]


def test_on_the_meta_device() -> None:
    adv = AdversarialLoss(patches(4), "wasserstein", [GradientPenalty()], pool=3).to("meta")
    fake, real, given = (torch.empty(2, c, 16, 16, device="meta") for c in (3, 3, 1))
    assert adv(fake, given=given).is_meta
    assert adv.discriminator_loss(fake, real, given=given).is_meta


def test_one_process_averages_nothing() -> None:
    adv = AdversarialLoss(Spy())
    adv.average_gradients()
    assert adv.discriminator.factor.grad is None


def test_errors() -> None:
    adv = AdversarialLoss(patches())
    image = torch.zeros(2, 3, 16, 16)
    for fake, real, given, message in [
        (image, image[:1], None, r"fake has shape \(2, 3, 16, 16\) and real \(1, 3, 16, 16\); they must be the same"),
        (image.byte(), image, None, "fake has dtype torch.uint8"),
        (image, image.long(), None, "real has dtype torch.int64"),
        (image[:0], image[:0], None, r"fake is empty: shape \(0, 3, 16, 16\)"),
        (image, image, image[:1], r"given has shape \(1, 3, 16, 16\) and the image \(2, 3, 16, 16\)"),
        (image, image, image[..., :8], "only their channels, axis 1, may differ"),
        (image, image, image[0], "only their channels, axis 1, may differ"),
        (image, image, image.int(), "given has dtype torch.int32"),
    ]:
        with pytest.raises(InputError, match=message):
            adv(fake, real, given=given)
        with pytest.raises(InputError, match=message):
            adv.discriminator_loss(fake, real, given=given)
    with pytest.raises(InputError, match=r"unknown objective 'higne'; did you mean 'hinge'\?"):
        AdversarialLoss(patches(), "higne")
    with pytest.raises(InputError, match=r"must be an nn\.Module"):
        AdversarialLoss(lambda x: x)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"penalties": ["r1"]}, r"penalties holds the name 'r1'; give an instance: R1\(\)"),
        ({"penalties": "wgan_gp"}, r"penalties holds the name 'wgan_gp'; give an instance: GradientPenalty\(\)"),
        ({"penalties": ["lecan"]}, r"unknown penalty 'lecan'; did you mean 'lecam'\? .*give an instance"),
        ({"penalties": [R1]}, r"penalties holds the class R1; give an instance: R1\(\)"),
        ({"penalties": R1}, r"penalties holds the class R1; give an instance: R1\(\)"),
        ({"penalties": [0.5]}, "penalties holds a float; give an instance"),
        ({"objective": Hinge}, r"objective is the class Hinge; .* an instance: Hinge\(\)"),
        ({"objective": None}, "objective is a NoneType; it takes a name"),
        ({"unroll": 5}, r"unroll is a int; give a Unroll, such as Unroll\(steps=5\)"),
        ({"top_k": 0.5}, r"top_k is a float; give a TopK, such as TopK\(fraction=0\.5\)"),
    ],
)
def test_parts_of_another_kind(part: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        AdversarialLoss(patches(), **part)


def test_a_single_penalty_is_as_good_as_a_list() -> None:
    adv = AdversarialLoss(patches(), penalties=R1())  # type: ignore[arg-type]
    assert [type(penalty) for penalty in adv.penalties] == [R1]


def test_logits_that_are_none() -> None:
    class Wordy(nn.Module):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"logits": x}

    with pytest.raises(InputError, match="this one returned dict"):
        AdversarialLoss(Wordy())(constant(0.0))
