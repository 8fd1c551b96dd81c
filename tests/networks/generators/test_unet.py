from collections.abc import Callable

import pytest
import torch

from advloss.core.errors import InputError
from advloss.interop import junyanz
from advloss.networks.generators.unet import UNetGenerator
from advloss.networks.layers.basic import Dropout, InstanceNorm


def test_computes_what_the_reference_does_in_eval_mode(recorded: Callable) -> None:
    weights, x, y = recorded("pix2pix_unet256")
    component, state = junyanz.generator_from(weights)
    assert component == {
        "name": "unet", "in_channels": 3, "out_channels": 3, "levels": 8, "width": 8, "norm": "batch"
    }  # fmt: skip
    del component["name"]
    network = UNetGenerator(**component).eval()
    network.load_state_dict(state)
    with torch.no_grad():
        torch.testing.assert_close(network(x), y, rtol=0, atol=1e-5)


def test_computes_what_the_reference_does_with_batch_statistics(recorded: Callable) -> None:
    weights, x, y = recorded("pix2pix_unet256_train")
    _, state = junyanz.unet_from(weights)
    at_inference = UNetGenerator(width=8, dropout=0, statistics_at_inference="batch").eval()
    at_inference.load_state_dict(state)
    training = UNetGenerator(width=8, dropout=0)
    training.load_state_dict(state)
    with torch.no_grad():
        torch.testing.assert_close(at_inference(x), y, rtol=0, atol=1e-5)
        torch.testing.assert_close(training(x), y, rtol=0, atol=1e-5)
    assert all(torch.equal(value, state[key]) for key, value in at_inference.state_dict().items())
    moved = [key for key, value in training.state_dict().items() if not torch.equal(value, state[key])]
    assert moved and all("running" in key or "num_batches" in key for key in moved)


def test_the_paper_s_size() -> None:
    with torch.device("meta"):
        network = UNetGenerator()
    assert sum(p.numel() for p in network.parameters()) == 54_413_955  # as the reference prints: 54.414 M


@pytest.mark.parametrize("levels", [2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("upsample", ["transposed", "resize"])
def test_any_number_of_levels_keeps_the_size(levels: int, upsample: str) -> None:
    network = UNetGenerator(1, 4, levels=levels, width=2, upsample=upsample)  # type: ignore[arg-type]
    assert network.multiple == 2**levels
    y = network(torch.randn(2, 1, network.multiple, 2 * network.multiple))
    assert y.shape == (2, 4, network.multiple, 2 * network.multiple) and y.abs().max() <= 1


@pytest.mark.parametrize("levels", [2, 5, 6, 8])
def test_dropout_only_where_the_reference_has_it(levels: int) -> None:
    network = UNetGenerator(levels=levels, width=2)
    places = [i for i, up in enumerate(network.ups) if any(isinstance(layer, Dropout) for layer in up)]
    assert places == list(range(1, levels - 4))  # just within the innermost, which is up 0


@pytest.mark.parametrize("at_inference", [False, True])
def test_dropout_at_inference_varies_in_eval_mode(at_inference: bool) -> None:
    network, x = (
        UNetGenerator(levels=6, width=2, norm="none", dropout_at_inference=at_inference).eval(),
        torch.randn(1, 3, 64, 64),
    )
    with torch.no_grad():  # weights of 0.02 would hide the deep levels below float32's resolution
        for parameter in network.parameters():
            parameter.mul_(10)
    assert torch.equal(network(x), network(x)) != at_inference


@pytest.mark.parametrize(("norm", "biased"), [("instance", True), ("none", True), ("batch", False)])
def test_biases_and_norms(norm: str, biased: bool) -> None:
    network = UNetGenerator(levels=4, width=2, norm=norm)  # type: ignore[arg-type]
    state = network.state_dict()
    assert all((f"downs.{i}.conv.bias" in state) == biased for i in range(4))
    assert all((f"ups.{i}.conv.bias" in state) == biased for i in range(3)) and "ups.3.conv.bias" in state
    if norm == "instance":
        network(torch.randn(1, 3, 16, 16))  # the innermost map is 1x1, and has no norm
        assert sum(isinstance(module, InstanceNorm) for module in network.modules()) == 2 + 3


def test_runs_on_the_meta_device_and_is_one_graph() -> None:
    with torch.device("meta"):
        assert UNetGenerator(width=2)(torch.empty(2, 3, 256, 512)).shape == (2, 3, 256, 512)
    network, x = UNetGenerator(levels=3, width=2, norm="instance"), torch.randn(1, 3, 16, 16)
    torch.testing.assert_close(torch.compile(network, fullgraph=True, backend="eager")(x), network(x))


@pytest.mark.parametrize("size", [(8, 12), (20, 16), (8, 8), (0, 16)])
def test_wrong_sizes_are_named(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=rf"{size[0]}x{size[1]} pixels .* multiples of 16 and at least 16"):
        UNetGenerator(levels=4, width=2)(torch.zeros(1, 3, *size))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"levels": 1}, "levels=1 must be at least 2"),
        ({"in_channels": 0}, "in_channels=0 must be at least 1"),
        ({"levels": 3, "dropout": -0.1}, r"dropout=-0\.1"),
        ({"statistics_at_inference": "eval"}, "unknown statistics_at_inference 'eval'"),
    ],
)
def test_wrong_parameters_are_named(wrong: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        UNetGenerator(**wrong)
