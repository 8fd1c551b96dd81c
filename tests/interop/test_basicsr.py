from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.interop import basicsr, taming
from advloss.networks.discriminators.patchgan import PatchGAN
from advloss.networks.discriminators.unet import UNetDiscriminator
from advloss.networks.discriminators.vgg_style import VGGStyleDiscriminator

State = dict[str, Tensor]


def build(network: Callable[..., nn.Module], component: dict, state: State) -> nn.Module:
    made = network(**{key: value for key, value in component.items() if key != "name"})
    made.load_state_dict(state)
    return made


def test_the_vgg_style_discriminator_computes_what_the_reference_does(recorded: Callable) -> None:
    weights, x, y = recorded("vggstyle_128")
    component, state = basicsr.discriminator_from(weights)
    assert component == {
        "name": "vgg_style", "in_channels": 3, "width": 4, "levels": 5, "grid": 4, "hidden": 100, "down_kernel": 4,
        "unit_range": True,
    }  # fmt: skip
    network = build(VGGStyleDiscriminator, component, state).eval()
    assert network.native == x.shape[-1] == 128
    with torch.no_grad():
        torch.testing.assert_close(network(2 * x - 1), y, rtol=0, atol=1e-5)  # ours takes [-1, 1]


def test_the_u_net_discriminator_computes_what_the_reference_does(recorded: Callable) -> None:
    weights, x, y = recorded("unet_discriminator_sn")
    component, state = basicsr.discriminator_from(weights)
    assert component == {"name": "unet", "in_channels": 3, "width": 8, "unit_range": True}
    network = build(UNetDiscriminator, component, state).eval()
    with torch.no_grad():
        torch.testing.assert_close(network(2 * x - 1), y, rtol=0, atol=1e-5)


def test_spectral_norm_goes_on_in_train_mode_as_the_reference_s(recorded: Callable) -> None:
    """The reference's convolutions have torch's older form, which keeps `weight_orig`, `weight_u` and `weight_v`."""
    weights, _, _ = recorded("unet_discriminator_sn")
    network = build(UNetDiscriminator, *basicsr.unet_from(weights))
    old = nn.utils.spectral_norm(nn.Conv2d(8, 16, 4, 2, 1, bias=False))
    old.load_state_dict({key.removeprefix("conv1."): weights[key] for key in weights if key.startswith("conv1.")})
    ours, x = network.downs[0].conv, torch.randn(1, 8, 8, 8)
    for _ in range(3):
        torch.testing.assert_close(ours(x), old(x), rtol=0, atol=1e-6)
        torch.testing.assert_close(ours.parametrizations.weight[0]._u, old.weight_u)
        torch.testing.assert_close(ours.parametrizations.weight[0]._v, old.weight_v)


def test_published_files_hold_the_state_within(recorded: Callable) -> None:
    weights, _, _ = recorded("vggstyle_128")
    component, state = basicsr.vgg_style_from(weights)
    nothing = {key: torch.zeros_like(value) for key, value in weights.items()}
    for file in (
        {"params": weights},
        {"params": nothing, "params_ema": {f"module.{k}": v for k, v in weights.items()}},
    ):
        again, read = basicsr.discriminator_from(file)
        assert again == component and all(read[key] is state[key] for key in state)


def test_the_256_pixel_form_with_six_levels() -> None:
    network = VGGStyleDiscriminator(width=1, levels=6)
    theirs = {}
    for key, value in network.state_dict().items():
        if key.startswith("body.12.dense"):
            theirs[key.replace("body.12.dense", "linear1")] = value
        elif key.startswith("last"):
            theirs[key.replace("last", "linear2")] = value
        else:
            _, place, layer, leaf = key.split(".")
            theirs[f"{'bn' if layer == 'norm' else 'conv'}{int(place) // 2}_{int(place) % 2}.{leaf}"] = value
    component, state = basicsr.discriminator_from(theirs)
    assert component["levels"] == 6 and component["grid"] == 4
    assert state.keys() == network.state_dict().keys()


def test_what_is_missing_and_of_another_kind_is_named(recorded: Callable) -> None:
    weights, _, _ = recorded("unet_discriminator_sn")
    del weights["conv3.weight_u"]
    weights["conv4.weight"] = torch.zeros(1)
    with pytest.raises(InputError, match=r"missing: conv3\.weight_u; unexpected: conv4\.weight$"):
        basicsr.discriminator_from(weights)
    with pytest.raises(InputError, match=r"a VGG-style .* or a U-Net discriminator .* of BasicSR; the file holds body"):
        basicsr.discriminator_from({"body.0.weight": torch.zeros(1)})
    weights, _, _ = recorded("vggstyle_128")
    del weights["linear1.weight"]
    with pytest.raises(InputError, match=r"a VGG-style discriminator \(linear1\.weight\)"):
        basicsr.discriminator_from(weights)
    with pytest.raises(InputError, match=r"\(conv-1_1\.weight\)"):
        basicsr.vgg_style_from({"conv0_0.weight": torch.zeros(1, 3, 3, 3)})


def test_taming_s_discriminator_computes_what_the_reference_does(recorded: Callable) -> None:
    weights, x, y = recorded("vqgan_discriminator")
    component, state = taming.discriminator_from(weights)
    assert component == {"name": "patchgan", "in_channels": 3, "width": 8, "layers": 3, "norm": "batch"}
    with torch.no_grad():
        torch.testing.assert_close(build(PatchGAN, component, state)(x), y, rtol=0, atol=1e-5)
    with pytest.raises(InputError, match=r"a PatchGAN \(main\.0\.weight\) of taming-transformers"):
        taming.discriminator_from({})
