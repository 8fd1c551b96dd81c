"""Networks in a recipe: their parameters come as text from a command line, and get the types of their signatures."""

from typing import Any

import pytest

from advloss.core.errors import InputError
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read

GENERATOR = "networks.generator"
DISCRIMINATOR = "losses.adversarial.discriminator"


def resolved(place: str, name: str, text: dict[str, str]) -> dict[str, Any]:
    """The parameters of a network at that place of srgan-small, of which `text` was given on the command line."""
    source = read("srgan-small")
    source.override(f"{place}={{name: {name}}}")
    for parameter, value in text.items():
        source.override(f"{place}.{parameter}={value}")
    found: Any = resolve(source).plain()
    for part in place.split("."):
        found = found[part]
    return found


@pytest.mark.parametrize(
    ("place", "name", "text", "values"),
    [
        (DISCRIMINATOR, "patchgan", {"dims": "3", "spectral_norm": "true", "width": "2"}, (3, True, 2)),
        (DISCRIMINATOR, "multi_scale", {"dims": "1", "scales": "2", "norm": "none"}, (1, 2, "none")),
        (DISCRIMINATOR, "vgg_style", {"down_kernel": "3", "grid": "6", "hidden": "4"}, (3, 6, 4)),
        (DISCRIMINATOR, "unet", {"spectral_norm": "false", "width": "1"}, (False, 1)),
        (DISCRIMINATOR, "stylegan2", {"levels": "1", "width": "2", "group": "2"}, (1, 2, 2)),
        (GENERATOR, "srresnet", {"blocks": "1", "norm": "none"}, (1, "none")),
        (GENERATOR, "msrresnet", {"blocks": "1", "width": "2"}, (1, 2)),
        (GENERATOR, "rrdbnet", {"growth": "1", "residual_scale": "1e-1", "unshuffle": "no"}, (1, 0.1, False)),
        (GENERATOR, "srvgg", {"convolutions": "1", "activation": "leaky_relu"}, (1, "leaky_relu")),
        (GENERATOR, "resnet", {"blocks": "0", "dropout": "0", "dropout_at_inference": "yes"}, (0, 0.0, True)),
        (GENERATOR, "unet", {"levels": "3", "statistics_at_inference": "batch"}, (3, "batch")),
    ],
)
def test_text_gets_the_type_of_the_signature(place: str, name: str, text: dict[str, str], values: tuple) -> None:
    found = resolved(place, name, text)
    for parameter, value in zip(text, values, strict=True):
        assert found[parameter] == value and type(found[parameter]) is type(value)


@pytest.mark.parametrize(
    ("place", "name", "parameter", "value"),
    [
        (DISCRIMINATOR, "patchgan", "dims", "4"),
        (DISCRIMINATOR, "patchgan", "dims", "two"),
        (DISCRIMINATOR, "vgg_style", "down_kernel", "5"),
        (DISCRIMINATOR, "stylegan2", "levels", "0"),
        (GENERATOR, "srresnet", "norm", "instance"),
        (GENERATOR, "rrdbnet", "growth", "0"),
        (GENERATOR, "srvgg", "activation", "gelu"),
        (GENERATOR, "resnet", "blocks", "-1"),
        (GENERATOR, "unet", "levels", "1"),
        ("method", "super_resolution", "scale", "5"),
        ("method", "super_resolution", "scale", "two"),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_place(place: str, name: str, parameter: str, value: str) -> None:
    with pytest.raises(InputError) as caught:
        resolved(place, name, {parameter: value})
    said = str(caught.value).replace("'", "")
    assert said.startswith(f"command line: {place}.{parameter}: Input should be") and f"(got {value})" in said
