"""The networks that a reader of tokenizers describes, with the weights that it read."""

from collections.abc import Callable
from typing import Any

from torch import nn

from advloss.interop.tokenizer_weights import Tokenizer
from advloss.networks.autoencoders.vqgan import Decoder, Encoder
from advloss.networks.bottlenecks import BOTTLENECKS, Bottleneck


def halves(made: Tokenizer) -> tuple[nn.Module, nn.Module]:
    """(encoder, decoder) in eval mode."""
    assert made.encoder["name"] == made.decoder["name"] == "vqgan"
    return _built(made, "encoder", Encoder), _built(made, "decoder", Decoder)


def bottleneck(made: Tokenizer) -> Bottleneck:
    return _built(made, "bottleneck", BOTTLENECKS[made.bottleneck["name"]])


def _built(made: Tokenizer, part: str, kind: Callable) -> Any:
    module = kind(**{key: value for key, value in getattr(made, part).items() if key != "name"}).eval()
    weights = {key.removeprefix(f"{part}."): made.state[key] for key in made.state if key.startswith(f"{part}.")}
    module.load_state_dict(weights)
    return module
