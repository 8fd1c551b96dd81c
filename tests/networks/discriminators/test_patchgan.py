from collections.abc import Callable

import pytest
import torch

from advloss.core.errors import InputError
from advloss.interop import junyanz
from advloss.networks.discriminators.patchgan import PatchGAN


@pytest.mark.parametrize(("norm", "channels"), [("batch", 6), ("instance", 3)])
def test_computes_what_the_reference_does(recorded: Callable, norm: str, channels: int) -> None:
    weights, x, y = recorded(f"patchgan_{norm}")
    component, state = junyanz.discriminator_from(weights)
    assert component == {"name": "patchgan", "in_channels": channels, "width": 8, "layers": 3, "norm": norm}
    del component["name"]
    network = PatchGAN(**component)  # in train mode: recorded with batch statistics
    network.load_state_dict(state)
    with torch.no_grad():
        torch.testing.assert_close(network(x), y, rtol=0, atol=1e-5)


def test_the_paper_s_size() -> None:
    with torch.device("meta"):
        cyclegan, pix2pix = PatchGAN(3, norm="instance"), PatchGAN(6, norm="batch")
    assert sum(p.numel() for p in cyclegan.parameters()) == 2_764_737  # as the reference prints: 2.765 M
    assert sum(p.numel() for p in pix2pix.parameters()) == 2_768_705  # 2.769 M


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70), (4, 142)])
def test_receptive_field(layers: int, field: int) -> None:
    network = PatchGAN(width=1, layers=layers, norm="none").double()
    x = torch.randn(1, 3, 3 * field, 3 * field, dtype=torch.float64, requires_grad=True)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(0.1)
    y = network(x)
    (gradient,) = torch.autograd.grad(y[0, 0, y.shape[2] // 2, y.shape[3] // 2], x)
    seen = gradient[0].sum(0) != 0
    assert seen.any(1).sum() == field and seen.any(0).sum() == field


@pytest.mark.parametrize("layers", [1, 2, 3, 5])
def test_the_smallest_image_gives_one_logit_and_a_smaller_one_an_error(layers: int) -> None:
    network = PatchGAN(1, width=2, layers=layers, norm="instance")
    assert network(torch.randn(1, 1, network.smallest, network.smallest)).shape == (1, 1, 1, 1)
    for size in ((network.smallest - 1, 99), (99, network.smallest - 1)):
        with pytest.raises(InputError, match=rf"PatchGAN\(layers={layers}\) .* at least {network.smallest}"):
            network(torch.randn(1, 1, *size))


def test_runs_on_the_meta_device_and_is_one_graph() -> None:
    with torch.device("meta"):
        assert PatchGAN()(torch.empty(2, 3, 256, 256)).shape == (2, 1, 30, 30)
    network, x = PatchGAN(width=2, norm="instance"), torch.randn(1, 3, 32, 32)
    compiled = torch.compile(network, fullgraph=True, backend="eager", dynamic=True)
    torch.testing.assert_close(compiled(x), network(x))


def test_channels_double_up_to_eight_times_the_width() -> None:
    network = PatchGAN(width=2, layers=5, norm="none")
    assert [layer.conv.out_channels for layer in network.body] == [2, 4, 8, 16, 16, 16]
    assert [layer.conv.stride[0] for layer in network.body] == [2, 2, 2, 2, 2, 1]


@pytest.mark.parametrize(("norm", "biased"), [("instance", True), ("none", True), ("batch", False)])
def test_biases_stand_where_no_batch_norm_does(norm: str, biased: bool) -> None:
    state = PatchGAN(width=2, norm=norm).state_dict()  # type: ignore[arg-type]
    assert all((f"body.{n}.conv.bias" in state) == biased for n in (1, 2, 3))
    assert "body.0.conv.bias" in state and "last.bias" in state


@pytest.mark.parametrize(
    ("wrong", "message"), [({"layers": 0}, "layers=0"), ({"norm": "layer"}, "unknown norm 'layer'")]
)
def test_wrong_parameters_are_named(wrong: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PatchGAN(**wrong)


@pytest.mark.parametrize("size", [(24, 24), (31, 26)])
def test_antialiased_logits_have_the_same_size_and_their_features(size: tuple[int, int]) -> None:
    x = torch.randn(2, 3, *size)
    plain, blurred = PatchGAN(width=2), PatchGAN(width=2, downsample="antialiased", init="xavier")
    assert blurred(x).shape == plain(x).shape
    assert {k: v.shape for k, v in blurred.state_dict().items()} == {k: v.shape for k, v in plain.state_dict().items()}
    for ours, theirs in zip(blurred(x, features=True)[1], plain(x, features=True)[1], strict=True):
        assert ours.shape == theirs.shape


def test_only_images_are_antialiased() -> None:
    with pytest.raises(InputError, match="downsample=antialiased is for images, dims=2, and dims is 1"):
        PatchGAN(dims=1, downsample="antialiased")
    with pytest.raises(InputError, match="unknown init 'xaver'; did you mean 'xavier'"):
        PatchGAN(init="xaver")  # type: ignore[arg-type]
