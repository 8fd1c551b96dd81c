"""Which passes are recorded, how long recordings stay, and what happens where there can be none.

A stand-in takes the place of CUDA's graphs: it calls the function, and gives its results in memory of its own.
"""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from advloss.inference.tiles import cuda_graphs as repeating
from advloss.inference.tiles.cuda_graphs import Recordings, is_plain, tuned
from advloss.inference.tiles.memory_budget import MemoryBudget
from advloss.inference.tiles.options import TileOptions
from advloss.inference.tiles.tiler import Tiler
from advloss.networks.layers.basic import Dropout
from tests.inference.tiles.test_tiler import SMALL, photograph

__all__ = ["photograph"]  # the fixture
CPU = torch.device("cpu")


class Played:
    """A recording as `Recordings` sees it: `pool` is the memory that several share, which each call writes over."""

    made: list["Played"] = []
    error: Exception | None = None

    def __init__(self, function: Callable[[Tensor], Tensor], inputs: list[Tensor], *, pool: list | None = None) -> None:
        if Played.error is not None:
            raise Played.error
        self.function, self.shape, self.calls = function, tuple(inputs[0].shape), 0
        self.pool: list[Tensor] = [] if pool is None else pool
        Played.made.append(self)

    def __call__(self, tiles: Tensor) -> Tensor:
        assert tuple(tiles.shape) == self.shape
        self.calls += 1
        for result in self.pool:
            result.fill_(torch.nan)
        result = self.function(tiles).clone()
        self.pool[:] = [result]
        return result


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    monkeypatch.setattr(repeating, "Recording", Played)
    monkeypatch.setattr(repeating, "DEVICES", ("cpu",))
    monkeypatch.setattr(Played, "made", [])
    monkeypatch.setattr(Played, "error", None)
    with torch.inference_mode():
        yield


@pytest.fixture
def recordings() -> Recordings:
    return Recordings(MemoryBudget(nn.Conv2d(3, 3, 3, padding=1)))


def doubled(tiles: Tensor) -> Tensor:
    return tiles * 2


def passes(recordings: Recordings, side: int, times: int, half: torch.dtype | None = None) -> None:
    for _ in range(times):
        tiles = torch.rand(2, 3, side, side)
        assert torch.equal(recordings(doubled, tiles, half), tiles * 2)


def test_the_third_pass_of_a_shape_is_recorded_and_played(recordings: Recordings):
    passes(recordings, 8, 2)
    assert not Played.made
    passes(recordings, 8, 3)
    assert [played.calls for played in Played.made] == [3]
    passes(recordings, 8, 2, torch.float16)
    passes(recordings, 9, 2)
    assert len(Played.made) == 1  # another precision and another shape are other passes
    passes(recordings, 9, 1)
    assert [played.shape[2] for played in Played.made] == [8, 9]
    assert Played.made[0].pool is Played.made[1].pool


def test_the_one_unused_for_longest_makes_room_and_is_not_recorded_again(recordings: Recordings):
    for side in range(8, 8 + repeating.KEPT):
        passes(recordings, side, 3)
    passes(recordings, 8, 1)
    passes(recordings, 20, 3)
    calls = {played.shape[2]: played.calls for played in Played.made}
    passes(recordings, 9, 5)  # has made room
    passes(recordings, 8, 1)
    passes(recordings, 20, 1)
    assert {played.shape[2]: played.calls for played in Played.made} == calls | {8: calls[8] + 1, 20: calls[20] + 1}
    assert len(recordings._kept) == repeating.KEPT


def test_what_can_not_be_recorded_goes_on_and_is_not_tried_again(recordings: Recordings):
    Played.error = RuntimeError("operation not permitted when stream is capturing")
    passes(recordings, 8, 4)
    Played.error = None
    passes(recordings, 8, 4)
    assert not Played.made
    passes(recordings, 9, 3)  # other shapes are
    assert len(Played.made) == 1


def test_memory_that_runs_out_while_recording_ends_all_recordings(recordings: Recordings):
    passes(recordings, 8, 3)
    Played.error = torch.OutOfMemoryError("CUDA out of memory")
    passes(recordings, 9, 3)
    Played.error = None
    passes(recordings, 10, 3)
    passes(recordings, 8, 1)
    assert [played.calls for played in Played.made] == [1]


def test_large_passes_are_not_recorded(recordings: Recordings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(repeating, "FULL", 2 * 10**2)
    passes(recordings, 11, 5)
    monkeypatch.setattr(MemoryBudget, "share", lambda *_: repeating.SHARE)  # two tiles take twice that
    passes(recordings, 10, 5)
    assert not Played.made
    monkeypatch.setattr(MemoryBudget, "share", lambda *_: repeating.SHARE / 2)
    passes(recordings, 9, 5)
    assert len(Played.made) == 1


def test_other_devices_record_nothing(recordings: Recordings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(repeating, "DEVICES", ("cuda",))
    passes(recordings, 8, 5)
    assert not Played.made


def test_recordings_are_forgotten_where_the_weights_move():
    network = nn.Conv2d(3, 3, 1)
    recordings = Recordings(MemoryBudget(network))
    recordings.begin()
    passes(recordings, 8, 3)
    recordings.begin()
    passes(recordings, 8, 1)
    assert [played.calls for played in Played.made] == [2]
    network.weight.data = network.weight.data.clone()
    recordings.begin()
    passes(recordings, 8, 2)
    assert [played.calls for played in Played.made] == [2]
    passes(recordings, 8, 1)
    assert len(Played.made) == 2


@pytest.mark.parametrize("name", ["srresnet", "unet", "resnet, instance"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_tiler_gives_the_same_with_recordings(
    name: str, precision: str, photograph: Tensor, monkeypatch: pytest.MonkeyPatch
):
    network = SMALL[name]().eval()
    images = [photograph[..., y : y + 100, 40:200] for y in (0, 100, 200)]
    options = {"tile": 64, "overlap": 8, "precision": precision}
    tiler = Tiler(network, TileOptions(**options))
    made = [tiler(image) for image in images]
    assert bool(Played.made) == (name != "resnet, instance")  # held statistics are another image's each time
    monkeypatch.setattr(repeating, "DEVICES", ())
    plain = Tiler(network, TileOptions(**options))
    for one, image in zip(made, images, strict=True):
        assert torch.equal(one, plain(image))


def test_whole_pictures_of_one_size_are_recorded_with_norms_too(photograph: Tensor):
    tiler = Tiler(SMALL["resnet, instance"]().eval(), TileOptions(precision="fp32"))
    for y in range(5):
        tiler(photograph[..., y : y + 64, :64])
    assert [played.calls for played in Played.made] == [3]
    tiler.network.last_layer.data = tiler.network.last_layer.clone()  # a recording would read the old ones
    for y in range(4):
        tiler(photograph[..., y : y + 64, :64])
    assert [played.calls for played in Played.made] == [3, 2]


class Own(nn.Conv2d):
    """A layer of somebody else's."""


def test_noise_and_others_layers_are_not_recorded(photograph: Tensor):
    for layer in (Own(3, 3, 1), Dropout(0.5, at_inference=True)):
        tiler = Tiler(nn.Sequential(nn.Conv2d(3, 3, 1), layer), TileOptions(tile=32, overlap=0, precision="fp32"))
        tiler(photograph[..., :100, :100])
    assert not Played.made
    assert is_plain(SMALL["unet"]()) and not is_plain(nn.Sequential(Own(3, 3, 1)))


def test_recordings_go_first_where_memory_runs_out(photograph: Tensor, monkeypatch: pytest.MonkeyPatch):
    """Memory that recordings hold is not there for a large picture: it is given up before tiles become smaller."""
    monkeypatch.setattr(repeating, "MAKERS", ("tests", "torch"))

    class Narrow(nn.Conv2d):
        def forward(self, input: Tensor) -> Tensor:
            if input.shape[-1] == 150 and tiler.recordings._kept:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().forward(input)

    network = Narrow(3, 3, 3, padding=1).eval()
    said: list[str] = []
    tiler = Tiler(network, TileOptions(tile=0, precision="fp32"), say=said.append)
    for _ in range(4):
        tiler(photograph[..., :32, :32])
    assert [played.calls for played in Played.made] == [2]
    image = photograph[..., :100, :150]
    expected = nn.functional.conv2d(image, network.weight, network.bias, padding=1)
    torch.testing.assert_close(tiler(image), expected, rtol=0, atol=1e-6)
    tiler(photograph[..., :32, :32])
    assert not said and [played.calls for played in Played.made] == [2]


def test_cudnn_searches_only_where_many_passes_follow(monkeypatch: pytest.MonkeyPatch):
    cudnn = torch.backends.cudnn
    seen: list[bool] = []

    def flag(device: torch.device, passes: int) -> bool:
        with tuned(device, passes):
            return cudnn.benchmark

    assert not cudnn.benchmark
    assert flag(CPU, repeating.MANY) and not flag(CPU, repeating.MANY - 1) and not flag(torch.device("cuda"), 99)
    monkeypatch.setattr(cudnn, "deterministic", True)
    assert not flag(CPU, repeating.MANY)
    monkeypatch.setattr(cudnn, "deterministic", False)
    network = nn.Conv2d(3, 3, 1)
    network.register_forward_pre_hook(lambda *_: seen.append(cudnn.benchmark))
    tiler = Tiler(network, TileOptions(tile=16, overlap=0, precision="fp32"))
    assert tiler.reach == tiler.norm_calls == 0
    seen.clear()
    assert [cudnn.benchmark for _ in tiler.bands(torch.rand(1, 3, 64, 64))] == [False] * 4
    assert set(seen) == {True} and not cudnn.benchmark
    with pytest.raises(ZeroDivisionError), tuned(CPU, repeating.MANY):
        _ = 1 / 0
    assert not cudnn.benchmark
