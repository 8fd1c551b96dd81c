"""Holes in pictures of any size: what is known stays bit for bit, and squares lie where it is known most."""

import re

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from advloss.core.errors import InputError
from advloss.inference.holes import filled
from advloss.inference.masks import mask_of

SIDE = 16


class Recorded:
    """Fills holes with the mean of what is known, and records what it was given."""

    def __init__(self) -> None:
        self.masks: list[Tensor] = []
        self.images: list[Tensor] = []

    def __call__(self, image: Tensor, mask: Tensor) -> Tensor:
        assert image.shape[-2:] == mask.shape[-2:] == (SIDE, SIDE) and mask.shape[:2] == (1, 1)
        assert (image[mask.expand_as(image) > 0] == 0).all()  # nothing of the hole is seen
        self.masks.append(mask[0, 0])
        self.images.append(image)
        known = (image * (1 - mask)).sum() / (1 - mask).sum().clamp(min=1) / image.shape[1]
        return torch.full_like(image, float(known))


def image_of(height: int, width: int) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


def hole(height: int, width: int, *boxes: tuple[int, int, int, int]) -> Tensor:
    mask = torch.zeros(height, width, dtype=torch.bool)
    for top, left, bottom, right in boxes:
        mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize(
    ("height", "width", "boxes"),
    [
        (40, 50, [(10, 20, 16, 26)]),
        (40, 50, [(0, 0, 5, 5), (38, 48, 40, 50), (20, 20, 21, 21)]),
        (40, 50, [(5, 5, 35, 45)]),
        (16, 16, [(4, 4, 12, 12)]),
        (7, 90, [(2, 3, 5, 80)]),
        (5, 3, [(1, 1, 3, 2)]),
        (30, 30, []),
        (20, 20, [(0, 0, 20, 20)]),
    ],
)
def test_all_holes_are_filled_and_nothing_else_changes(
    height: int, width: int, boxes: list[tuple[int, int, int, int]]
) -> None:
    image, mask = image_of(height, width), hole(height, width, *boxes)
    before = image.clone()
    by = Recorded()
    made = filled(image, mask, by, SIDE)
    assert made.shape == image.shape and torch.equal(image, before)
    assert torch.equal(made[..., ~mask], image[..., ~mask])
    assert not (made == image)[..., mask].any()
    assert bool(by.masks) == bool(boxes)


def test_a_small_hole_lies_in_the_middle_of_its_square() -> None:
    by = Recorded()
    filled(image_of(60, 60), hole(60, 60, (30, 20, 38, 28)), by, SIDE)
    (mask,) = by.masks
    assert torch.equal(mask.bool(), hole(16, 16, (4, 4, 12, 12)))  # as in the context encoder's training


def test_near_an_edge_the_square_stays_in_the_picture() -> None:
    by = Recorded()
    image = image_of(60, 60)
    filled(image, hole(60, 60, (0, 0, 4, 4)), by, SIDE)
    assert torch.equal(by.masks[0].bool(), hole(16, 16, (0, 0, 4, 4)))
    assert torch.equal(by.images[0][..., 4:, :], image[..., 4:16, :16])


def test_a_large_hole_is_filled_from_its_border_inwards() -> None:
    mask = hole(64, 64, (12, 12, 52, 52))
    order = np.zeros((64, 64), int)
    steps = 0

    def fill(image: Tensor, window: Tensor) -> Tensor:
        nonlocal steps
        steps += 1
        return torch.full_like(image, float(steps))

    made = filled(image_of(64, 64), mask, fill, SIDE)
    order = made[0, 0].numpy()
    assert steps < 80
    assert order[12, 12] < order[32, 32] and order[12, 12] == 1  # a corner first, the middle later
    ring = order[mask.numpy() & ~hole(64, 64, (20, 20, 44, 44)).numpy()]
    assert ring.mean() < order[20:44, 20:44].mean()
    by = Recorded()
    filled(image_of(64, 64), mask, by, SIDE)
    assert all(window.float().mean() < 0.9 for window in by.masks)  # each sees something


def test_what_was_filled_is_known_to_the_next() -> None:
    by = Recorded()
    filled(image_of(40, 40), hole(40, 40, (10, 10, 14, 14), (10, 16, 14, 20)), by, SIDE)
    assert [int(mask.sum()) for mask in by.masks] == [32, 16]  # the second hole is in the first one's square too


ANY = torch.zeros(2, 3, 4, 6)


def test_masks_of_all_kinds(tmp_path) -> None:  # type: ignore[no-untyped-def]
    wanted = torch.zeros(4, 6, dtype=torch.bool)
    wanted[1:3, 2:] = True
    array = wanted.numpy()
    levels = (array * 255).astype(np.uint8)
    Image.fromarray(levels).save(tmp_path / "m.png")
    kinds = [array, levels, array.astype(np.uint8), array.astype(np.float32), levels[..., None], wanted, wanted[None]]
    kinds += [wanted.float(), wanted.long()[None, None], Image.fromarray(levels), tmp_path / "m.png"]
    for mask in kinds:
        assert torch.equal(mask_of("inpaint", mask, ANY[:1]), wanted[None])
    both = torch.stack([wanted, ~wanted])
    assert torch.equal(mask_of("inpaint", both[:, None], ANY), both)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.zeros(6, 4), "inpaint: the mask is [6, 4], and of this image it is [4, 6]"),
        (torch.zeros(2, 1, 4, 6), "inpaint: the mask is [2, 1, 4, 6], and of this image it is [4, 6]"),
        (torch.full((4, 6), 0.5), "inpaint: a mask as a tensor holds 0 and 1"),
        (np.zeros((4, 6, 3), np.uint8), "inpaint: a mask is bool, uint8 or float [H, W], not uint8 [4, 6, 3]"),
        (np.zeros((4, 6), np.int64), "inpaint: a mask is bool, uint8 or float [H, W], not int64 [4, 6]"),
        ([[0]], "inpaint: a mask is a path, PIL's image, an array or a tensor, not list"),
    ],
)
def test_what_is_no_mask(mask: object, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        mask_of("inpaint", mask, ANY[:1])  # type: ignore[arg-type]
