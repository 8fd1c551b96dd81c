"""ADA: its matrices by hand, and its probability, which moves the right way and is saved."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, tensor

from advloss.core.clock import Schedule
from advloss.core.errors import InputError
from advloss.losses.adversarial.augmentations import ADA
from advloss.losses.adversarial.augmentations.matrices import draw_colors, draw_warp, warped
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.objectives import LSGAN
from tests.losses.discriminators import Spy, constant


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def matrix(*rows: list[float]) -> Tensor:
    return tensor([[*rows, [0.0, 0.0, 1.0]]], dtype=torch.float64)


def photographs(batch: int = 2, height: int = 6, width: int = 8, channels: int = 3) -> Tensor:
    return torch.rand(batch, channels, height, width, dtype=torch.float64) * 2 - 1


def test_warps_by_hand() -> None:
    x = photographs(1, 6, 6)
    for warp, expected in [
        (matrix([1, 0, 0], [0, 1, 0]), x),
        (matrix([-1, 0, 0], [0, 1, 0]), x.flip(-1)),
        (matrix([0, -1, 0], [1, 0, 0]), x.rot90(1, (2, 3))),
        (matrix([1, 0, 2], [0, 1, 0]), torch.cat([x[..., 2:], x[..., -3:-1].flip(-1)], -1)),  # mirrored at the border
        (matrix([1, 0, 0], [0, 1, -1]), torch.cat([x[..., 1:2, :], x[..., :-1, :]], -2)),
    ]:
        torch.testing.assert_close(warped(x, warp), expected)
    halfway = warped(x, matrix([1, 0, 0.5], [0, 1, 0]))[..., :-1]
    torch.testing.assert_close(halfway, (x[..., :-1] + x[..., 1:]) / 2)
    wide = photographs(1, 4, 8)
    torch.testing.assert_close(warped(wide, matrix([-1, 0, 0], [0, -1, 0])), wide.flip(-1, -2))


def test_nothing_changes_at_p_0_and_everything_does_at_1() -> None:
    x = photographs(64)
    for p, changed in ((0.0, 0), (1.0, 64)):
        (y,), _ = ADA(p=p)(x)
        assert (~torch.isclose(x, y).flatten(1).all(1)).sum() == changed
    (half,), _ = ADA(p=0.05)(x)
    unchanged = torch.isclose(x, half).flatten(1).all(1).float().mean().item()
    assert 0.3 < unchanged < 0.8  # 0.95^12, some drawn ones being identities


def test_the_warps_keep_their_areas() -> None:
    """Rotations and mirrors have determinant 1 or -1, scalings 2^(2 N(0, 0.2)); both of these signs occur."""
    warp = draw_warp(photographs(4000, 8, 8), tensor(1.0, dtype=torch.float64))
    area = torch.linalg.det(warp)
    assert (area < 0).double().mean().item() == pytest.approx(0.5, abs=0.05)
    assert area.abs().log2().std().item() == pytest.approx(0.4, rel=0.05)
    torch.testing.assert_close(warp[:, 2], tensor([0.0, 0, 1]).double().expand(4000, 3))
    place = warp[:, :2, 2].norm(dim=1)
    assert 1 < place.mean().item() < 2.5  # about 8 (1/8 + 1/8 / sqrt 3 ...)


def test_hue_and_saturation_keep_the_luma_axis() -> None:
    x = photographs(2000)
    linear, offset = draw_colors(x, tensor(1.0, dtype=torch.float64))
    gray = linear @ torch.ones(3, dtype=torch.float64)  # [B, 3]
    torch.testing.assert_close(gray, gray.mean(1, keepdim=True).expand(-1, 3))  # gray stays gray
    assert (gray[:, 0] < 0).double().mean().item() == pytest.approx(0.5, abs=0.05)  # luma flipped
    contrast = gray[:, 0].abs()
    assert contrast.log2().std().item() == pytest.approx(0.5, rel=0.1)
    saturation = (torch.linalg.det(linear).abs() / contrast**3).sqrt()  # what lies across the axis, twice
    assert saturation.log2().std().item() == pytest.approx(1.0, rel=0.1)
    brightness = offset[:, 0, 0] / gray[:, 0]
    assert brightness.std().item() == pytest.approx(0.2, rel=0.1)
    single, added = draw_colors(photographs(2, channels=1), tensor(1.0, dtype=torch.float64))
    assert single.shape == (2, 1, 1) and added.shape == (2, 1, 1)


def test_the_condition_is_warped_and_keeps_its_colours() -> None:
    image, ada = photographs(16), ADA(p=1.0)
    torch.manual_seed(4)
    (changed, again), given = ada(image, image, given=image)
    torch.manual_seed(4)
    expected = warped(image, draw_warp(image, tensor(1.0, dtype=torch.float64)))
    torch.testing.assert_close(given, expected)
    torch.testing.assert_close(changed, again)
    assert not torch.allclose(changed, expected)


def test_p_moves_the_right_way() -> None:
    """All real images above the threshold: overfitting, p rises; as many real as fake: it falls, but not below 0."""
    ada = ADA(target=0.6, p=0.5, speed=100, interval=2)
    sure, unsure = [torch.ones(5, 1, 2, 2)], [tensor([1.0, -1.0, 2.0, -2.0, 0.0]).reshape(5, 1)]
    seen = []
    for logits in (sure, sure, unsure, unsure, sure, unsure):
        ada.adapt(logits)
        seen.append(ada.p.item())
    # 2 iterations of 5 images at 100 images a unit: 0.1; the last pair has a mean sign of 0.5, below 0.6
    assert seen == pytest.approx([0.5, 0.6, 0.6, 0.5, 0.5, 0.4])
    for _ in range(20):
        ada.adapt(unsure)
    assert ada.p.item() == 0
    for _ in range(40):
        ada.adapt(sure)
    assert ada.p.item() == 1
    fixed = ADA(target=None, p=0.3)
    fixed.adapt(sure)
    assert fixed.p.item() == pytest.approx(0.3)


def test_a_scheduled_p() -> None:
    """p goes from 0, where nothing changes, to 1, and its value is that of the clock, not of a buffer."""
    ada = ADA(target=None, p=Schedule(0, 1, over=4))
    image = torch.rand(2, 3, 8, 8)
    assert torch.equal(ada(image)[0][0], ada(image)[0][0])
    for _ in range(4):
        ada.adapt([torch.ones(2)])
    assert not torch.allclose(ada(image)[0][0], image)
    assert ada.phase(2) == ((0.5,), False) != ada.phase(3)


def test_the_threshold_and_scales() -> None:
    """Logits of 0.4 are fake to lsgan; scales count alike, whatever their sizes."""
    for threshold, rises in ((0.0, True), (0.5, False)):
        ada = ADA(p=0.5, speed=10, interval=1, threshold=threshold)
        ada.adapt([torch.full((2, 1), 0.4)])
        assert (ada.p.item() > 0.5) == rises
    ada = ADA(target=0.1, p=0.5, speed=10, interval=1)
    ada.adapt([torch.ones(1, 1, 1, 1), -torch.ones(1, 1, 9, 9)])  # mean sign 0
    assert ada.p.item() == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("objective", "boundary"),
    [("minimax", 0.0), ("non_saturating", 0.0), ("hinge", 0.0), ("lsgan", 0.5), (LSGAN(a=-1, b=1, c=0), 0.0)],
)
def test_the_threshold_is_the_objectives_boundary(objective: Any, boundary: float) -> None:
    ada = ADA(p=0.5, speed=10, interval=1)
    adv = AdversarialLoss(Spy(), objective, augment=[ada])
    assert adv.objective.boundary == ada.threshold == boundary
    ada.adapt([torch.full((2, 1), 0.4)])  # real to all but lsgan's labels 0 and 1
    assert (ada.p.item() > 0.5) == (boundary < 0.4)
    kept = ADA(threshold=0.25)
    AdversarialLoss(Spy(), objective, augment=[kept])
    assert kept.threshold == 0.25


@pytest.mark.parametrize("objective", ["wasserstein", "rpgan", "ragan", "ebgan"])
def test_an_objective_without_a_boundary(objective: str) -> None:
    with pytest.raises(InputError, match=r"has no logit between fake and real: .*ADA\(target=None, p=\.\.\.\)"):
        AdversarialLoss(Spy(), objective, augment=[ADA()])
    AdversarialLoss(Spy(), objective, augment=[ADA(target=None, p=0.3)])
    if objective == "ebgan":  # low is real, so no threshold helps
        with pytest.raises(InputError, match="EBGAN has no logit between fake and real: keep p"):
            AdversarialLoss(Spy(), objective, augment=[ADA(threshold=0.5)])
    else:
        AdversarialLoss(Spy(), objective, augment=[ADA(threshold=0.5)])


def test_within_the_loss() -> None:
    """It adapts once a discriminator step, in training, and its state goes on after a resume."""

    def make() -> AdversarialLoss:
        return AdversarialLoss(Spy(), augment=[ADA(p=0.1, speed=100, interval=2)])

    adv = make()
    adv(constant(0.25))
    for _ in range(3):
        adv.discriminator_loss(constant(0.25), constant(0.9))
    assert adv.state_dict()["iteration"].item() == 3
    assert adv.state_dict()["augment.0.p"].item() != pytest.approx(0.1)
    resumed = make()
    resumed.load_state_dict(adv.state_dict())
    after = []
    for each in (adv, resumed):
        torch.manual_seed(5)
        each.discriminator_loss(constant(0.25), constant(0.9))
        after.append(each.state_dict())
    torch.testing.assert_close(*after, rtol=0, atol=0)
    before = adv.state_dict()["augment.0.p"].clone()
    adv.eval()
    for _ in range(4):
        adv.discriminator_loss(constant(0.25), constant(0.9))
    assert torch.equal(adv.state_dict()["augment.0.p"], before)


def test_errors() -> None:
    for parameters, message in [
        ({"target": 2.0}, "ADA: target=2.0 must be at least -1 and at most 1"),
        ({"p": 1.5}, "ADA: p=1.5 must be at least 0 and at most 1"),
        ({"speed": 0}, "speed=0 must be at least 1"),
        ({"interval": 0}, "interval=0 must be at least 1"),
        ({"p": Schedule(0, 1, over=5)}, "with a schedule set target=None"),
    ]:
        with pytest.raises(InputError, match=message):
            ADA(**parameters)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"ADA changes images \[B, C, H, W\]"):
        ADA()(torch.zeros(2, 3, math.prod((2, 2))))
