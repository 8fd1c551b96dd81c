"""The method tokenizer: its tensors, any size, and what it says of its codes."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.methods.tokenizer import Tokenizer
from advloss.networks.bottlenecks import FSQ, KL, VQ, Bottleneck


class Halve(nn.Module):
    """Means of 2 x 2 pixels, repeated to `out_channels`."""

    multiple = smallest = 2

    def __init__(self, out_channels: int) -> None:
        super().__init__()
        self.out_channels = out_channels

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.avg_pool2d(x, 2).mean(1, keepdim=True).repeat(1, self.out_channels, 1, 1)


class Double(nn.Module):
    """Each value as 2 x 2 grey pixels, from the first channel."""

    factor = 2

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.last_layer = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :1].repeat(1, 3, 1, 1).repeat_interleave(2, -1).repeat_interleave(2, -2) * self.last_layer


def tokenizer(bottleneck: Callable[[], Bottleneck]) -> Tokenizer:
    return Tokenizer(Halve, bottleneck, Double)


def grid(height: int = 8, width: int = 6) -> dict[str, Tensor]:
    return {"image": torch.linspace(-0.9, 0.9, height * width).view(1, 1, height, width).repeat(2, 3, 1, 1)}


def test_the_parts_are_wired_to_the_bottleneck():
    made = tokenizer(lambda: KL(channels=5))
    assert made.encoder.out_channels == 10 and made.decoder.in_channels == 5
    assert made.last_layer is made.decoder.last_layer


def test_values_by_hand():
    """FSQ with one channel of three levels: -1, 0 and 1, of means of 2 x 2 pixels."""
    method = tokenizer(lambda: FSQ(levels=[3])).eval()
    image = torch.tensor([[-0.95, -0.95, 0.0, 0.1], [-0.95, -0.95, 0.0, -0.1]]).repeat(1, 3, 1, 1)
    made = method({"image": image}, {"reconstruction", "bottleneck"})
    latent = method.encode(image).latent
    assert torch.equal(latent.flatten(), torch.tensor([-1.0, 0.0]))
    assert torch.equal(made["reconstruction"][0, 0], torch.tensor([[-1.0, -1, 0, 0], [-1, -1, 0, 0]]))
    assert made["bottleneck"] == 0 and made["image"] is image


def test_the_bottlenecks_losses_by_name_and_their_sum():
    method = tokenizer(lambda: VQ(channels=1, codes=4, beta=0.5))
    made = method(grid(), {"codebook", "commitment", "bottleneck"})
    assert torch.allclose(made["commitment"], 0.5 * made["codebook"])
    assert torch.allclose(made["bottleneck"], made["codebook"] + made["commitment"])
    assert "reconstruction" not in made
    with pytest.raises(InputError, match="VQ has no loss 'kl'; it has commitment, codebook"):
        method(grid(), {"kl"})


@pytest.mark.parametrize("size", [(8, 6), (7, 5), (1, 1)])
def test_any_size_goes_there_and_back(size: tuple[int, int]):
    method = tokenizer(lambda: VQ(channels=1, codes=4)).eval()
    image = grid(*size)["image"]
    out = method.encode(image)
    assert out.indices.shape == (2, -(-size[0] // 2), -(-size[1] // 2))
    reconstruction = method({"image": image}, {"reconstruction"})["reconstruction"]
    assert reconstruction.shape == image.shape
    assert torch.equal(method.decode(out.indices, size), reconstruction)


def test_what_is_watched_is_counted_anew_each_time():
    method = tokenizer(lambda: VQ(channels=1, codes=40))
    method.encode(torch.zeros(1, 3, 8, 8))
    watched = {name: float(value) for name, value in method.watched().items()}
    assert watched == pytest.approx({"usage": 1 / 40, "perplexity": 1.0, "tokens": 16})
    assert float(method.watched()["usage"]) == 0


def test_without_codes_there_is_nothing_to_measure():
    method = tokenizer(lambda: KL(channels=1))
    assert method.watched() == {} and method.encode(grid()["image"]).indices is None


def test_halves_that_do_not_fit_are_refused():
    class Fourth(Halve):
        multiple = 4

    with pytest.raises(InputError, match="the encoder makes images 4 times smaller and the decoder 2 times larger"):
        Tokenizer(Fourth, lambda: KL(channels=1), Double)
