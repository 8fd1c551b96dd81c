"""Networks that grow with the clock: the schedule, both ends of a fade, and what a model file remembers."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import advloss
from advloss.core.clock import Clock, follow
from advloss.core.errors import InputError
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.penalties import Drift, GradientPenalty
from advloss.networks.discriminators.progan import ProGANDiscriminator
from advloss.networks.generators.progan import ProGANGenerator
from advloss.networks.layers.equalized import PixelNorm
from advloss.networks.layers.growing import Growing
from advloss.recipe.build import Built, build
from advloss.recipe.model_file import save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from advloss.training.fast.step import FastStep
from advloss.training.processes import Processes
from advloss.training.run.checkpoint import read_checkpoint, restore, write_checkpoint
from advloss.training.step import PlainStep

WIDTHS = (6, 5, 4)
HOLD, FADE = 10, 20
CPU = torch.device("cpu")


def pair(iteration: int, fade: int = FADE) -> tuple[ProGANGenerator, ProGANDiscriminator]:
    """A generator and a discriminator of 16 pixels, the same weights each time, at an iteration."""
    torch.manual_seed(0)
    generator = ProGANGenerator(3, 2, 16, WIDTHS, HOLD, fade).double()
    discriminator = ProGANDiscriminator(2, WIDTHS, HOLD, fade, group=2).double()
    for network in (generator, discriminator):
        for parameter in network.parameters():
            nn.init.normal_(parameter)
        network.clock.iteration = iteration
    return generator, discriminator


def test_the_level_is_held_and_then_fades() -> None:
    network = Growing(WIDTHS, HOLD, FADE)
    levels = [network.grown(iteration) for iteration in (0, 10, 15, 20, 30, 40, 45, 60, 1000)]
    assert levels == [0, 0, 0.25, 0.5, 1, 1, 1.25, 2, 2]
    network.clock.iteration = 45
    assert network.level == (2, 0.25)
    assert network.phase(45) != network.phase(46) and network.phase(31) == network.phase(39)
    at_once = Growing(WIDTHS, HOLD, 0)
    assert [at_once.grown(iteration) for iteration in (9, 10, 20)] == [0, 1, 2]
    assert Growing(WIDTHS, 0, 0).grown(0) == 2


def losses(generator: ProGANGenerator, discriminator: ProGANDiscriminator) -> list[Tensor]:
    """Images, what is shown of real ones, logits, both losses with their penalties."""
    draw = torch.Generator().manual_seed(1)
    z, real = (torch.randn(4, *shape, dtype=torch.float64, generator=draw) for shape in ((3,), (2, 16, 16)))
    iteration = discriminator.clock.iteration
    adv = AdversarialLoss(discriminator, "wasserstein", [GradientPenalty(), Drift()])
    adv.clock.iteration = iteration
    fake, shown = generator(z), generator.at_level(real)
    torch.manual_seed(2)
    found = [fake, shown, discriminator(real), adv(fake, shown), adv.discriminator_loss(fake, shown)]
    return [each.detach() for each in found]


@pytest.mark.parametrize(("switch", "level"), [(10, 0), (30, 1), (40, 1), (60, 2)])
def test_nothing_jumps_at_either_end_of_a_fade(switch: int, level: int) -> None:
    """With a fade of a billion iterations one of them changes alpha by 1e-9; without one the level is all there is."""
    slow = 10**9
    place = {10: HOLD, 30: HOLD + slow, 40: 2 * HOLD + slow, 60: 2 * HOLD + 2 * slow}[switch]
    at_switch = losses(*pair(place, slow))
    for near in (place - 1, place + 1):
        for ours, theirs in zip(losses(*pair(near, slow)), at_switch, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
    alone = losses(*pair(HOLD * level, 0))
    for ours, theirs in zip(alone, at_switch, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_in_the_middle_of_a_fade_both_levels_count_half() -> None:
    generator, discriminator = pair(20)
    z, real = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 2, 16, 16, dtype=torch.float64)
    first = generator.first(PixelNorm()(z))
    small, large = generator.images[0](first), generator.images[1](generator.levels[0](first))
    half = F.interpolate(small, scale_factor=2) / 2 + large / 2  # [4, 2, 8, 8]
    torch.testing.assert_close(generator(z), F.interpolate(half, scale_factor=2), rtol=0, atol=1e-12)
    eight = F.avg_pool2d(real, 2)
    old, new = discriminator.images[0](F.avg_pool2d(eight, 2)), discriminator.levels[0](discriminator.images[1](eight))
    torch.testing.assert_close(discriminator(real), discriminator.last(old / 2 + new / 2), rtol=0, atol=1e-12)
    shown = F.interpolate(F.avg_pool2d(eight, 2), scale_factor=2) / 2 + eight / 2
    torch.testing.assert_close(generator.at_level(real), F.interpolate(shown, scale_factor=2), rtol=0, atol=1e-12)
    logits, maps = discriminator(real, features=True)
    assert logits.shape == (4, 1) and [each.shape[-1] for each in maps] == [8, 4]


def test_pixel_norm_and_equalised_gains() -> None:
    x = torch.randn(2, 3, 4, 4)
    torch.testing.assert_close(PixelNorm()(x).square().mean(1), torch.ones(2, 4, 4), rtol=1e-4, atol=1e-4)
    generator = ProGANGenerator()
    conv, dense, image = generator.levels[0].conv1.conv, generator.first.dense, generator.images[0]
    for layer, gain in ((conv, 2**0.5), (dense, 2**0.5 / 4), (image, 1.0)):
        assert layer.gain * layer.scale == pytest.approx(gain / layer.weight[0].numel() ** 0.5)
        assert layer.weight.std().item() == pytest.approx(1, rel=0.05)


def small(*overrides: str) -> Built:
    """progan-small, smaller still: iteration 25 is a quarter into the second fade."""
    source = read("progan-small")
    sizes = ["networks.generator", "losses.adversarial.discriminator"]
    changes = [f"{place}.{key}" for place in sizes for key in ("widths=[4, 4, 4, 4]", "hold=5", "fade=8")]
    for override in (*changes, "data.batch=4", "method.latent=4", *overrides):
        source.override(override)
    return build(resolve(source))


def batch(number: int, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(number)
    image = torch.rand(4, 1, 32, 32, generator=draw, dtype=dtype) * 2 - 1
    return {"image": image, "noise": torch.randn(4, 4, generator=draw, dtype=dtype)}


def test_a_model_file_of_the_middle_of_a_fade_samples_what_was_trained(tmp_path: Path) -> None:
    built = small("train.average=0.5")
    executor = FastStep(built, CPU)
    for number in range(18, 21):
        executor.play([batch(number)], number)
    assert executor.average is not None
    for trained in (built.method, executor.average.module):
        assert trained.generator.level == (2, 0.25)
        save_model(tmp_path / "m.safetensors", built.recipe, trained.state_dict(), {})
        model = advloss.load(tmp_path / "m.safetensors")
        z = torch.randn(3, 4)
        with torch.no_grad():
            torch.testing.assert_close(model.generate(z), trained.generator(z), rtol=1e-5, atol=1e-5)


def test_a_training_resumed_in_the_middle_of_a_fade_ends_with_the_same_bits(tmp_path: Path) -> None:
    one, two, alone = FastStep(small(), CPU), FastStep(small(), CPU), Processes("cpu")
    torch.manual_seed(3)
    for number in range(17, 21):
        one.play([batch(number)], number)
    write_checkpoint(tmp_path / "checkpoint.pt", one, small().recipe, {"iteration": 21, "best": None}, alone)
    expected = [one.play([batch(number)], number) for number in range(21, 33)]
    restore(read_checkpoint(tmp_path / "checkpoint.pt"), two, alone)
    assert [two.play([batch(number)], number) for number in range(21, 33)] == expected
    for ours, theirs in ((one.method, two.method), (one.terms, two.terms), (one.average.module, two.average.module)):
        for (name, value), other in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
            assert torch.equal(value, other), name


def test_the_fast_executor_grows_as_the_plain_one() -> None:
    executors = [kind(small("train.precision=fp64"), CPU) for kind in (FastStep, PlainStep)]
    for number in (0, 7, 20, 33, 50):
        results = []
        for executor in executors:
            torch.manual_seed(number)
            results.append(executor.play([batch(number, torch.float64)], number))
        for name, value in results[0].items():
            torch.testing.assert_close(value, results[1][name].detach(), rtol=1e-8, atol=1e-9, msg=name)


def test_it_follows_another_parts_clock() -> None:
    generator, _ = pair(0)
    clock = Clock()
    follow(generator, clock)
    clock.iteration = 45
    assert generator.level == (2, 0.25)


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match="progan: its widths are for images of 16 x 16 pixels, and these are of 32"):
        ProGANGenerator(3, 2, 32, WIDTHS)
    with pytest.raises(InputError, match="are for images of 16 x 16 pixels, and these are of 20"):
        pair(0)[1](torch.zeros(1, 2, 16, 20, dtype=torch.float64))
    with pytest.raises(InputError, match=r"widths\[1\]=0 must be at least 1"):
        ProGANDiscriminator(widths=(4, 0))
    with pytest.raises(InputError, match="hold=-1"):
        Growing(WIDTHS, -1, 1)
    generator, _ = pair(0)
    for wrong in (torch.tensor(-1), torch.tensor(float("nan")), torch.zeros(2, dtype=torch.int64)):
        with pytest.raises(InputError, match="it is a whole number of iterations"):
            generator.load_state_dict({**generator.state_dict(), "iteration": wrong})
