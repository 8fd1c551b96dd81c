"""Single parts on a device: the instance norm in every layout, a model at inference, the adversary with its pool."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from advloss.inference.model import Model
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.networks.layers.basic import InstanceNorm
from advloss.recipe.build import Built
from tests.cuda.waiting import no_waiting

LAYOUTS = [torch.contiguous_format, torch.channels_last]


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("x_layout", LAYOUTS)
@pytest.mark.parametrize("gradient_layout", LAYOUTS)
def test_instance_norm_and_its_gradient_in_every_layout(
    device: torch.device, batch: int, x_layout: torch.memory_format, gradient_layout: torch.memory_format
) -> None:
    x, gradient = torch.randn(2, batch, 5, 6, 7, dtype=torch.float64)
    want, want_dx = norm_and_gradient(x, gradient)
    ours, dx = norm_and_gradient(
        x.to(device, torch.float32, memory_format=x_layout),
        gradient.to(device, torch.float32, memory_format=gradient_layout),
    )
    torch.testing.assert_close(ours.cpu().double(), want, rtol=0, atol=1e-5)
    torch.testing.assert_close(dx.cpu().double(), want_dx, rtol=0, atol=1e-5)


def norm_and_gradient(x: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """y = InstanceNorm(x), and dL/dx for the given dL/dy."""
    x = x.detach().requires_grad_()
    y = InstanceNorm(5)(x)
    return y.detach(), torch.autograd.grad(y, x, gradient)[0]


@pytest.mark.parametrize(("recipe", "overrides"), [("cyclegan", []), ("pix2pix", ["networks.generator.dropout=0"])])
def test_a_model_translates_as_on_the_cpu(
    make_built: Callable[..., Built], device: torch.device, recipe: str, overrides: list[str]
) -> None:
    image = torch.rand(1, 3, 37, 50) * 2 - 1
    results = []
    for place in (torch.device("cpu"), device):
        built = make_built(recipe, place, *overrides)
        model = Model(built.method.eval(), built.recipe, {})
        assert model.device.type == place.type
        results.append(model.translate(image, "a2b"))
    assert results[1].device.type == device.type and results[1].shape == image.shape
    torch.testing.assert_close(results[1].cpu(), results[0], rtol=0, atol=1e-3)


@pytest.mark.parametrize("given", [False, True])
def test_the_adversary_and_its_pool_do_not_wait(device: torch.device, given: bool) -> None:
    discriminator = nn.Conv2d(6 if given else 3, 1, 4).to(device)
    adversary = AdversarialLoss(discriminator, objective="hinge", pool=3)
    condition = torch.rand(2, 3, 8, 8, device=device) if given else None
    fake, real = (torch.rand(2, 3, 8, 8, device=device, requires_grad=name == "fake") for name in ("fake", "real"))
    adversary.discriminator_loss(fake, real, given=condition)  # makes the pool
    with no_waiting(device):
        for _ in range(4):
            (
                adversary(fake, real, given=condition) + adversary.discriminator_loss(fake, real, given=condition)
            ).backward()
    assert adversary.pool.filled is not None and adversary.pool.filled.item() == 3
    assert fake.grad is not None and fake.grad.device.type == device.type
    assert real.grad is None
