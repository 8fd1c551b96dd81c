"""Other projects' files as parts to start from: which network each is, and under which names its tensors come."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from advloss.core.errors import InputError
from advloss.interop.foreign_parts import discriminator_of, generator_of


def weights(golden: Path, name: str) -> dict[str, torch.Tensor]:
    tensors = load_file(golden / f"{name}.safetensors")
    return {key.removeprefix("weights."): value for key, value in tensors.items() if key.startswith("weights.")}


@pytest.mark.parametrize(
    ("name", "kind", "tensor"),
    [
        ("patchgan_instance", "patchgan", "body.0.conv.weight"),
        ("pixel_discriminator", "pixel", "last.weight"),
        ("unet_discriminator_sn", "unet", "first.conv.weight"),
        ("vggstyle_128", "vgg_style", "last.weight"),
        ("vqgan_discriminator", "patchgan", "body.1.norm.running_mean"),
    ],
)
def test_discriminators(golden: Path, tmp_path: Path, name: str, kind: str, tensor: str):
    torch.save(weights(golden, name), tmp_path / "d.pth")
    told, networks = discriminator_of(tmp_path / "d.pth")
    assert told["name"] == kind and "in_channels" not in told and networks.keys() == {""}
    assert tensor in networks[""]


def test_the_discriminator_within_a_checkpoint_of_a_tokenizer(golden: Path, tmp_path: Path):
    alone = weights(golden, "vqgan_discriminator")
    held = {**weights(golden, "vqgan"), **{f"loss.discriminator.{key}": value for key, value in alone.items()}}
    torch.save({"state_dict": held, "epoch": 3}, tmp_path / "last.ckpt")
    told, networks = discriminator_of(tmp_path / "last.ckpt")
    assert told["name"] == "patchgan" and len(networks[""]) == len(alone)
    assert generator_of(tmp_path / "last.ckpt")[1].keys() == {"encoder", "bottleneck", "decoder"}


@pytest.mark.parametrize(
    ("name", "kind"), [("cyclegan_resnet6", "resnet"), ("pix2pix_unet256", "unet"), ("rrdbnet_x4", "rrdbnet")]
)
def test_generators(golden: Path, tmp_path: Path, name: str, kind: str):
    torch.save(weights(golden, name), tmp_path / "g.pth")
    told, networks = generator_of(tmp_path / "g.pth")
    assert told["name"] == kind and networks.keys() == {""}


def test_a_file_of_neither(tmp_path: Path):
    torch.save({"a.weight": torch.zeros(2, 3)}, tmp_path / "x.pth")
    for read, what in ((generator_of, "generator"), (discriminator_of, "discriminator")):
        with pytest.raises(InputError, match=rf"x\.pth: holds no {what} that is known here:\n  expected .*a\.weight"):
            read(tmp_path / "x.pth")
