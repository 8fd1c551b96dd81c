import pytest
import torch
import torch.nn.functional as F

from advloss.core.errors import InputError
from advloss.networks.discriminators.vgg_style import VGGStyleDiscriminator
from advloss.networks.layers.resampling import ToGrid


def test_srgan_s_figure_4() -> None:
    with torch.device("meta"):
        network = VGGStyleDiscriminator(levels=4, grid=6, hidden=1024, down_kernel=3)
    convolutions = [layer.conv for layer in network.body if hasattr(layer, "conv")]
    assert [(conv.out_channels, conv.stride[0], conv.kernel_size[0]) for conv in convolutions] == [
        (64, 1, 3), (64, 2, 3), (128, 1, 3), (128, 2, 3), (256, 1, 3), (256, 2, 3), (512, 1, 3), (512, 2, 3)
    ]  # fmt: skip
    assert network.native == 96 and network.body[-1].dense.weight.shape == (1024, 6 * 6 * 512)
    assert [hasattr(layer, "norm") for layer in network.body] == [False, *[True] * 7, False]
    logits, features = network(torch.empty(2, 3, 96, 96, device="meta"), features=True)
    assert logits.shape == (2, 1) and features[7].shape == (2, 512, 6, 6) and features[8].shape == (2, 1024)


@pytest.mark.parametrize("size", [(4, 4), (6, 5), (16, 16), (17, 40), (12, 64)])
@pytest.mark.parametrize("kernel", [3, 4])
def test_any_size_gives_one_logit_and_a_gradient(size: tuple[int, int], kernel: int) -> None:
    network = VGGStyleDiscriminator(1, width=2, levels=2, down_kernel=kernel)  # type: ignore[arg-type]
    x = torch.randn(2, 1, *size, requires_grad=True)
    logits = network(x)
    logits.sum().backward()
    assert logits.shape == (2, 1) and x.grad is not None and x.grad.isfinite().all()


@pytest.mark.parametrize("size", [(4, 4), (1, 1), (7, 10), (3, 12), (2, 2)])
def test_to_grid_is_adaptive_pooling(size: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    torch.testing.assert_close(ToGrid(4)(x), F.adaptive_avg_pool2d(x, 4))
    if size == (4, 4):
        assert ToGrid(4)(x) is x


def test_to_grid_has_no_layer_whose_gradient_is_not_deterministic() -> None:
    torch.use_deterministic_algorithms(True)
    try:
        x = torch.randn(1, 2, 7, 5, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(ToGrid(3), x) and torch.autograd.gradgradcheck(ToGrid(3), x)
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"down_kernel": 5}, r"unknown down_kernel '5'.*3, 4"), ({"grid": 0}, "grid=0"), ({"levels": 0}, "levels=0")],
)
def test_wrong_parameters_are_named(wrong: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        VGGStyleDiscriminator(**wrong)
