"""WGAN-GP against its closed forms, and the mistakes that other implementations make."""

import copy

import pytest
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.losses.adversarial.penalties import PENALTIES, R1, Consistency, GradientPenalty, Penalty, gradient_norms

WEIGHT = torch.arange(1.0, 13.0, dtype=torch.float64).reshape(3, 2, 2) / 10  # |w|^2 = 6.5


def linear(x: Tensor) -> Tensor:
    return x.flatten(1) @ WEIGHT.to(x.dtype).flatten()  # [B]


def images(batch: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    fake, real = torch.randn(2, batch, 3, 2, 2, generator=generator, dtype=torch.float64)
    return fake, real


def test_a_linear_critic() -> None:
    """The gradient of w.x is w everywhere: weight (|w| - 1)^2. Per-pixel or whole-batch norms give other numbers."""
    for batch in (1, 4):
        penalty = GradientPenalty()(linear, *images(batch))
        assert penalty.item() == pytest.approx(10 * (6.5**0.5 - 1) ** 2, abs=1e-12)


def test_a_quadratic_critic() -> None:
    """The gradient of |x|^2 / 2 is x = eps real + (1 - eps) fake: mean (|x| - 1)^2, with one eps for each sample."""
    fake, real = images()
    torch.manual_seed(3)
    penalty = GradientPenalty(weight=2.0)(lambda x: x.square().flatten(1).sum(1) / 2, fake, real)
    torch.manual_seed(3)
    eps = torch.rand(4, dtype=torch.float64)
    between = [(e * r + (1 - e) * f).norm() for e, r, f in zip(eps, real, fake, strict=True)]
    assert len(set(eps.tolist())) == 4
    assert penalty.item() == pytest.approx(2 * sum((n.item() - 1) ** 2 for n in between) / 4, abs=1e-12)


def test_two_sided() -> None:
    """A slope below 1 is penalised too."""
    penalty = GradientPenalty(weight=1.0)(lambda x: linear(x) * 0.5 / 6.5**0.5, *images())
    assert penalty.item() == pytest.approx(0.25, abs=1e-12)


def test_interpolation_runs_from_fake_to_real() -> None:
    """With fake = 0 and real = r, |x| = eps |r|: uniform on [0, |r|], in which (|x| - 1)^2 has a known mean."""
    torch.manual_seed(0)
    real = torch.full((20000, 1), 2.0)
    penalty = GradientPenalty(weight=1.0)(lambda x: x.square() / 2, torch.zeros_like(real), real)
    assert penalty.item() == pytest.approx(1 / 3, abs=0.01)  # the integral of (t - 1)^2 over [0, 2], halved


def test_patch_and_list_valued_critics_sum_a_samples_logits() -> None:
    def patches(x: Tensor) -> list[Tensor]:
        logits = linear(x)[:, None, None, None]
        return [0.25 * logits.expand(-1, 1, 1, 2), (0.5 * logits,)[0]]  # 0.25 + 0.25 + 0.5 = 1

    assert GradientPenalty()(patches, *images()).item() == pytest.approx(10 * (6.5**0.5 - 1) ** 2, abs=1e-12)


def test_a_sample_does_not_feel_the_others() -> None:
    critic = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    fake, _ = images()
    norms = gradient_norms(critic, fake)  # [B]
    other = fake.clone()
    other[1:] = 5 * other[1:] + 1
    assert gradient_norms(critic, other)[0].item() == pytest.approx(norms[0].item(), abs=1e-14)
    assert norms.shape == (4,)


@pytest.mark.parametrize("shape", [(3, 5), (2, 1, 2, 2, 2)])
def test_feature_vectors_and_volumes(shape: tuple[int, ...]) -> None:
    x = torch.randn(shape)
    penalty = GradientPenalty(weight=1.0)(lambda x: 3 * x.flatten(1)[:, 0], x, x)
    assert penalty.item() == pytest.approx(4.0)


def test_gradients_are_right() -> None:
    """Both derivatives, by finite differences: first in the critic's parameters, then again."""
    fake, real = images(2)
    first = torch.randn(4, 12, dtype=torch.float64, requires_grad=True)
    second = torch.randn(4, dtype=torch.float64, requires_grad=True)

    def penalise(a: Tensor, b: Tensor) -> Tensor:
        torch.manual_seed(0)
        return GradientPenalty()(lambda x: torch.tanh(x.flatten(1) @ a.T) @ b, fake, real)

    assert torch.autograd.gradcheck(penalise, (first, second))


def test_float32_under_autocast_and_for_half_images() -> None:
    critic = nn.Sequential(nn.Flatten(), nn.Linear(12, 1, bias=False))
    with torch.no_grad():
        critic[1].weight.copy_(WEIGHT.flatten())
    fake, real = images()
    with torch.autocast("cpu", torch.bfloat16):
        penalty = GradientPenalty()(critic, fake.bfloat16(), real.bfloat16())
    assert penalty.dtype == torch.float32
    assert penalty.item() == pytest.approx(10 * (6.5**0.5 - 1) ** 2, rel=1e-6)


def test_under_no_grad_it_is_a_number_all_the_same() -> None:
    with torch.no_grad():
        assert GradientPenalty()(linear, *images()).item() == pytest.approx(10 * (6.5**0.5 - 1) ** 2)


@pytest.mark.parametrize("way", ["wrapped", "in place", "caller"])
def test_compiled_critics_are_run_uncompiled(way: str) -> None:
    critic = nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.LeakyReLU(0.2), nn.Linear(4, 1)).double()
    plain = copy.deepcopy(critic)
    compiled = torch.compile(critic, backend="aot_eager") if way == "wrapped" else critic
    if way == "in place":
        critic.compile(backend="aot_eager")
    fake, real = images()
    compiled(fake).mean().backward()  # compiled for use elsewhere
    critic.zero_grad()
    penalty: nn.Module = GradientPenalty()
    call = torch.compile(lambda: penalty(compiled, fake, real), backend="aot_eager") if way == "caller" else None
    torch.manual_seed(0)
    (call() if call else penalty(compiled, fake, real)).backward()
    torch.manual_seed(0)
    GradientPenalty()(plain, fake, real).backward()
    for ours, theirs in zip(critic.parameters(), plain.parameters(), strict=True):
        if theirs.grad is not None:
            torch.testing.assert_close(ours.grad, theirs.grad)


def test_the_lazy_form() -> None:
    """Every third call, times three; the others cost nothing, and the rhythm survives the state dict."""
    calls = []

    def critic(x: Tensor) -> Tensor:
        calls.append(x)
        return linear(x)

    full = 10 * (6.5**0.5 - 1) ** 2
    lazy = GradientPenalty(interval=3)
    values = [lazy(critic, *images()).item() for _ in range(5)]
    assert values == pytest.approx([3 * full, 0, 0, 3 * full, 0])
    assert len(calls) == 2

    state = lazy.state_dict()
    assert all(isinstance(value, Tensor) for value in state.values())
    resumed = GradientPenalty(interval=3)
    resumed.load_state_dict(state)
    copied = copy.deepcopy(lazy)
    for penalty in (lazy, resumed, copied):
        assert [penalty(critic, *images()).item() for _ in range(2)] == pytest.approx([0, 3 * full])


def test_eval_mode_computes_it_plainly_and_leaves_the_rhythm() -> None:
    full = 10 * (6.5**0.5 - 1) ** 2
    lazy = GradientPenalty(interval=3)
    lazy(linear, *images())
    lazy.eval()
    assert [lazy(linear, *images()).item() for _ in range(2)] == pytest.approx([full, full])
    lazy.train()
    assert [lazy(linear, *images()).item() for _ in range(3)] == pytest.approx([0, 0, 3 * full])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("penalty", [R1(), Consistency(shift=1)])
def test_a_module_cast_below_float32(penalty: Penalty, dtype: torch.dtype) -> None:
    critic = nn.Sequential(nn.Flatten(), nn.Linear(12, 1))
    fake, real = (image.to(dtype) for image in images())
    penalty(critic, fake, real)
    with pytest.raises(InputError, match=r"16, and a penalty is .* run it under torch\.autocast instead"):
        penalty(critic.to(dtype), fake, real)


def test_defaults_and_errors() -> None:
    defaults = {"wgan_gp": 10, "wgan_lp": 10, "r1": 10, "r2": 10, "dragan": 10, "consistency": 10}
    assert {name: p().weight for name, p in PENALTIES.items()} == {
        **defaults,
        "lecam": 0.01,
        "historical_averaging": 1,
        "drift": 0.001,
    }
    assert all(p().interval == 1 for p in PENALTIES.values() if issubclass(p, Penalty))
    assert [name for name, p in PENALTIES.items() if p.on_logits] == ["lecam", "drift"]
    for penalty in PENALTIES.values():
        with pytest.raises(InputError, match="weight=-1 must be at least 0"):
            penalty(weight=-1)
    with pytest.raises(InputError, match="interval=0 must be at least 1"):
        GradientPenalty(interval=0)
    with pytest.raises(InputError, match="returned tuple of str"):
        GradientPenalty()(lambda x: ("no logits",), *images())
    assert issubclass(GradientPenalty, Penalty)
