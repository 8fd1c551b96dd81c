"""Tokenizers of diffusers read, and ours written for it: the same reconstructions, in float64.

Weights are numbers that float32 has, since our networks are made in float32 before they are widened.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.interop import taming, tokenizers
from advloss.interop.diffusers import to_diffusers, tokenizer_from
from advloss.interop.tokenizer_weights import CODEBOOK, Tokenizer
from advloss.networks.autoencoders.vqgan import Decoder, Encoder
from tests.networks.built import bottleneck, halves

diffusers = pytest.importorskip("diffusers")

SMALL = {
    "down_block_types": ["DownEncoderBlock2D", "AttnDownEncoderBlock2D", "DownEncoderBlock2D"],
    "up_block_types": ["UpDecoderBlock2D", "AttnUpDecoderBlock2D", "UpDecoderBlock2D"],
    "block_out_channels": [8, 8, 24],
    "layers_per_block": 2,
    "latent_channels": 3,
    "norm_num_groups": 4,
}
OLDER = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
IMAGE = torch.linspace(-1, 1, 2 * 3 * 16 * 24, dtype=torch.double).cos().reshape(2, 3, 16, 24)


def shaken(network: nn.Module) -> nn.Module:
    """With norms and biases that are not 1 and 0."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return network.double().eval()


@torch.no_grad()
def reconstructed(made: Tokenizer, image: Tensor) -> Tensor:
    """What our tokenizer makes of the image at inference."""
    encoder, decoder = (half.double() for half in halves(made))
    return decoder(bottleneck(made).double()(encoder(image)).latent)


@torch.no_grad()
def theirs(network: Any, image: Tensor) -> Tensor:
    return network(image).sample


@pytest.mark.parametrize("attention_in_the_middle", [True, False])
def test_a_vqmodel_there_and_back(attention_in_the_middle: bool) -> None:
    kind = {**SMALL, "num_vq_embeddings": 20, "vq_embed_dim": 5, "mid_block_add_attention": attention_in_the_middle}
    network = diffusers.VQModel(**kind)
    nn.init.normal_(network.quantize.embedding.weight)
    network = shaken(network)
    state = network.state_dict()
    made = tokenizer_from(state, network.config)
    assert made.encoder == {
        "name": "vqgan", "in_channels": 3, "out_channels": 5, "z_channels": 3, "width": 8,
        "multipliers": [1, 1, 3], "blocks": 2, "attention": [2], "middle_attention": attention_in_the_middle,
        "groups": 4, "projection": True,
    }  # fmt: skip
    assert made.bottleneck == {"name": "vq", "codes": 20, "channels": 5, "legacy": True}
    torch.testing.assert_close(reconstructed(made, IMAGE), theirs(network, IMAGE), rtol=0, atol=1e-8)

    written, config = to_diffusers(made, size=24)
    assert config["_class_name"] == "VQModel" and config["sample_size"] == 24
    assert {key: config[key] for key in kind} == kind
    assert written.keys() == state.keys() and all(torch.equal(written[key], state[key]) for key in state)


@pytest.mark.parametrize("quant_conv", [True, False])
def test_an_autoencoder_kl_there_and_back(quant_conv: bool) -> None:
    kind = {**SMALL, "use_quant_conv": quant_conv, "use_post_quant_conv": quant_conv}
    network = shaken(diffusers.AutoencoderKL(**kind))
    state = network.state_dict()
    made = tokenizers.tokenizer_from(state, network.config)
    assert made.bottleneck == {"name": "kl", "channels": 3}
    assert made.encoder["out_channels"] == made.encoder["z_channels"] == 6
    assert made.encoder["projection"] is made.decoder["projection"] is quant_conv
    torch.testing.assert_close(reconstructed(made, IMAGE), theirs(network, IMAGE), rtol=0, atol=1e-8)
    written, config = to_diffusers(made)
    assert {key: config[key] for key in kind} == kind and config["_class_name"] == "AutoencoderKL"
    assert written.keys() == state.keys() and all(torch.equal(written[key], state[key]) for key in state)


def test_names_from_before_version_0_15() -> None:
    network = shaken(diffusers.AutoencoderKL(**SMALL))
    older = {}
    for key, tensor in network.state_dict().items():
        for name, old in OLDER.items():
            key = key.replace(f".{name}.", f".{old}.")
        older[key] = tensor[..., None, None] if key.endswith(".query.weight") else tensor  # linear or 1x1 convolution
    assert "encoder.mid_block.attentions.0.proj_attn.weight" in older
    made = tokenizer_from(older, network.config)
    torch.testing.assert_close(reconstructed(made, IMAGE), theirs(network, IMAGE), rtol=0, atol=1e-8)


def test_a_vqgan_of_taming_in_diffusers(golden: Path, tmp_path: Path) -> None:
    """By way of the files that diffusers reads."""
    values = load_file(golden / "vqgan.safetensors")
    weights = {key.removeprefix("weights."): values[key] for key in values if key.startswith("weights.")}
    made = taming.tokenizer_from(weights)
    state, config = to_diffusers(made, size=64)
    save_file(state, tmp_path / "diffusion_pytorch_model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(config))
    network = diffusers.VQModel.from_pretrained(tmp_path, local_files_only=True)
    torch.testing.assert_close(theirs(network, values["input"]), values["output"], rtol=0, atol=1e-4)
    image = values["input"].double()
    torch.testing.assert_close(reconstructed(made, image), theirs(network.double(), image), rtol=0, atol=1e-8)


def from_recipe(**changed: Any) -> Tokenizer:
    """A tokenizer as a recipe describes it, without defaults."""
    both = {"width": 4, "groups": 2, "multipliers": [1, 2], "attention": [], "blocks": 1}
    encoder = {**both, "out_channels": 3} | changed.pop("encoder", {})
    decoder = {**both, "in_channels": 3} | changed.pop("decoder", {})
    state = {f"encoder.{key}": tensor for key, tensor in Encoder(**encoder).state_dict().items()}
    state |= {f"decoder.{key}": tensor for key, tensor in Decoder(**decoder).state_dict().items()}
    state[f"bottleneck.{CODEBOOK}"] = torch.randn(10, 3)
    between = changed.pop("bottleneck", {"name": "vq", "codes": 10, "channels": 3})
    return Tokenizer({"name": "vqgan", **encoder}, between, {"name": "vqgan", **decoder}, state)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"encoder": {"projection": False}, "decoder": {"projection": False}},  # VQModel always has the two
        {"bottleneck": {"name": "vq", "codes": 10, "channels": 3, "normalize": True}},  # as LlamaGen's
    ],
)
def test_a_tokenizer_of_a_recipe(changed: dict) -> None:
    made = from_recipe(**changed)
    state, config = to_diffusers(made)
    network = diffusers.VQModel.from_config(config)
    network.load_state_dict(state)
    # codes are brought to length 1 in float32 when they are written
    torch.testing.assert_close(theirs(network.double().eval(), IMAGE), reconstructed(made, IMAGE), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"encoder": {"blocks": 2}}, "one setting for both: blocks is 2 in the encoder, 1 in the decoder"),
        ({"encoder": {"multipliers": (1, 1)}}, r"multipliers is \[1, 1\] in the encoder, \[1, 2\] in the decoder"),
        ({"encoder": {"multipliers": [2, 2]}, "decoder": {"multipliers": [2, 2]}}, r"\[2, 2\] must begin with 1"),
        ({"bottleneck": {"name": "fsq", "levels": [8, 8]}}, "only one codebook or KL: .*fsq"),
        ({"encoder": {"z_channels": 8}}, "the encoder's z_channels, 8, must be the decoder's, 3"),
        ({"bottleneck": {"name": "kl"}}, "the encoder's z_channels, 3, must be twice the decoder's, 3"),
        (
            {"bottleneck": {"name": "kl"}, "encoder": {"z_channels": 8}, "decoder": {"z_channels": 4}},
            "z_channels=8 and out_channels=3",
        ),
    ],
)
def test_what_diffusers_cannot_be(changed: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        to_diffusers(from_recipe(**changed))


def test_kinds_that_the_keys_do_not_tell() -> None:
    for config, message in (({"act_fn": "gelu"}, "act_fn=gelu"), ({"norm_type": "spatial"}, "norm_type=spatial")):
        with pytest.raises(InputError, match=message):
            tokenizer_from({}, config)
    with pytest.raises(InputError, match=r"expected an autoencoder .* of diffusers; the file holds nothing"):
        tokenizer_from({})
    state = diffusers.VQModel(**SMALL).state_dict()
    with pytest.raises(InputError, match="divides 8 channels into groups=32"):  # no config.json: 32 groups
        tokenizer_from(state)
