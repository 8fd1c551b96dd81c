import inspect
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from pydantic import ConfigDict, ValidationError, validate_call
from safetensors.torch import load_file
from torch import nn
from torch.export import Dim, export

from advloss.core.errors import InputError
from advloss.interop.taming import tokenizer_from
from advloss.networks.autoencoders.blocks import Attention, Downsampling, ResidualBlock, Upsampling
from advloss.networks.autoencoders.vqgan import Decoder, Encoder
from tests.networks.built import halves

SMALL = {"width": 4, "groups": 2, "blocks": 1, "z_channels": 3}


def test_computes_what_the_reference_does(golden: Path) -> None:
    """The whole way of a VQGAN, with the nearest codes found by comparing with all."""
    values = load_file(golden / "vqgan.safetensors")
    weights = {key.removeprefix("weights."): values[key] for key in values if key.startswith("weights.")}
    made = tokenizer_from(weights)
    encoder, decoder = halves(made)
    (codebook,) = [tensor for key, tensor in made.state.items() if key.startswith("bottleneck.")]
    with torch.no_grad():
        latent = encoder(values["input"])
        rows = latent.permute(0, 2, 3, 1).flatten(0, 2)
        indices = (rows[:, None] - codebook).square().sum(-1).argmin(1)
        quantized = codebook[indices].reshape(1, 4, 4, -1).permute(0, 3, 1, 2)
        output = decoder(quantized)
    assert torch.equal(indices, values["indices"])
    loss = 1.25 * F.mse_loss(quantized, latent)  # beta = 0.25, on either side: the values are the same
    for name, got in {"latent": latent, "quantized": quantized, "codebook_loss": loss, "output": output}.items():
        torch.testing.assert_close(got, values[name], rtol=0, atol=1e-5 if name != "output" else 1e-4, msg=name)


def test_the_published_sizes() -> None:
    def size(encoded: int, latent: int, **both: object) -> int:
        with torch.device("meta"):
            encoder = Encoder(out_channels=encoded, **both)  # type: ignore[arg-type]
            decoder = Decoder(in_channels=latent, **both)  # type: ignore[arg-type]
        return sum(p.numel() for half in (encoder, decoder) for p in half.parameters())

    assert size(8, 4, multipliers=(1, 2, 4, 4), attention=()) == 83_653_863  # Stable Diffusion's autoencoder
    assert size(8, 8, z_channels=256) + 16384 * 8 == 71_883_403  # LlamaGen's VQ-16, "72M" in its table 1


@pytest.mark.parametrize(("multipliers", "factor"), [((1,), 1), ((1, 2, 4), 4), ((1, 2, 2, 4), 8), ((1,) * 6, 32)])
def test_the_factor_follows_from_the_multipliers(multipliers: tuple[int, ...], factor: int) -> None:
    given = {**SMALL, "multipliers": multipliers, "attention": (factor,)}
    encoder, decoder = Encoder(out_channels=5, **given), Decoder(in_channels=5, **given)
    assert encoder.multiple == encoder.smallest == decoder.factor == factor
    latent = encoder(torch.zeros(1, 3, 2 * factor, factor))
    assert latent.shape == (1, 5, 2, 1)
    assert decoder(latent).shape == (1, 3, 2 * factor, factor)
    assert decoder.last_layer is decoder.last.weight and decoder.last_layer.shape == (3, 4, 3, 3)
    if factor > 1:
        with pytest.raises(InputError, match=rf"got an image of {factor}x{factor - 1} .* multiples of {factor}"):
            encoder(torch.zeros(1, 3, factor, factor - 1))


def test_attention_is_where_it_is_asked_for() -> None:
    given = {**SMALL, "multipliers": (1, 1, 1), "blocks": 2}

    def places(network: nn.Module) -> set[str]:
        return {name for name, module in network.named_modules() if isinstance(module, Attention)}

    assert places(Encoder(**given, attention=(2,))) == {
        "levels.1.attention0",
        "levels.1.attention1",
        "middle.attention",
    }
    decoding = Decoder(**given, attention=(4,), middle_attention=False)  # the deepest comes first, with a block more
    assert places(decoding) == {f"levels.0.attention{i}" for i in range(3)}


def test_the_channels_around_the_projection() -> None:
    encoder = Encoder(**SMALL, out_channels=5, multipliers=(1, 2), attention=())
    assert encoder(torch.zeros(1, 3, 4, 4)).shape == (1, 5, 2, 2)
    assert (encoder.last.out_channels, Encoder(width=4, groups=2, out_channels=5).last.out_channels) == (3, 5)
    alone = Encoder(width=4, groups=2, out_channels=5, multipliers=(1, 2), attention=(), projection=False)
    assert alone.last.out_channels == 5 and isinstance(alone.projection, nn.Identity)


@torch.no_grad()
def test_attention_by_hand() -> None:
    """With two positions and everything but the values the identity: weights are the softmax of q k / sqrt(C)."""
    attention = Attention(2, 1)
    for layer in (attention.query, attention.key, attention.value, attention.out):
        layer.weight.copy_(torch.eye(2))
        layer.bias.zero_()
    x = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])[None, :, None]  # [1, C=2, 1, 2], which the norm leaves as it is
    weight = torch.tensor([2.0, -2.0]).div(2**0.5).softmax(0)  # of itself, of the other
    shared = weight[0] - weight[1]
    torch.testing.assert_close(attention(x), x + shared * x, rtol=0, atol=1e-5)


@torch.no_grad()
def test_resampling_by_hand() -> None:
    down, up = Downsampling(1), Upsampling(1)
    for conv in (down, up):
        conv.weight.fill_(1.0)
        conv.bias.zero_()  # type: ignore[union-attr]
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[None, None]
    assert down(x).item() == 10  # padded below and at the right: the window begins at the first pixel
    assert up(x)[0, 0, 0].tolist() == [4, 8, 10, 8]  # over rows 1 1 2 2 twice, with zeros around


def test_a_residual_block_begins_at_its_shortcut() -> None:
    same, wider = ResidualBlock(4, 4, 2, 0.0), ResidualBlock(4, 8, 2, 0.0)
    for block in (same, wider):
        nn.init.zeros_(block.conv2.weight)
        nn.init.zeros_(block.conv2.bias)  # type: ignore[arg-type]
    x = torch.randn(1, 4, 3, 3)
    assert torch.equal(same(x), x)
    assert torch.equal(wider(x), wider.shortcut(x)) and wider.shortcut.kernel_size == (1, 1)


def test_a_new_decoder_begins_near_grey() -> None:
    """What losses take for an image: nothing beyond 1.5."""
    decoder = Decoder(in_channels=4, width=64, multipliers=(1, 2), attention=(), blocks=1)
    with torch.no_grad():
        image = decoder(torch.randn(2, 4, 16, 16))
    assert image.abs().max() < 0.5 and image.std() > 0.01


def test_dropout_is_for_training_only() -> None:
    encoder = Encoder(**SMALL, multipliers=(1,), attention=(), dropout=0.5)
    x = torch.rand(1, 3, 8, 8)
    assert not torch.equal(encoder(x), encoder(x))
    encoder.eval()
    assert torch.equal(encoder(x), encoder(x))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"attention": (3,)}, r"attention=\[3\]: .* the factors are 1, 2, 4; 3 is none"),
        ({"attention": (8,)}, r"with 3 multipliers the factors are 1, 2, 4; 8 is none"),
        ({"multipliers": ()}, r"multipliers=\[\] must be one or more"),
        ({"multipliers": (1, 0)}, "at least 1"),
        ({"groups": 3}, "group norm divides 4 channels into groups=3"),
        ({"blocks": 0}, "blocks=0 must be at least 1"),
        ({"z_channels": 0}, "z_channels=0 must be at least 1"),
        ({"z_channels": 7, "projection": False}, "z_channels=7 and (in|out)_channels=256 must be the same"),
        ({"dropout": 1.0}, "dropout=1.0 must be"),
    ],
)
@pytest.mark.parametrize("network", [Encoder, Decoder])
def test_what_makes_no_network(network: type[nn.Module], given: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        network(**({**SMALL, "multipliers": (1, 1, 1), "attention": ()} | given))


@pytest.mark.parametrize("network", [Encoder, Decoder])
def test_text_of_a_command_line_converts(network: type[nn.Module]) -> None:
    checked = validate_call(config=ConfigDict(arbitrary_types_allowed=True, validate_default=True))(network.__init__)  # type: ignore[misc]
    checked(network.__new__(network), width="4", groups="2", z_channels="3", multipliers=["1", 2], attention=[])
    for wrong in ({"multipliers": []}, {"multipliers": "12"}, {"attention": [0]}, {"z_channels": "0"}):
        with pytest.raises(ValidationError):
            checked(network.__new__(network), **wrong)
    assert inspect.signature(network).parameters["attention"].default == (16,)


@pytest.mark.parametrize(
    ("network", "shape", "factor"),
    [
        (lambda: Encoder(**SMALL, multipliers=(1, 2), attention=(2,)), (2, 3, 16, 18), 2),
        (lambda: Decoder(**SMALL, in_channels=3, multipliers=(1, 2), attention=(2,)), (2, 3, 8, 9), 1),
    ],
)
def test_one_exported_graph_takes_every_size(network: Callable, shape: tuple[int, ...], factor: int) -> None:
    made = network().eval()
    batch, height, width = Dim("batch", min=1, max=16), Dim("height", min=2, max=64), Dim("width", min=2, max=64)
    sizes = {"x": {0: batch, 2: factor * height, 3: factor * width}}
    program = export(made, (torch.randn(shape),), dynamic_shapes=sizes).module()
    x = torch.randn(1, 3, 4 * factor, 5 * factor)
    with torch.no_grad():
        torch.testing.assert_close(program(x), made(x), rtol=0, atol=1e-5)
