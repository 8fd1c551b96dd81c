"""Tiles that go through the network together give what they give one by one. On a CPU they do so in tests alone."""

from collections.abc import Callable
from dataclasses import replace
from itertools import chain

import pytest
import torch
from torch import Tensor, nn

from advloss.inference.tiles import engine
from advloss.inference.tiles import memory_budget as room
from advloss.inference.tiles.memory_budget import MemoryBudget
from advloss.inference.tiles.options import TileOptions
from advloss.inference.tiles.tile_grid import axis_tiles, batches, least_tile
from advloss.inference.tiles.tiler import Tiler
from advloss.networks.layers.basic import Dropout
from tests.cuda.waiting import no_waiting
from tests.inference.tiles.test_tiler import SMALL, photograph

__all__ = ["photograph"]  # the fixture


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Lets tiles go through together from then on."""
    return lambda: monkeypatch.setattr(engine, "BATCHED", ("cpu",))


def sizes(tiler: Tiler) -> list[tuple[int, ...]]:
    """The shapes of the batches that the network is given, as they come, once it is measured."""
    seen: list[tuple[int, ...]] = []
    assert tiler.reach is not None and tiler.norm_calls >= 0
    tiler.network.register_forward_pre_hook(
        lambda _, inputs: None if inputs[0].is_meta else seen.append(tuple(inputs[0].shape))
    )
    return seen


@pytest.mark.parametrize("ensemble", [False, True])
@pytest.mark.parametrize("name", SMALL)
def test_together_is_one_by_one(name: str, ensemble: bool, photograph: Tensor):
    network = SMALL[name]().eval()
    if hasattr(network, "last_layer"):
        nn.init.normal_(network.last_layer, std=0.1)
    tiler = Tiler(network, TileOptions(precision="fp32", ensemble=ensemble))
    seen = sizes(tiler)
    assert tiler.reach is not None
    for overlap, tile in (("exact", least_tile(tiler.reach, tiler.step) + 8), (6, 48)):
        tiler.options = replace(tiler.options, overlap=overlap, tile=tile)
        image = photograph[..., :61, : tile + 60]
        expected = tiler(image)
        assert {shape[0] for shape in seen} == {1}
        with pytest.MonkeyPatch.context() as context:
            context.setattr(engine, "BATCHED", ("cpu",))
            made = tiler(image)
        assert max(shape[0] for shape in seen) > 1
        seen.clear()
        torch.testing.assert_close(made, expected, rtol=0, atol=1e-5)


def test_the_tiles_of_a_row_go_evenly_as_many_as_are_useful_and_fit(
    photograph: Tensor, together: Callable[[], None], monkeypatch: pytest.MonkeyPatch
):
    together()
    network = nn.Conv2d(3, 3, 3, padding=1).eval()
    image = photograph[..., :60, :200]
    expected = Tiler(network, TileOptions(tile=0, precision="fp32"))(image)

    def batch_sizes(useful: float, fitting: float) -> list[int]:
        network._forward_pre_hooks.clear()
        monkeypatch.setattr(room, "FULL", int(useful * 26 * 32))
        monkeypatch.setattr(MemoryBudget, "share", lambda *_: 1 / fitting)
        tiler = Tiler(network, TileOptions(tile=32, overlap=4, precision="fp32"))
        seen = sizes(tiler)
        torch.testing.assert_close(tiler(image), expected, rtol=0, atol=1e-6)
        assert {shape[2:] for shape in seen} == {(26, 32)}
        return [shape[0] for shape in seen]

    assert batch_sizes(100, 100) == [8] * 3  # three rows of eight tiles
    assert batch_sizes(7.5, 100) == batch_sizes(100, 7.5) == [4, 4] * 3
    assert batch_sizes(3, 100) == [3, 3, 2] * 3
    assert batch_sizes(1.5, 100) == batch_sizes(100, 0.3) == [1] * 24


def test_memory_is_not_measured_for_one_tile(
    photograph: Tensor, together: Callable[[], None], monkeypatch: pytest.MonkeyPatch
):
    together()
    monkeypatch.delattr(MemoryBudget, "share")
    tiler = Tiler(nn.Conv2d(3, 3, 3, padding=1), TileOptions(precision="fp32"))
    assert tiler(photograph[..., :128, :128]).shape == (1, 3, 128, 128)


def test_tiles_of_another_size_go_by_themselves():
    cut = axis_tiles(101, 40, 5, 8, 0)
    assert [len(part) for part in batches(cut, 8)] == [3, 1] and [*chain(*batches(cut, 2))] == cut
    assert [len(part) for part in batches(cut, 2)] == [2, 1, 1]


class Foreign(nn.Conv2d):
    """Takes one image, as networks may that are not ours."""

    def forward(self, input: Tensor) -> Tensor:
        assert len(input) == 1
        return super().forward(input)


@pytest.mark.parametrize(
    "network",
    [Foreign(3, 3, 3, padding=1), nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), Dropout(0.5, at_inference=True))],
)
def test_others_layers_and_noise_go_one_by_one(network: nn.Module, photograph: Tensor, together: Callable[[], None]):
    expected = Tiler(network, TileOptions(tile=64, overlap=8, precision="fp32"))(photograph[..., :100, :150])
    together()
    assert torch.equal(
        Tiler(network, TileOptions(tile=64, overlap=8, precision="fp32"))(photograph[..., :100, :150]), expected
    )


def test_a_tile_of_a_batch_that_is_not_finite_is_computed_again(together: Callable[[], None]):
    together()
    network = nn.Sequential(nn.ReLU(), *(nn.Conv2d(3, 3, 1, bias=False) for _ in range(3))).eval()
    for layer, weight in zip(network[1:], (300, 300, 1 / 90000), strict=True):  # bright parts pass float16's 65504
        nn.init.eye_(layer.weight[:, :, 0, 0]).data.mul_(weight)
    image = torch.full((1, 3, 40, 96), -1.0)
    image[..., 70:] = 0.75
    said: list[str] = []
    tiler = Tiler(network, TileOptions(tile=32, overlap=0, precision="fp16"), say=said.append)
    seen = sizes(tiler)
    torch.testing.assert_close(tiler(image), image.relu(), rtol=1e-2, atol=1e-2)
    assert [shape[0] for shape in seen] == [3, 1, 3, 1]  # of each row the last again
    assert said == ["not finite in fp16: such tiles are computed again in float32"]


def test_the_statistics_of_a_batch_that_are_not_finite_are_computed_again(together: Callable[[], None]):
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.InstanceNorm2d(4), nn.Conv2d(4, 3, 1)).eval()
    nn.init.constant_(network[0].weight, 6e4)
    nn.init.constant_(network[0].bias, 0)
    image = torch.rand(1, 3, 40, 90) * 0.2
    image[..., 40:] *= 5
    with torch.no_grad():
        expected = network(image)
    alone = Tiler(network, TileOptions(tile=32, overlap=0, precision="fp16"))(image)
    together()
    made = Tiler(network, TileOptions(tile=32, overlap=0, precision="fp16"))(image)
    torch.testing.assert_close(made, expected, rtol=0, atol=5e-3)
    torch.testing.assert_close(made, alone, rtol=0, atol=1e-6)


def test_half_precision_does_not_wait_for_each_tile(photograph: Tensor, together: Callable[[], None]):
    network = SMALL["resnet, instance"]().eval()
    tiler = Tiler(network, TileOptions(tile=48, overlap=8, precision="bf16"))
    expected = tiler(photograph[..., :60, :90])  # what is measured once is
    with no_waiting(torch.device("cpu")):
        made = tiler(photograph[..., :60, :90])
    assert torch.equal(made, expected)


@pytest.mark.parametrize("most", [1, 0])
def test_out_of_memory_parts_tiles_before_it_halves_them(
    most: int, photograph: Tensor, together: Callable[[], None], monkeypatch: pytest.MonkeyPatch
):
    together()
    monkeypatch.setattr("advloss.inference.tiles.cuda_graphs.MAKERS", ("tests", "torch"))

    class Narrow(nn.Conv2d):
        """Has memory for one tile, or for none of this size."""

        def forward(self, input: Tensor) -> Tensor:
            if input.shape[2:] == (36, 47) and len(input) > most:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().forward(input)

    network = Narrow(3, 3, 3, padding=1).eval()
    image = photograph[..., :90, :200]
    said: list[str] = []
    tiler = Tiler(network, TileOptions(tile=48, overlap=4, precision="fp32"), say=said.append)
    seen = sizes(tiler)
    expected = nn.functional.conv2d(image, network.weight, network.bias, padding=1)
    torch.testing.assert_close(tiler(image), expected.detach(), rtol=0, atol=1e-5)
    tried = [shape[0] for shape in seen if shape[2:] == (36, 47)]
    assert tried == ([5] + [1] * 15 if most else [5, 1])
    assert [words.startswith("out of memory with tiles of 47 pixels") for words in said] == [True] * (not most)
