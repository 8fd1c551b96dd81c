"""Samples: each a function of (seed, number) alone, truncated as BigGAN does it, joined along the sphere."""

import itertools
import math
import re

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.data.fields import Noise
from advloss.inference.generating import GROUP, Sampler, Sampling, class_number, linear, spherical
from advloss.inference.model import Model
from tests.inference import own

NORMAL, UNIFORM = Noise(size=6), Noise(size=6, distribution="uniform")
CLASSES = ("cat", "dog", "owl")


class Shown(nn.Module):
    """The noise itself as an image of one row, and the class below it; records the sizes of its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def forward(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
        self.batches.append(len(noise))
        rows = [noise] if label is None else [noise, label[:, None].expand(-1, 6).float()]
        return torch.stack(rows, 1)[:, None]  # [B, 1, 1 or 2, 6]


def sampler(noise: Noise = NORMAL, conditional: bool = False, network: nn.Module | None = None, **options) -> Sampler:  # type: ignore[no-untyped-def]
    classes = CLASSES if conditional else None
    return Sampler(network or Shown(), noise, Sampling(**options), conditional, classes, torch.device("cpu"))


def test_fewer_images_are_the_first_of_more() -> None:
    many = list(sampler(seed=3).images(40))
    few = list(sampler(seed=3).images(7))
    assert len(many) == 40 and len(few) == 7
    assert all(torch.equal(one, other) for one, other in zip(few, many, strict=False))
    assert not torch.equal(many[0], many[1]) and not torch.equal(next(sampler(seed=4).images(1)), many[0])
    network = Shown()
    list(sampler(network=network).images(GROUP + 1))
    assert network.batches == [GROUP, GROUP]  # always so many


def test_a_network_s_own_noise_depends_on_the_seed_alone() -> None:
    class Noisy(Shown):
        def forward(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
            return super().forward(noise) + torch.randn(len(noise), 1, 1, 6)

    state = torch.get_rng_state()
    first = list(sampler(network=Noisy()).images(20))
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(5)
    again = list(sampler(network=Noisy()).images(18))
    assert all(torch.equal(one, other) for one, other in zip(again, first, strict=False))
    assert not torch.equal(first[0] - sampler().group(0)[0], first[16] - sampler().group(16)[0])


def test_the_noise_has_its_distribution() -> None:
    drawn = torch.stack(list(sampler().images(2000))).flatten()
    assert abs(drawn.mean()) < 4 / math.sqrt(12_000) and abs(drawn.std() - 1) < 0.03
    even = torch.stack(list(sampler(UNIFORM).images(2000))).flatten()
    assert even.abs().max() <= 1 and abs(even.square().mean() - 1 / 3) < 0.02


def test_truncation_draws_again_what_is_beyond() -> None:
    """The variance of a normal number within (-t, t) is 1 - 2 t phi(t) / (2 Phi(t) - 1)."""
    plain = torch.stack(list(sampler().images(2000))).flatten()
    cut = torch.stack(list(sampler(truncate=0.5).images(2000))).flatten()
    assert cut.abs().max() <= 0.5
    within = plain.abs() <= 0.5
    assert torch.equal(cut[within], plain[within])  # what was within stays
    density = math.exp(-0.125) / math.sqrt(2 * math.pi)
    variance = 1 - density / math.erf(0.5 / math.sqrt(2))
    assert abs(cut.square().mean() - variance) < 4 * variance / math.sqrt(12_000)


def test_truncation_is_refused_where_it_has_no_sense() -> None:
    with pytest.raises(InputError, match="truncate: this model's noise is uniform"):
        sampler(UNIFORM, truncate=0.5)
    for wrong in (0, -1.0, 1e-3, math.inf, math.nan):
        with pytest.raises(InputError, match=r"truncate: .*; it is a number from 0\.01 on"):
            sampler(truncate=wrong)


def test_labels_by_name_by_number_and_in_turn() -> None:
    def shown(**options: object) -> list[float]:
        return [float(image[0, 1, 0]) for image in sampler(conditional=True, **options).images(5)]

    assert shown(label="dog") == shown(label="1") == shown(label=1) == [1] * 5
    assert shown() == [0, 1, 2, 0, 1]
    for wrong in ("bird", "3", 3, -1):
        with pytest.raises(InputError, match=rf"label: unknown class of this model '{wrong}'.*its number, 0 to 2"):
            sampler(conditional=True, label=wrong)
    with pytest.raises(InputError, match="did you mean 'dog'"):
        sampler(conditional=True, label="dgo")
    with pytest.raises(InputError, match="sample: this model takes no label: it was trained without classes"):
        sampler(label=0)
    assert class_number("2", ("2", "1", "0")) == 0 and class_number(2, ("2", "1", "0")) == 2  # a name comes first
    with pytest.raises(InputError, match="makes images of one class: give its number"):
        Sampler(Shown(), NORMAL, Sampling(), True, None, torch.device("cpu"))


def test_wrong_counts_and_seeds() -> None:
    for count in (0, -1, 2.5, True):
        with pytest.raises(InputError, match=f"sample: count={re.escape(repr(count))}"):
            list(sampler().images(count))  # type: ignore[arg-type]
    for seed in (-1, 0.5):
        with pytest.raises(InputError, match=r"sample: seed=.*a whole number from 0 on"):
            sampler(seed=seed)
    first = list(itertools.islice(sampler().images(1_000_000), 3))  # no more is made than is taken
    assert len(first) == 3


def test_what_is_not_a_number_is_refused() -> None:
    class Broken(Shown):
        def forward(self, noise: Tensor, label: Tensor | None = None) -> Tensor:
            return super().forward(noise) / 0 * 0

    with pytest.raises(InputError, match="the network's output is not a number in places"):
        list(sampler(network=Broken()).images(1))


def test_the_way_on_the_sphere_by_hand() -> None:
    x, y = np.array([2.0, 0.0]), np.array([0.0, 2.0])
    np.testing.assert_allclose(spherical(x, y, 1 / 3), [2 * math.cos(math.pi / 6), 2 * math.sin(math.pi / 6)])
    np.testing.assert_allclose(spherical(x, y, 0.5), [math.sqrt(2)] * 2)  # the length stays; the straight way has 1, 1
    np.testing.assert_allclose(linear(x, y, 0.5), [1, 1])
    np.testing.assert_allclose(spherical(x, 3 * x, 0.5), 2 * x)  # one direction, and the opposite: straight
    np.testing.assert_allclose(spherical(x, -x, 0.5), [0, 0], atol=1e-12)


def test_a_walk_ends_where_the_next_begins() -> None:
    points = [sampler(seed=2).noise(number) for number in range(3)]
    walk = torch.stack(list(sampler(seed=2).walk(3, 5)))[:, 0, 0].numpy()
    assert len(walk) == 10
    for place, point in ((0, 0), (4, 1), (5, 1), (9, 2)):
        np.testing.assert_allclose(walk[place], points[point], atol=1e-6)
    np.testing.assert_allclose(walk[2], spherical(points[0], points[1], 0.5), atol=1e-6)
    closed = torch.stack(list(sampler(seed=2).walk(3, 20, closed=True)))[:, 0, 0].numpy()
    assert len(closed) == 60
    for place, point in ((0, 0), (20, 1), (40, 2)):
        np.testing.assert_allclose(closed[place], points[point], atol=1e-6)
    np.testing.assert_allclose(closed[59], spherical(points[2], points[0], 0.95), atol=1e-6)
    even = torch.stack(list(sampler(UNIFORM).walk(2, 3)))[:, 0, 0]
    torch.testing.assert_close(even[1], (even[0] + even[2]) / 2)
    one_class = torch.stack(list(sampler(conditional=True, label="owl").walk(2, 3)))
    assert (one_class[:, 0, 1] == 2).all()
    with pytest.raises(InputError, match="interpolate: a walk is within one class"):
        next(sampler(conditional=True).walk(2, 3))
    for count, steps in ((1, 3), (2, 1)):
        with pytest.raises(InputError, match="interpolate: from one image to another in at least 2 steps"):
            next(sampler().walk(count, steps))


def test_a_model_samples_and_takes_noise_of_its_length_alone() -> None:
    model = Model(own.OwnGenerator().eval(), own.recipe_of("own"), {})
    made = model.sample(3, seed=1)
    noise = torch.from_numpy(np.stack([sampler(seed=1).noise(number) for number in range(3)]))
    assert torch.equal(made, -noise.view(3, 3, 1, 2)) and not made.requires_grad
    assert torch.equal(model.generate(noise), made)
    for wrong in (noise[:, :5], noise[0], noise.long(), noise[:0], "noise"):
        with pytest.raises(InputError, match=r"generate: noise is float \[N, 6\] for this model, not "):
            model.generate(wrong)  # type: ignore[arg-type]
    of_class = Model(own.OwnClassGenerator().eval(), own.recipe_of("own", classes={"label": ["x", "y"]}), {})
    torch.testing.assert_close(of_class.sample(3, seed=1, label="y"), made + 1)
    torch.testing.assert_close(of_class.generate(noise, label=0), made)
    assert of_class.classes() == of_class.classes("label") == ("x", "y") and model.classes() is None
