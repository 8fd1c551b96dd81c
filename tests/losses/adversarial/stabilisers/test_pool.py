"""The history of fakes, against the same thing written image by image in plain Python."""

import copy

import pytest
import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.losses.adversarial.stabilisers.pool import Pool


def batch(start: int, size: int) -> Tensor:
    """Images [B, 1, 2, 2] whose every pixel is their number."""
    return torch.arange(start, start + size, dtype=torch.float32).reshape(-1, 1, 1, 1).expand(-1, 1, 2, 2)


def numbers(images: Tensor) -> list[int]:
    return [int(value) for value in images[:, 0, 0, 0]]


class PlainPool:
    """Shrivastava et al. 2017 as CycleGAN does it, one image after the other, with given random numbers."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.stored: list[int] = []

    def __call__(self, images: list[int], swaps: list[bool], slots: list[int]) -> list[int]:
        returned = []
        for image, swap, slot in zip(images, swaps, slots, strict=True):
            if len(self.stored) < self.size:
                self.stored.append(image)
                returned.append(image)
            elif swap:
                returned.append(self.stored[slot])
                self.stored[slot] = image
            else:
                returned.append(image)
        return returned


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("length", [1, 2, 5, 12])
def test_the_same_as_one_image_after_the_other(size: int, length: int) -> None:
    """Also where a batch fills the pool half way, and where a slot is swapped more than once in a batch."""
    pool, plain = Pool(size), PlainPool(size)
    torch.manual_seed(size + 10 * length)
    for call in range(40):
        images = batch(call * length, length)
        state = torch.get_rng_state()
        (returned,) = pool(images)
        after = torch.get_rng_state()
        torch.set_rng_state(state)
        swaps = (torch.rand(length) < 0.5).tolist()
        slots = torch.randint(size, (length,)).tolist()
        assert torch.equal(torch.get_rng_state(), after)  # the random numbers of a call, whatever comes of them
        assert numbers(returned) == plain(numbers(images), swaps, slots)
        assert numbers(pool.get_buffer("stored_0"))[: len(plain.stored)] == plain.stored


def test_filling_returns_the_images_themselves() -> None:
    pool = Pool(4)
    assert [numbers(pool(batch(i, 2))[0]) for i in (1, 3)] == [[1, 2], [3, 4]]
    assert numbers(pool.get_buffer("stored_0")) == [1, 2, 3, 4]


def test_half_are_swapped_and_each_place_is_as_likely() -> None:
    torch.manual_seed(0)
    pool, size, calls = Pool(4), 4, 4000
    pool(batch(0, size))
    old, places = 0, [0] * size
    for call in range(calls):
        before = numbers(pool.get_buffer("stored_0"))
        (image,) = numbers(pool(batch(100 + call, 1))[0])
        if image != 100 + call:
            old += 1
            places[before.index(image)] += 1
    assert old == pytest.approx(calls / 2, abs=130)  # 4 standard deviations
    assert all(count == pytest.approx(calls / 8, abs=85) for count in places)


def test_tensors_that_belong_together_stay_together() -> None:
    torch.manual_seed(0)
    pool = Pool(3)
    for call in range(30):
        image = batch(call * 2, 2)
        condition = torch.cat([-image, image + 0.5], 1)[..., :1]  # another shape
        fake, given = pool(image, condition)
        assert torch.equal(given[:, 0, 0, 0], -fake[:, 0, 0, 0])
        assert torch.equal(given[:, 1, 0, 0], fake[:, 0, 0, 0] + 0.5)


def test_in_eval_mode_it_returns_what_it_gets_and_keeps_nothing() -> None:
    pool = Pool(2)
    pool(batch(0, 2))
    before, state = copy.deepcopy(pool.state_dict()), torch.get_rng_state()
    pool.eval()
    for start in range(2, 12, 2):
        assert numbers(pool(batch(start, 2))[0]) == [start, start + 1]
    assert torch.equal(torch.get_rng_state(), state)
    torch.testing.assert_close(pool.state_dict(), before, rtol=0, atol=0)


def test_off() -> None:
    pool = Pool(0)
    image = batch(0, 2)
    state = torch.get_rng_state()
    assert pool(image)[0].data_ptr() == image.data_ptr()
    assert torch.equal(torch.get_rng_state(), state)
    assert pool.state_dict() == {}


def test_a_restored_pool_has_the_same_future() -> None:
    torch.manual_seed(0)
    pool = Pool(5)
    for call in range(4):
        pool(batch(call * 3, 3), -batch(call * 3, 3))
    copied = copy.deepcopy(pool)
    fresh = Pool(5)
    fresh.load_state_dict(pool.state_dict())
    used = Pool(5)  # had other images, of another shape and alone, before it was restored
    used(torch.ones(2, 7))
    used.load_state_dict(pool.state_dict())
    assert all(isinstance(value, Tensor) for value in pool.state_dict().values())
    state = torch.get_rng_state()
    futures = []
    for each in (pool, copied, fresh, used):
        torch.set_rng_state(state)
        futures.append([[numbers(x) for x in each(batch(100 + i, 3), -batch(100 + i, 3))] for i in range(10)])
    assert futures[0] == futures[1] == futures[2] == futures[3]


def test_an_unused_pool_is_restored_too() -> None:
    pool = Pool(2)
    pool(batch(0, 2))
    pool.load_state_dict(Pool(2).state_dict())
    assert pool.filled is None
    assert numbers(pool(batch(7, 1))[0]) == [7]


def test_another_size_does_not_load() -> None:
    pool = Pool(2)
    pool(batch(0, 2))
    with pytest.raises(RuntimeError, match="size mismatch for stored_0"):
        Pool(3).load_state_dict(pool.state_dict())


def test_precision_and_gradient() -> None:
    pool = Pool(1)
    pool(torch.ones(1, 2))
    torch.manual_seed(0)
    for _ in range(5):
        (returned,) = pool(torch.zeros(1, 2, dtype=torch.bfloat16, requires_grad=True))
        assert returned.dtype == torch.bfloat16  # as it was given, though float32 is what it stores
        assert not returned.requires_grad


def test_the_meta_device_leaves_nothing_behind() -> None:
    pool = Pool(2)
    assert pool(torch.empty(1, 3, 4, 4, device="meta"))[0].shape == (1, 3, 4, 4)
    assert pool.state_dict() == {}


def test_errors() -> None:
    pool = Pool(2)
    pool(batch(0, 1))
    with pytest.raises(InputError, match=r"holds images of shape \[\(1, 2, 2\)\], these have \[\(1, 3, 3\)\]"):
        pool(torch.zeros(1, 1, 3, 3))
    with pytest.raises(InputError, match="holds images of shape"):
        pool(batch(0, 1), batch(0, 1))
    with pytest.raises(InputError, match="size=-1 must be at least 0"):
        Pool(-1)
