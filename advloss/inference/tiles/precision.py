"""The floating-point type in which a network runs.

16-bit types are used through autocast; the network is not converted. So tensors that don't come from a convolution stay
float32, such as an enlarged input that the network adds. That costs no time, and the error is 10 to 15 dB smaller.
"""

import torch
from torch import nn

from advloss.core.devices import native_bf16
from advloss.inference.tiles.options import Precision
from advloss.inference.tiles.receptive_field import device_of, without_a_trace
from advloss.networks.layers.padding import padded_side

LEAST = 50.0
"""PSNR in dB against float32, of images in [-1, 1], below which `auto` computes in float32 on a CPU."""
HALVES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def half_type(precision: Precision, network: nn.Module, device: torch.device, channels: int = 3) -> torch.dtype | None:
    """The 16-bit type to run pictures of 8 bits a channel in; None: float32.

    auto: fp16 on a GPU; bf16 on a CPU that computes it natively, where it is `accurate`; float32 elsewhere.
    """
    if precision != "auto":
        return HALVES.get(precision)
    if device.type == "cuda":
        return torch.float16
    if device.type == "cpu" and native_bf16() and accurate(network, torch.bfloat16, channels):
        return torch.bfloat16
    return None


@torch.inference_mode()
def accurate(network: nn.Module, dtype: torch.dtype, channels: int = 3) -> bool:
    """Whether autocast to `dtype` keeps at least LEAST dB against float32, tried on a small made-up image.

    Convolutional networks keep 75 dB and more with bf16; instance norm of weak signals loses all but 45 dB.
    """
    device = device_of(network)
    side = padded_side(network, 32)
    noise = torch.randn(1, channels, side, side, generator=torch.Generator().manual_seed(0)) * 0.1
    image = (noise + torch.linspace(-0.8, 0.8, side)).to(device)  # noise over a ramp from dark to light
    with without_a_trace(device):
        exact = network(image)
        with torch.autocast(device.type, dtype):
            rounded = network(image).float()
    error = (rounded.clamp(-1, 1) - exact.clamp(-1, 1)).square().mean().item()
    return error <= 4 * 10 ** (-LEAST / 10)  # False for NaN
