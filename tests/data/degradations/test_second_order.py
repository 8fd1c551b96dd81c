"""Real-ESRGAN's degradation: each image by its own generator, without a wait for the device, at any size."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from advloss.core.errors import InputError
from advloss.data.degradations import DEGRADATIONS, Bicubic, Degradation, SecondOrder
from advloss.recipe.signatures import check_parameters

NOTHING: dict[str, Any] = {
    "sharpen": False,
    "sinc_prob": 0,
    "sinc_prob2": 0,
    "blur_sigma": (0.01, 0.01),
    "blur_sigma2": (0.01, 0.01),
    "resize_prob": (0, 0, 1),
    "resize_prob2": (0, 0, 1),
    "noise_range": (0, 0),
    "noise_range2": (0, 0),
    "poisson_scale_range": (0, 0),
    "poisson_scale_range2": (0, 0),
    "jpeg_range": (100, 100),
    "jpeg_range2": (100, 100),
    "final_sinc_prob": 0,
}


def images(count: int = 4, height: int = 48, width: int = 64) -> Tensor:
    coarse = torch.rand(count, 3, height // 8, width // 8, generator=torch.Generator().manual_seed(2)) * 2 - 1
    return torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")


def rngs(count: int = 4, seed: int = 5) -> list[np.random.Generator]:
    return [np.random.default_rng([seed, index]) for index in range(count)]


def test_an_image_depends_on_its_own_generator_alone() -> None:
    degrade, x = SecondOrder(4), images()
    together = degrade(x, rngs())
    alone = torch.cat([degrade(x[i : i + 1], [rng]) for i, rng in enumerate(rngs())])
    turned = degrade(x.flip(0), rngs()[::-1]).flip(0)
    assert torch.equal(together, alone)
    assert torch.equal(together, turned)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(together, degrade(x, rngs()))
    state = torch.get_rng_state()
    assert not torch.equal(together, degrade(x, rngs(seed=6)))
    assert torch.equal(state, torch.get_rng_state())
    same = degrade(x[:1].expand(4, -1, -1, -1), rngs())
    assert len({image.numpy().tobytes() for image in same}) == 4


@pytest.mark.parametrize(
    ("scale", "height", "width"), [(4, 48, 64), (4, 8, 8), (4, 4, 36), (2, 46, 22), (3, 9, 21), (1, 1, 5)]
)
def test_size_range_and_levels(scale: int, height: int, width: int) -> None:
    degrade = SecondOrder(scale)
    x = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for seed in range(20):
        small = degrade(x, rngs(1, seed))
        assert small.shape == (1, 3, height // scale, width // scale) and small.dtype == torch.float32
        assert small.min() >= -1 and small.max() <= 1
        levels = (small + 1) * 127.5
        torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-4)
    assert degrade(x[:0], []).shape == (0, 3, height // scale, width // scale)


def test_with_everything_off_the_picture_stays() -> None:
    x = images(2)[:, :1].expand(-1, 3, -1, -1)  # grey: a JPEG halves the colours' size
    stayed = SecondOrder(1, **NOTHING)(x, rngs(2))
    assert ((stayed - x).abs() * 127.5).max() < 2.5
    assert ((stayed - x) * 127.5).mean().abs() < 0.1


@pytest.mark.parametrize(
    "setting",
    [
        {"sharpen": True},
        {"blur_sigma": (2, 3)},
        {"blur_sigma2": (2, 3), "second_blur_prob": 1},
        {"sinc_prob": 1},
        {"resize_prob": (0, 1, 0), "resize_range": (0.2, 1)},
        {"resize_prob2": (0, 1, 0), "resize_range2": (0.2, 1)},
        {"noise_range": (20, 20), "gaussian_noise_prob": 1},
        {"poisson_scale_range2": (2, 2), "gaussian_noise_prob2": 0},
        {"jpeg_range": (10, 10)},
        {"jpeg_range2": (10, 10)},
        {"final_sinc_prob": 1},
    ],
)
def test_every_setting_does_something(setting: dict[str, Any]) -> None:
    x = images(1)
    kept, changed = (SecondOrder(1, **NOTHING | more)(x, rngs(1)) for more in ({}, setting))
    assert ((kept - changed).abs() * 127.5).max() > 5


def test_how_often_what_is_drawn() -> None:
    first, rng = SecondOrder(4).first, np.random.default_rng(0)
    drawn = [first.draw(rng) for _ in range(3000)]
    factors = np.array([one.factor for one in drawn])
    shares = {
        "up": (factors > 1, 0.2),
        "down": (factors < 1, 0.7),
        "gaussian": (np.array([one.gaussian for one in drawn]), 0.5),
        "grey": (np.array([one.grey for one in drawn]), 0.4),
        "area": (np.array([one.mode == "area" for one in drawn]), 1 / 3),
        "ringing": (np.array([one.kernel.min() < 0 for one in drawn if one.kernel is not None]), 0.1),
    }
    for name, (happened, expected) in shares.items():
        assert abs(happened.mean() - expected) < 0.03, name
    assert factors.min() > 0.15 and factors.max() < 1.5
    assert {one.quality for one in drawn} == set(range(30, 96))
    assert max(one.strength for one in drawn if one.gaussian) > 29
    assert max(one.strength for one in drawn if not one.gaussian) < 3
    second = [SecondOrder(4).second.draw(rng) for _ in range(1000)]
    assert abs(np.mean([one.kernel is None for one in second]) - 0.2) < 0.04


class Waits(TorchDispatchMode):
    """Notes the operations that would wait for a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        masked = name == "index" and any(t is not None and t.dtype in (torch.bool, torch.uint8) for t in args[1])
        if masked or name in {"_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "bincount"}:
            self.found.append(name)
        return func(*args, **kwargs or {})


@pytest.mark.parametrize("degrade", [SecondOrder(4), Bicubic(4)])
def test_nothing_waits_for_the_device(degrade: Degradation) -> None:
    with Waits() as waits:
        for seed in range(6):
            degrade(images(2), rngs(2, seed))
    assert waits.found == []
    with Waits() as waits:
        images(1)[images(1) > 0].sum().item()
    assert waits.found  # they are found


@pytest.mark.cuda
@pytest.mark.parametrize("degrade", [SecondOrder(4), Bicubic(4)])
def test_nothing_waits_on_cuda(degrade: Degradation) -> None:
    x = images().cuda()
    expected = degrade(x, rngs())  # constants are sent in a first call
    torch.cuda.set_sync_debug_mode("error")
    try:
        again = degrade(x, rngs())
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert torch.equal(again, expected)


def test_a_recipe_checks_the_settings() -> None:
    given = frozenset({"scale"})
    checked = check_parameters(
        "'second_order'", SecondOrder, {"noise_range": [1, 9], "kernel_prob": {"iso": 1}}, "data.degradation", given
    )
    assert checked["noise_range"] == (1, 9) and checked["kernel_prob"] == {"iso": 1}
    assert checked["kernel_prob2"]["plateau_aniso"] == 0.03 and checked["jpeg_range2"] == (30, 95)
    assert isinstance(SecondOrder(4, **checked), DEGRADATIONS["second_order"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"noise_range": (30, 1)}, "noise_range: .* is no range"),
        ({"resize_range2": (0.3, 0.9)}, "resize_range2: .* must go from 1 or less to 1 or more"),
        ({"jpeg_range2": (0, 95)}, r"jpeg_range2(\.0)?: .*greater than or equal to 1"),
        ({"sinc_prob": 1.5}, "sinc_prob: .*less than or equal to 1"),
        ({"second_blur_prob": -1}, "second_blur_prob: "),
        ({"kernel_prob": {"round": 1}}, "kernel_prob"),
        ({"kernel_prob2": {"iso": 0}}, "kernel_prob2: at least one must be above 0"),
        ({"final_sinc_prob": 2}, "final_sinc_prob"),
    ],
)
def test_wrong_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SecondOrder(4, **settings)
    with pytest.raises(InputError, match="data.degradation." + next(iter(settings))):
        check_parameters("'second_order'", SecondOrder, settings, "data.degradation", frozenset({"scale"}))


@pytest.mark.parametrize("cls", [SecondOrder, Bicubic])
def test_wrong_images(cls: type[Degradation]) -> None:
    with pytest.raises(InputError, match="multiples of 4"):
        cls(4)(images(1)[:, :, :46], rngs(1))
    with pytest.raises(InputError, match="a generator for each of 4 images; there are 1"):
        cls(4)(images(), rngs(1))
    with pytest.raises(InputError, match=r"float images \[B, 3, H, W\]"):
        cls(4)(images().long(), rngs())
    with pytest.raises(InputError, match="scale is 0"):
        cls(0)


def test_grey_images_are_refused() -> None:
    with pytest.raises(InputError, match=r"float images \[B, 3, H, W\]"):
        SecondOrder(4)(images()[:, :1], rngs())
