"""Weightings by hand on linear models, where gradients are known."""

import math
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn, tensor

from advloss.core.errors import InputError
from advloss.losses.adversarial.weighting import WEIGHTINGS, Balancer, Fixed, LastLayerAdaptive, Weighting


class Counted:
    """Counts the calls of torch.autograd.grad."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        original = torch.autograd.grad

        def grad(*args: object, **options: object) -> object:
            self.calls += 1
            return original(*args, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(torch.autograd, "grad", grad)


def model(dtype: torch.dtype = torch.float32) -> tuple[Tensor, dict[str, Tensor]]:
    """A last layer in which the losses 1, 2 and 4 have the gradients (3, 0), (0, 2) and (0.3, 0.4)."""
    weight = torch.zeros(2, dtype=dtype, requires_grad=True)
    losses = {
        "l1": (weight * tensor([3.0, 0.0], dtype=dtype)).sum() + 1,
        "lpips": (weight * tensor([0.0, 2.0], dtype=dtype)).sum() + 2,
        "adversarial": (weight * tensor([0.3, 0.4], dtype=dtype)).sum() + 4,
    }
    return weight, losses


def test_fixed() -> None:
    weight, losses = model()
    assert Fixed({"l1": 10.0, "lpips": 0.0, "adversarial": 0.5})(losses).item() == pytest.approx(10 + 2)
    total = Fixed({"l1": 1.0, "lpips": 1.0, "adversarial": 1.0})({"l1": losses["l1"]})  # the others are absent
    total.backward()
    assert weight.grad is not None and weight.grad.tolist() == [3, 0]


def test_the_adaptive_weight_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """|grad (l1 + 2 lpips)| = |(3, 4)| = 5, |grad adv| = 0.5: lambda = 5 / 0.5001, then times 0.8."""
    counted = Counted(monkeypatch)
    weight, losses = model()
    weighting = LastLayerAdaptive({"l1": 1.0, "lpips": 2.0, "adversarial": 0.8})
    total = weighting(losses, weight)
    factor = 0.8 * 5 / 0.5001
    assert total.item() == pytest.approx(1 + 2 * 2 + factor * 4)
    assert counted.calls == 2
    total.backward()
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad, tensor([3 + 0.3 * factor, 4 + 0.4 * factor]))
    assert float(weighting.latest["adversarial"]) == pytest.approx(factor)
    assert not any(isinstance(f, Tensor) and f.requires_grad for f in weighting.latest.values())


def test_no_gradient_is_computed_while_the_adversary_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    weight, losses = model()
    weighting = LastLayerAdaptive({"l1": 1.0, "lpips": 1.0, "adversarial": 0.8})
    weighting.weights["adversarial"] = 0.0
    losses["adversarial"] = losses["adversarial"] * float("nan")  # not even looked at
    assert weighting(losses, weight).item() == pytest.approx(3)
    del losses["adversarial"]
    weighting.weights["adversarial"] = 0.8
    assert weighting(losses, weight).item() == pytest.approx(3)
    assert counted.calls == 0
    assert weighting({"adversarial": model()[1]["adversarial"]}).item() == pytest.approx(0.8 * 4)  # alone: fixed
    assert counted.calls == 0


def test_the_adaptive_weight_is_clamped_both_ways() -> None:
    weight = torch.zeros(1, requires_grad=True)
    for slope, expected in ((1e-9, 1e4), (0.0, 1e4), (1e30, 0.0), (float("inf"), 0.0), (float("nan"), 0.0)):
        weighting = LastLayerAdaptive({"l1": 1.0, "adversarial": 1.0}, delta=1e-6)
        weighting({"l1": weight.sum(), "adversarial": (weight * slope).sum()}, weight)
        assert float(weighting.latest["adversarial"]) == pytest.approx(expected, abs=1e-20), slope
    low = LastLayerAdaptive({"l1": 1.0, "adversarial": 1.0}, limit=2.0)
    low({"l1": weight.sum(), "adversarial": 0.1 * weight.sum()}, weight)
    assert float(low.latest["adversarial"]) == 2.0


def test_finite_in_half_precision() -> None:
    """Squares of 1e3 and 1e-4 leave half precision; the norm is taken in float32."""
    weight = torch.zeros(4, dtype=torch.float16, requires_grad=True)
    losses = {"l1": (weight * 1e3).sum().float(), "adversarial": (weight * 1e-4).sum().float()}
    weighting = LastLayerAdaptive({"l1": 1.0, "adversarial": 1.0})
    total = weighting(losses, weight)
    factor = weighting.latest["adversarial"]
    assert isinstance(factor, Tensor) and factor.dtype == torch.float32
    assert float(factor) == pytest.approx(2e3 / (2e-4 + 1e-4), rel=0.01) or float(factor) == 1e4
    assert torch.isfinite(total)


def test_balancer_shares_by_hand() -> None:
    """Shares 3/4 and 1/4 of a total norm of 2, whatever the losses' own scales: each sample's gradient is of norm
    1.5 and 0.5, along the losses' directions."""
    output = torch.zeros(2, 2, requires_grad=True)  # [B, F]
    losses = {"l1": 1000 * output[:, 0].sum(), "adversarial": 0.001 * output[:, 1].sum()}
    balancer = Balancer({"l1": 3.0, "adversarial": 1.0}, total_norm=2.0)
    balancer(losses, output).backward()
    assert output.grad is not None
    torch.testing.assert_close(output.grad, tensor([[1.5, 0.5], [1.5, 0.5]]))
    assert float(balancer.latest["l1"]) == pytest.approx(1.5 / 1000)


def test_balancers_average_by_hand() -> None:
    """Norms 2 (the mean of 1 and 3) and then 8, halved each call and corrected: (2 / 4 + 8 / 2) / (3 / 4) = 6."""
    output = torch.zeros(2, 1, requires_grad=True)
    balancer = Balancer({"l1": 1.0, "adversarial": 1.0}, decay=0.5)
    balancer({"l1": (output * tensor([[1.0], [3.0]])).sum()}, output)
    assert float(balancer.latest["l1"]) == pytest.approx(1 / 2)  # alone it has the whole
    balancer({"l1": 8 * output.sum(), "adversarial": output.sum()}, output)
    assert float(balancer.latest["l1"]) == pytest.approx(0.5 / 6)
    assert float(balancer.latest["adversarial"]) == pytest.approx(0.5)  # its own first call
    resumed = Balancer({"l1": 1.0, "adversarial": 1.0}, decay=0.5)
    resumed.load_state_dict(balancer.state_dict())
    balancer.eval()
    for each in (balancer, resumed):
        each({"l1": 8 * output.sum()}, output)
    assert float(balancer.latest["l1"]) == pytest.approx(1 / 6)
    assert float(resumed.latest["l1"]) == pytest.approx(0.875 / (0.125 * 2 + 0.25 * 8 + 0.5 * 8))


def test_balancer_in_a_network_is_the_gradient_at_its_output() -> None:
    """The parameters get what a backward from the output with the balanced gradient gives them."""
    torch.manual_seed(0)
    network, x, y = nn.Linear(3, 4).double(), torch.randn(5, 3).double(), torch.randn(5, 4).double()
    output = network(x)
    losses = {"l2": (output - y).square().mean(), "l1": 7 * (output - y).abs().mean()}
    balancer = Balancer({"l2": 1.0, "l1": 2.0})
    balancer(losses, output).backward()
    gradient = torch.zeros_like(output)
    for share, part in ((1 / 3, 2 * (output - y)), (2 / 3, (output - y).sign())):
        gradient += share * part / part.norm(dim=1).mean()
    expected = torch.autograd.grad(network(x), list(network.parameters()), gradient.detach())
    torch.testing.assert_close([p.grad for p in network.parameters()], list(expected), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_under_autocast_and_accumulated(name: str) -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3))
    weighting: Weighting = WEIGHTINGS[name]({"l1": 1.0, "adversarial": 0.5})
    for _ in range(2):
        with torch.autocast("cpu", torch.bfloat16):
            output = network(torch.randn(2, 3))
            losses: Mapping[str, Tensor] = {"l1": output.abs().mean(), "adversarial": -output.mean()}
            total = weighting(losses, output if name == "balancer" else network[1].weight)
        total.backward()
        assert math.isfinite(total.item())
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


def test_errors() -> None:
    weight, losses = model()
    with pytest.raises(InputError, match="unknown loss 'lpips'"):
        Fixed({"l1": 1.0, "adversarial": 1.0})(losses)
    with pytest.raises(InputError, match="weight of l1=-1 must be"):
        Fixed({"l1": -1})
    with pytest.raises(InputError, match="at least one loss"):
        Fixed({})
    with pytest.raises(InputError, match="adversarial: unknown loss 'adversarial'; did you mean 'adversary'"):
        LastLayerAdaptive({"l1": 1.0, "adversary": 1.0})
    with pytest.raises(InputError, match="delta=0"):
        LastLayerAdaptive({"adversarial": 1.0}, delta=0)
    with pytest.raises(InputError, match="decay=1"):
        Balancer({"l1": 1.0}, decay=1.0)
    with pytest.raises(InputError, match="total_norm=0"):
        Balancer({"l1": 1.0}, total_norm=0)
    every = {"l1": 1.0, "lpips": 1.0, "adversarial": 1.0}
    for weighting in (LastLayerAdaptive(every), Balancer(every)):
        with pytest.raises(InputError, match="call it with `at`, the tensor"):
            weighting(losses)
        with pytest.raises(InputError, match="does not depend on the tensor"):
            weighting(losses, torch.zeros(2, requires_grad=True))
        with pytest.raises(InputError, match="does not depend on the tensor"):
            weighting({name: loss.detach() for name, loss in losses.items()}, weight)


def test_all_off_is_zero() -> None:
    weighting = Fixed({"l1": 0.0})
    assert weighting({"l1": tensor(3.0)}).item() == 0


def test_gradients_that_vanish_in_float16_are_compared_through_the_scale():
    """A loss whose gradient is below float16's smallest number (6e-8) on the way to the layer."""
    layer = torch.ones(4, 4, requires_grad=True)
    x = torch.ones(1, 4)

    def losses() -> dict[str, torch.Tensor]:
        y = (x @ layer).half().float().mul(1e-9)  # the gradient passes a tensor of float16
        return {"l1": y.sum(), "adversarial": 2 * y.sum()}

    weighting = LastLayerAdaptive({"l1": 1.0, "adversarial": 1.0}, delta=1e-30)
    weighting(losses(), layer)
    assert weighting.latest["adversarial"] == 0  # both gradients are 0
    weighting(losses(), layer, scale=2.0**16)
    assert float(weighting.latest["adversarial"]) == pytest.approx(0.5, rel=1e-2)


def test_the_balancers_averages_leave_out_what_is_not_finite():
    balancer = Balancer({"l1": 1.0})
    y = torch.ones(2, 3, requires_grad=True)
    balancer({"l1": (y * float("inf")).sum()}, y)
    assert balancer.seen.item() == 0
    balancer({"l1": y.sum()}, y)
    assert float(balancer.latest["l1"]) == pytest.approx(1 / 3**0.5, rel=1e-5)
