"""Weights under the key names of huggingface/diffusers, there and back: its VQModel and its AutoencoderKL."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from advloss.core.errors import InputError
from advloss.interop.state_dicts import Component, State, plain, unlike
from advloss.interop.tokenizer_weights import (
    CODEBOOK,
    KL,
    VQ,
    Dialect,
    File,
    Tokenizer,
    halves_from,
    layer_names,
    tokenizer,
)
from advloss.networks.autoencoders.vqgan import Decoder, Encoder

DIALECT = Dialect(
    project="diffusers",
    down="down_blocks",
    up="up_blocks",
    downwards=False,
    block="resnets",
    attention="attentions",
    downsample="downsamplers.0.conv",
    upsample="upsamplers.0.conv",
    middle=("mid_block.resnets.0", "mid_block.attentions.0", "mid_block.resnets.1"),
    projections=("group_norm", "to_q", "to_k", "to_v", "to_out.0"),
    shortcut="conv_shortcut",
    norm="conv_norm_out",
)
OLDER = replace(DIALECT, projections=("group_norm", "query", "key", "value", "proj_attn"))
"""Before diffusers 0.15."""
ALIKE = ("width", "multipliers", "blocks", "middle_attention", "groups")
"""What a configuration of diffusers gives once for both halves."""


def tokenizer_from(file: File, config: Mapping[str, Any] | None = None) -> Tokenizer:
    """A VQModel or an AutoencoderKL: `diffusion_pytorch_model.safetensors`, under its present or its older key names.

    config: what the `config.json` in its folder holds, of which the groups of the norms are read, and whether it is
    one of the kinds that the keys don't tell from these; without it they are 32.
    Raises InputError also for another activation than swish, and norms that depend on the latent (Kandinsky's MOVQ).
    """
    config = config or {}
    for key, right in (("act_fn", ("silu", "swish")), ("norm_type", ("group",))):
        if config.get(key, right[0]) not in right:
            raise InputError(f"{DIALECT.project}: {key}={config[key]} in config.json; only {right[0]} can be read")
    state = plain(file)
    if "encoder.down_blocks.0.resnets.0.conv1.weight" not in state:
        raise unlike(state, "an autoencoder (encoder.down_blocks.0.resnets.0.conv1.weight)", DIALECT.project)
    dialect = OLDER if any(".attentions.0.query." in key for key in state) else DIALECT
    groups = config.get("norm_num_groups") or 32
    if type(groups) is not int or groups < 1:
        raise InputError(f"{DIALECT.project}: norm_num_groups={groups!r} in config.json; it is a whole number above 0")
    return tokenizer(*halves_from(state, dialect, groups), DIALECT.project, legacy=True)


def to_diffusers(
    made: Tokenizer, size: int = 256, scaling_factor: float = 1.0
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """(state, configuration) of the same tokenizer as a VQModel or an AutoencoderKL of diffusers.

    The state belongs into `diffusion_pytorch_model.safetensors`, the configuration, as JSON, into `config.json` in the
    folder of it. size: of the images that it was trained on, in pixels. scaling_factor: what a diffusion model
    multiplies latents by, 1 over their standard deviation, which the weights don't tell.
    Raises InputError for what diffusers' networks can't be: another bottleneck than one codebook or KL, and halves
    that are not alike.
    """
    encoder, decoder = _complete(Encoder, made.encoder), _complete(Decoder, made.decoder)
    kl = made.bottleneck["name"] == KL
    _check_alike(encoder, decoder, kl)
    state = _written(made.state, "encoder", encoder) | _written(made.state, "decoder", decoder)
    config = _config(encoder, decoder, size) | {"scaling_factor": scaling_factor}
    if kl:
        used = {"use_quant_conv": encoder["projection"], "use_post_quant_conv": decoder["projection"]}
        return state, {"_class_name": "AutoencoderKL", **config, **used, "force_upcast": False}
    codebook = _codebook(made)
    codes, channels = codebook.shape
    state["quantize.embedding.weight"] = codebook
    for conv in ("quant_conv", "post_quant_conv"):  # which VQModel always has
        if f"{conv}.weight" not in state:
            state[f"{conv}.weight"] = torch.eye(channels, dtype=codebook.dtype)[:, :, None, None]
            state[f"{conv}.bias"] = torch.zeros(channels, dtype=codebook.dtype)
    return state, {"_class_name": "VQModel", **config, "num_vq_embeddings": codes, "vq_embed_dim": channels}


def _complete(network: Callable[..., Any], component: Component) -> Component:
    """The component with the network's defaults for what it leaves out."""
    parameters = inspect.signature(network).parameters.values()
    whole = {parameter.name: parameter.default for parameter in parameters} | component
    if whole["z_channels"] is None:
        whole["z_channels"] = whole["out_channels" if network is Encoder else "in_channels"]
    return whole


def _check_alike(encoder: Component, decoder: Component, kl: bool) -> None:
    """InputError for two halves that one configuration of diffusers can't describe."""
    for key in ALIKE:
        mine, other = (list(x) if isinstance(x, Sequence) else x for x in (encoder[key], decoder[key]))
        if mine != other:
            raise InputError(
                f"diffusers has one setting for both: {key} is {mine} in the encoder, {other} in the decoder"
            )
    inner, outer = encoder["z_channels"], decoder["z_channels"]
    if inner != (2 * outer if kl else outer):
        twice = "twice the decoder's" if kl else "the decoder's"
        raise InputError(f"diffusers: the encoder's z_channels, {inner}, must be {twice}, {outer}")
    if kl and (inner, outer) != (encoder["out_channels"], decoder["in_channels"]):
        raise InputError(
            f"diffusers' AutoencoderKL has as many channels on both sides of its quant_conv; here z_channels={inner} "
            f"and out_channels={encoder['out_channels']}"
        )
    if encoder["multipliers"][0] != 1:
        raise InputError(
            f"diffusers' first level is as wide as its first layer: multipliers={list(encoder['multipliers'])} "
            "must begin with 1"
        )


def _written(state: State, half: str, component: Component) -> dict[str, Tensor]:
    """Our weights of one half under diffusers' keys."""
    theirs = {ours: layer for layer, ours in layer_names(half, component, DIALECT).items()}
    written = {}
    for key, tensor in state.items():
        if key.startswith(f"{half}."):
            layer, leaf = key.removeprefix(f"{half}.").rsplit(".", 1)
            written[f"{theirs[layer]}.{leaf}"] = tensor
    return written


def _config(encoder: Component, decoder: Component, size: int) -> dict[str, Any]:
    """What a VQModel's and an AutoencoderKL's configuration have in common."""
    levels = range(len(encoder["multipliers"]))
    down = ["AttnDownEncoderBlock2D" if 2**i in encoder["attention"] else "DownEncoderBlock2D" for i in levels]
    up = ["AttnUpDecoderBlock2D" if 2**i in decoder["attention"] else "UpDecoderBlock2D" for i in reversed(levels)]
    return {
        "in_channels": encoder["in_channels"],
        "out_channels": decoder["out_channels"],
        "down_block_types": down,
        "up_block_types": up,
        "block_out_channels": [encoder["width"] * multiplier for multiplier in encoder["multipliers"]],
        "layers_per_block": encoder["blocks"],
        "act_fn": "silu",
        "latent_channels": decoder["z_channels"],
        "sample_size": size,
        "norm_num_groups": encoder["groups"],
        "mid_block_add_attention": encoder["middle_attention"],
    }


def _codebook(made: Tokenizer) -> Tensor:
    """The codes [n, D] as diffusers' plain nearest-code look-up takes them; InputError for other bottlenecks.

    Among codes of length 1 the nearest to a latent is also the nearest to the latent brought to length 1.
    """
    if made.bottleneck["name"] != VQ:
        raise InputError(
            f"diffusers has only one codebook or KL: the bottleneck {made.bottleneck} can't be written for it"
        )
    codes = made.state[f"bottleneck.{CODEBOOK}"]
    return F.normalize(codes, dim=1) if made.bottleneck.get("normalize", False) else codes
