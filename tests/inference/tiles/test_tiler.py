"""The tiled engine against the network on the whole image."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.inference.tiles import memory_budget as room
from advloss.inference.tiles import tiler as tiling
from advloss.inference.tiles.options import TileOptions
from advloss.inference.tiles.peak_memory import peak_bytes
from advloss.inference.tiles.self_ensemble import SelfEnsemble
from advloss.inference.tiles.tile_grid import least_tile
from advloss.inference.tiles.tiler import Tiler
from advloss.interop import basicsr, junyanz
from advloss.networks.generators.msrresnet import MSRResNet
from advloss.networks.generators.resnet import ResNetGenerator
from advloss.networks.generators.rrdbnet import RRDBNet
from advloss.networks.generators.srresnet import SRResNet
from advloss.networks.generators.srvgg import SRVGG
from advloss.networks.generators.unet import UNetGenerator
from advloss.networks.layers.basic import BatchNorm, Dropout
from advloss.networks.layers.padding import apply_padded
from tests.inference.networks import MOST_RESIDENT

CLASSES = {"msrresnet": MSRResNet, "rrdbnet": RRDBNet, "srvgg": SRVGG, "resnet": ResNetGenerator, "unet": UNetGenerator}
GOLDEN = ["msrresnet_x4", "rrdbnet_x4", "rrdbnet_x2", "srvgg_x4"]
HALF_A_LEVEL = 0.5 / 127.5


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def photograph(photographs: Path) -> Tensor:
    """[1, 3, 321, 481]"""
    pixels = np.array(Image.open(sorted((photographs / "val/photo").iterdir())[0]).convert("RGB"))
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 127.5 - 1


def published(folder: Path, name: str) -> nn.Module:
    """The network of a golden file, with its weights."""
    tensors = load_file(folder / f"{name}.safetensors")
    state = {key.removeprefix("weights."): tensors[key] for key in tensors if key.startswith("weights.")}
    read = basicsr if name in GOLDEN else junyanz
    component, state = read.generator_from(state)
    parameters = {key: value for key, value in component.items() if key != "name"}
    network = CLASSES[component["name"]](**parameters)
    network.load_state_dict(state)
    return network.eval()


def whole(network: nn.Module, image: Tensor) -> Tensor:
    with torch.inference_mode():
        return apply_padded(network, image)


def wide(network: nn.Module, own: int) -> int:
    """A tile that exact overlap allows."""
    tiler = Tiler(network)
    assert tiler.reach is not None
    return least_tile(tiler.reach, tiler.step) + own


SMALL = {
    "srresnet": lambda: SRResNet(width=8, blocks=2),
    "srresnet x3": lambda: SRResNet(width=8, blocks=2, scale=3),
    "rrdbnet x1": lambda: RRDBNet(width=8, growth=4, blocks=1, scale=1),
    "resnet, instance": lambda: ResNetGenerator(width=4, blocks=1),
    "resnet, resize": lambda: ResNetGenerator(width=4, blocks=1, norm="none", upsample="resize"),
    "unet": lambda: UNetGenerator(width=4, levels=3, norm="batch"),
    "unet, batch statistics": lambda: UNetGenerator(width=4, levels=3, statistics_at_inference="batch"),
    "group": lambda: nn.Sequential(nn.Conv2d(3, 8, 5, padding=2), nn.GroupNorm(2, 8), nn.Conv2d(8, 3, 3, padding=1)),
    "torch's instance": lambda: nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.InstanceNorm2d(8), nn.Conv2d(8, 3, 1)),
    "torch's batch": lambda: nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8, track_running_stats=False), nn.Conv2d(8, 3, 1)
    ),
}


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [(131, 90), (60, 161), (7, 150), (2, 1)])
def test_exact_overlap_is_the_whole_image(name: str, size: tuple[int, int], photograph: Tensor):
    network = SMALL[name]().eval()
    image = photograph[..., : size[0], : size[1]]
    made = Tiler(network, TileOptions(tile=wide(network, 8), overlap="exact", precision="fp32"))(image)
    torch.testing.assert_close(made, whole(network, image), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", [*GOLDEN, "cyclegan_resnet6"])
def test_exact_overlap_is_the_whole_image_with_the_references_weights(name: str, golden: Path, photograph: Tensor):
    network = published(golden, name)
    image = photograph[..., :120, :203]
    said: list[str] = []
    tiler = Tiler(network, TileOptions(tile=wide(network, 60), overlap="exact", precision="fp32"), say=said.append)
    torch.testing.assert_close(tiler(image), whole(network, image), rtol=0, atol=1e-5)
    assert len(said) == (name == "cyclegan_resnet6") and all("17 passes" in words for words in said)


@pytest.mark.slow
def test_exact_overlap_is_the_whole_image_for_the_deep_unet(golden: Path, photograph: Tensor):
    network = published(golden, "pix2pix_unet256")
    for module in network.modules():
        if isinstance(module, BatchNorm):
            module.statistics_at_inference = "batch"
        if isinstance(module, Dropout):
            module.at_inference = False
    image = F.interpolate(photograph, size=(300, 1531))
    assert Tiler(network).reach == 511
    made = Tiler(network, TileOptions(tile=1280, overlap="exact", precision="fp32"))(image)
    torch.testing.assert_close(made, whole(network, image), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", [*GOLDEN, "cyclegan_resnet6"])
@pytest.mark.parametrize("size", [(121, 203), (50, 31), (1, 1)])
def test_the_default_overlap_stays_within_half_a_grey_level(
    name: str, size: tuple[int, int], golden: Path, photograph: Tensor
):
    network = published(golden, name)
    image = photograph[..., 40 : 40 + size[0], 100 : 100 + size[1]]
    made = Tiler(network, TileOptions(tile=200 if "cyclegan" in name else 96, precision="fp32"))(image)
    assert (made - whole(network, image)).abs().max() < HALF_A_LEVEL


def test_tiles_fade_into_each_other(photograph: Tensor):
    """A network that darkens a tile's border by 1: shown only where the border is let in."""

    class Bordered(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            inner = F.pad(torch.zeros_like(x)[..., 12:-12, 12:-12], (12, 12, 12, 12), value=-1)
            return x + inner

    class Shades(nn.Module):
        """Each tile in a shade of its own, seen from 32 pixels away."""

        calls = 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += not x.isnan().any()
            return x * 0 + F.conv2d(x, torch.zeros(3, 3, 1, 65), padding=(0, 32)) + self.calls

    flat = torch.zeros(1, 3, 150, 150)
    made = Tiler(Bordered(), TileOptions(tile=80, overlap=16, precision="fp32"))(flat)
    assert (made[..., 12:-12, 12:-12] == 0).all() and (made[..., :12, :] == -1).all()
    shades = Tiler(Shades(), TileOptions(tile=64, overlap=16, precision="fp32"))(torch.zeros(1, 3, 20, 96))[0, 0]
    steps = (shades[:, 1:] - shades[:, :-1])[0]
    assert steps.max() <= 0.126 and (shades == shades[:1]).all()
    torch.testing.assert_close(steps.sum(), torch.tensor(1.0))
    assert (steps > 0).nonzero()[:, 0].tolist() == list(range(43, 52))  # around the border at 48, 4 to either side


def test_the_ensemble_in_tiles_is_the_ensemble_of_the_whole_image(photograph: Tensor):
    image = photograph[..., :61, :90]
    for name in ("srresnet", "unet, batch statistics"):
        network = SMALL[name]().eval()
        nn.init.normal_(network.last_layer, std=0.1)
        tiler = Tiler(network, TileOptions(tile=wide(network, 8), overlap="exact", precision="fp32", ensemble=True))
        torch.testing.assert_close(tiler(image), whole(SelfEnsemble(network), image), rtol=0, atol=1e-5)


def test_the_ensemble_is_the_mean_of_the_eight_orientations():
    network = nn.Conv2d(3, 3, 3, padding=1).eval()
    image = torch.rand(1, 3, 5, 7)
    made = Tiler(network, TileOptions(ensemble=True, precision="fp32"))(image)
    kernel = network.weight
    orientations = [torch.rot90(k, t, (-2, -1)) for k in (kernel, kernel.flip(-1)) for t in range(4)]
    expected = F.conv2d(image, torch.stack(orientations).mean(0), network.bias, padding=1)
    torch.testing.assert_close(made, expected)


def test_a_batch_is_its_images_one_by_one(photograph: Tensor):
    network = SMALL["resnet, instance"]().eval()
    images = torch.cat([photograph[..., :40, :40], photograph[..., 100:140, :40]])
    made = Tiler(network)(images, depth=16)
    torch.testing.assert_close(made, whole(network, images), rtol=0, atol=1e-5)
    assert not made.is_inference() and not made.requires_grad


def test_bands_are_small_and_in_order(photograph: Tensor, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("advloss.inference.tiles.tiled_image.BAND", 3 * 360 * 10)
    network = SMALL["srresnet"]().eval()
    image = photograph[..., :70, :90]
    bands = list(Tiler(network, TileOptions(tile=48, overlap=8, precision="fp32")).bands(image))
    assert all(band.shape[2] <= 10 and band.shape[3] == 360 for band in bands)
    assert (torch.cat(bands, 2) - whole(network, image)).abs().max() < HALF_A_LEVEL


class Limited(nn.Module):
    """A convolution that runs out of memory above a size, as the CPU's allocator says it."""

    def __init__(self, most: int, error: type[Exception] = RuntimeError) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 5, padding=2)
        self.most, self.error, self.sizes = most, error, []

    def forward(self, x: Tensor) -> Tensor:
        self.sizes.append(tuple(x.shape[-2:]))
        if min(x.shape[-2:]) > self.most:
            raise self.error("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes.")
        return self.conv(x)


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, torch.OutOfMemoryError])
@pytest.mark.parametrize("tile", [0, 100])
def test_out_of_memory_halves_the_tile(error: type[Exception], tile: int, photograph: Tensor):
    network = Limited(60, error).eval()
    image = photograph[..., :150, :170]
    said: list[str] = []
    made = Tiler(network, TileOptions(tile=tile, precision="fp32"), say=said.append)(image)
    expected = F.conv2d(image, network.conv.weight, network.conv.bias, padding=2)
    torch.testing.assert_close(made, expected, rtol=0, atol=1e-5)
    assert said[0].startswith("out of memory with tiles of ") and "going on with" in said[0]


def test_out_of_memory_in_the_middle_keeps_what_is_finished(photograph: Tensor):
    network = Limited(1000).eval()
    image = photograph[..., :200, :100]
    tiler = Tiler(network, TileOptions(tile=64, overlap=8, precision="fp32"))
    assert tiler.reach == 2
    bands = tiler.bands(image)
    parts = [next(bands)]
    network.most, network.sizes = 40, []
    parts += list(bands)
    expected = F.conv2d(image, network.conv.weight, network.conv.bias, padding=2)
    torch.testing.assert_close(torch.cat(parts, 2), expected, rtol=0, atol=1e-5)
    small = [size for size in network.sizes if max(size) <= 40]
    rows, columns = -(-200 // 16), -(-100 // 16)
    assert len(small) < rows * columns  # not all over again


def test_out_of_memory_for_good_is_an_error():
    with pytest.raises(InputError, match="out of memory with tiles of 16 pixels, and smaller ones can't be"):
        Tiler(Limited(8), TileOptions(tile=0, precision="fp32"))(torch.zeros(1, 3, 130, 130))


def test_other_errors_are_not_taken_for_memory():
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        Tiler(Broken(), TileOptions(tile=0, precision="fp32"))(torch.zeros(1, 3, 30, 30))


class Attention(nn.Module):
    multiple = 8

    def forward(self, x: Tensor) -> Tensor:
        small = F.avg_pool2d(x, 8)
        tokens = small.flatten(2).transpose(1, 2)  # [1, N, 3]
        seen = F.scaled_dot_product_attention(tokens, tokens, tokens).transpose(1, 2).view_as(small)
        return x + F.interpolate(seen, scale_factor=8)


@pytest.mark.parametrize("overlap", [None, "exact", 8])
def test_attention_is_recognised_and_said(overlap: str | int | None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("advloss.inference.tiles.receptive_field.LAST", 512)
    said: list[str] = []
    tiler = Tiler(Attention(), TileOptions(tile=160, overlap=overlap, precision="fp32"), say=said.append)
    image = torch.rand(1, 3, 104, 200)
    for _ in range(2):
        tiler(image)
    assert tiler.reach is None and len(said) == 1 and "seams may show" in said[0] and "tile=0" in said[0]
    said.clear()
    made = Tiler(Attention(), TileOptions(tile=0, precision="fp32"), say=said.append)(image)
    torch.testing.assert_close(made, Attention()(image))
    assert not said


def test_noise_is_the_same_every_time_and_said(photograph: Tensor):
    network = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), Dropout(0.5, at_inference=True), nn.Conv2d(8, 3, 1)).eval()
    image = photograph[..., :100, :100]
    said: list[str] = []
    tiler = Tiler(network, TileOptions(tile=64, overlap=8), say=said.append)
    state = torch.get_rng_state()
    first = tiler(image)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)
    assert torch.equal(tiler(image), first)
    assert not torch.equal(Tiler(network, TileOptions(tile=64, overlap=8), seed=1)(image), first)
    assert said == ["this network's dropout stays on at inference: the noise is each tile's own"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tile": 64, "overlap": 32}, "tile=64: overlap=32 is 32 pixels on each side, so tile must be at least 65"),
        ({"tile": 4, "overlap": "exact"}, "tile=4: overlap=exact is 2 pixels on each side, so tile must be at least 5"),
        ({"tile": -1}, "tile"),
        ({"overlap": -1}, "overlap"),
        ({"precision": "fp8"}, "precision"),
    ],
)
def test_wrong_arguments(options: dict, message: str):
    with pytest.raises(InputError, match=message):
        Tiler(Limited(999), TileOptions(**options))(torch.zeros(1, 3, 100, 100))


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 1, 8, 8), (2, 3, 8, 8), (1, 3, 0, 8)])
def test_wrong_images(shape: tuple[int, ...]):
    with pytest.raises(InputError, match="takes one image"):
        list(Tiler(nn.Identity()).bands(torch.zeros(shape)))


def test_the_tile_follows_the_memory(monkeypatch: pytest.MonkeyPatch):
    network = MSRResNet(width=64, blocks=1)
    sides = []
    for bytes_free in (1 << 28, 1 << 30, 1 << 34):
        monkeypatch.setattr(room, "budget", lambda _, n=bytes_free: n)
        sides.append(Tiler(network)._first_side(3000, 4000, False))
    assert sides[0] < sides[1] < sides[2] == tiling.OWN_PARTS[0] + 2 * Tiler(network).reach
    assert 12_000 * 1.2 * sides[0] ** 2 < 1 << 28  # bytes that each pixel takes, see test_memory
    monkeypatch.setattr(room, "budget", lambda _: 1 << 20)
    assert Tiler(network)._first_side(100, 100, False) == 100  # not worth a question


def test_an_image_with_norms_goes_at_once_where_it_fits(monkeypatch: pytest.MonkeyPatch):
    network = SMALL["resnet, instance"]()
    monkeypatch.setattr(room, "budget", lambda _: 1 << 34)
    assert Tiler(network)._first_side(3001, 4000, False) == 4000
    monkeypatch.setattr(room, "budget", lambda _: 1 << 28)
    assert Tiler(network)._first_side(3001, 4000, False) < 600


LARGE = f"""{MOST_RESIDENT}
import numpy as np
from advloss.images.reading import Picture
from advloss.inference.files.pixels import Conversion, upscaled
from advloss.inference.tiles.options import FLOAT32
from advloss.inference.tiles.tiler import Tiler
from advloss.networks.generators.srresnet import SRResNet

picture = Picture(np.zeros((900, 900, 3), np.uint8))
tiles = []
tiler = Tiler(SRResNet(blocks=1), FLOAT32, tick=lambda done, of: tiles.append(of))
before = most_resident()
large = upscaled(picture, Conversion(tiler.bands, scale=4)).whole()
assert large.pixels.shape == (3600, 3600, 3) and large.pixels.dtype == np.uint8
print(most_resident() - before, len(tiles))
"""


@pytest.mark.slow
def test_a_large_picture_takes_less_than_three_gibibytes():
    """In tiles of the size that is chosen for it, by a network of the usual width, conversion to integers included."""
    assert peak_bytes(SRResNet(blocks=1), 900, 900) > 5 << 30  # what it would take at once
    done = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=True)
    taken, tiles = map(int, done.stdout.split())
    assert taken < 3 << 30 and tiles > 1


def test_ticks_are_counted(photograph: Tensor):
    """One for each tile, in each pass for norms too, and none where the image is one tile."""
    ticks: list[tuple[int, int]] = []

    def tick(done: int, of: int) -> None:
        ticks.append((done, of))

    network = SMALL["group"]().eval()
    Tiler(network, TileOptions(tile=40, overlap=8, precision="fp32"), tick=tick)(photograph[..., :60, :90])
    assert ticks == [(n + 1, 2 * 2 * 4) for n in range(16)]  # rows at 0 and 20; columns at 0, 24, 48, 50
    ticks.clear()
    Tiler(network, TileOptions(tile=0), tick=tick)(photograph[..., :60, :90])
    assert not ticks
    Tiler(Limited(40).eval(), TileOptions(tile=64, overlap=8, precision="fp32"), tick=tick)(photograph[..., :90, :90])
    assert [done for done, _ in ticks] == list(range(1, ticks[-1][1] + 1))  # though smaller tiles came


def test_kept_memory_goes_before_an_image_of_another_size(photograph: Tensor, monkeypatch: pytest.MonkeyPatch):
    given: list[int] = []
    monkeypatch.setattr(tiling, "give_back_freed_memory", lambda: given.append(len(given)))
    tiler = Tiler(MSRResNet(blocks=1, width=4))
    counts = []
    for side in (16, 16, 20, 16):
        tiler(photograph[..., :side, :16])
        counts.append(len(given))
    assert counts == [1, 1, 2, 3]
