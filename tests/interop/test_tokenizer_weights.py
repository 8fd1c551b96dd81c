"""Reading tokenizers of taming-transformers, latent-diffusion and LlamaGen; test_diffusers_weights has diffusers'."""

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from advloss.core.errors import InputError
from advloss.interop import latent_diffusion, llamagen, taming
from advloss.interop.tokenizer_weights import CODEBOOK, Tokenizer
from advloss.interop.tokenizers import tokenizer_from
from tests.networks.built import bottleneck, halves

State = dict[str, Tensor]
COMPONENT = {
    "name": "vqgan", "z_channels": 32, "width": 32, "multipliers": [1, 1, 2, 2, 4], "blocks": 1, "attention": [16],
    "middle_attention": True, "groups": 32, "projection": True,
}  # fmt: skip


@pytest.fixture
def values(golden: Path) -> State:
    return load_file(golden / "vqgan.safetensors")


@pytest.fixture
def weights(values: State) -> State:
    return {key.removeprefix("weights."): values[key] for key in values if key.startswith("weights.")}


def check(made: Tokenizer, values: State) -> None:
    """Its halves compute what was recorded; of a KL encoder's output, the mean."""
    encoder, decoder = halves(made)
    with torch.no_grad():
        latent, output = encoder(values["input"]), decoder(values["quantized"])
        out = bottleneck(made)(latent)
    if made.bottleneck["name"] == "vq" and not made.bottleneck.get("normalize"):
        assert torch.equal(out.indices.flatten(), values["indices"])
    torch.testing.assert_close(latent[:, :32], values["latent"], rtol=0, atol=1e-5)
    torch.testing.assert_close(output, values["output"], rtol=0, atol=1e-4)


def in_llamagens_names(weights: State) -> State:
    """The same weights as LlamaGen would name them: the decoder's levels in the order of computing."""
    named = {}
    for key, tensor in weights.items():
        key = re.sub(r"\.down\.(\d)\.", r".conv_blocks.\1.", key)
        key = re.sub(r"\.up\.(\d)\.", lambda found: f".conv_blocks.{4 - int(found[1])}.", key)
        key = re.sub(r"(conv_blocks\.\d)\.block\.", r"\1.res.", key)
        for part, place in (("block_1", 0), ("attn_1", 1), ("block_2", 2)):
            key = key.replace(f"mid.{part}.", f"mid.{place}.")
        named[key] = tensor
    return named


def as_kl(weights: State) -> State:
    """The same encoder with a log variance behind the mean, and no codebook."""
    kl = {key: tensor for key, tensor in weights.items() if not key.startswith("quantize.")}
    for key in ("encoder.conv_out.weight", "encoder.conv_out.bias", "quant_conv.bias"):
        kl[key] = torch.cat([kl[key], torch.randn_like(kl[key])])
    matrix = torch.zeros(64, 64, 1, 1)
    matrix[:32, :32], matrix[32:, 32:] = kl["quant_conv.weight"], torch.randn(32, 32, 1, 1)
    return kl | {"quant_conv.weight": matrix}


def test_taming(weights: State, values: State) -> None:
    checkpoint = {
        "epoch": 3,
        "state_dict": weights | {"loss.discriminator.main.0.weight": torch.zeros(1), "loss.logvar": torch.zeros(1)},
    }
    made = taming.tokenizer_from(checkpoint)
    assert made.encoder == {**COMPONENT, "in_channels": 3, "out_channels": 32}
    assert made.decoder == {**COMPONENT, "in_channels": 32, "out_channels": 3}
    assert made.bottleneck == {"name": "vq", "codes": 64, "channels": 32, "legacy": True}
    assert made.state[f"bottleneck.{CODEBOOK}"] is weights["quantize.embedding.weight"]
    check(made, values)
    assert tokenizer_from(checkpoint).encoder == made.encoder


def test_the_autoencoder_within_a_diffusion_model(weights: State, values: State) -> None:
    held = {f"first_stage_model.{key}": tensor for key, tensor in as_kl(weights).items()}
    others = {"model.diffusion_model.out.0.weight": torch.zeros(1), "betas": torch.zeros(1)}
    for made in (latent_diffusion.tokenizer_from({"state_dict": held | others}), tokenizer_from(held | others)):
        assert made.encoder == {**COMPONENT, "in_channels": 3, "out_channels": 64, "z_channels": 64}
        assert made.decoder == {**COMPONENT, "in_channels": 32, "out_channels": 3}
        assert made.bottleneck == {"name": "kl", "channels": 32}
        assert not any(key.startswith("bottleneck.") for key in made.state)
        check(made, values)


def test_latent_diffusions_codebooks(weights: State, values: State) -> None:
    made = latent_diffusion.tokenizer_from(weights | {"model_ema.decay": torch.zeros(())})
    assert made.bottleneck["name"] == "vq"
    check(made, values)


def test_llamagen(weights: State, values: State) -> None:
    named = in_llamagens_names(weights) | {"quantize.codebook_used": torch.zeros(65536)}
    worse = {key: torch.zeros_like(tensor) for key, tensor in named.items()}
    for file in (named, {"model": named, "steps": 1}, {"model": worse, "ema": named, "optimizer": {}}):
        for made in (llamagen.tokenizer_from(file), tokenizer_from(file)):
            assert made.encoder == {**COMPONENT, "in_channels": 3, "out_channels": 32}
            assert made.bottleneck == {"name": "vq", "codes": 64, "channels": 32, "normalize": True}
            check(made, values)
    assert llamagen.tokenizer_from(named, normalize=False).bottleneck["normalize"] is False


def test_codes_of_fewer_channels_than_the_networks(weights: State) -> None:
    weights |= {
        "quant_conv.weight": torch.zeros(8, 32, 1, 1),
        "quant_conv.bias": torch.zeros(8),
        "post_quant_conv.weight": torch.zeros(32, 8, 1, 1),
        "quantize.embedding.weight": torch.zeros(64, 8),
    }
    made = tokenizer_from(in_llamagens_names(weights))
    assert (made.encoder["out_channels"], made.encoder["z_channels"]) == (8, 32)
    assert (made.decoder["in_channels"], made.decoder["z_channels"]) == (8, 32)
    halves(made)


@torch.no_grad()
def test_tamings_gumbel_codes(weights: State) -> None:
    logits = torch.randn(64, 32)
    gumbel = {key: tensor for key, tensor in weights.items() if not key.startswith("quantize.")} | {
        "quantize.embed.weight": weights["quantize.embedding.weight"],
        "quantize.proj.weight": logits[..., None, None],
        "quantize.proj.bias": torch.zeros(64),
    }
    made = tokenizer_from({"state_dict": gumbel})
    assert made.bottleneck == {"name": "gumbel", "codes": 64, "channels": 32}
    latent = torch.randn(1, 32, 2, 2)
    out = bottleneck(made)(latent)
    assert torch.equal(out.indices, torch.einsum("nd,bdhw->bnhw", logits, latent).argmax(1))
    chosen = weights["quantize.embedding.weight"][out.indices].movedim(-1, 1)
    torch.testing.assert_close(out.latent, chosen, rtol=0, atol=1e-6)


def test_without_the_middle_attention(weights: State) -> None:
    made = taming.tokenizer_from({key: tensor for key, tensor in weights.items() if ".mid.attn_1." not in key})
    assert not made.encoder["middle_attention"] and not made.decoder["middle_attention"]
    halves(made)


def without(weights: State, *keys: str) -> State:
    return {key: tensor for key, tensor in weights.items() if not key.startswith(keys)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: {"main.0.weight": torch.zeros(1)}, r"expected a VQGAN \(encoder.down.*\) of taming.* main.0.weight"),
        (lambda w: {}, "the file holds nothing"),
        (lambda w: {"state_dict": 3}, "'state_dict' is of type int, not a tensor: .* the file holds state_dict .int"),
        (lambda w: without(w, "decoder."), r"expected a decoder \(decoder.conv_in.weight\)"),
        (lambda w: without(w, "quantize."), "expected a codebook .*gives no log variance"),
        (lambda w: without(w, "encoder.mid.block_1.conv1.bias"), r"missing: encoder\.mid\.block_1\.conv1\.bias$"),
        (
            lambda w: w | {"encoder.down.0.new.weight": w["quant_conv.bias"]},
            r"unexpected: encoder\.down\.0\.new\.weight$",
        ),
        (lambda w: w | {"quantize.used": torch.zeros(4)}, r"unexpected: quantize\.used$"),
        (
            lambda w: w | {"quantize.embedding.weight": torch.zeros(64, 5)},
            r"embedding\.weight \(is \[64, 5\], must be \[64, 32\]\)",
        ),
        (lambda w: w | {"post_quant_conv.weight": torch.zeros(32, 5, 1, 1)}, "of 32 channels and the decoder takes 5"),
        (
            lambda w: w | {"encoder.down.1.block.0.conv1.weight": torch.zeros(33, 32, 3, 3)},
            "33 channels, no multiple of",
        ),
        (
            lambda w: w | {"encoder.mid.attn_1.q.weight": torch.zeros(64, 128)},
            r"attn_1\.q\.weight \(is \[64, 128\], must",
        ),
    ],
)
def test_what_is_no_such_file(weights: State, change: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        taming.tokenizer_from(change(weights))  # type: ignore[operator]


def test_no_tokenizer_at_all() -> None:
    with pytest.raises(InputError, match=r"expected a tokenizer .* of taming-transformers, .*; the file holds a \(1"):
        tokenizer_from({"a": torch.zeros(1)})
    for read, project in ((latent_diffusion, "latent-diffusion"), (llamagen, "LlamaGen")):
        with pytest.raises(InputError, match=project):
            read.tokenizer_from({"a": torch.zeros(1)})
