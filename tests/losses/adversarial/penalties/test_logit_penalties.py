"""LeCam, consistency, historical averaging and weight clipping, by hand."""

import copy

import pytest
import torch
from torch import Tensor, nn, tensor

from advloss.core.errors import InputError
from advloss.losses.adversarial.augmentations import DiffAugment
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.penalties import R1, Consistency, HistoricalAveraging, LeCam, clip_weights
from advloss.losses.adversarial.penalties.consistency import flip_and_shift
from tests.losses.discriminators import Spy, constant


def test_lecam_by_hand() -> None:
    """First call: the averages are its own means, 2 (real) and -1 (fake). Second: 0.5-decayed and corrected."""
    lecam = LeCam(weight=0.5, decay=0.5)
    first = lecam(tensor([-2.0, 0.0]), tensor([1.0, 3.0])).item()
    assert first == pytest.approx(0.5 * ((4 + 16) / 2 + (16 + 4) / 2))  # (real + 1)^2, (fake - 2)^2
    second = lecam(tensor([1.0]), tensor([0.0])).item()
    a_fake, a_real = (0.25 * -1 + 0.5 * 1) / 0.75, (0.25 * 2 + 0.5 * 0) / 0.75
    assert second == pytest.approx(0.5 * ((0 - a_fake) ** 2 + (1 - a_real) ** 2))


def test_lecams_gradient_is_of_the_logits_alone() -> None:
    fake, real = (torch.randn(3, 2, dtype=torch.float64, requires_grad=True) for _ in "fr")
    lecam = LeCam(weight=1.0)
    lecam(fake, real)
    lecam.eval()  # so that the averages stay for the finite differences
    assert torch.autograd.gradcheck(lambda *logits: lecam(*logits), (fake, real))
    lecam(fake, real).backward()
    means = fake.mean().item()
    torch.testing.assert_close(real.grad, 2 * (real.detach() - means) / 6)


def test_lecams_averages_survive_a_resume() -> None:
    def step(penalty: LeCam, seed: int) -> float:
        fake, real = torch.randn(2, 2, 4, generator=torch.Generator().manual_seed(seed))
        return penalty([fake[0], fake[1]], [real[0], real[1]]).item()

    lecam = LeCam()
    assert lecam.state_dict() == {}
    for seed in range(3):
        step(lecam, seed)
    state = copy.deepcopy(lecam.state_dict())
    assert state["sums"].shape == (2, 2)
    resumed = LeCam()
    resumed.load_state_dict(state)
    assert [step(resumed, s) for s in (7, 8)] == [step(lecam, s) for s in (7, 8)] != [step(LeCam(), s) for s in (7, 8)]
    lecam.load_state_dict(state)  # back in time, and to before the first call
    torch.testing.assert_close(lecam.state_dict(), state)
    lecam.load_state_dict({})
    assert step(lecam, 0) == step(LeCam(), 0)


def test_lecam_asks_the_other_processes_in_training_only(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr("advloss.core.distributed.average", lambda x: calls.append(x) or x)
    lecam = LeCam()
    for _ in range(2):
        lecam(tensor([1.0]), tensor([3.0]))
        lecam.eval()
    assert len(calls) == 1


def test_lecam_scales_eval_and_precision() -> None:
    lecam = LeCam(weight=1.0).eval()
    assert lecam(tensor([1.0]), tensor([3.0])).item() == pytest.approx(8.0)  # no past: its own means
    assert lecam.seen is not None and lecam.seen.item() == 0
    two = LeCam(weight=1.0)([tensor([1.0]), tensor([0.0])], [tensor([3.0]), tensor([0.0])])
    assert two.item() == pytest.approx(4.0)  # the mean of 8 and 0
    assert LeCam()(tensor([1.0]).bfloat16(), tensor([3.0]).bfloat16()).dtype == torch.float32
    with pytest.raises(InputError, match="decay=1"):
        LeCam(decay=1.0)


def test_penalties_on_logits_cost_no_pass() -> None:
    spy = Spy()  # logits 0.5 and 1.5
    adv = AdversarialLoss(spy, "wasserstein", [LeCam(weight=1.0)])
    loss = adv.discriminator_loss(constant(0.25), constant(0.75))
    assert loss.item() == pytest.approx((0.5 - 1.5) + (1.5 - 0.5) ** 2 + (0.5 - 1.5) ** 2)
    assert len(spy.seen) == 2
    loss.backward()
    assert spy.factor.grad is not None
    assert "penalties.0.sums" in adv.state_dict()


def first_pixel(x: Tensor) -> Tensor:
    return x[:, 0, 0, 0]


class Negate(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return -x


class Double(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


def test_consistency_by_hand() -> None:
    """T(x) = -x on a critic w x: (2 w x)^2 at real x, and at the fakes in bCR."""
    fake, real = tensor([[1.0], [2.0]]), tensor([[3.0], [0.0]])

    def critic(x: Tensor) -> Tensor:
        return 2 * x[:, 0]

    assert Consistency(weight=0.5, on_fake=False, augment=Negate())(critic, fake, real).item() == pytest.approx(
        0.5 * (12**2 + 0) / 2
    )
    both = Consistency(weight=0.5, augment=Negate())
    assert both(critic, fake, real).item() == pytest.approx(0.5 * (144 / 2 + (16 + 64) / 2))
    lists = Consistency(weight=1.0, on_fake=False, augment=Negate())
    assert lists(lambda x: [critic(x), 0 * critic(x)], fake, real).item() == pytest.approx(36.0)
    patches = lists(lambda x: torch.stack([critic(x), 3 * critic(x)], 1).reshape(-1, 1, 1, 2), fake, real)
    assert patches.item() == pytest.approx((24**2) / 2)  # of the samples' mean logits


def test_consistency_of_a_quadratic_critic() -> None:
    """D(x) = c |x|^2 and T(x) = 2 x: (c (4 - 1) |x|^2)^2 = 9 c^2 |x|^4, here with c = 0.5 and |x|^2 = 5 and 8."""
    c = tensor(0.5, dtype=torch.float64, requires_grad=True)
    fake, real = tensor([[2.0, 2.0]]).double(), tensor([[1.0, 2.0]]).double()
    loss = Consistency(weight=2.0, augment=Double())(lambda x: c * x.square().sum(1), fake, real)
    assert loss.item() == pytest.approx(2 * 9 * 0.25 * (25 + 64), abs=1e-12)
    loss.backward()
    assert c.grad is not None and c.grad.item() == pytest.approx(2 * 9 * 2 * 0.5 * (25 + 64), abs=1e-12)


def test_consistency_takes_an_augmentation() -> None:
    x = torch.randn(2, 3, 8, 8)
    torch.manual_seed(0)
    loss = Consistency(weight=1.0, on_fake=False, augment=DiffAugment())(first_pixel, x, x)
    torch.manual_seed(0)
    (changed,), _ = DiffAugment()(x)
    assert loss.item() == pytest.approx((first_pixel(changed) - first_pixel(x)).square().mean().item())
    assert loss.item() > 0


def test_consistency_of_an_invariant_critic_is_zero() -> None:
    x = torch.randn(4, 3, 8, 8)
    inner = nn.functional.pad(x, (3, 3, 3, 3))  # nothing is lost by a shift of up to 3
    penalty = Consistency(shift=3)
    assert penalty(lambda x: x.square().flatten(1).sum(1), inner, inner).item() == pytest.approx(0, abs=1e-6)
    assert penalty(first_pixel, x, x).item() > 0


def test_consistencys_gradient_and_lazy_form() -> None:
    fake, real = torch.randn(2, 3, 2, dtype=torch.float64)
    weight = torch.randn(2, dtype=torch.float64, requires_grad=True)
    penalty = Consistency(augment=Negate())
    assert torch.autograd.gradcheck(lambda w: penalty(lambda x: (x @ w).tanh() + x @ w, fake, real), (weight,))
    lazy = Consistency(augment=Negate(), interval=2)
    full = penalty(lambda x: x @ weight, fake, real).item()
    assert [lazy(lambda x: x @ weight, fake, real).item() for _ in range(3)] == pytest.approx([2 * full, 0, 2 * full])


@pytest.mark.parametrize("sides", [(7,), (5, 6), (3, 4, 5)])
def test_flips_and_shifts_are_each_samples_own(sides: tuple[int, ...]) -> None:
    x = torch.zeros(64, 2, *sides)
    x[(slice(None), slice(None), *(side // 2 for side in sides))] = 1.0  # one bright spot in the middle
    torch.manual_seed(0)
    moved = flip_and_shift(x, 1)
    places = {tuple(place) for place in moved[:, 0].nonzero()[:, 1:].tolist()}
    assert moved.sum().item() == 128
    torch.testing.assert_close(moved[:, 0], moved[:, 1])
    if all(side % 2 for side in sides):
        assert len(places) == 3 ** len(sides)
    ramp = torch.arange(4.0).expand(64, 1, 4)
    flipped = flip_and_shift(ramp, 0)
    assert 16 < (flipped[:, 0, 0] == 3).sum() < 48
    with pytest.raises(InputError, match="has no sides to move along; give it `augment`"):
        flip_and_shift(torch.zeros(2, 5), 1)


def test_historical_averaging_by_hand() -> None:
    """theta = 1, 3, then 2 with a mean of 2 before, then 5 with a mean of 2."""
    critic = nn.Linear(1, 1, bias=False)
    penalty = HistoricalAveraging(weight=0.5)
    x = torch.zeros(2, 1)
    values, slopes = [], []
    for theta in (1.0, 3.0, 2.0, 5.0):
        with torch.no_grad():
            critic.weight.fill_(theta)
        critic.zero_grad()
        loss = penalty(critic, x, x)
        loss.backward()
        assert critic.weight.grad is not None
        values.append(loss.item())
        slopes.append(critic.weight.grad.item())
    assert values == pytest.approx([0, 0.5 * 4, 0, 0.5 * 9])
    assert slopes == pytest.approx([0, 2, 0, 3])


def test_historical_averagings_gradient() -> None:
    critic, x = nn.Linear(3, 2).double(), torch.zeros(2, 3).double()
    penalty = HistoricalAveraging(weight=0.5)
    penalty(critic, x, x)
    penalty.eval()  # so that the mean stays for the finite differences
    with torch.no_grad():
        critic.weight += torch.randn(2, 3)
    assert penalty(critic, x, x).item() > 0
    assert torch.autograd.gradcheck(lambda *_: penalty(critic, x, x), (critic.weight, critic.bias))


def test_historical_averaging_keeps_its_mean_and_leaves_frozen_parameters() -> None:
    critic = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1)).requires_grad_(False)
    critic[1].requires_grad_(True)
    penalty, x = HistoricalAveraging(interval=2), torch.zeros(2, 3)
    penalty(critic, x, x)
    resumed = HistoricalAveraging(interval=2)
    resumed.load_state_dict(penalty.state_dict())
    with torch.no_grad():
        critic[1].weight += 1.0
    for each in (penalty, resumed):
        assert [each(critic, x, x).item() for _ in range(2)] == pytest.approx([0, 2 * 2])
        assert each.mean is not None and each.mean.shape == (3,)
    with pytest.raises(InputError, match="the mean is of 3 parameters, the critic has 8"):
        [penalty(nn.Linear(7, 1), x, x) for _ in range(2)]
    with pytest.raises(InputError, match=r"the critic is a function, not an nn\.Module"):
        HistoricalAveraging()(lambda x: x, x, x)


def test_clipping() -> None:
    critic = nn.Linear(2, 1)
    with torch.no_grad():
        critic.weight.copy_(tensor([[3.0, -0.005]]))
        critic.bias.fill_(-2.0)
    critic.bias.requires_grad_(False)
    clip_weights(critic)
    torch.testing.assert_close(critic.weight.detach(), tensor([[0.01, -0.005]]))
    assert critic.bias.item() == -2  # frozen
    with pytest.raises(InputError, match="limit=0 must be above 0"):
        clip_weights(critic, 0)


def test_only_penalties_of_single_samples_mind_batch_norm() -> None:
    assert R1.per_sample
    assert not (LeCam.per_sample or Consistency.per_sample or HistoricalAveraging.per_sample)
