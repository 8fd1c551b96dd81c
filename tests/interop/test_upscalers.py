"""Networks from other projects' files: ours by our own reader, others by spandrel, and none that would run code."""

import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.images.reading import read_picture
from advloss.inference.tiles.options import TileOptions
from advloss.inference.tiles.peak_memory import peak_bytes
from advloss.inference.tiles.tiler import Tiler
from advloss.inference.upscaler import load_upscaler
from advloss.interop.upscalers import foreign_network, read_weights
from advloss.networks.generators.srvgg import SRVGG
from tests.data.pictures import picture
from tests.inference.networks import nearest_model, srvgg_checkpoint
from tests.training.started import done

spandrel = pytest.importorskip("spandrel")
from spandrel.architectures.SwinIR import SwinIR  # noqa: E402
from spandrel.architectures.Uformer import Uformer  # noqa: E402


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def swinir(channels: int = 3, scale: int = 2) -> nn.Module:
    """A small one with random weights, which we have no network for."""
    return SwinIR(
        img_size=16,
        in_chans=channels,
        embed_dim=12,
        depths=[2],
        num_heads=[2],
        window_size=8,
        mlp_ratio=2,
        upscale=scale,
        upsampler="pixelshuffledirect",
    ).eval()


def test_our_own_reader_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "spandrel", None)
    ours = srvgg_checkpoint(tmp_path / "a.pth", 3)
    read = foreign_network(tmp_path / "a.pth")
    assert isinstance(read, SRVGG) and read.scale == 3 and not read.training
    x = torch.rand(1, 3, 6, 5) * 2 - 1
    with torch.no_grad():
        assert torch.equal(read(x), ours(x))


@pytest.mark.parametrize("scale", [2, 3])
@pytest.mark.parametrize("kind", ["pth", "pt", "bin", "safetensors"])
def test_a_network_that_spandrel_knows(tmp_path: Path, kind: str, scale: int):
    model, path = swinir(scale=scale), tmp_path / f"a.{kind}"
    if kind == "safetensors":
        save_file(model.state_dict(), path)
    else:
        torch.save({"params": model.state_dict()} if kind == "pth" else model.state_dict(), path)
    read = load_upscaler(path).network
    assert (read.scale, read.multiple, read.smallest) == (scale, 1, 16)
    x = torch.rand(1, 3, 24, 32)
    with torch.no_grad():
        torch.testing.assert_close((read(x * 2 - 1) + 1) / 2, model(x).clamp(0, 1), rtol=0, atol=1e-6)
    read(x).add_(1)  # what comes out can be changed in place


def test_a_file_goes_through_a_network_that_spandrel_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    model = swinir()
    torch.save({"params_ema": model.state_dict()}, "swinir.pth")
    pixels = picture(0, 24, 32)
    Image.fromarray(pixels).save("a.png")
    Image.fromarray(pixels[:5, :7]).save("small.png")
    done("upscale", "a.png", "b.png", "--model", "swinir.pth", "--precision", "fp32", "--tile", "0")
    with torch.no_grad():
        wanted = model(torch.from_numpy(pixels.transpose(2, 0, 1)).float()[None] / 255).clamp(0, 1)
    np.testing.assert_allclose(read_picture("b.png").pixels, wanted[0].permute(1, 2, 0) * 255, atol=0.51)
    done("upscale", "small.png", "c.png", "--model", "swinir.pth", "--tile", "16")
    assert read_picture("c.png").pixels.shape == (10, 14, 3)
    Image.fromarray(picture(1, 90, 190)).save("large.png")  # for which memory is measured
    done("upscale", "large.png", "d.png", "--model", "swinir.pth")
    assert read_picture("d.png").pixels.shape == (180, 380, 3)
    done("upscale", "large.png", "e.png", "--model", "swinir.pth", "--tile", "0", "--precision", "fp32")
    words = ["--tile", "60", "--overlap", "exact", "--precision", "fp32"]
    assert "tiles" not in done("upscale", "large.png", "f.png", "--model", "swinir.pth", *words).stderr
    np.testing.assert_array_equal(read_picture("f.png").pixels, read_picture("e.png").pixels)


@pytest.fixture
def windowed(tmp_path: Path) -> nn.Module:
    """A network whose windows of 8 pixels matter: with random weights, attention moves a picture by 1e-4 only."""
    model = swinir()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "conv" in name or "qkv" in name or "relative" in name:
                parameter.mul_(3)
    torch.save(model.state_dict(), tmp_path / "windowed.pth")
    return foreign_network(tmp_path / "windowed.pth")


@pytest.mark.parametrize("size", [(90, 190), (128, 133), (20, 101)])
@pytest.mark.parametrize("tile", [60, 90])
def test_tiles_keep_to_the_windows_of_attention(windowed: nn.Module, size: tuple[int, int], tile: int):
    image = torch.rand(1, 3, *size) * 2 - 1
    whole = Tiler(windowed, TileOptions(tile=0, precision="fp32"))(image)
    said: list[str] = []
    tiler = Tiler(windowed, TileOptions(tile=tile, overlap="exact", precision="fp32"), say=said.append)
    torch.testing.assert_close(tiler(image), whole, rtol=0, atol=1e-5)
    assert tiler.step == 8 and not said
    tiler.__dict__["_sight"] = (tiler.reach, 1)
    assert (tiler(image) - whole).abs().max() > 0.5  # what they would be elsewhere


def test_flips_of_tiles_keep_to_the_windows_where_the_picture_ends_on_one(windowed: nn.Module):
    for width, kept in ((136, True), (133, False)):
        image = torch.rand(1, 3, 24, width) * 2 - 1
        said: list[str] = []
        whole, tiled = (TileOptions(tile, "exact", "fp32", ensemble=True) for tile in (0, 64))
        made = Tiler(windowed, tiled, say=said.append)(image)
        assert any("windows on a grid of 8 pixels" in words for words in said) is not kept
        if kept:
            torch.testing.assert_close(made, Tiler(windowed, whole)(image), rtol=0, atol=1e-5)


def test_that_spandrel_advises_against_tiles_is_said_once(windowed: nn.Module):
    said: list[str] = []
    tiler = Tiler(windowed, TileOptions(tile=64, overlap=4, precision="fp32"), say=said.append)
    for _ in range(2):
        tiler(torch.rand(1, 3, 24, 101) * 2 - 1)
    (advice,) = (words for words in said if "advises" in words)
    assert "(SwinIR), advises against tiles" in advice and "tile=0" in advice


def test_memory_is_measured_without_a_trace_and_guessed_where_it_can_not_be(tmp_path: Path):
    torch.save(swinir().state_dict(), tmp_path / "a.pth")
    network = foreign_network(tmp_path / "a.pth")
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    before = network(x)
    measured = peak_bytes(network, 64, 64)
    assert 64 * 64 * 12 * 4 < measured < 64 * 64 * 12 * 4 * 100
    assert torch.equal(network(x), before)

    def asks(module: nn.Module, args: tuple) -> None:
        args[0].sum().item()

    network.network.register_forward_pre_hook(asks)
    assert peak_bytes(network, 64, 64) == pytest.approx(16 * 64 * 4 * 128 * 128, rel=0.01)


def test_a_network_that_can_not_bear_half_precision_computes_in_single(tmp_path: Path):
    torch.save(swinir().state_dict(), tmp_path / "a.pth")
    network = foreign_network(tmp_path / "a.pth")
    x = torch.rand(1, 3, 16, 16) * 2 - 1
    exact = network(x)
    for dtype in (torch.bfloat16, torch.float16):
        with torch.autocast("cpu", dtype):
            network._refused = {torch.float16}
            assert torch.equal(network(x), exact) == (dtype == torch.float16)


def test_networks_that_are_not_from_colours_to_colours(tmp_path: Path):
    torch.save(swinir(channels=1).state_dict(), tmp_path / "grey.pth")
    with pytest.raises(InputError, match=r"grey\.pth: takes 1 and gives 1 channels; only 3 and 3"):
        foreign_network(tmp_path / "grey.pth")
    grey = SRVGG(in_channels=1, out_channels=1, width=4, convolutions=1)
    names = {"body.0.conv": "body.0", "body.0.activation": "body.1", "body.1.conv": "body.2"}
    names |= {"body.1.activation": "body.3", "last": "body.4"}
    state = {f"{names[k.rpartition('.')[0]]}.{k.rpartition('.')[2]}": v for k, v in grey.state_dict().items()}
    torch.save(state, tmp_path / "ours.pth")
    with pytest.raises(InputError, match=r"ours\.pth: takes 1 and gives 1 channels; only 3 and 3"):
        foreign_network(tmp_path / "ours.pth")


class Described:
    """What spandrel says of a network that can't be used."""

    purpose, scale, input_channels, output_channels = "Inpainting", 1, 3, 3

    class architecture:
        name = "LaMa"


@pytest.mark.parametrize("purpose", ["Inpainting", "FaceSR"])
def test_networks_that_do_not_convert_whole_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, purpose: str):
    monkeypatch.setattr(Described, "purpose", purpose)
    monkeypatch.setattr(spandrel.ModelLoader, "load_from_state_dict", lambda self, state: Described())
    if purpose == "FaceSR":
        monkeypatch.setattr(spandrel, "ImageModelDescriptor", Described)
    torch.save({"weight": torch.zeros(3)}, tmp_path / "a.pth")
    with pytest.raises(InputError, match=rf"a\.pth: LaMa is for {purpose}; it does not convert whole pictures"):
        foreign_network(tmp_path / "a.pth")


def test_a_network_that_wants_squares_gets_them(tmp_path: Path):
    model = Uformer(img_size=128, embed_dim=4, depths=[1] * 9, num_heads=[1] * 9, win_size=8).eval()
    torch.save({"state_dict": model.state_dict()}, tmp_path / "a.pth")
    read = foreign_network(tmp_path / "a.pth")
    assert read.scale == 1 and read.multiple == 128
    with torch.no_grad():
        assert read(torch.zeros(1, 3, 128, 256)).shape == (1, 3, 128, 256)


def test_without_spandrel_the_error_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "spandrel", None)
    torch.save(swinir().state_dict(), tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"a\.pth: .*read with spandrel: pip install 'advloss\[spandrel\]'"):
        foreign_network(tmp_path / "a.pth")


def test_weights_that_nobody_knows_and_weights_that_do_not_fit(tmp_path: Path):
    torch.save({"weight": torch.zeros(3)}, tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"a\.pth: expected .*; and spandrel knows no network with these weights"):
        foreign_network(tmp_path / "a.pth")
    state = swinir().state_dict()
    del state["norm.weight"]
    torch.save(state, tmp_path / "b.pth")
    with pytest.raises(InputError, match=r"b\.pth: .*; and spandrel can't read it: "):
        foreign_network(tmp_path / "b.pth")


class Trap:
    """What a pickle can hold: something that runs when it is read."""

    def __reduce__(self) -> tuple:
        return os.mkdir, ("trapped",)


def test_nothing_in_a_file_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"params": swinir().state_dict(), "trap": Trap()}, "trap.pth")
    with pytest.raises(InputError, match=r"trap\.pth: not a checkpoint that can be read safely \(it holds .*mkdir"):
        load_upscaler("trap.pth")
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), "script.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError, match=r"script\.pt: .*TorchScript archive, which holds code"):
            load_upscaler("script.pt")
    assert not Path("trapped").exists()


def test_files_that_are_no_weights(tmp_path: Path):
    Path(tmp_path / "text.pth").write_text("hello")
    torch.save([torch.zeros(3)], tmp_path / "list.pth")
    torch.save(swinir().state_dict(), tmp_path / "cut.pth")
    save_file(swinir().state_dict(), tmp_path / "cut.safetensors")
    nearest_model(tmp_path / "ours.safetensors")
    for name in ("cut.pth", "cut.safetensors", "ours.safetensors"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
    for name, why in {
        "none.pth": "no such file",
        "none.safetensors": "no such file",
        "": "is a folder, not a file",
        "text.pth": r"not a checkpoint that can be read safely \(cut short, or no file of torch.save\)",
        "list.pth": "holds a list, not the weights of a network",
        "cut.pth": r"not a checkpoint that can be read safely \(cut short",
        "cut.safetensors": "not a whole .safetensors file .*download cut short",
        "ours.safetensors": "not a whole .safetensors file .*download cut short",
    }.items():
        with pytest.raises(InputError, match=why):
            load_upscaler(tmp_path / name)


def test_weights_in_half_precision_are_used_in_single(tmp_path: Path):
    state: dict[str, Tensor] = {key: value.half() for key, value in swinir().state_dict().items()}
    torch.save(state, tmp_path / "half.pth")
    assert {value.dtype for value in read_weights(tmp_path / "half.pth").values()} == {torch.float16}
    network = foreign_network(tmp_path / "half.pth")
    assert all(parameter.dtype == torch.float32 for parameter in network.parameters())
