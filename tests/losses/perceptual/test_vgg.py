"""VGG's features and style, with weights that were made up here, against torchvision's own network."""

import warnings
from pathlib import Path

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torchvision.transforms.functional import normalize

from advloss.core.errors import InputError
from advloss.losses.perceptual.vgg import Style, VGGFeatures, gram
from advloss.recipe.build import Built, build
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read

FILES = {"vgg16": "vgg16-397923af.pth", "vgg19": "vgg19-dcbb9e9d.pth"}
PLACES = {
    "vgg16": {"conv1_1": 0, "conv1_2": 2, "relu2_2": 8, "relu3_3": 15, "relu4_3": 22, "conv5_3": 28, "relu5_3": 29},
    "vgg19": {
        **{"conv1_2": 2, "conv2_2": 7, "conv3_4": 16, "conv4_4": 25, "conv5_4": 34, "relu5_4": 35},
        **{"relu1_1": 1, "relu2_1": 6, "relu3_1": 11, "relu4_1": 20, "relu5_1": 29},
    },
}
"""Where the layers that papers name stand in torchvision's `features`."""


def torchvisions(net: str) -> nn.Sequential:
    """Its `features` with random weights, scaled so that values neither vanish nor explode."""
    with torch.device("meta"):
        features = getattr(torchvision.models, net)(weights=None).features
    features = features.to_empty(device="cpu").eval()
    generator = torch.Generator().manual_seed(0)
    for layer in features:
        if isinstance(layer, nn.Conv2d):
            layer.weight.data.normal_(0, (2 / layer.weight[0].numel()) ** 0.5, generator=generator)
            layer.bias.data.normal_(0, 0.1, generator=generator)
    return features.requires_grad_(False)


@pytest.fixture(scope="module")
def vgg19() -> nn.Sequential:
    return torchvisions("vgg19")


def fill(cache: Path, net: str, features: nn.Sequential) -> Path:
    """The weights under their right names, and others that no loss needs."""
    cache.mkdir(parents=True, exist_ok=True)
    state = {f"features.{key}": value for key, value in features.state_dict().items()}
    torch.save({**state, "classifier.6.bias": torch.zeros(1000)}, cache / FILES[net])
    return cache / FILES[net]


def images(size: int = 32, channels: int = 3) -> tuple[Tensor, Tensor]:
    x, y = torch.rand(2, 2, channels, size, size + 5, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return x, y


def expected_maps(features: nn.Sequential, net: str, x: Tensor) -> dict[str, Tensor]:
    """torchvision's maps of images in [-1, 1], by the papers' names."""
    x = normalize((x + 1) / 2, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    maps = []
    for layer in features:
        x = layer(x)
        maps.append(x.clone())  # its ReLUs work in place
        x = maps[-1].clone()
    return {name: maps[place] for name, place in PLACES[net].items()}


def test_each_layer_of_vgg19_is_torchvisions(cache: Path, vgg19: nn.Sequential) -> None:
    fill(cache, "vgg19", vgg19)
    x, _ = images()
    expected = expected_maps(vgg19, "vgg19", x)
    loss = VGGFeatures(dict.fromkeys(PLACES["vgg19"], 1.0))
    maps = loss._network.on(x)(x)
    assert maps.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(maps[name], value, msg=lambda text, name=name: f"{name}: {text}")
        assert (value.min() < 0) == name.startswith("conv")


def test_each_layer_of_vgg16_is_torchvisions(cache: Path) -> None:
    features = torchvisions("vgg16")
    fill(cache, "vgg16", features)
    x, _ = images()
    maps = VGGFeatures(dict.fromkeys(PLACES["vgg16"], 1.0), net="vgg16")._network.on(x)(x)
    for name, value in expected_maps(features, "vgg16", x).items():
        torch.testing.assert_close(maps[name], value, msg=lambda text, name=name: f"{name}: {text}")


def test_the_papers_conventions(cache: Path, vgg19: nn.Sequential) -> None:
    """SRGAN: after the ReLU, squared, over 12.75; ESRGAN: before it; Real-ESRGAN: five layers before it."""
    fill(cache, "vgg19", vgg19)
    x, y = images()
    f, g = (expected_maps(vgg19, "vgg19", image) for image in (x, y))
    srgan = VGGFeatures({"relu5_4": 1}, distance="l2", feature_scale=1 / 12.75)(x, y)
    torch.testing.assert_close(srgan, ((f["relu5_4"] - g["relu5_4"]) / 12.75).square().mean())
    esrgan = (f["conv5_4"] - g["conv5_4"]).abs().mean()
    torch.testing.assert_close(VGGFeatures()(x, y), esrgan)
    torch.testing.assert_close(VGGFeatures({"conv1_2": 0, "conv5_4": 3}, feature_scale=0.5)(x, y), 1.5 * esrgan)
    weights = {"conv1_2": 0.1, "conv2_2": 0.1, "conv3_4": 1.0, "conv4_4": 1.0, "conv5_4": 1.0}
    expected = sum(weight * (f[name] - g[name]).abs().mean() for name, weight in weights.items())
    torch.testing.assert_close(VGGFeatures(weights)(x, y), expected)
    assert VGGFeatures(weights)(x, x).item() == 0


def test_style_by_its_formula(cache: Path, vgg19: nn.Sequential) -> None:
    fill(cache, "vgg19", vgg19)
    x, y = images()
    f, g = (expected_maps(vgg19, "vgg19", image) for image in (x, y))
    expected = torch.zeros(2, dtype=torch.float64)
    for name in ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"):
        a, b = f[name].double(), g[name].double()
        channels, pixels = a.shape[1], a.shape[2] * a.shape[3]
        difference = torch.einsum("bihw,bjhw->bij", a, a) - torch.einsum("bihw,bjhw->bij", b, b)
        # four times eq. 4 of Gatys et al., times 1/5
        expected += 4 * (difference**2).sum((1, 2)) / (4 * channels**2 * pixels**2) / 5
    torch.testing.assert_close(Style()(x, y).double(), expected.mean(), rtol=1e-5, atol=0)
    assert Style()(x, x).item() == 0


def test_gram_by_hand_knows_no_places() -> None:
    maps = torch.tensor([[[[1.0, 2.0]], [[0.0, 3.0]]]])  # [1, 2, 1, 2]
    assert gram(maps).tolist() == [[[5 / 4, 6 / 4], [6 / 4, 9 / 4]]]
    assert torch.equal(gram(maps.flip(3)), gram(maps))


def test_frozen_silent_and_in_no_checkpoint(capfd: pytest.CaptureFixture[str]) -> None:
    state = torch.get_rng_state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = nn.ModuleDict(
            {"look": VGGFeatures({"relu2_2": 1}, pretrained=False), "style": Style({"conv2_1": 1}, pretrained=False)}
        ).train()
    assert capfd.readouterr() == ("", "")
    assert torch.equal(torch.get_rng_state(), state)
    assert losses.state_dict() == {}
    assert list(losses.parameters()) == []
    x, y = images()
    for loss in losses.values():
        network = loss._network.network
        assert not any(module.training for module in network.modules())
        assert not any(parameter.requires_grad for parameter in network.parameters())
        made, target = x.clone().requires_grad_(), y.clone().requires_grad_()
        loss(made, target).backward()
        assert made.grad is not None and made.grad.abs().sum() > 0
        assert target.grad is None
        with pytest.raises(InputError, match="the gradient goes to the first image alone"):
            loss(x, target)
        with torch.no_grad():
            loss(x, target)


def test_only_the_depth_that_is_needed() -> None:
    def count(**layers: float) -> int:
        network = VGGFeatures(layers, pretrained=False)._network.network
        return sum(parameter.numel() for parameter in network.parameters())

    assert count(conv1_1=1) == count(relu1_1=1) == 3 * 64 * 9 + 64
    assert count(conv1_1=1, relu5_4=0) == count(conv1_1=1)
    assert count(relu1_2=1) == count(conv1_1=1) + 64 * 64 * 9 + 64
    assert count(conv5_4=1) == 20_024_384  # all of torchvision's vgg19().features


@pytest.mark.parametrize("make", [VGGFeatures, Style])
def test_precisions_devices_and_channels(make: type[nn.Module]) -> None:
    loss = make({"relu2_1": 1, "conv3_1": 0.5}, pretrained=False)
    x, y = images()
    value = loss(x, y)
    in_float64 = loss(x.double(), y.double())
    assert in_float64.dtype == torch.float64
    torch.testing.assert_close(in_float64.float(), value)
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


@pytest.mark.parametrize(("layer", "least"), [("relu1_2", 1), ("conv3_1", 4), ("relu5_4", 16)])
def test_the_least_size(layer: str, least: int) -> None:
    loss = VGGFeatures({layer: 1}, pretrained=False)
    assert torch.isfinite(loss(*images(least)))
    if least > 1:
        for device in ("cpu", "meta"):
            with pytest.raises(InputError, match=f"of at least {least} x {least} pixels"):
                loss(*(image.to(device) for image in images(least - 1)))


def test_wrong_images() -> None:
    for x, y, message in [
        (*images(channels=4), r"VGGFeatures compares images \[B, 3 or 1, H, W\]"),
        (images()[0], images(50)[0], "they must be the same"),
        (images()[0], images()[1] * 255, "y has values from"),
    ]:
        with pytest.raises(InputError, match=message):
            VGGFeatures({"relu1_1": 1}, pretrained=False)(x, y)


@pytest.mark.parametrize(
    ("layers", "net", "message"),
    [
        ({"relu54": 1}, "vgg19", "unknown layer of vgg19 'relu54'; did you mean 'relu5_4'?"),
        ({"conv5_4": 1}, "vgg16", "unknown layer of vgg16 'conv5_4'; did you mean 'conv5_"),
        ({"pool1": 1}, "vgg19", "unknown layer of vgg19 'pool1'"),
        ({}, "vgg19", "none counts"),
        ({"relu5_4": 0}, "vgg19", "none counts"),
        ({"relu5_4": -1}, "vgg19", "relu5_4=-1 must be at least 0"),
        ({"relu5_4": float("nan")}, "vgg19", "relu5_4=nan must be at least 0"),
    ],
)
def test_wrong_layers(layers: dict[str, float], net: str, message: str, cache: Path) -> None:
    """Told before any weights are asked for."""
    for make in (VGGFeatures, Style):
        with pytest.raises(InputError) as caught:
            make(layers, net)  # type: ignore[arg-type]
        assert message in str(caught.value)


def built(*overrides: str) -> Built:
    source = read("pix2pix-small")
    for text in ("networks.generator.width=2", *overrides):
        source.override(text)
    return build(resolve(source))


def test_in_a_recipe() -> None:
    made = built(
        "losses.look={loss: vgg, between: [fake_b, b], pretrained: no}",
        "losses.look.layers={relu2_2: 1}",
        "losses.look.layers.conv1_1=0.1",
        "losses.look.distance=l2",
        "losses.look.feature_scale=0.0784",
        "losses.style={loss: style, between: [fake_b, b], pretrained: no, layers: {relu1_1: 1}, net: vgg16}",
    )
    look = made.terms["look"].loss
    assert look.layers == {"relu2_2": 1, "conv1_1": 0.1}
    assert look.feature_scale == 0.0784
    assert made.terms["style"].loss.net == "vgg16"
    assert made.terms.state_dict().keys() == built().terms.state_dict().keys()
    assert made.recipe.plain()["losses"]["look"]["layers"] == {"relu2_2": 1, "conv1_1": 0.1}


@pytest.mark.parametrize(
    ("overrides", "parts"),
    [
        (["losses.look.layers={relu54: 1}"], ["losses.look: layers: ", "did you mean 'relu5_4'?"]),
        (["losses.look.layers={relu5_4: much}"], ["losses.look.layers.relu5_4: ", "got 'much'"]),
        (["losses.look.layers={relu5_4: -1}"], ["losses.look.layers.relu5_4: ", "greater than or equal to 0"]),
        (["losses.look.net=vgg11"], ["losses.look.net: ", "'vgg16' or 'vgg19'"]),
        (["losses.look.feature_scale=0"], ["losses.look.feature_scale: ", "greater than 0"]),
        (["losses.look.between=[b, fake_b]"], ["losses.look: ", "name the one that is made first"]),
        (
            ["losses.look.pretrained=yes"],
            [
                "losses.look: VGGFeatures (vgg19) needs the weights vgg19-dcbb9e9d.pth",
                "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
                "Network is unreachable",
                "turn the term off: losses.look=null",
            ],
        ),
    ],
)
def test_mistakes_in_a_recipe(overrides: list[str], parts: list[str], cache: Path) -> None:
    with pytest.raises(InputError) as caught:
        built("losses.look={loss: vgg, between: [fake_b, b], pretrained: no, layers: {relu1_1: 1}}", *overrides)
    for part in parts:
        assert part in str(caught.value)
    if "needs the weights" in parts[0]:
        assert str(cache) in str(caught.value)
        assert list(cache.iterdir()) == []
