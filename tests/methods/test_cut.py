"""CUT: what its tensors are, how places are drawn, and what it refuses."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.methods import cut
from advloss.methods.cut import CUT, drawn_places
from advloss.networks.generators.resnet import ResNetGenerator
from advloss.recipe.build import build
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read


class Plus(nn.Module):
    """Adds 1; its two layers give 10 and 100 times the image. Counts its calls."""

    layers = ("tens", "hundreds")

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[int, bool]] = []
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, features: tuple[str, ...] = (), decode: bool = True):
        self.calls.append((len(x), decode))
        x = x * self.weight
        maps = {"tens": 10 * x, "hundreds": 100 * x[..., ::2]}
        return (x + 1, tuple(maps[name] for name in features)) if features else x + 1


def method(**options) -> CUT:
    made = CUT(lambda **fields: Plus(), layers=Plus.layers, **options)
    made.batches_calls = True
    return made


def numbered(first: float, count: int = 2) -> Tensor:
    """Images [count, 3, 4, 4] of which each pixel has another value."""
    return first + torch.arange(count * 3 * 16, dtype=torch.float64).reshape(count, 3, 4, 4)


@pytest.fixture
def batch() -> dict[str, Tensor]:
    return {"a": numbered(0), "b": numbered(1000)}


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Tensor]]:
    told = [torch.tensor([5, 0]), torch.tensor([6])]  # row 1 of 4 columns, column 1; row 3 of 2 columns, column 0
    monkeypatch.setattr(cut, "drawn_places", lambda maps, patches: told)
    yield told


def test_what_the_tensors_are(batch: dict[str, Tensor], places: list[Tensor]) -> None:
    made = method()(batch, {*CUT.tensors})
    assert made.keys() == CUT.tensors.keys()
    a, b = batch["a"], batch["b"]
    assert torch.equal(made["fake_b"], a + 1) and torch.equal(made["same_b"], b + 1)
    for name, images in (("features_a", a), ("features_fake_b", a + 1)):
        tens, hundreds = made[name]
        assert torch.equal(tens, 10 * torch.stack([images[:, :, 1, 1], images[:, :, 0, 0]], 2))  # [B, C, P]
        assert torch.equal(hundreds, 100 * images[:, :, 3, :1])
    for name, first, second in (("features_in", "features_a", b), ("features_out", "features_fake_b", b + 1)):
        tens, _ = made[name]
        assert torch.equal(tens[:2], made[first][0])
        assert torch.equal(tens[2:], 10 * torch.stack([second[:, :, 1, 1], second[:, :, 0, 0]], 2))


def test_features_of_inputs_are_constants(batch: dict[str, Tensor]) -> None:
    made = method()(batch, {*CUT.tensors})
    assert all(not layer.requires_grad for layer in (*made["features_a"], *made["features_in"]))
    assert all(layer.requires_grad for layer in (*made["features_fake_b"], *made["features_out"]))


@pytest.mark.parametrize(
    ("wanted", "calls"),
    [
        ({"a", "b"}, []),
        ({"fake_b"}, [(2, True)]),
        ({"same_b"}, [(2, True)]),
        ({"features_a"}, [(2, True)]),
        ({"fake_b", "features_a", "features_fake_b"}, [(2, True), (2, False)]),
        ({"features_in", "features_out", "fake_b"}, [(4, True), (4, False)]),
    ],
)
def test_one_pass_gives_an_output_and_the_features_of_its_input(
    batch: dict[str, Tensor], wanted: set[str], calls: list[tuple[int, bool]]
) -> None:
    made = method()
    assert made(batch, wanted).keys() == {"a", "b"} | wanted
    assert made.generator.calls == calls


def test_a_translator_that_mixes_samples_gets_each_domain_in_a_call_of_its_own(
    batch: dict[str, Tensor], places: list[Tensor]
) -> None:
    joined, apart = method(), method()
    apart.batches_calls = False
    ours, theirs = (each(batch, {*CUT.tensors}) for each in (apart, joined))
    assert apart.generator.calls == [(2, True), (2, True), (2, False), (2, False)]
    for name in ("fake_b", "same_b"):
        assert torch.equal(ours[name], theirs[name])
    for name in ("features_in", "features_out"):
        assert all(map(torch.equal, ours[name], theirs[name]))
    network = CUT(lambda **fields: ResNetGenerator(width=2, blocks=1, norm="batch"))
    assert not network.batches_calls


@pytest.mark.parametrize("flipped", [True, False])
def test_flip_equivariance(
    batch: dict[str, Tensor], places: list[Tensor], flipped: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The translator gets the mirrored images; the features of its outputs are compared at mirrored places."""
    monkeypatch.setattr(cut, "drawn_coin", lambda like: torch.tensor(flipped))
    flips = method(flip=True)
    made, without = flips(batch, {*CUT.tensors}), method()(batch, {*CUT.tensors})
    expected = without["fake_b"].flip(3) if flipped else without["fake_b"]
    assert torch.equal(made["fake_b"], expected)
    for name in ("features_a", "features_in"):
        assert all(map(torch.equal, made[name], without[name]))
    tens, hundreds = made["features_out"]
    assert torch.equal(tens, without["features_out"][0])
    images = torch.cat([batch["a"], batch["b"]]) + 1
    column = 2 if flipped else 0  # of every second column of the mirrored image the last is the second of the image
    assert torch.equal(hundreds, 100 * (images.flip(3) if flipped else images)[:, :, 3, column : column + 1])
    assert torch.equal(flips.eval()(batch, {"features_out", "fake_b"})["fake_b"], batch["a"] + 1)


def test_the_coin_falls_on_both_sides() -> None:
    torch.manual_seed(0)
    thrown = torch.stack([cut.drawn_coin(torch.zeros(1)) for _ in range(400)])
    assert 160 < thrown.sum() < 240


def test_places_are_all_different_and_everywhere() -> None:
    torch.manual_seed(0)
    maps = (torch.zeros(2, 3, 10, 12), torch.zeros(2, 3, 4, 4))
    seen = torch.zeros(120)
    for _ in range(300):
        large, small = drawn_places(maps, 20)
        assert len(large.unique()) == 20 and small.sort().values.tolist() == list(range(16))
        seen[large] += 1
    assert seen.mean() == 50 and seen.min() > 25 and seen.max() < 80  # 6.5 is the standard deviation


def recipe(*overrides: str):
    source = read("cut-small")
    for override in overrides:
        source.override(override)
    return build(resolve(source))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("networks.generator={name: unet, levels: 4}", "gives no maps of its layers, which cut compares; use resnet"),
        ("method.layers=[pixels, blocks.7]", r"unknown layer of the generator 'blocks.7'; did you mean 'blocks"),
        ("method.layers=[]", "method.layers: it needs at least one name of a layer"),
        ("method.patches=0", "method.patches: Input should be greater than 0"),
        ("losses.nce.between=[fake_b, a]", "patch_nce compares features of layers, such as features_fake_b"),
        ("losses.nce.between=[features_out, features_a]", "they must have the same shape"),
        (
            "losses.nce.between=[features_in, features_out]",
            "losses.nce: .* made come first, and x does not depend on it",
        ),
        ("data.channels={a: 1, b: 3}", "a has 1 channels, b 3"),
    ],
)
def test_what_a_recipe_is_refused_for(override: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        recipe(override)


def test_heads_are_the_generator_s_to_train() -> None:
    built = recipe()
    heads = {id(parameter) for parameter in built.terms["nce"].parameters()}
    assert [layer[0].in_features for layer in built.terms["nce"].loss.heads] == [3, 48, 96, 96, 96]
    assert heads and heads <= {id(parameter) for parameter in built.players["generator"]}
    assert not heads & {id(parameter) for parameter in built.players["discriminator"]}
    assert not any("heads" in name for name in built.method.state_dict())  # the model file is the translator's
