"""Backbones' weights: damaged ones, and such as a server on this machine hands out."""

import hashlib
import threading
import urllib.request
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from torch import nn

from advloss.core.errors import InputError
from advloss.losses.perceptual.vgg import Style, VGGFeatures


@pytest.mark.parametrize("damage", ["garbage", "another network", "pickle"])
def test_weights_that_are_damaged(cache: Path, damage: str) -> None:
    cache.mkdir(parents=True)
    path = cache / "vgg16-397923af.pth"
    match damage:
        case "garbage":
            path.write_bytes(b"<html>504 Gateway Time-out</html>")
        case "another network":
            torch.save({"features.0.weight": torch.zeros(1), "features.0.bias": torch.zeros(64)}, path)
        case "pickle":
            torch.save({"features.0.weight": Path("not a tensor")}, path)
    with pytest.raises(InputError) as caught:
        Style({"relu1_1": 1}, "vgg16")
    for part in ("Style (vgg16)", str(path), "Delete the file", "losses.NAME=null"):
        assert part in str(caught.value)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[Path]:
    """A folder from which weights can be downloaded under the name that the test puts into `name`."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setattr(torch.hub, "urlopen", urllib.request.build_opener(urllib.request.ProxyHandler({})).open)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def entry(name: str) -> object:
        assert name == "VGG19_Weights.IMAGENET1K_V1"
        (file,) = folder.iterdir()
        return type("Entry", (), {"url": f"http://127.0.0.1:{server.server_port}/{file.name}"})

    monkeypatch.setattr("torchvision.models.get_weight", entry)
    yield folder
    server.shutdown()
    server.server_close()
    thread.join()


def test_weights_are_downloaded_and_their_sum_is_checked(served: Path, cache: Path) -> None:
    layer = nn.Conv2d(3, 64, 3)
    first = served / "weights"
    torch.save({f"features.0.{key}": value for key, value in layer.state_dict().items()}, first)
    right = first.rename(served / f"vgg19-{hashlib.sha256(first.read_bytes()).hexdigest()[:8]}.pth")
    network = VGGFeatures({"relu1_1": 1})._network.network
    assert torch.equal(network.features[0].weight, layer.weight)
    assert torch.equal(network.features[0].bias, layer.bias)
    assert [path.name for path in cache.iterdir()] == [right.name]
    right.rename(served / "vgg19-00000000.pth")
    with pytest.raises(InputError, match="invalid hash value"):
        VGGFeatures({"relu1_1": 1})
    assert [path.name for path in cache.iterdir()] == [right.name]
