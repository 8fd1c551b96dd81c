"""The default overlap with networks that see far, as trained ones do; random weights hardly do."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.inference.tiles import memory_budget as room
from advloss.inference.tiles import tiler as tiling
from advloss.inference.tiles.options import TileOptions
from advloss.inference.tiles.seams import GREY_LEVEL, Seams
from advloss.inference.tiles.tile_grid import axis_tiles
from advloss.inference.tiles.tiler import Tiler
from advloss.networks.layers.basic import Dropout
from tests.inference.tiles.test_tiler import Limited, photograph

__all__ = ["photograph"]  # the fixture
TOO_SMALL = (
    "an overlap of {} pixels is too small for this network: seams may show. A larger one, or exact, hides them, and "
    "takes longer"
)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)


class Far(nn.Module):
    """An image and what it is blurred to, by weights that fall off to 1/e over `length` pixels, and end at `reach`."""

    def __init__(self, length: float, reach: int, strength: float = 0.5, scale: int = 1) -> None:
        super().__init__()
        self.scale, self.strength, self.reach = scale, strength, reach
        kernel = torch.exp(-torch.arange(-reach, reach + 1).abs() / length)
        self.kernel = nn.Parameter(kernel / kernel.sum())

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = self.kernel.expand(3, 1, 1, -1), self.kernel[:, None].expand(3, 1, -1, 1)
        blurred = F.conv2d(x, rows, padding=(0, self.reach), groups=3)
        blurred = F.conv2d(blurred, columns, padding=(self.reach, 0), groups=3)
        return F.interpolate((1 - self.strength) * x + self.strength * blurred, scale_factor=float(self.scale))


class Deep(nn.Module):
    """Many residual layers with positive kernels: each adds a little of a pixel's neighbours."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(3, 3, 7, padding=3, groups=3) for _ in range(layers))
        for layer in self.layers:
            nn.init.uniform_(layer.weight, 0, 2 / 49)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = 0.5 * x + 0.5 * layer(x)
        return x


FAR: dict[str, tuple[Callable[[], nn.Module], bool]] = {  # the network, and whether 16 pixels are too few for it
    "near": (lambda: Far(1, 10), False),
    "middle": (lambda: Far(2.5, 30), False),
    "far": (lambda: Far(7, 50), True),
    "weak": (lambda: Far(7, 50, 0.003), False),
    "enlarging": (lambda: Far(7, 40, scale=2), True),
    "deep": (lambda: Deep(12), False),
}


@pytest.fixture
def quarter(monkeypatch: pytest.MonkeyPatch) -> None:
    """All at a quarter of its size, so that tests are short: the default overlap is at most 16 pixels, memory is enough
    for tiles of 150 pixels a side."""
    monkeypatch.setattr(tiling, "MOST_OVERLAP", 16)
    monkeypatch.setattr(room.MemoryBudget, "share", lambda _, height, width, __: height * width / 150**2)


def worst(network: nn.Module, image: Tensor, tile: int | None, overlap: int | None, said: list[str]) -> Tensor:
    """The differences from the whole image's result in grey levels, [1, 3, H, W]."""
    with torch.inference_mode():
        whole = network(image)
    made = Tiler(network, TileOptions(tile=tile, overlap=overlap, precision="fp32"), say=said.append)(image)
    return (made - whole).abs() / GREY_LEVEL


@pytest.mark.parametrize("name", FAR)
def test_the_default_overlap_stays_within_half_a_level_for_networks_that_see_far(
    name: str, photograph: Tensor, quarter: None
):
    make, widens = FAR[name]
    network, said = make().eval(), []
    found = worst(network, photograph[..., :200, :240], None, None, said)
    assert (found > 0.5).float().mean() < 1e-3 and found.max() < 1
    assert bool(said) == widens
    if widens:
        assert said[0] == "an overlap of 16 pixels is too small for this network: going on with 32"


def test_what_a_smaller_overlap_is_for_such_a_network(photograph: Tensor):
    """The tests above would see it."""
    said: list[str] = []
    found = worst(Far(7, 50), photograph[..., :200, :240], 130, 4, said)
    assert (found > 0.5).float().mean() > 0.1 and found.max() > 5
    assert said == [TOO_SMALL.format(4)]


def test_an_image_s_overlap_does_not_depend_on_the_images_before_it(photograph: Tensor, quarter: None):
    network = Far(7, 50).eval()
    photograph = photograph[..., :200, :240]
    flat = torch.zeros_like(photograph)
    options = TileOptions(precision="fp32")
    one = Tiler(network, options)
    first = one(photograph)
    one(flat)
    assert torch.equal(one(photograph), first)
    other = Tiler(network, options)
    other(flat)
    assert torch.equal(other(photograph), first)


def test_a_tile_that_the_user_gives_bounds_the_overlap(photograph: Tensor):
    said: list[str] = []
    sizes: list[int] = []
    network = Far(20, 100).eval()
    tiler = Tiler(network, TileOptions(tile=130, precision="fp32"), say=said.append)
    assert tiler.reach == 100
    network.register_forward_pre_hook(lambda _, inputs: sizes.append(max(inputs[0].shape[-2:])))
    tiler(photograph[..., :150, :240])
    assert max(sizes) <= 130 and said == [TOO_SMALL.format(32)]


def test_little_memory_is_not_all_spent_on_overlap(monkeypatch: pytest.MonkeyPatch):
    """A tile is four times as large as its overlap, as long as it is of more than 16 pixels."""
    for side, expected in ((600, 64), (256, 64), (250, 32), (127, 16), (40, 16)):
        monkeypatch.setattr(room.MemoryBudget, "share", lambda _, h, w, __, side=side: h * w / side**2)
        tiler = Tiler(Far(30, 200).eval())
        assert tiler._margin(None) == expected


def test_tiles_that_memory_made_small_are_not_widened():
    network = Limited(100).eval()
    far = Far(20, 80)
    both = nn.Sequential(network, far)
    said: list[str] = []
    made = Tiler(both, TileOptions(precision="fp32"), say=said.append)(torch.rand(1, 3, 150, 170))
    assert made.shape == (1, 3, 150, 170)
    assert [("out of memory" in words, "seams may show" in words) for words in said][-1] == (False, True)
    assert all("going on" not in words or "out of memory" in words for words in said)


class Coarse(nn.Module):
    """In bf16 its values are rounded by up to two grey levels, which differ from tile to tile."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 41, padding=20)
        nn.init.constant_(self.conv.bias, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) - 8


def test_a_rounding_that_was_asked_for_is_no_seam(photograph: Tensor):
    said: list[str] = []
    options = TileOptions(tile=90, overlap=19, precision="bf16")
    Tiler(Coarse().eval(), options, say=said.append)(photograph[..., :100, :150])
    assert not said


def test_noise_is_no_seam(photograph: Tensor):
    said: list[str] = []
    network = nn.Sequential(Far(2.5, 30), Dropout(0.5, at_inference=True)).eval()
    Tiler(network, TileOptions(tile=130, precision="fp32"), say=said.append)(photograph[..., :150, :240])
    assert said == ["this network's dropout stays on at inference: the noise is each tile's own"]


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize("axis", [-1, -2])
def test_neighbours_are_compared_at_their_border_alone(axis: int, scale: int):
    """One tile's values differ from a certain distance of its end on."""
    axes = {-1: axis_tiles(60, 60, 0, 1, 0), -2: axis_tiles(60, 60, 0, 1, 0)}
    axes[axis] = axis_tiles(100, 60, 10, 1, 0)  # borders of own parts at 50
    for depth, shows in ((9, False), (11, True)):
        seams = Seams(scale, half=False)
        for row in axes[-2]:
            for column in axes[-1]:
                made = torch.zeros(1, 3, (row.stop - row.start) * scale, (column.stop - column.start) * scale)
                if (column, row)[axis == -2].first:
                    made.narrow(axis, 0, depth * scale).fill_(GREY_LEVEL)
                seams.add(row, column, made)
        assert seams.show() is shows
        assert not seams.show()  # compared once
