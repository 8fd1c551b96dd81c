"""Feature networks by name: their features against the libraries' own, what is said where one is missing or wrong."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.pretrained import features as module
from advloss.pretrained.features import FeatureNetwork, feature_network


@pytest.fixture(autouse=True)
def named_anew() -> Iterator[None]:
    module._named.cache_clear()
    yield
    module._named.cache_clear()


def pictures(count: int = 2, height: int = 40, width: int = 52, channels: int = 3) -> Tensor:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (count, channels, height, width), dtype=np.uint8))


def test_random_needs_nothing_and_is_always_the_same() -> None:
    before = torch.get_rng_state()
    network = feature_network("random")
    assert torch.equal(torch.get_rng_state(), before)
    found = network.features(pictures())
    assert found.shape == (2, 2 * (16 + 32 + 64 + 128 + 128)) and found.dtype == torch.float32
    assert found.isfinite().all() and 0.1 < found.mean() < 3  # the signal's strength is kept through 13 layers
    assert feature_network("random") is network
    assert torch.allclose(network.features(pictures()[1:]), found[1:], rtol=1e-4, atol=1e-5)


def test_grey_is_repeated_and_other_channels_are_taken_one_by_one() -> None:
    network, grey = feature_network("random"), pictures(channels=1)
    assert torch.equal(network.features(grey), network.features(grey.expand(-1, 3, -1, -1)))
    four = pictures(channels=4)
    apart = [network.features(four[:, i : i + 1]) for i in range(4)]
    assert torch.equal(network.features(four), torch.cat(apart, 1))


@pytest.mark.parametrize("side", [1, 5, 300])
def test_random_takes_any_size(side: int) -> None:
    assert feature_network("random").features(pictures(1, side, side + 1)).isfinite().all()


@pytest.mark.parametrize(
    ("name", "file", "last"), [("vgg16", "vgg16-397923af", 5), ("alexnet", "alexnet-owt-7be5be79", 6)]
)
def test_vgg16_and_alexnet_are_torchvisions(
    name: str, file: str, last: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With random weights; those of the large layers are the same for all inputs, so that the file is small."""
    from torchvision import models, transforms

    torch.manual_seed(0)
    with torch.device("meta"):
        network = getattr(models, name)().eval()
    state = {key: torch.zeros(1).expand(tensor.shape) for key, tensor in network.state_dict().items()}
    for key in state:
        if key.startswith("features") and key.endswith("weight"):
            state[key] = torch.randn(state[key].shape) / state[key][0].numel() ** 0.5
        elif key.endswith("weight"):
            state[key] = (torch.randn(state[key].shape[0], 1) / 50).expand(state[key].shape)
    network.load_state_dict(state, assign=True)
    (tmp_path / "checkpoints").mkdir()
    torch.save(state, tmp_path / f"checkpoints/{file}.pth")
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    found = feature_network(name).features(pictures(1, 224, 224))
    x = transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))(pictures(1, 224, 224) / 255)
    expected = network.classifier[:last](network.avgpool(network.features(x)).flatten(1))
    assert found.shape == (1, 4096) and expected.std() > 0
    assert torch.allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert torch.allclose(feature_network(name).logits(pictures(1, 224, 224)), network(x), rtol=1e-4, atol=1e-5)
    assert "224 x 224" in feature_network(name).protocol


def test_a_file_with_the_convolutions_alone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "checkpoints").mkdir()
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "checkpoints/vgg16-397923af.pth")
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    with pytest.raises(InputError, match=r"vgg16-397923af.pth can't be read .*it: random \(needs no weights\)$"):
        feature_network("vgg16")


def test_timms_network_has_its_own_size_and_mean(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224").eval()
    torch.save(model.state_dict(), tmp_path / "vit.pth")
    network = feature_network(f"timm:vit_tiny_patch16_224@{tmp_path / 'vit.pth'}")
    x = (pictures(1, 224, 224) / 255 - 0.5) / 0.5
    pooled = model.forward_head(model.forward_features(x), pre_logits=True)
    assert torch.allclose(network.features(pictures(1, 224, 224)), pooled, rtol=1e-3, atol=1e-4)
    assert torch.allclose(network.logits(pictures(1, 224, 224)), model(x), rtol=1e-3, atol=1e-3)
    assert "vit_tiny_patch16_224, 192 pooled features" in network.protocol and "224 x 224" in network.protocol


class Means(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.float().mean((2, 3))


class Maps(nn.Module):
    """As NVIDIA's files: features only on demand."""

    def forward(self, x: Tensor, return_features: bool = False) -> Tensor:
        return x.float() if return_features else x.float().mean()


def test_a_torchscript_and_a_module_of_ones_own(tmp_path: Path) -> None:
    for number, network in enumerate((Means(), Maps())):
        path = tmp_path / f"{number}.pt"
        torch.jit.script(network).save(str(path))
        found = feature_network(str(path)).features(pictures())
        assert torch.allclose(found, pictures().float().mean((2, 3)), rtol=1e-5)
        assert path.name in feature_network(str(path)).protocol
    own = feature_network(Means())
    assert torch.equal(own.features(pictures()), Means()(pictures()))
    assert own.key != feature_network(Means()).key and feature_network(own) is own
    assert own.fingerprint() != feature_network("random").fingerprint()


class Wrong(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.float().mean()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("vgg", "unknown feature network 'vgg'; did you mean 'vgg16'"),
        ("gone.pt", "features=gone.pt: no such file"),
        ("broken.pt", "features=broken.pt: is no TorchScript"),
        ("timm:no_such_network", "timm can't make 'no_such_network'"),
    ],
)
def test_wrong_names(name: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.pt").write_bytes(b"PK\x03\x04 no archive")
    if name.startswith("timm"):
        pytest.importorskip("timm")
    with pytest.raises(InputError, match=says):
        feature_network(name)


def test_wrong_shapes() -> None:
    with pytest.raises(InputError, match=r"features=Wrong gives \[\] for 2 pictures; it should give \[B, D\]"):
        FeatureNetwork("Wrong", Wrong()).features(pictures())
    with pytest.raises(InputError, match=r"takes pictures \[B, C, H, W\]; these have shape \[2, 9\]"):
        feature_network("random").features(torch.zeros(2, 9, dtype=torch.uint8))
    with pytest.raises(InputError, match="has no classes"):
        feature_network("random").logits(pictures())


@pytest.mark.parametrize("name", ["inception", "vgg16"])
def test_weights_that_are_absent_offline(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch_fidelity")

    def offline(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(InputError) as caught:
        feature_network(name)
    for part in (
        f"features={name}: ",
        f"{tmp_path}/checkpoints",
        "https://",
        "At hand without it: random (needs no weights)",
    ):
        assert part in str(caught.value)


def test_timm_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(InputError, match=r"timm is not installed: pip install 'advloss\[timm\]'"):
        feature_network("timm:resnet18")
