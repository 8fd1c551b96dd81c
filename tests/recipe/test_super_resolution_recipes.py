"""Super-resolution recipes: what is wired, what is refused, what they start from."""

import pytest

from advloss.core.errors import InputError
from advloss.recipe.build import build
from advloss.recipe.resolve import resolve
from advloss.recipe.schema import Recipe
from advloss.recipe.text.source import known_recipes, read

SMALL = ["networks.generator.width=4", "networks.generator.blocks=1", "data.crop=24", "data.batch=2"]


def recipe(*overrides: str, name: str = "srresnet-small") -> Recipe:
    source = read(name)
    for override in (*SMALL, *overrides):
        source.override(override)
    return resolve(source)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("generator", ["msrresnet", "srresnet", "rrdbnet"])
def test_the_networks_scale_is_the_methods(generator: str, scale: int):
    built = build(recipe(f"method.scale={scale}", f"networks.generator={{name: {generator}, width: 4, blocks: 1}}"))
    assert built.method.scale == built.method.generator.scale == built.degradation.scale == scale
    assert built.shapes["lr"] == (2, 3, 24 // scale, 24 // scale) and built.shapes["sr"] == (2, 3, 24, 24)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("method.scale=5", "method.scale: Input should be 1, 2, 3 or 4"),
        ("networks.generator.scale=2", "networks.generator.scale: unknown parameter of 'msrresnet'"),
        ("data.degradation.scale=2", "data.degradation.scale: unknown parameter of 'bicubic'"),
        ("data.degradation=bicubik", "unknown degradation 'bicubik'; did you mean 'bicubic'?"),
        ("data.crop=26", "data.crop: 26 pixels are no multiple of the scale, 4"),
        ("networks.generator={name: resnet, blocks: 1, width: 4}", "sr is [2, 3, 6, 6] and hr is [2, 3, 24, 24]"),
        ("losses.pixel.between=[lr, hr]", "lr is [2, 3, 6, 6] and hr is [2, 3, 24, 24]"),
        ("losses.pixel.between=[sr, h]", "unknown tensor 'h'; did you mean 'hr'?"),
        ("samples=[partner_b, sr]", "samples.0: unknown tensor 'partner_b'"),
        ("metrics.psnr.between=[sr, partner_b]", "metrics.psnr.between.1: unknown tensor 'partner_b'"),
        ("data.vall=x", "data.vall: unknown key 'vall'; did you mean 'val'?"),
    ],
)
def test_what_does_not_fit_is_refused(override: str, message: str):
    with pytest.raises(InputError) as caught:
        build(recipe(override))
    assert message in str(caught.value)


def test_translators_make_no_small_pictures():
    source = read("pix2pix-small")
    source.override("data.degradation=bicubic")
    with pytest.raises(InputError, match=r"data\.degradation: pix2pix learns from the pictures as they are"):
        resolve(source)


@pytest.mark.parametrize("name", [n for n in known_recipes() if "sr" in n or "esrgan" in n or n == "rrdbnet"])
def test_the_packaged_recipes_resolve(name: str):
    resolved = resolve(read(name))
    assert resolved.method.name == "super_resolution" and next(iter(resolved.metrics)) == "psnr"
    assert resolve(read(name)).metrics["psnr"].parameters == {"channel": "y", "border": 4}
