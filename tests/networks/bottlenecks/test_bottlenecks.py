"""What all bottlenecks have in common: the contract."""

import inspect

import pytest
import torch
from pydantic import ConfigDict, ValidationError, validate_call
from torch import Tensor, nn

from advloss.core.clock import Schedule
from advloss.core.errors import InputError
from advloss.networks.autoencoders.vqgan import Decoder, Encoder
from advloss.networks.bottlenecks import BOTTLENECKS, FSQ, KL, LFQ, VQ, Bottleneck, Gumbel, ResidualVQ
from tests.cuda.waiting import no_waiting

MAKE = {
    "vq": lambda: VQ(6, 40),
    "ema": lambda: VQ(6, 40, ema=True, kmeans=True, revive=0.1),
    "legacy": lambda: VQ(6, 40, legacy=True),
    "normalize": lambda: VQ(6, 40, normalize=True, kmeans=True, revive=0.1),
    "residual": lambda: ResidualVQ(6, 40, 3, kmeans=True),
    "gumbel": lambda: Gumbel(6, 40),
    "fsq": lambda: FSQ([8, 7, 5, 4]),
    "lfq": lambda: LFQ(2**6),
    "kl": lambda: KL(6),
}
CODED = [name for name in MAKE if name != "kl"]
SUMS = ["vq", "ema", "legacy", "residual", "lfq"]
"""Those whose gradient is the identity's; `normalize` and `fsq` have a function before it, `gumbel` a relaxation."""


def latent(bottleneck: Bottleneck) -> Tensor:
    return torch.randn(2, bottleneck.in_channels, 3, 5)


@pytest.mark.parametrize("name", MAKE)
@pytest.mark.parametrize("training", [True, False])
def test_shapes_types_and_names(name: str, training: bool) -> None:
    bottleneck = MAKE[name]().train(training)
    with torch.autocast("cpu", torch.bfloat16):
        out = bottleneck(latent(bottleneck).bfloat16())
    assert out.latent.shape == (2, bottleneck.channels, 3, 5) and out.latent.is_contiguous()
    assert out.latent.dtype == torch.float32
    for loss in out.losses.values():
        assert loss.shape == () and loss.dtype == torch.float32 and loss.isfinite()
    if name == "kl":
        assert out.indices is None and bottleneck.codes is None and bottleneck.usage() is None
    else:
        assert out.indices.dtype == torch.int64
        assert out.indices.shape == ((2, 3, 5, 3) if name == "residual" else (2, 3, 5))


@pytest.mark.parametrize("name", CODED)
@pytest.mark.parametrize("training", [True, False])
def test_decoding_gives_forward_s_latent_to_the_bit(name: str, training: bool) -> None:
    bottleneck = MAKE[name]()
    bottleneck(latent(bottleneck))  # k-means
    bottleneck.train(training and name not in ("ema", "residual"))  # whose codes move with each batch
    out = bottleneck(3 * latent(bottleneck))
    assert torch.equal(bottleneck.decode(out.indices), out.latent)
    assert torch.equal(bottleneck.decode(out.indices.to(torch.uint16)), out.latent)


@pytest.mark.parametrize("name", SUMS)
def test_the_straight_through_gradient_is_the_identity_s(name: str) -> None:
    bottleneck = MAKE[name]()
    z = latent(bottleneck).requires_grad_()
    weight = torch.randn(2, 6, 3, 5)
    (bottleneck(z).latent * weight).sum().backward()
    assert torch.equal(z.grad, weight)
    assert all(parameter.grad is None for parameter in bottleneck.parameters())


@pytest.mark.parametrize("name", CODED)
def test_bf16_autocast_gives_float32_s_indices_and_losses(name: str) -> None:
    bottleneck = MAKE[name]()
    bottleneck(latent(bottleneck))
    bottleneck.eval()
    z = torch.randn(4, bottleneck.in_channels, 16, 16)
    want = bottleneck(z)
    with torch.autocast("cpu", torch.bfloat16):
        got = bottleneck(z)
    assert torch.equal(want.indices, got.indices) and torch.equal(want.latent, got.latent)
    assert all(torch.equal(want.losses[key], got.losses[key]) for key in want.losses)


@pytest.mark.parametrize("name", MAKE)
def test_in_double_and_on_the_meta_device(name: str) -> None:
    bottleneck = MAKE[name]().double()
    assert bottleneck(latent(bottleneck).double()).latent.dtype == torch.float64
    bottleneck = MAKE[name]().to("meta").train()
    out = bottleneck(latent(bottleneck).to("meta"))
    assert out.latent.is_meta
    if out.indices is not None:
        assert bottleneck.decode(out.indices).shape == out.latent.shape


@pytest.mark.parametrize("name", MAKE)
def test_compiles_as_one_graph_once_started(name: str) -> None:
    torch.compiler.reset()
    bottleneck = MAKE[name]().train()
    z = latent(bottleneck)
    bottleneck(z)
    bottleneck.eval()
    want = bottleneck(z)
    got = torch.compile(bottleneck, fullgraph=True, backend="eager")(z)
    torch.testing.assert_close(got.latent, want.latent)
    torch.compile(bottleneck.train(), fullgraph=True, backend="eager")(z)


@pytest.mark.parametrize("name", MAKE)
def test_nothing_waits_for_the_device_once_started(name: str) -> None:
    bottleneck = MAKE[name]().train()
    z = latent(bottleneck).requires_grad_()
    bottleneck(z)
    with no_waiting(z.device):
        out = bottleneck(z)
        (out.latent.sum() + sum(out.losses.values())).backward()
        usage = bottleneck.usage()
        if usage is not None:
            _ = usage.fraction, usage.perplexity
        bottleneck.reset_usage()


@pytest.mark.parametrize("name", ["vq", "normalize"])
def test_two_forwards_before_the_first_backward(name: str) -> None:
    """Reviving codes in the second must not spoil the graph of the first."""
    bottleneck = VQ(6, 40, normalize=name == "normalize", revive=0.9, decay=0.1).train()
    losses = [sum(bottleneck(latent(bottleneck)).losses.values()) for _ in range(3)]
    for loss in losses:
        loss.backward()


@pytest.mark.parametrize("name", ["vq", "fsq", "lfq", "residual"])
def test_usage_and_perplexity(name: str) -> None:
    bottleneck = MAKE[name]()
    assert bottleneck.usage().fraction == 0 and bottleneck.usage().perplexity == 1
    counts = torch.zeros(bottleneck.books, bottleneck.codes, dtype=torch.int64)
    for _ in range(3):
        indices = bottleneck(latent(bottleneck)).indices.reshape(-1, bottleneck.books)
        for book, chosen in enumerate(indices.T):
            counts[book] += chosen.bincount(minlength=bottleneck.codes)
    usage = bottleneck.usage(everywhere=True)
    assert torch.equal(usage.counts, counts)
    assert usage.fraction == pytest.approx((counts > 0).double().mean().item())
    entropies = [torch.distributions.Categorical(row / row.sum()).entropy() for row in counts.double()]
    assert usage.perplexity == pytest.approx(torch.stack(entropies).exp().mean().item(), rel=1e-5)
    assert not any("seen" in key for key in bottleneck.state_dict())
    bottleneck.reset_usage()
    assert bottleneck.usage().fraction == 0


def test_perplexity_by_hand() -> None:
    bottleneck = LFQ(4)
    bottleneck(torch.tensor([[-1.0, 1, 1, -1], [-1, -1, -1, -1]]).view(1, 2, 2, 2))  # 0, 1, 1, 0
    assert bottleneck.usage().counts.tolist() == [[2, 2, 0, 0]]
    assert bottleneck.usage().fraction == 0.5 and bottleneck.usage().perplexity == pytest.approx(2)


@pytest.mark.parametrize("name", MAKE)
def test_wrong_channels_and_indices(name: str) -> None:
    bottleneck = MAKE[name]()
    for shape in ((2, bottleneck.in_channels + 1, 3, 3), (2, bottleneck.in_channels, 3)):
        with pytest.raises(InputError, match=rf"it takes \[B, {bottleneck.in_channels}, h, w\]"):
            bottleneck(torch.zeros(shape))
    if name == "kl":
        with pytest.raises(InputError, match="has no codes"):
            bottleneck.decode(torch.zeros(1, 2, 2, dtype=torch.int64))
        return
    shape = (1, 2, 2, 3) if name == "residual" else (1, 2, 2)
    for wrong in (-1, bottleneck.codes):
        with pytest.raises(InputError, match=f"got the index {wrong}; its {bottleneck.codes} codes are 0 to"):
            bottleneck.decode(torch.full(shape, wrong))
    for indices in (torch.zeros(shape), torch.zeros(shape[1:], dtype=torch.int64), torch.ones(shape).bool()):
        with pytest.raises(InputError, match=r"they are integers \[B, h, w"):
            bottleneck.decode(indices)


def test_not_a_number_stays_visible_and_breaks_nothing_else() -> None:
    for name in CODED:
        bottleneck = MAKE[name]().eval()
        z = latent(bottleneck)
        z[0, 0, 0, 0] = torch.nan
        out = bottleneck(z)
        assert out.indices.min() >= 0 and out.indices.max() < bottleneck.codes
        assert out.latent.isnan().any() or any(loss.isnan() for loss in out.losses.values()), name


TEXT = [
    ("vq", {"channels": "8", "codes": "16", "beta": "1e-1", "ema": "yes", "decay": "0.5", "normalize": "true"}),
    ("residual_vq", {"channels": "8", "codes": "16", "books": "2"}),
    ("gumbel", {"channels": "8", "codes": "16", "temperature": "0.5"}),
    ("fsq", {"levels": ["5", "4"], "codes": "20"}),
    ("lfq", {"codes": "16", "entropy": "0"}),
    ("kl", {"channels": "4"}),
]
WRONG = [
    ("vq", {"channels": 8, "codes": 0}),
    ("vq", {"channels": 8, "codes": 2, "revive": 1}),
    ("gumbel", {"channels": 8, "codes": 2, "temperature": 0}),
    ("fsq", {"levels": [1]}),
    ("fsq", {"levels": []}),
    ("lfq", {"temperature": 0}),
]


LEARNING = {
    *("dropout", "beta", "legacy", "ema", "decay", "kmeans", "revive", "temperature", "entropy", "diversity"),
    *("together", "kl"),
}
"""What the fingerprints of tokens that exist leave out, wherever it is a parameter of a tokenizer's network."""


@pytest.mark.parametrize("network", [*BOTTLENECKS.values(), Encoder, Decoder])
def test_what_counts_in_training_only(network: type) -> None:
    assert network.training_only == LEARNING & inspect.signature(network).parameters.keys()
    if network in (VQ, ResidualVQ):
        assert network.training_only_tensors == {"counts", "sums", "share", "started"}


@pytest.mark.parametrize("name", MAKE)
def test_what_counts_in_training_only_changes_nothing_at_inference(name: str) -> None:
    bottleneck = MAKE[name]().eval()
    latents = latent(bottleneck)
    before = bottleneck(latents).latent
    for key, tensor in bottleneck.state_dict().items():
        if key.rpartition(".")[2] in bottleneck.training_only_tensors:
            tensor.zero_()
    assert torch.equal(bottleneck(latents).latent, before)


def test_a_scheduled_temperature() -> None:
    """The gradient of the latent is that of softmax(l / temperature): a large one has none left."""
    gumbel = Gumbel(6, 8, temperature=Schedule.steps({0: 1.0, 1: 1e6}))
    norms = []
    for _ in range(2):
        x = torch.randn(1, 6, 2, 2).requires_grad_()
        (gradient,) = torch.autograd.grad(gumbel(x).latent.sum(), x)
        norms.append(gradient.norm())
    assert norms[0] > 1e3 * norms[1] and gumbel.clock.iteration == 2
    assert gumbel.phase(0) != gumbel.phase(1)
    resumed = Gumbel(6, 8)
    resumed.load_state_dict(gumbel.state_dict())
    assert resumed.clock.iteration == 2 and "iteration" not in Gumbel(6, 8).state_dict()


@pytest.mark.parametrize(("name", "text"), TEXT)
def test_recipes_convert_text(name: str, text: dict) -> None:
    checked(BOTTLENECKS[name], text)


@pytest.mark.parametrize(("name", "wrong"), WRONG)
def test_recipes_and_python_refuse_the_same(name: str, wrong: dict) -> None:
    with pytest.raises(ValidationError):
        checked(BOTTLENECKS[name], wrong)
    with pytest.raises(InputError):
        BOTTLENECKS[name](**wrong)


def checked(network: type[nn.Module], values: dict) -> None:
    validate_call(config=ConfigDict(arbitrary_types_allowed=True))(network.__init__)(network.__new__(network), **values)
