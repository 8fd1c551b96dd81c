"""DiffAugment, instance noise and the contract of an augmentation."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from advloss.core.clock import Schedule
from advloss.core.errors import InputError
from advloss.losses.adversarial.augmentations import ADA, AUGMENTATIONS, Augmentation, DiffAugment, InstanceNoise
from advloss.losses.adversarial.augmentations.base import Change
from advloss.losses.adversarial.augmentations.diffaugment import draw_color, draw_cutout, draw_translation
from advloss.losses.adversarial.loss import AdversarialLoss
from tests.losses.discriminators import Spy, constant, patches


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


class Mirror(Augmentation):
    """Mirrors every image, and its condition with it; counts its draws."""

    def __init__(self) -> None:
        super().__init__()
        self.draws = 0
        self.adapted: list[list[Tensor]] = []

    def draw(self, image: Tensor) -> tuple[Change, Change]:
        self.draws += 1
        sign = -1.0 if self.draws % 2 else 1.0
        return lambda x: sign * x.flip(-1), lambda x: x.flip(-1)

    def adapt(self, real_logits: list[Tensor]) -> None:
        self.adapted.append(real_logits)


def photographs(batch: int = 4, height: int = 16, width: int = 24) -> Tensor:
    return torch.rand(batch, 3, height, width) * 2 - 1


def test_color_by_hand() -> None:
    """One pixel's saturation and one image's contrast around their means, after the brightness."""
    x = photographs(2).double()
    torch.manual_seed(1)
    change = draw_color(x)
    torch.manual_seed(1)
    brightness, saturation, contrast = torch.rand(3, 2, 1, 1, 1, dtype=torch.float64)
    y = x + (brightness - 0.5)
    gray = y.mean(1, keepdim=True)
    y = 2 * saturation * y + (1 - 2 * saturation) * gray
    mean = y.mean((1, 2, 3), keepdim=True)
    y = (contrast + 0.5) * y + (0.5 - contrast) * mean
    torch.testing.assert_close(change(x), y)


def test_translation_moves_by_at_most_an_eighth_and_brings_in_zeros() -> None:
    x = torch.ones(200, 1, 16, 24)
    moved = draw_translation(x)(x)
    for axis, most in ((2, 2), (3, 3)):
        empty = (moved.amax(5 - axis) == 0).sum(-1).flatten()  # rows or columns without a one
        assert empty.min() == 0 and empty.max() == most
    ramp = torch.arange(1.0, 17.0).reshape(1, 1, 16, 1).expand(50, 1, 16, 16)
    firsts = draw_translation(ramp)(ramp)[:, 0, 8, 8]
    assert set(firsts.tolist()) == {7, 8, 9, 10, 11}  # 9 moved by -2 to 2


def test_cutout_takes_at_most_a_quarter() -> None:
    x = torch.ones(300, 2, 16, 24)
    holes = (draw_cutout(x)(x) == 0)[:, 0]
    sizes = holes.flatten(1).sum(1)
    assert sizes.max() == 8 * 12
    assert sizes.min() >= 4 * 6  # its middle is inside the image
    assert all(hole.any(0).sum() * hole.any(1).sum() == hole.sum() for hole in holes)  # rectangles
    assert holes.float().mean(0).min() > 0  # everywhere


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_gradients_flow_and_each_image_has_its_own_draw(name: str) -> None:
    augmentation = ADA(p=0.7) if name == "ada" else AUGMENTATIONS[name]()
    image = photographs().double().requires_grad_()
    torch.manual_seed(2)
    (changed,), _ = augmentation(image)
    assert changed.shape == image.shape and changed.dtype == image.dtype
    (gradient,) = torch.autograd.grad(changed.square().sum(), image)
    assert torch.isfinite(gradient).all()
    assert (gradient.abs().flatten(1).sum(1) > 0).all()
    same = photographs(1).double().expand(6, -1, -1, -1)
    (changed,), _ = augmentation(same)
    assert not torch.equal(changed[0], changed[1]) or not torch.equal(changed[0], changed[2])
    small = torch.rand(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)

    def change(x: Tensor) -> Tensor:
        torch.manual_seed(3)
        return augmentation(x)[0][0]

    assert torch.autograd.gradcheck(change, (small,))


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_precision_eval_and_meta(name: str) -> None:
    augmentation = ADA(p=0.5) if name == "ada" else AUGMENTATIONS[name]()
    image = photographs()
    with torch.autocast("cpu", torch.bfloat16):
        (changed,), _ = augmentation(image.bfloat16())
    assert changed.dtype == torch.bfloat16
    (on_meta,), given = augmentation(image.to("meta"), given=image[:, :1].to("meta"))
    assert on_meta.shape == image.shape and given is not None
    augmentation.eval()
    (unchanged,), given = augmentation(image, given=image)
    assert unchanged is image is given


def test_ada_computes_the_same_under_autocast() -> None:
    """Its matrices would lose two decimals in bfloat16."""
    image, changed = photographs(), []
    for autocast in (False, True):
        torch.manual_seed(2)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            changed.append(ADA(p=1.0)(image)[0][0])
    torch.testing.assert_close(changed[0], changed[1], rtol=0, atol=0)


def test_the_condition_moves_with_its_image() -> None:
    """The condition is the image itself, so that geometry changes both alike, and colours change one."""
    image = photographs()
    for augmentation in (DiffAugment("translation,cutout"), DiffAugment("cutout, translation")):
        (one, two), given = augmentation(image, image, given=image)
        torch.testing.assert_close(one, given, rtol=0, atol=0)
        torch.testing.assert_close(two, given, rtol=0, atol=0)
        assert not torch.equal(one, image)
    (changed,), given = DiffAugment("color")(image, given=image[:, :1])
    assert given is not None and torch.equal(given, image[:, :1]) and not torch.equal(changed, image)
    (changed,), given = InstanceNoise()(image, given=image)
    assert given is image or torch.equal(given, image)


def test_both_steps_are_changed_alike() -> None:
    """One draw in the generator's step, one for each batch in the discriminator's; what is learned from is changed."""
    spy, mirror = Spy(), Mirror()
    adv = AdversarialLoss(spy, "hinge", augment=[mirror])
    assert adv(constant(0.25)).item() == pytest.approx(0.5)  # a logit of -0.5: its negative
    assert mirror.draws == 1 and not mirror.adapted
    adv.discriminator_loss(constant(0.25), constant(0.75))
    assert [x.mean().item() for x in spy.seen] == [-0.25, 0.25, -0.75]
    assert mirror.draws == 3
    assert [logits[0].tolist() for logits in mirror.adapted] == [[-1.5, -1.5]]


def test_the_generators_gradient_goes_through_the_augmentation() -> None:
    adv = AdversarialLoss(patches(), augment=[DiffAugment(), InstanceNoise()])
    fake = photographs().requires_grad_()
    adv(fake).backward()
    assert fake.grad is not None and (fake.grad.abs().flatten(1).sum(1) > 0).all()


def test_with_a_condition_and_the_pool() -> None:
    adv = AdversarialLoss(patches(4), augment=[DiffAugment("translation")], pool=3)
    image, given = photographs(2), torch.ones(2, 1, 16, 24)
    assert torch.isfinite(adv(image, given=given))
    for _ in range(3):
        adv.discriminator_loss(image, image, given=given)
    assert torch.equal(adv.pool.get_buffer("stored_0")[0], given[0])  # the pool's are unchanged


def test_instance_noise_by_hand() -> None:
    """A standard deviation of 0.4, half of it after 5 of 10 iterations, none after 10 and later."""
    noise = InstanceNoise(std=Schedule(0.4, 0, over=10))
    image = torch.zeros(8, 3, 32, 32)
    spread = []
    for _ in range(12):
        spread.append(noise(image)[0][0].std().item())
        noise.adapt([])
    assert spread[0] == pytest.approx(0.4, rel=0.05)
    assert spread[5] == pytest.approx(0.2, rel=0.05)
    assert spread[10] == spread[11] == 0
    constant_noise = InstanceNoise(std=0.4)
    constant_noise.adapt([])
    assert constant_noise(torch.zeros(1000, 20))[0][0].std().item() == pytest.approx(0.4, rel=0.05)  # vectors
    resumed = InstanceNoise(std=Schedule(0.4, 0, over=10))
    resumed.load_state_dict(noise.state_dict())
    assert resumed.clock.iteration == 12


def test_the_clock_is_moved_by_the_discriminators_steps_in_training() -> None:
    adv = AdversarialLoss(Spy(), augment=[InstanceNoise(Schedule(0.1, 0, over=5))])
    adv(constant(0.25))
    adv.discriminator_loss(constant(0.25), constant(0.75))
    adv.eval()
    adv.discriminator_loss(constant(0.25), constant(0.75))
    assert adv.state_dict()["iteration"].item() == adv.augment[0].clock.iteration == 1


def test_a_strength_changes_that_share_of_the_images() -> None:
    image, given = torch.rand(400, 3, 8, 8), torch.rand(400, 1, 8, 8)
    torch.manual_seed(0)
    (changed,), moved = DiffAugment("color,translation", p=0.25)(image, given=given)
    same = (changed == image).flatten(1).all(1)
    assert 260 < same.sum() < 340 and (moved == given).flatten(1).all(1)[same].all()
    scheduled = DiffAugment(p=Schedule(0, 1, over=3))
    assert torch.equal(scheduled(image)[0][0], image)
    for _ in range(3):
        scheduled.adapt([])
    torch.manual_seed(1)
    whole = scheduled(image)[0][0]
    torch.manual_seed(1)
    assert torch.equal(whole, DiffAugment()(image)[0][0])


def test_errors() -> None:
    with pytest.raises(InputError, match="unknown change in DiffAugment's policy 'colour'; did you mean 'color'"):
        DiffAugment("colour,cutout")
    with pytest.raises(InputError, match="policy is empty"):
        DiffAugment(" ")
    with pytest.raises(InputError, match=r"changes images \[B, C, H, W\]; these have shape \(2, 5\)"):
        DiffAugment()(torch.zeros(2, 5))
    with pytest.raises(InputError, match="std=-1"):
        InstanceNoise(-1)
    with pytest.raises(InputError, match=r"std=.* must be at least 0"):
        InstanceNoise(Schedule(1, -1, over=3))
    with pytest.raises(InputError, match="DiffAugment: p=2 must be"):
        DiffAugment(p=2)
    with pytest.raises(InputError, match="augment holds a Dropout; it takes augmentations such as DiffAugment"):
        AdversarialLoss(patches(), augment=[nn.Dropout()])  # type: ignore[list-item]
    single = AdversarialLoss(patches(), augment=DiffAugment())  # type: ignore[arg-type]  # one is as good as a list
    assert len(single.augment) == 1
