"""The distribution of every augmentation against the probabilities that its authors' formulas give, by z scores.

Each figure is the mean of many independent draws, one an image. Its expected value and variance are worked out from the
authors' code by enumeration or by hand, not by simulation. With some 300 figures a |z| above `LIMIT` has a probability
of 2e-5 in all, so a wrong distribution fails and chance does not.
"""

import math
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from advloss.losses.adversarial.augmentations import InstanceNoise, matrices
from advloss.losses.adversarial.augmentations.diffaugment import draw_color, draw_cutout, draw_translation
from advloss.losses.adversarial.augmentations.matrices import draw_colors, draw_warp

DRAWS = 40_000
LIMIT = 5.5
SIDES = [(8, 12), (5, 16), (7, 6), (4, 3), (1, 2), (9, 10)]


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def agree(what: str, drawn: Tensor, expected: Tensor) -> None:
    """drawn: 0 or 1, [draws, n]; expected: the probabilities, [n]. Fails where a mean is too far from its own."""
    count = len(drawn)
    error = (drawn.double().mean(0) - expected.double()).abs()
    spread = (expected.double() * (1 - expected.double()) / count).sqrt()
    surprise = torch.where(spread > 0, error / spread.clamp(min=1e-300), torch.where(error > 0, torch.inf, 0.0))
    assert surprise.max() < LIMIT, f"{what}: {drawn.double().mean(0).tolist()}, expected {expected.tolist()}"


def uniform(what: str, values: Tensor, low: float, high: float, bins: int = 10) -> None:
    """Fails unless the values [draws] are spread evenly between low and high."""
    places = ((values.double() - low) / (high - low) * bins).floor()
    assert places.min() >= 0 and places.max() <= bins, f"{what}: outside [{low}, {high}]"
    inside = places.clamp(max=bins - 1).long()
    agree(what, torch.nn.functional.one_hot(inside, bins), torch.full((bins,), 1 / bins))


def normal(what: str, values: Tensor, std: float) -> None:
    """Fails unless the values [draws] fall into ten equally likely parts of N(0, std) alike."""
    uniform(what, torch.special.ndtr(values.double() / std), 0, 1)


def kept_by_cutout(size: int) -> Tensor:
    """How likely a row of an image of `size` rows lies outside the hole's rows: the authors' offsets, counted."""
    hole = int(size * 0.5 + 0.5)
    offsets = range(size + (1 - hole % 2))
    kept = torch.ones(len(offsets), size)
    for number, offset in enumerate(offsets):
        for place in range(hole):
            kept[number, min(max(place + offset - hole // 2, 0), size - 1)] = 0
    return kept.mean(0)


@pytest.mark.parametrize(("height", "width"), SIDES)
def test_cutout_keeps_each_row_and_column_as_often_as_its_authors(height: int, width: int) -> None:
    """Rows and columns are drawn independently, so a pixel is cut with the product of two probabilities."""
    x = torch.ones(DRAWS, 1, height, width)
    cut = 1 - draw_cutout(x)(x)[:, 0]  # [draws, H, W]
    rows, columns = 1 - kept_by_cutout(height), 1 - kept_by_cutout(width)
    agree("rows", cut.amax(2), rows)
    agree("columns", cut.amax(1), columns)
    agree("pixels", cut.flatten(1), (rows[:, None] * columns).flatten())


@pytest.mark.parametrize(("height", "width"), SIDES)
def test_translation_draws_every_step_as_often_as_its_authors(height: int, width: int) -> None:
    image = torch.arange(1.0, height * width + 1).reshape(1, 1, height, width).expand(DRAWS, -1, -1, -1)
    moved = draw_translation(image)(image)[:, 0]
    most = [int(side * 0.125 + 0.5) for side in (height, width)]
    steps = [(down, across) for down in range(-most[0], most[0] + 1) for across in range(-most[1], most[1] + 1)]
    seen = []
    for down, across in steps:
        expected = torch.zeros(height, width)
        rows, columns = slice(max(down, 0), height + min(down, 0)), slice(max(across, 0), width + min(across, 0))
        back = slice(max(-down, 0), height + min(-down, 0)), slice(max(-across, 0), width + min(-across, 0))
        expected[rows, columns] = image[0, 0][back]
        seen.append((moved == expected).flatten(1).all(1))
    agree("steps", torch.stack(seen, 1), torch.full((len(steps),), 1 / len(steps)))


def test_colour_draws_as_its_authors() -> None:
    """From three pixels the three numbers follow: the image's mean moves by the brightness alone."""
    image = torch.tensor([[0.5, -0.5, 0.0], [0.0, 0.0, 0.0], [0.25, 0.25, -0.5]]).double()  # [pixels, C], sum 0
    x = image.T.reshape(1, 3, 1, 3).expand(DRAWS, -1, -1, -1)
    y = draw_color(x)(x)
    uniform("brightness", y.mean((1, 2, 3)), -0.5, 0.5)
    x = torch.tensor([[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0]]).double().T.reshape(1, 3, 1, 2).expand(DRAWS, -1, -1, -1)
    change = draw_color(x)
    grey = change(x)
    contrast = (grey[:, 0, 0, 0] - grey[:, 0, 0, 1]) / 2
    uniform("contrast", contrast, 0.5, 1.5)
    x = torch.tensor([1.0, 0.0, -1.0]).double().reshape(1, 3, 1, 1).expand(DRAWS, -1, -1, 1)
    x = torch.cat([x, torch.zeros_like(x)], 3)
    y = change(x)
    uniform("saturation", (y[:, 0, 0, 0] - y[:, 2, 0, 0]) / 2 / contrast, 0, 2)


def independent(what: str, *events: Tensor) -> None:
    """Fails unless events of probability 1/2 (each [draws], 0 or 1) occur together as often as apart."""
    for place, one in enumerate(events):
        for other in events[place + 1 :]:
            agree(what, (one & other)[:, None], torch.tensor([0.25]))


def test_colour_s_numbers_are_drawn_independently() -> None:
    x = torch.tensor([[1.0, 0.0, -1.0], [1.0, 1.0, 1.0], [-1.0, -1.0, -1.0]]).double()
    x = x.T.reshape(1, 3, 1, 3).expand(DRAWS, -1, -1, -1)
    y = draw_color(x)(x)
    contrast = (y[:, 0, 0, 1] - y[:, 0, 0, 2]) / 2
    saturation = (y[:, 0, 0, 0] - y[:, 2, 0, 0]) / 2 / contrast
    independent("colour", y.mean((1, 2, 3)) > 0, contrast > 1, saturation > 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_ada_s_colours_are_drawn_as_by_its_authors(channels: int) -> None:
    """p = 0.5: each change keeps its identity for half of the images. A grey image has the luma flip too."""
    image = torch.zeros(DRAWS, channels, 2, 2, dtype=torch.float64)
    matrix, offset = draw_colors(image, torch.tensor(0.5, dtype=torch.float64))
    grey = matrix.sum((1, 2)) / channels  # on the luma axis: contrast, and the flip's sign
    agree("luma flip", (grey < 0)[:, None], torch.tensor([0.25]))
    contrast = grey.abs().log2()
    agree("contrast", torch.isclose(contrast, torch.zeros_like(contrast), atol=1e-9)[:, None], torch.tensor([0.5]))
    normal("contrast", contrast[contrast.abs() > 1e-9], 0.5)
    brightness = offset[:, 0, 0] / grey
    agree("brightness", (brightness == 0)[:, None], torch.tensor([0.5]))
    normal("brightness", brightness[brightness != 0], 0.2)


def test_ada_s_hue_and_saturation_are_drawn_as_by_its_authors() -> None:
    image = torch.zeros(DRAWS, 3, 2, 2, dtype=torch.float64)
    matrix, _ = draw_colors(image, torch.tensor(0.5, dtype=torch.float64))
    one, two = torch.tensor([1.0, -1.0, 0.0]).double() / math.sqrt(2), torch.tensor([1.0, 1.0, -2.0]).double()
    two = two / two.norm()
    x, y = (matrix @ one) @ one, (matrix @ one) @ two  # across the luma axis: a scaled rotation
    angle = torch.atan2(y, x)
    still = angle.abs() < 1e-9
    agree("hue", still[:, None], torch.tensor([0.5]))
    uniform("hue", angle[~still], -math.pi, math.pi)
    grey = matrix.sum((1, 2)).abs() / 3
    saturation = (torch.hypot(x, y) / grey).log2()
    same = saturation.abs() < 1e-9
    agree("saturation", same[:, None], torch.tensor([0.5]))
    normal("saturation", saturation[~same], 1.0)


def warps(monkeypatch: pytest.MonkeyPatch, keep: str) -> Tensor:
    """draw_warp's matrices at p = 1/2 with all matrices but those of one kind (`_scaling`, ...) the identity."""
    for name in ("_scaling", "_rotation", "_translation"):
        if name != keep:
            monkeypatch.setattr(matrices, name, lambda first, *rest: torch.eye(3).double().expand(len(first), 3, 3))
    return draw_warp(torch.zeros(DRAWS, 3, 16, 32, dtype=torch.float64), torch.tensor(0.5, dtype=torch.float64))


def test_ada_s_rotations_are_drawn_as_by_its_authors(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter turn (0 to 3) at p = 1/2, and two free angles that each happen with 1 - sqrt(1/2)."""
    warp = warps(monkeypatch, "_rotation")
    turns = torch.atan2(warp[:, 1, 0], warp[:, 0, 0]) / (math.pi / 2)
    whole = (turns - turns.round()).abs() < 1e-9
    agree("free angles", whole[:, None], torch.tensor([0.5]))  # neither happened
    quarters = turns[whole].round().long() % 4
    agree("quarters", torch.nn.functional.one_hot(quarters, 4), torch.tensor([0.625, 0.125, 0.125, 0.125]))
    uniform("angle", turns[~whole], -2, 2)


def test_ada_s_scalings_are_drawn_as_by_its_authors(monkeypatch: pytest.MonkeyPatch) -> None:
    warp = warps(monkeypatch, "_scaling")
    x, y = warp[:, 0, 0], warp[:, 1, 1]
    agree("mirror", (x < 0)[:, None], torch.tensor([0.25]))
    both, stretch = (x.abs() * y).log2() / 2, (x.abs() / y).log2() / 2
    for name, value in (("scale", both), ("stretch", stretch)):
        same = value.abs() < 1e-9
        agree(name, same[:, None], torch.tensor([0.5]))
        normal(name, value[~same], 0.2)


def test_ada_s_moves_are_drawn_as_by_its_authors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole pixels: round(U[-1/8, 1/8] side), at p = 1/2; then N(0, 1/8) of the sides."""
    places = warps(monkeypatch, "_translation")[:, :2, 2]  # x, y
    for axis, side in ((0, 32), (1, 16)):
        moved = places[:, axis]
        whole = (moved - moved.round()).abs() < 1e-9
        agree("free moves", whole[:, None], torch.tensor([0.5]))
        most = side // 8
        chance = torch.full((2 * most + 1,), 0.5 / (2 * most))
        chance[0] = chance[-1] = 0.25 / (2 * most)  # the ends round from one side only
        chance[most] += 0.5
        steps = moved[whole].round().long() + most
        agree("whole pixels", torch.nn.functional.one_hot(steps, 2 * most + 1), chance)
    rest = places[:, 1]
    rest = rest[(rest - rest.round()).abs() > 1e-9]
    # (16/8)^2, and for half of the images the variance of -2 to 2, whose ends are half as likely: 1.5
    assert rest.var().item() == pytest.approx(4 + 1.5 / 2, rel=0.055)  # 5.5 standard deviations of 20,000 draws


def test_instance_noise_is_normal() -> None:
    x = torch.zeros(DRAWS, 1)
    normal("noise", InstanceNoise(0.3)(x)[0][0][:, 0], 0.3)


CHECKS: list[Callable[[], None]] = [
    lambda: agree("", torch.ones(100, 1), torch.tensor([0.5])),
    lambda: uniform("", torch.rand(DRAWS) ** 1.1, 0, 1),
    lambda: normal("", torch.randn(DRAWS) * 1.1, 1),
    lambda: agree("", torch.tensor([[1.0]] * 5), torch.tensor([0.0])),
]


@pytest.mark.parametrize("number", range(len(CHECKS)))
def test_the_checks_can_fail(number: int) -> None:
    with pytest.raises(AssertionError):
        CHECKS[number]()
