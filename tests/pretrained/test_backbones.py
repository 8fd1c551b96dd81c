"""Frozen backbones by name: what they see, and what is said where a network or its weights can't be had."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from advloss.core.errors import InputError
from advloss.pretrained.backbones import STRIDES, Pyramid, Tokens
from advloss.pretrained.timm_networks import timm_network

timm = pytest.importorskip("timm")
SMALL = "test_efficientnet"


@pytest.mark.parametrize("name", [SMALL, "test_convnext", "test_resnet", "vgg16"])
def test_a_pyramid_is_the_networks_own_maps_at_four_strides(name: str) -> None:
    pyramid = Pyramid(name, pretrained=False)
    x = torch.rand(1, 3, 64, 96) * 2 - 1
    maps = pyramid(x)
    assert [tuple(each.shape) for each in maps] == [
        (1, channels, 64 // stride, 96 // stride) for channels, stride in zip(pyramid.channels, STRIDES, strict=True)
    ]
    network: Any = pyramid.frozen.network
    if name != "vgg16":
        cfg = network.pretrained_cfg
        normed = ((x + 1) / 2 - torch.tensor(cfg["mean"])[:, None, None]) / torch.tensor(cfg["std"])[:, None, None]
        torch.testing.assert_close(maps[-1], network(normed)[-1])


def test_vgg16_is_torchvisions_with_its_weights(real_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(real_weights / "torch"))
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    found = Pyramid("vgg16")(x)
    state = torch.load(real_weights / "torch/hub/checkpoints/vgg16-397923af.pth", weights_only=True)
    mean, std = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    y = ((x + 1) / 2 - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    maps = []
    for place in range(31):  # torchvision's `features`: configuration D
        if f"features.{place}.weight" in state:
            y = nn.functional.conv2d(y, state[f"features.{place}.weight"], state[f"features.{place}.bias"], padding=1)
        elif place in (4, 9, 16, 23, 30):
            y = nn.functional.max_pool2d(y, 2)
        else:
            y = y.relu()
        if place in (15, 22, 29, 30):
            maps.append(y)
    for ours, theirs in zip(found, maps, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["test_vit", "vit_small_patch14_reg4_dinov2.lvd142m"])
def test_tokens_are_the_blocks_own(name: str) -> None:
    """Of the patches alone, each with the token of the class added; registers are left out."""
    size = 28 if "14" in name else 32
    tokens = Tokens(name, [1, 0], size, pretrained=False)
    network: Any = tokens.frozen.network
    assert len(network.blocks) == 2
    seen: list[torch.Tensor] = []
    for block in network.blocks:
        block.register_forward_hook(lambda module, inputs, output: seen.append(output))
    x = torch.rand(2, 3, size, size) * 2 - 1
    found = tokens(x)
    apart = network.num_prefix_tokens
    assert apart == (5 if "reg4" in name else 1)
    for ours, theirs in zip(found, (seen[1], seen[0]), strict=False):
        torch.testing.assert_close(ours, (theirs[:, apart:] + theirs[:, :1]).transpose(1, 2))
    assert len(found) == 3 and all(each.shape == (2, network.embed_dim, 4) for each in found)


def test_weights_are_read_from_a_file(tmp_path: Path) -> None:
    torch.manual_seed(5)
    theirs = timm.create_model(SMALL).eval()
    torch.save(theirs.state_dict(), tmp_path / "w.pth")
    ours = Pyramid(f"{SMALL}@{tmp_path / 'w.pth'}").frozen.network.state_dict()
    assert all(torch.equal(value, theirs.state_dict()[key]) for key, value in ours.items())


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    torch.save({"some.weight": torch.zeros(3, 3)}, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"other\.pth has no weights for conv_stem\.weight and \d+ more"):
        Pyramid(f"{SMALL}@{tmp_path / 'other.pth'}")
    (tmp_path / "page.pth").write_bytes(b"<html>504 Gateway Time-out</html>")
    with pytest.raises(InputError, match=r"page\.pth must have the weights of this network under timm's names"):
        Pyramid(f"{SMALL}@{tmp_path / 'page.pth'}")
    with pytest.raises(InputError, match=r"there is no file .*gone\.pth"):
        Pyramid(f"{SMALL}@{tmp_path / 'gone.pth'}")


class Program:
    def __reduce__(self) -> tuple:
        return (pytest.fail, ("a program in a file of weights was run",))


def test_a_file_of_weights_runs_no_program(tmp_path: Path) -> None:
    torch.save({"conv_stem.weight": Program()}, tmp_path / "evil.pth")
    with pytest.raises(InputError, match=r"evil\.pth must have the weights"):
        Pyramid(f"{SMALL}@{tmp_path / 'evil.pth'}")


def test_weights_that_can_not_be_had_are_told_with_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    create = timm.create_model

    def offline(name: str, pretrained: bool = False, **options: Any) -> Any:
        if pretrained:
            raise OSError("Name or service not known")
        return create(name, **options)

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(InputError) as caught:
        Pyramid("tf_efficientnet_lite0")
    for part in (
        "timm can't make 'tf_efficientnet_lite0' (Name or service not known)",
        "cache of huggingface_hub, /",
        "https://huggingface.co/timm/tf_efficientnet_lite0.in1k",
        "tf_efficientnet_lite0@FILE",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("name", "near"), [("tf_eficientnet_lite0", "tf_efficientnet_lite0"), ("resnet18.tv_in1", "resnet18.tv_in1k")]
)
def test_an_unknown_network_is_answered_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(InputError, match=f"timm can't make '{name}': it knows no such network; did you mean '{near}'"):
        timm_network(name)


def test_without_timm_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    for make in (lambda: Pyramid(SMALL), lambda: Tokens("test_vit", [1], 32)):
        with pytest.raises(InputError, match=r"timm is not installed: pip install 'advloss\[timm\]'"):
            make()
    assert Pyramid("vgg16", pretrained=False).channels == [256, 512, 512, 512]


def test_timm_says_nothing_and_is_left_as_it_was(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    state = {**timm.create_model(SMALL).state_dict(), "more": torch.zeros(1)}
    torch.save(state, tmp_path / "w.pth")
    Pyramid(f"{SMALL}@{tmp_path / 'w.pth'}")
    assert not caplog.records and capfd.readouterr().err == ""
