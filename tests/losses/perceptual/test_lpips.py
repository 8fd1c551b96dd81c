"""LPIPS with weights that were made up here, under torchvision's file names in a cache of its own."""

import socket
import time
import urllib.request
import warnings
from pathlib import Path

import lpips
import pytest
import torch
import torchvision
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.losses.perceptual import lpips as perceptual
from advloss.losses.perceptual.lpips import LEAST_SIZE, LPIPS, WEIGHTS
from advloss.pretrained import weights as pretrained

FILES = {
    "alex": ("alexnet", "alexnet-owt-7be5be79.pth"),
    "vgg": ("vgg16", "vgg16-397923af.pth"),
    "squeeze": ("squeezenet1_1", "squeezenet1_1-b8a52dc0.pth"),
}


def fill(cache: Path, net: str) -> Path:
    """Random weights of the backbone's features under their right names."""
    cache.mkdir(parents=True, exist_ok=True)
    name, file = FILES[net]
    features = getattr(torchvision.models, name)(weights=None).features
    torch.save({f"features.{key}": value for key, value in features.state_dict().items()}, cache / file)
    return cache / file


def images(size: int = 40, channels: int = 3) -> tuple[Tensor, Tensor]:
    x, y = torch.rand(2, 2, channels, size, size + 3, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return x, y


@pytest.mark.parametrize("net", ["alex", "squeeze", pytest.param("vgg", marks=pytest.mark.slow)])
def test_the_packages_own_value(net: str, cache: Path) -> None:
    weights = torch.load(fill(cache, net), weights_only=True)
    ours = LPIPS(net)  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = lpips.LPIPS(net=net, pnet_rand=True, verbose=False).eval()
    parts = nn.Module()
    parts.features = getattr(torchvision.models, FILES[net][0])(weights=None).features
    parts.load_state_dict(weights)
    layers = dict(parts.features.named_children())
    for piece in (getattr(theirs.net, f"slice{i + 1}") for i in range(theirs.net.N_slices)):
        for name, layer in piece.named_children():
            layer.load_state_dict(layers[name].state_dict())
    x, y = images()
    expected = theirs(x, y)
    torch.testing.assert_close(ours.distances(x, y), expected.flatten())
    torch.testing.assert_close(ours(x, y), expected.mean())
    assert expected.min() > 0
    assert ours(x, x).item() == 0


def test_frozen_silent_and_in_no_checkpoint(cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    fill(cache, "alex")
    state = torch.get_rng_state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss = LPIPS()
    assert capfd.readouterr() == ("", "")
    assert torch.equal(torch.get_rng_state(), state)
    parent = nn.ModuleDict({"look": loss}).train()
    assert parent.state_dict() == {}
    assert list(parent.parameters()) == []
    network = loss._network.network
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    x, y = images()
    loss(x.requires_grad_(), y).backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


def test_precisions_devices_and_channels() -> None:
    loss = LPIPS("squeeze", pretrained=False)
    x, y = images()
    value = loss(x, y)
    assert loss(x.double(), y.double()).dtype == torch.float64
    assert loss(x, y).item() == value.item()  # back in float32
    assert loss(x.bfloat16(), y.bfloat16()).dtype == torch.float32
    with torch.autocast("cpu", torch.float16):
        assert loss(x, y).item() == value.item()
    with torch.autocast("cpu", torch.bfloat16):
        assert 0 < abs(loss(x, y).item() / value.item() - 1) < 0.02
        assert loss(x, y).dtype == torch.float32
    meta = loss(x.to("meta"), y.to("meta"))
    assert meta.is_meta
    assert meta.shape == ()
    assert loss(x, y).item() == value.item()  # the meta device took nothing away
    grey = [image[:, :1] for image in (x, y)]
    torch.testing.assert_close(loss(*grey), loss(*(image.expand(-1, 3, -1, -1) for image in grey)))


def test_where_all_features_are_zero_the_gradient_is_no_nan() -> None:
    maps = torch.zeros(1, 4, 2, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(perceptual._of_norm_1(maps).square().sum(), maps)
    assert torch.equal(gradient, torch.zeros_like(maps))


@pytest.mark.parametrize("net", ["alex", "squeeze", pytest.param("vgg", marks=pytest.mark.slow)])
def test_the_least_size(net: str) -> None:
    loss = LPIPS(net, pretrained=False)  # type: ignore[arg-type]
    least = LEAST_SIZE[net]
    x, y = images(least)
    assert torch.isfinite(loss(x, y))
    with pytest.raises(InputError, match=f"of at least {least} x {least} pixels"):
        loss(*images(least - 1))


def test_wrong_images() -> None:
    for x, y, message in [
        (*images(channels=4), r"compares images \[B, 3 or 1, H, W\]"),
        (images()[0], images(50)[0], "they must be the same"),
        (images()[0], images()[1] * 255, "y has values from"),
    ]:
        with pytest.raises(InputError, match=message):
            LPIPS("squeeze", pretrained=False)(x, y)


def test_weights_that_are_missing(cache: Path) -> None:
    for net, (_, file) in FILES.items():
        with pytest.raises(InputError) as caught:
            pretrained.weights_file(WEIGHTS[net], f"LPIPS ({net})")
        for part in (file, str(cache), "Network is unreachable", "https://", "losses.NAME=null"):
            assert part in str(caught.value)
    assert list(cache.iterdir()) == []
    with pytest.raises(InputError, match=r"LPIPS \(alex\) needs the weights alexnet-owt-7be5be79.pth"):
        LPIPS()


@pytest.mark.parametrize("damage", ["garbage", "cut", "another network", "pickle"])
def test_weights_that_are_damaged(cache: Path, damage: str) -> None:
    path = fill(cache, "alex")
    match damage:
        case "garbage":
            path.write_bytes(b"<html>504 Gateway Time-out</html>")
        case "cut":
            path.write_bytes(path.read_bytes()[:100_000])
        case "another network":
            torch.save({"features.0.weight": torch.zeros(1)}, path)
        case "pickle":
            torch.save({"features.0.weight": Path("not a tensor")}, path)
    with pytest.raises(InputError) as caught:
        LPIPS()
    for part in (str(path), "Delete the file", "losses.NAME=null"):
        assert part in str(caught.value)


def test_a_silent_server_is_given_up(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection and never sends a byte."""
    monkeypatch.setattr(torch.hub, "urlopen", urllib.request.build_opener(urllib.request.ProxyHandler({})).open)
    monkeypatch.setattr(pretrained, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/alexnet-owt-7be5be79.pth"
        monkeypatch.setattr("torchvision.models.get_weight", lambda name: type("Entry", (), {"url": address}))
        start = time.monotonic()
        with pytest.raises(InputError, match="timed out"):
            LPIPS()
        assert time.monotonic() - start < 10
    assert socket.getdefaulttimeout() is None
