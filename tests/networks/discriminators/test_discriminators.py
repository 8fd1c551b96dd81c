"""What every discriminator promises, on each of them."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.networks.discriminators.autoencoder import AutoencoderDiscriminator
from advloss.networks.discriminators.mlp import MLPDiscriminator
from advloss.networks.discriminators.multi_scale import MultiScale
from advloss.networks.discriminators.on_features.dino import DINODiscriminator
from advloss.networks.discriminators.on_features.projected import ProjectedDiscriminator
from advloss.networks.discriminators.patchgan import PatchGAN
from advloss.networks.discriminators.pixel import PixelDiscriminator
from advloss.networks.discriminators.stylegan2 import StyleGAN2Discriminator
from advloss.networks.discriminators.unet import UNetDiscriminator
from advloss.networks.discriminators.vgg_style import VGGStyleDiscriminator
from advloss.networks.layers.spectral_norm import add_spectral_norm

Case = tuple[Callable[[], nn.Module], tuple[int, ...]]

CASES: dict[str, Case] = {
    "patchgan": (lambda: PatchGAN(width=2, layers=2, norm="instance"), (2, 3, 16, 20)),
    "patchgan_spectral": (lambda: PatchGAN(width=2, layers=1, norm="none", spectral_norm=True), (2, 3, 8, 9)),
    "patchgan_1d": (lambda: PatchGAN(2, width=2, layers=2, dims=1, spectral_norm=True), (2, 2, 18)),
    "patchgan_3d": (lambda: PatchGAN(1, width=2, layers=1, norm="instance", dims=3), (2, 1, 6, 7, 8)),
    "pixel": (lambda: PixelDiscriminator(width=2), (2, 3, 4, 5)),
    "pixel_3d": (lambda: PixelDiscriminator(1, width=2, norm="none", spectral_norm=True, dims=3), (2, 1, 2, 1, 3)),
    "multi_scale": (lambda: MultiScale(scales=2, width=2, layers=1), (2, 3, 12, 15)),
    "multi_scale_1d": (lambda: MultiScale(scales=3, width=2, layers=1, norm="none", dims=1), (2, 3, 30)),
    "multi_scale_3d": (lambda: MultiScale(1, 2, 2, 1, "none", True, 3), (2, 1, 12, 11, 13)),
    "vgg_style": (lambda: VGGStyleDiscriminator(width=2, levels=2, hidden=3), (2, 3, 16, 16)),
    "vgg_style_any": (lambda: VGGStyleDiscriminator(width=2, levels=2, norm="none", spectral_norm=True), (2, 3, 9, 26)),
    "unet": (lambda: UNetDiscriminator(width=2), (2, 3, 16, 8)),
    "unet_any": (lambda: UNetDiscriminator(width=2, spectral_norm=False), (2, 3, 13, 11)),
    "stylegan2": (lambda: StyleGAN2Discriminator(width=2, levels=2, max_width=4), (2, 3, 16, 16)),
    "stylegan2_any": (lambda: StyleGAN2Discriminator(width=2, levels=2, max_width=4, group=2), (3, 3, 11, 29)),
    "autoencoder": (lambda: AutoencoderDiscriminator(width=2, layers=2, norm="instance"), (2, 3, 18, 15)),
    "projected": (
        lambda: ProjectedDiscriminator(backbone="test_efficientnet", width=2, size=160, norm="none", pretrained=False),
        (2, 3, 30, 33),
    ),
    "dino": (
        lambda: DINODiscriminator(backbone="test_vit", depths=(0, 2), size=32, kernel=3, pretrained=False),
        (2, 3, 30, 33),
    ),
    "mlp": (lambda: MLPDiscriminator(5, width=4, layers=2, spectral_norm=True), (2, 5)),
}


ONE_GRAPH = (
    "patchgan_spectral",
    "pixel",
    "multi_scale_3d",
    "vgg_style",
    "vgg_style_any",
    "unet_any",
    "stylegan2_any",
)
"""Each kind once: compiling is slow."""


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[nn.Module, Tensor]:
    """A discriminator and a batch for it."""
    make, shape = CASES[request.param]
    return make(), torch.randn(shape)


def layers(network: nn.Module) -> list[nn.Module]:
    """The modules whose outputs are the features, in order."""
    if isinstance(network, MultiScale):
        return [layer for scale in network.scales for layer in scale.body]
    if isinstance(network, ProjectedDiscriminator | DINODiscriminator):
        return [layer for head in network.heads for layer in head.body]
    if isinstance(network, UNetDiscriminator):
        return [network.first, *network.downs, *network.ups, *network.ends]
    return list(network.body)


def slow(name: str) -> object:
    """The case, among the slow tests."""
    return pytest.param(name, marks=pytest.mark.slow)


def several(network: nn.Module) -> list[nn.Module]:
    """The parts that give logits each."""
    return [*getattr(network, "scales", getattr(network, "heads", [network]))]


def flat(made: Tensor | list | tuple) -> list[Tensor]:
    return [made] if isinstance(made, Tensor) else [tensor for part in made for tensor in flat(part)]


def assert_same(one: Tensor | list | tuple, other: Tensor | list | tuple) -> None:
    torch.testing.assert_close(flat(one), flat(other), rtol=1e-5, atol=1e-6)


def test_features_are_what_hooks_see_and_logits_the_same(case: tuple[nn.Module, Tensor]) -> None:
    network, x = case
    network.eval()
    seen: list[Tensor] = []
    for layer in layers(network):
        layer.register_forward_hook(lambda module, inputs, output: seen.append(output.clone()))
    logits, features = network(x, features=True)
    assert isinstance(features, list) and len(features) == len(seen) >= 2
    for feature, hooked in zip(features, seen, strict=True):
        assert feature.shape[0] == len(x) and torch.equal(feature, hooked)  # not overwritten by what follows
    alone = network(x)
    assert len(flat(alone)) == len(several(network))
    assert all(torch.equal(one, other) for one, other in zip(flat(alone), flat(logits), strict=True))


def test_logits_are_one_channel_without_a_sigmoid(case: tuple[nn.Module, Tensor]) -> None:
    network, x = case
    last = several(network)[0].last
    with torch.no_grad():
        last.bias.fill_(-100) if last.bias is not None else None
    logits = flat(network(x))[0]
    assert logits.shape[:2] == (len(x), 1)
    assert last.bias is None or getattr(network, "energy", False) or logits.max() < -10


def test_detached_parameters_get_no_gradient_and_images_do(case: tuple[nn.Module, Tensor]) -> None:
    """As AdversarialLoss calls it in the generator's step, with feature matching."""
    network, x = case
    x.requires_grad_()
    detached = {name: parameter.detach() for name, parameter in network.named_parameters()}
    made = torch.func.functional_call(network, detached, (x,), {"features": True})
    sum(tensor.square().mean() for tensor in flat(made)).backward()
    assert x.grad is not None and x.grad.isfinite().all() and x.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("case", [*ONE_GRAPH, *map(slow, ("projected", "dino"))], indirect=True)
def test_the_generator_s_step_is_one_graph(case: tuple[nn.Module, Tensor]) -> None:
    network, x = case
    network.eval()

    def step(x: Tensor) -> tuple:
        detached = {name: parameter.detach() for name, parameter in network.named_parameters()}
        return torch.func.functional_call(network, detached, (x,), {"features": True})

    assert_same(torch.compile(step, fullgraph=True, backend="eager")(x), step(x))
    torch._dynamo.reset()


@pytest.mark.parametrize("case", [*ONE_GRAPH, "mlp", *map(slow, ("projected", "dino"))], indirect=True)
def test_its_own_step_is_one_graph_in_train_mode(case: tuple[nn.Module, Tensor]) -> None:
    network, x = case
    twin = copy.deepcopy(network)
    assert_same(torch.compile(network, fullgraph=True, backend="eager")(x), twin(x))
    for (name, buffer), (_, other) in zip(network.named_buffers(), twin.named_buffers(), strict=True):
        torch.testing.assert_close(buffer, other, msg=name)  # power iteration moved in both
    torch._dynamo.reset()


def test_the_meta_device_shows_the_shapes(case: tuple[nn.Module, Tensor]) -> None:
    network, x = case
    made = copy.deepcopy(network).to("meta")(x.to("meta"), features=True)
    assert [tensor.shape for tensor in flat(made)] == [tensor.shape for tensor in flat(network(x, features=True))]


def test_built_on_the_meta_device(request: pytest.FixtureRequest, case: tuple[nn.Module, Tensor]) -> None:
    network, x = case
    make, _ = CASES[request.node.callspec.params["case"]]
    with torch.device("meta"):
        built = make()
    assert built.state_dict().keys() == network.state_dict().keys()
    assert [t.shape for t in flat(built(x.to("meta")))] == [t.shape for t in flat(network(x))]


def test_deepcopy_after_a_forward_is_the_same_network_on_its_own(case: tuple[nn.Module, Tensor]) -> None:
    network, x = case
    assert all(tensor.isfinite().all() for tensor in flat(network(x)))
    twin = copy.deepcopy(network)
    assert_same(twin.eval()(x), network.eval()(x))
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.add_(1)
    assert not any(torch.equal(a, b) for a, b in zip(network.parameters(), twin.parameters(), strict=True))


def test_the_state_dict_is_the_whole_network(request: pytest.FixtureRequest, case: tuple[nn.Module, Tensor]) -> None:
    network, x = case
    network(x)
    other = CASES[request.node.callspec.params["case"]][0]()
    other.load_state_dict(network.state_dict())
    assert_same(other.eval()(x), network.eval()(x))


def test_autocast_and_double_precision(case: tuple[nn.Module, Tensor]) -> None:
    network, x = case
    with torch.autocast("cpu", torch.bfloat16):
        made = flat(network(x, features=True))
    sum(tensor.float().mean() for tensor in made).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())
    assert all(tensor.dtype == torch.float64 for tensor in flat(network.double()(x.double(), features=True)))


def test_differentiates_twice_for_penalties(case: tuple[nn.Module, Tensor]) -> None:
    network, x = case
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(sum(tensor.sum() for tensor in flat(network(x))), x, create_graph=True)
    gradient.square().sum().backward()
    assert any(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())


def test_two_passes_before_one_backward(case: tuple[nn.Module, Tensor]) -> None:
    """The discriminator's step: fakes, then real images, in train mode, where power iteration moves between."""
    network, x = case
    fake, real = flat(network(x))[0], flat(network(x + 1))[0]
    (fake.mean() - real.mean()).backward()


def test_wrong_channels_ranks_and_sizes_are_named(case: tuple[nn.Module, Tensor]) -> None:
    network, x = case
    name = type(network).__name__
    with pytest.raises(InputError, match=rf"{name}.* got .* \[B, {x.shape[1]}"):
        network(x[..., None])
    if isinstance(network, MLPDiscriminator):
        return
    with pytest.raises(InputError, match=rf"{name}.* got {x.shape[1] + 1} channels .*in_channels={x.shape[1]}"):
        network(torch.cat([x, x[:, :1]], 1))
    smallest = getattr(network, "smallest", 1)
    with pytest.raises(InputError, match=rf"{name}.* got an image of .* at least {smallest}"):
        network(x[..., : smallest - 1])
    assert all(tensor.numel() for tensor in flat(network(torch.randn(2, x.shape[1], *[smallest + 1] * (x.ndim - 2)))))


@pytest.mark.parametrize("network", [PatchGAN, PixelDiscriminator, MultiScale])
def test_a_wrong_number_of_dimensions_is_named(network: Callable[..., nn.Module]) -> None:
    with pytest.raises(InputError, match=r"unknown dims '4'.*known: 1, 2, 3"):
        network(dims=4)


def test_a_dimension_more_is_what_the_same_weights_make_of_slices() -> None:
    """A volume of equal slices, seen by kernels whose only weight is in one slice, is an image."""
    flat_one, deep = PixelDiscriminator(width=2, norm="none"), PixelDiscriminator(width=2, norm="none", dims=3)
    deep.load_state_dict(
        {key: value[..., None] if value.ndim == 4 else value for key, value in flat_one.state_dict().items()}
    )
    x = torch.randn(2, 3, 4, 5, 6)
    torch.testing.assert_close(deep(x)[..., 2], flat_one(x[..., 2]))


@pytest.mark.parametrize("make", [lambda: nn.Linear(7, 5), lambda: nn.Conv1d(3, 4, 3), lambda: nn.Conv2d(3, 8, 4)])
def test_spectral_norm_brings_the_largest_singular_value_to_one(make: Callable[[], nn.Module]) -> None:
    layer = make()
    with torch.no_grad():
        layer.weight.mul_(30)
    raw = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
    add_spectral_norm(layer)
    x = torch.randn(1, *layer.weight.shape[1:])
    for _ in range(300):
        layer(x)
    values = torch.linalg.svdvals(layer.weight.detach().flatten(1))
    torch.testing.assert_close(values[0], torch.tensor(1.0), rtol=0, atol=1e-4)
    torch.testing.assert_close(layer.parametrizations.weight.original.detach() / raw, layer.weight.detach())


def test_spectral_norm_of_a_patchgan_covers_every_convolution_and_bounds_an_mlp() -> None:
    network = PatchGAN(width=2, spectral_norm=True)
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert len(convolutions) == 5 and all(hasattr(layer, "parametrizations") for layer in convolutions)
    mlp = MLPDiscriminator(3, width=8, spectral_norm=True)
    with torch.no_grad():
        for parameter in mlp.parameters():
            parameter.mul_(20)
        for _ in range(30):
            mlp(torch.zeros(1, 3))
    x, y = torch.randn(2, 500, 3)
    slopes = (mlp(x) - mlp(y)).abs().squeeze(1) / (x - y).norm(dim=1)
    assert slopes.max() <= 1.001  # each layer is 1-Lipschitz, and so are leaky ReLUs


def test_training_a_spectrally_normalised_patchgan_keeps_its_bound() -> None:
    network = PatchGAN(width=4, layers=1, norm="none", spectral_norm=True)
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    for _ in range(20):
        optimizer.zero_grad()
        (network(torch.randn(2, 3, 8, 8)) - network(torch.randn(2, 3, 8, 8) + 1)).mean().backward()
        optimizer.step()
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2) < 1.1
