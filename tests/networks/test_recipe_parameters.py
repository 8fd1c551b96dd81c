"""The networks' signatures are what recipes are checked against: text from a command line converts too."""

from collections.abc import Callable

import pytest
from pydantic import ConfigDict, ValidationError, validate_call
from torch import nn

from advloss.networks.discriminators.multi_scale import MultiScale
from advloss.networks.discriminators.patchgan import PatchGAN
from advloss.networks.discriminators.stylegan2 import StyleGAN2Discriminator
from advloss.networks.discriminators.unet import UNetDiscriminator
from advloss.networks.discriminators.vgg_style import VGGStyleDiscriminator
from advloss.networks.generators.msrresnet import MSRResNet
from advloss.networks.generators.rrdbnet import RRDBNet
from advloss.networks.generators.srresnet import SRResNet
from advloss.networks.generators.srvgg import SRVGG


def checked(network: Callable[..., nn.Module]) -> Callable[..., object]:
    return validate_call(config=ConfigDict(arbitrary_types_allowed=True))(network.__init__)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("network", "text"),
    [
        (PatchGAN, {"dims": "3", "spectral_norm": "true", "layers": "1", "width": "2"}),
        (MultiScale, {"dims": 1, "scales": "2", "width": "2", "norm": "none"}),
        (VGGStyleDiscriminator, {"down_kernel": "3", "grid": "6", "width": "1", "hidden": "4"}),
        (UNetDiscriminator, {"spectral_norm": "false", "width": "1"}),
        (StyleGAN2Discriminator, {"levels": "1", "width": "2", "group": "2"}),
        (SRResNet, {"scale": "3", "blocks": "1", "width": "2", "norm": "none"}),
        (MSRResNet, {"scale": "1", "blocks": "1", "width": "2"}),
        (
            RRDBNet,
            {"scale": "2", "blocks": "1", "width": "2", "growth": "1", "residual_scale": "1e-1", "unshuffle": "no"},
        ),
        (SRVGG, {"scale": "2", "convolutions": "1", "width": "2", "activation": "leaky_relu"}),
    ],
)
def test_text_converts(network: type[nn.Module], text: dict) -> None:
    checked(network)(network.__new__(network), **text)


@pytest.mark.parametrize(
    ("network", "wrong"),
    [
        (PatchGAN, {"dims": "4"}),
        (PatchGAN, {"dims": "two"}),
        (VGGStyleDiscriminator, {"down_kernel": 5}),
        (StyleGAN2Discriminator, {"levels": 0}),
        (SRResNet, {"scale": "5"}),
        (SRResNet, {"norm": "instance"}),
        (MSRResNet, {"scale": "two"}),
        (RRDBNet, {"growth": "0"}),
        (SRVGG, {"activation": "gelu"}),
    ],
)
def test_what_is_out_of_range_does_not(network: type[nn.Module], wrong: dict) -> None:
    with pytest.raises(ValidationError):
        checked(network)(network.__new__(network), **wrong)
