"""Discriminators on frozen networks: what they see, what learns, what is stored; values by hand."""

import copy
import math
import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.losses.adversarial import AdversarialLoss
from advloss.losses.adversarial.penalties import R1
from advloss.networks.discriminators.on_features.dino import DINODiscriminator, LocalBatchNorm
from advloss.networks.discriminators.on_features.mixing import Mixing
from advloss.networks.discriminators.on_features.pictures import as_pictures, joined, pictures_in, resized
from advloss.networks.discriminators.on_features.projected import ProjectedDiscriminator
from advloss.recipe.build import Built, build
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from advloss.training.fast.step import FastStep
from advloss.training.processes import Processes
from advloss.training.run.checkpoint import read_checkpoint, restore, write_checkpoint
from advloss.training.step import PlainStep

pytest.importorskip("timm")
PROJECTED = {"backbone": "test_efficientnet", "width": 2, "size": 128, "norm": "instance", "pretrained": False}
DINO = {"backbone": "test_vit", "depths": [1, 3], "size": 32, "kernel": 3, "norm": "none", "pretrained": False}


def projected(channels: int = 3, **changes: object) -> ProjectedDiscriminator:
    return ProjectedDiscriminator(channels, **{**PROJECTED, "norm": "none", **changes})  # one value is left at 128 px


def dino(channels: int = 3, **changes: object) -> DINODiscriminator:
    return DINODiscriminator(channels, **{**DINO, **changes})


MADE = {"projected": projected, "dino": dino}
DINO_SLOW = ["projected", pytest.param("dino", marks=pytest.mark.slow)]


def written(name: str) -> str:
    """The discriminator in a recipe."""
    settings = {"projected": {**PROJECTED, "norm": "none"}, "dino": DINO}[name]
    return "{" + ", ".join(f"{key}: {str(value).lower()}" for key, value in {"name": name, **settings}.items()) + "}"


@pytest.mark.parametrize("name", MADE)
def test_frozen_weights_learn_nothing_and_are_nowhere(name: str) -> None:
    adversary = AdversarialLoss(MADE[name](), "hinge", [R1(10)])
    network = adversary.discriminator.backbone.frozen.network
    before = copy.deepcopy(network.state_dict())
    optimizer = torch.optim.Adam(adversary.discriminator.parameters(), 0.1)
    projections = {key: value.clone() for key, value in adversary.discriminator.state_dict().items() if "mixing" in key}
    fake, real = torch.randn(2, 2, 3, 40, 48)
    fake.requires_grad_()
    adversary(fake).backward()
    assert fake.grad is not None and fake.grad.abs().sum() > 0
    for _ in range(2):
        optimizer.zero_grad()
        adversary.discriminator_loss(fake, real).backward()
        optimizer.step()
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in network.parameters())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    after = adversary.discriminator.state_dict()
    assert all(torch.equal(after[key], value) for key, value in projections.items())
    assert len(projections) == (16 if name == "projected" else 0)  # weight and bias of two times four
    assert not any("backbone" in key for key in after)
    assert all(key.startswith("heads.") for key, _ in adversary.discriminator.named_parameters())
    adversary.train()
    assert not any(module.training for module in network.modules())


@pytest.mark.parametrize("name", MADE)
def test_the_backbone_is_the_same_each_time_and_draws_nothing(name: str) -> None:
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    one = MADE[name]().backbone
    two = MADE[name]().backbone
    x = torch.randn(1, 3, 128, 128) if name == "projected" else torch.randn(1, 3, 32, 32)
    torch.testing.assert_close(one(x), two(x), rtol=0, atol=0)
    torch.manual_seed(1)
    type(one)(*({"projected": ("test_efficientnet", False), "dino": ("test_vit", [1], 32, False)}[name]))
    assert torch.rand(1) == expected


def test_a_backbone_follows_its_discriminator() -> None:
    made = projected().double()
    network = made.backbone.frozen.network
    assert {tensor.dtype for tensor in network.state_dict().values()} == {torch.float64, torch.int64}
    assert all(logits.dtype == torch.float64 for logits in made(torch.randn(1, 3, 32, 32).double()))
    made.to(memory_format=torch.channels_last)
    assert network.conv_stem.weight.is_contiguous(memory_format=torch.channels_last)
    copied = copy.deepcopy(made).to("meta")
    assert next(copied.backbone.frozen.network.parameters()).is_meta and not next(network.parameters()).is_meta


@pytest.mark.parametrize("name", MADE)
def test_half_precision_is_the_rounds_but_not_fp16_in_the_backbone(name: str) -> None:
    made = MADE[name]()
    seen: list[Tensor] = []
    network = made.backbone.frozen.network
    first = network.conv_stem if name == "projected" else network.patch_embed.proj
    first.register_forward_hook(lambda module, inputs, output: seen.append(output))
    x = torch.randn(1, 3, 128, 128)
    for dtype, expected in ((torch.bfloat16, torch.bfloat16), (torch.float16, torch.float32)):
        with torch.autocast("cpu", dtype):
            logits = made(x)
        assert logits[0].dtype == dtype and seen.pop().dtype == expected


def test_projections_by_hand() -> None:
    """With all weights 1 / (channels in) and no shifts, constant maps a, b, c, d become d, c + d, b + c + d, ..."""
    mixing = Mixing([2, 3, 4, 5], width=2)
    for layer in mixing.modules():
        if isinstance(layer, nn.Conv2d):
            layer.weight.fill_(1 / layer.weight.shape[1])
            layer.bias.zero_()
    maps = [torch.full((1, channels, 8 >> i, 8 >> i), 10.0**i) for i, channels in enumerate((2, 3, 4, 5))]
    made = mixing(maps)
    assert [tuple(x.shape) for x in made] == [(1, 2, 16, 16), (1, 2, 8, 8), (1, 4, 4, 4), (1, 8, 2, 2)]
    for x, value in zip(made, (1111.0, 1110.0, 1100.0, 1000.0), strict=True):
        torch.testing.assert_close(x, torch.full_like(x, value))
    assert not [*mixing.parameters()] and len(mixing.state_dict()) == 16


def test_local_batch_norm_by_hand() -> None:
    """Ten samples are two groups of five: 0 to 4 has mean 2 and variance 2."""
    norm = LocalBatchNorm(1, eps=0.0)
    x = torch.arange(10.0)[:, None, None]
    expected = torch.tensor([-2.0, -1.0, 0.0, 1.0, 2.0] * 2) / math.sqrt(2)
    for mode in (True, False):
        torch.testing.assert_close(norm.train(mode)(x).flatten(), expected)
    assert len(norm(torch.randn(11, 1, 3))) == 11  # a prime: groups of one


def test_pictures_of_any_channels() -> None:
    assert (pictures_in("d", 3), pictures_in("d", 6)) == (1, 2)
    with pytest.warns(UserWarning, match="d: the one channel is repeated three times"):
        assert pictures_in("d", 1) == 1
    with pytest.warns(UserWarning, match="each of the 4 channels is a grey picture"):
        assert pictures_in("d", 4) == 4
    x = torch.randn(2, 6, 4, 4)
    assert torch.equal(as_pictures(x, 2), torch.stack([x[0, :3], x[0, 3:], x[1, :3], x[1, 3:]]))
    assert torch.equal(joined(as_pictures(x, 2), 2), x)
    grey = as_pictures(x[:, :4], 4)
    assert grey.shape == (8, 3, 4, 4) and torch.equal(grey[5, 2], x[1, 1])


@pytest.mark.parametrize(
    ("sides", "expected"), [((64, 300), (224, 288)), ((256, 224), (256, 224)), ((500, 239), (512, 224))]
)
def test_sides_become_multiples_of_the_last_stride(sides: tuple[int, int], expected: tuple[int, int]) -> None:
    assert resized(torch.zeros(1, 3, *sides), 224, 32).shape[2:] == expected


def test_a_grey_picture_is_its_own_in_three_channels() -> None:
    with pytest.warns(UserWarning, match="projected: the one channel is repeated"):
        grey = projected(1)
    colour = projected(3)
    colour.load_state_dict(grey.state_dict())
    x = torch.randn(2, 1, 64, 64)
    torch.testing.assert_close(grey.eval()(x), colour.eval()(x.expand(-1, 3, -1, -1)))


def test_an_image_with_its_condition_is_two_pictures() -> None:
    """The first projection takes both pictures' maps: those of the second do not depend on the first."""
    made, alone = projected(6), projected(3)
    x = torch.randn(2, 6, 128, 128)
    seen = joined(made.backbone(as_pictures(x, 2))[0], 2)
    half = seen.shape[1] // 2
    torch.testing.assert_close(seen[:, half:], alone.backbone(x[:, 3:])[0])
    assert made.mixing.channels[0].weight.shape[1] == 2 * alone.mixing.channels[0].weight.shape[1]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: projected(backbone="tf_eficientnet_lite0"),
            "no such network; did you mean 'tf_efficientnet_lite0'",
        ),
        (lambda: projected(backbone="test_vit"), "for a ViT use the discriminator dino"),
        (lambda: projected(backbone="swin_tiny_patch4_window7_224"), "of pictures of any size"),
        (lambda: projected(scales=5), "scales=5 must be at least 1 and at most 4"),
        (lambda: projected(size=64), "size=64 must be at least 128"),
        (lambda: dino(backbone="resnet18"), "use the discriminator projected"),
        (lambda: dino(depths=[6]), r"depths=\[6\] must be some of the backbone's blocks, 0 to 5"),
        (lambda: dino(size=40), "size=40 must be a multiple of the backbone's patches of 16"),
        (lambda: dino(kernel=4), "kernel=4 must be odd"),
    ],
)
def test_what_can_not_be_made_is_named(make: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("recipe", ["pix2pix-small", pytest.param("cyclegan-small", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", DINO_SLOW)
def test_both_executors_play_the_same_on_any_recipe(name: str, recipe: str) -> None:
    """Paired with a condition, and unpaired, in float64; the terms' weights hold no backbone."""

    def made() -> Built:
        source = read(recipe)
        terms = ("adversarial",) if recipe == "pix2pix-small" else ("adversarial_a", "adversarial_b")
        generator = {"pix2pix-small": "{name: unet, levels: 2, width: 2, norm: instance, dropout: 0}"}
        source.override(f"networks.generator={generator.get(recipe, '{name: resnet, width: 2, blocks: 0}')}")
        for term in terms:
            source.override(f"losses.{term}.discriminator={written(name)}")
        for word in ("data.load=32", "data.crop=32", "train.precision=fp64"):
            source.override(word)
        return build(resolve(source))

    one, other = made(), made()
    executors = FastStep(one, torch.device("cpu")), PlainStep(other, torch.device("cpu"))
    draw = torch.Generator().manual_seed(0)
    for iteration in range(2):
        batch = {side: torch.rand(2, 3, 32, 32, generator=draw, dtype=torch.float64) * 2 - 1 for side in "ab"}
        fast, plain = (executor.play([batch], iteration) for executor in executors)
        assert fast.keys() == plain.keys()
        for key, value in fast.items():
            torch.testing.assert_close(value.detach(), plain[key].detach(), rtol=1e-8, atol=1e-10)
    assert not any("backbone" in key for key in one.terms.state_dict())


def test_a_recipe_warns_once_of_grey_pictures() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = projected(1)
        made(torch.randn(1, 1, 32, 32))
        copy.deepcopy(made)(torch.randn(1, 1, 32, 32))
    assert [str(warning.message) for warning in caught if "channel" in str(warning.message)] == [
        "projected: the one channel is repeated three times, since its backbone was trained on RGB"
    ]


@pytest.mark.parametrize("name", DINO_SLOW)
def test_the_iterations_after_a_checkpoint_are_the_same_to_the_bit(name: str, tmp_path: Path) -> None:
    """Another seed draws other projections, which the checkpoint puts back; the backbone is not in it."""

    def executor(seed: int) -> FastStep:
        source = read("pix2pix-small")
        source.override("networks.generator={name: unet, levels: 2, width: 2, norm: instance, dropout: 0}")
        source.override(f"losses.adversarial.discriminator={written(name)}")
        for word in ("data.load=32", "data.crop=32", f"seed={seed}"):
            source.override(word)
        return FastStep(build(resolve(source)), torch.device("cpu"))

    alone, one, two = Processes("cpu"), executor(0), executor(1)
    batches = [{side: torch.rand(2, 3, 32, 32) * 2 - 1 for side in "ab"} for _ in range(3)]
    one.play([batches[0]], 0)
    write_checkpoint(tmp_path / "c.pt", one, resolve(read("pix2pix-small")), {"iteration": 1, "best": None}, alone)
    content = read_checkpoint(tmp_path / "c.pt")
    assert not any("backbone" in key for key in content["terms"])
    assert any("mixing" in key for key in content["terms"]) == (name == "projected")
    expected = [one.play([batches[number]], number) for number in (1, 2)]
    restore(content, two, alone)
    assert [two.play([batches[number]], number) for number in (1, 2)] == expected
    for (key, value), other in zip(one.terms.state_dict().items(), two.terms.state_dict().values(), strict=True):
        assert torch.equal(value, other), key
