"""The context encoder: masks, the weights of the overlap, and holes filled in pictures of any size."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import advloss
from advloss.core.errors import InputError
from advloss.data.loading.drawn_masks import centre_mask
from advloss.methods.context_encoder import ContextEncoder, centre
from advloss.recipe.build import Built, build
from advloss.recipe.model_file import save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read

TINY = [
    "networks.generator.width=4",
    "data.crop=32",
    "losses.adversarial.discriminator={name: dcgan, width: 4, layers: 2}",
]


def built(*overrides: str) -> Built:
    source = read("context-encoder-small")
    for override in (*TINY, *overrides):
        source.override(override)
    return build(resolve(source))


def test_the_centre_mask_is_the_middle_half() -> None:
    mask = centre_mask((8, 12))
    assert mask.shape == (1, 8, 12) and mask.dtype == np.uint8
    assert (mask[0, 2:6, 3:9] == 255).all() and mask.sum() == 255 * 4 * 6
    image = torch.arange(96.0).view(1, 1, 8, 12)
    assert torch.equal(centre(image), image[..., 2:6, 3:9])
    for side in (5, 7, 9):  # the hole is what the adversary sees
        assert centre(torch.from_numpy(centre_mask((side, side)))[None]).min() == 255


def test_the_fields_masks_are_as_the_method_says() -> None:
    assert ContextEncoder.declared_fields({})["mask"].drawn == "centre"  # type: ignore[attr-defined]
    assert ContextEncoder.declared_fields({"masks": "random"})["mask"].drawn == "random"  # type: ignore[attr-defined]


def test_the_overlap_weighs_ten_times_as_much() -> None:
    """A hole of 2 x 2 pixels and an overlap of 1: a ring of 12 places, those at the corners too."""
    method = built("method.overlap=1").method
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., 3:5, 3:5] = 1
    weights = method({"image": torch.zeros(1, 3, 8, 8), "mask": mask}, {"weights"})["weights"]
    assert (weights[..., 3:5, 3:5] == 1).all() and (weights == 10).sum() == 12 and weights.sum() == 124
    assert (weights[..., 2:6, 2:6] > 0).all()


class Constant(nn.Module):
    """Gives 0.5 everywhere, and keeps what it saw."""

    def forward(self, x: Tensor) -> Tensor:
        self.saw = x
        return torch.full_like(x, 0.5)


def test_the_generator_sees_grey_in_the_hole_and_fills_it_alone() -> None:
    method = built().method
    method.generator = Constant()
    image, mask = torch.full((2, 3, 32, 32), -0.75), torch.from_numpy(centre_mask((32, 32)) // 255)[None].float()
    made = method({"image": image, "mask": mask.expand(2, -1, -1, -1)}, {"filled", "filled_centre"})
    saw = method.generator.saw
    assert (centre(saw) == 0).all() and (saw[mask.expand_as(saw) == 0] == -0.75).all()
    assert (made["filled_centre"] == 0.5).all() and made["filled_centre"].shape == (2, 3, 16, 16)
    assert (made["filled"][mask.expand_as(image) == 0] == -0.75).all()


@pytest.mark.parametrize("size", [(32, 32), (20, 24), (50, 90), (200, 33)])
@pytest.mark.parametrize("hole", [(4, 5, 3, 6), (0, 0, 18, 20), (19, 23, 1, 1)])
def test_holes_in_pictures_of_any_size(size: tuple[int, int], hole: tuple[int, int, int, int]) -> None:
    """Pixels outside the hole stay to the bit; those within come from the generator, which sees nothing of them."""
    method = built().method.eval()
    assert isinstance(method, ContextEncoder)
    torch.manual_seed(0)
    image, mask = torch.rand(1, 3, *size) * 2 - 1, torch.zeros(1, 1, *size)
    top, left, height, width = hole
    mask[..., top : top + height, left : left + width] = 1
    filled = method.inpaint(image, mask)
    assert filled.shape == image.shape and torch.equal(filled * (1 - mask), image * (1 - mask))
    other = torch.where(mask > 0, torch.rand_like(image), image)
    assert torch.equal(method.inpaint(other, mask), filled)
    assert not torch.equal(filled, image)


def test_an_image_without_a_hole_stays_and_a_mask_of_another_size_is_refused() -> None:
    method = built().method
    image = torch.zeros(1, 3, 40, 40)
    assert torch.equal(method.inpaint(image, torch.zeros(1, 1, 40, 40)), image)  # type: ignore[operator]
    with pytest.raises(InputError, match=r"the mask is \[1, 1, 40, 41\], and of this image it is \[1, 1, 40, 40\]"):
        method.inpaint(image, torch.zeros(1, 1, 40, 41))  # type: ignore[operator]


def test_a_trained_model_inpaints(tmp_path: Path) -> None:
    made = built()
    save_model(tmp_path / "m.safetensors", made.recipe, made.method.state_dict(), {})
    model = advloss.load(tmp_path / "m.safetensors")
    image, mask = torch.rand(1, 3, 48, 40), torch.zeros(1, 1, 48, 40)
    mask[..., 10:20, 5:9] = 1
    filled = model.inpaint(image, mask)
    assert torch.equal(filled, made.method.eval().inpaint(image, mask)) and not torch.equal(filled, image)  # type: ignore


def test_random_holes_are_a_line_of_the_recipe() -> None:
    made = built(
        "method.masks=random",
        "losses.adversarial.between=[filled,image]",
        "losses.adversarial.discriminator={name: dcgan, width: 4, layers: 3}",
    )
    assert made.shapes["filled"] == (32, 3, 32, 32)
