import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.interop import basicsr
from advloss.networks.generators.msrresnet import MSRResNet
from advloss.networks.generators.rrdbnet import RRDBNet
from advloss.networks.generators.srvgg import SRVGG

State = dict[str, Tensor]
GENERATORS: dict[str, Callable[..., nn.Module]] = {"msrresnet": MSRResNet, "rrdbnet": RRDBNet, "srvgg": SRVGG}


def build(component: dict, state: State) -> nn.Module:
    made = GENERATORS[component["name"]](**{key: value for key, value in component.items() if key != "name"})
    made.load_state_dict(state)
    return made


def renamed(state: State, *replacements: tuple[str, str]) -> State:
    """The state with each pattern of its keys replaced by a text (or, as re.sub takes it, with groups)."""
    for pattern, text in replacements:
        state = {re.sub(pattern, text, key): value for key, value in state.items()}
    return state


def basicsr_keys(network: RRDBNet) -> State:
    """Our RRDBNet's weights as BasicSR names them."""
    return renamed(
        dict(network.state_dict()),
        (r"^first", "conv_first"),
        (r"^trunk", "conv_body"),
        (r"^hr", "conv_hr"),
        (r"^last", "conv_last"),
        *[(rf"^ups\.{i}", f"conv_up{i + 1}") for i in range(2)],
        *[(rf"^blocks(\.\d+)\.dense\.{j}\.", rf"body\1.rdb{j + 1}.") for j in range(3)],
        *[(rf"grow\.{k}", f"conv{k + 1}") for k in range(4)],
        (r"fuse", "conv5"),
    )


def esrgan_keys(state: State) -> State:
    """BasicSR's names as ESRGAN's files have them."""
    return renamed(
        state,
        (r"^body", "RRDB_trunk"),
        (r"\.rdb", ".RDB"),
        (r"^conv_body", "trunk_conv"),
        (r"^conv_up", "upconv"),
        (r"^conv_hr", "HRconv"),
    )


def first_esrgan_keys(state: State, blocks: int, ups: int) -> State:
    """BasicSR's names as ESRGAN's first code has them: a list, with two layers without weights after each enlargement's
    convolution. The published x4 is model.0, model.1.sub.0 to 23, model.3, model.6, model.8, model.10."""
    return renamed(
        state,
        (r"^body\.(\d+)\.rdb(\d)\.conv(\d)", r"model.1.sub.\1.RDB\2.conv\3.0"),
        (r"^conv_first", "model.0"),
        (r"^conv_body", f"model.1.sub.{blocks}"),
        *[(rf"^conv_up{i + 1}", f"model.{3 * i + 3}") for i in range(ups)],
        (r"^conv_hr", f"model.{3 * ups + 2}"),
        (r"^conv_last", f"model.{3 * ups + 4}"),
    )


@pytest.mark.parametrize("name", ["msrresnet_x4", "rrdbnet_x4", "rrdbnet_x2", "srvgg_x4"])
def test_a_published_file_read_back_computes_what_the_reference_does(
    recorded: Callable, tmp_path: Path, name: str
) -> None:
    weights, x, y = recorded(name)
    nothing = {key: torch.zeros_like(value) for key, value in weights.items()}
    torch.save({"params": nothing, "params_ema": {f"module.{k}": v for k, v in weights.items()}}, tmp_path / "x.pth")
    component, state = basicsr.generator_from(torch.load(tmp_path / "x.pth", weights_only=True))
    network = build(component, state).eval()
    assert network.scale == y.shape[-1] // x.shape[-1]
    with torch.no_grad():
        torch.testing.assert_close((network(2 * x - 1) + 1) / 2, y, rtol=0, atol=1e-5)


@pytest.mark.parametrize("scale", [1, 2, 4])
@pytest.mark.parametrize("spelling", ["basicsr", "esrgan", "first"])
def test_an_rrdbnet_of_every_scale_under_every_spelling(scale: int, spelling: str) -> None:
    network = RRDBNet(scale=scale, width=3, blocks=11, growth=2)  # type: ignore[arg-type]
    theirs = basicsr_keys(network)
    if spelling == "esrgan":
        theirs = esrgan_keys(theirs)
        assert {"RRDB_trunk.10.RDB3.conv5.weight", "trunk_conv.bias", "upconv2.bias", "HRconv.bias"} <= theirs.keys()
    if spelling == "first":
        theirs = first_esrgan_keys(theirs, 11, 2)
        assert {"model.1.sub.0.RDB1.conv1.0.weight", "model.1.sub.11.bias", "model.10.bias"} <= theirs.keys()
    component, state = basicsr.generator_from(theirs)
    assert component == {
        "name": "rrdbnet", "in_channels": 3, "out_channels": 3, "scale": scale, "width": 3, "blocks": 11, "growth": 2,
        "unshuffle": True,
    }  # fmt: skip
    assert state.keys() == network.state_dict().keys()
    assert all(torch.equal(state[key], value) for key, value in network.state_dict().items())


@pytest.mark.parametrize(("scale", "first"), [(2, False), (2, True), (1, True)])
def test_an_rrdbnet_that_enlarges_less_instead_of_unshuffling(scale: int, first: bool) -> None:
    network = RRDBNet(scale=scale, width=3, blocks=2, growth=2, unshuffle=False)  # type: ignore[arg-type]
    theirs = basicsr_keys(network)
    component, state = basicsr.generator_from(first_esrgan_keys(theirs, 2, scale - 1) if first else esrgan_keys(theirs))
    assert (component["scale"], component["unshuffle"]) == (scale, False)
    again, x = build(component, state), torch.randn(1, 3, 3, 3)
    assert torch.equal(again(x), network(x))


@pytest.mark.parametrize("scale", [2, 3])
def test_an_msrresnet_of_one_stage(scale: int) -> None:
    network = MSRResNet(in_channels=1, out_channels=1, scale=scale, width=3, blocks=1)  # type: ignore[arg-type]
    theirs = renamed(
        dict(network.state_dict()),
        (r"^blocks", "body"),
        (r"^ups\.0\.conv", "upconv1"),
        (r"^(first|hr)\.conv", r"conv_\1"),
        (r"^last", "conv_last"),
    )
    component, state = basicsr.generator_from(theirs)
    assert component["scale"] == scale and component["in_channels"] == component["out_channels"] == 1
    assert torch.equal(build(component, state)(torch.ones(1, 1, 3, 3)), network(torch.ones(1, 1, 3, 3)))


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_an_srvgg_without_learned_slopes_says_what_it_lacks(scale: int) -> None:
    network = SRVGG(scale=scale, width=3, convolutions=2, activation="leaky_relu")  # type: ignore[arg-type]
    theirs = renamed(
        dict(network.state_dict()), *[(rf"^body\.{i}\.conv", f"body.{2 * i}") for i in (2, 1)],
        (r"^body\.0\.conv", "body.0"), (r"^last", "body.6"),
    )  # fmt: skip
    assert set(theirs) == {f"body.{i}.{leaf}" for i in (0, 2, 4, 6) for leaf in ("weight", "bias")}
    with pytest.raises(InputError, match=r"ReLU or LeakyReLU; basicsr\.srvgg_from\(file, activation=\.\.\.\)"):
        basicsr.generator_from(theirs)
    component, state = basicsr.srvgg_from(theirs, activation="leaky_relu")
    assert (component["scale"], component["convolutions"], component["activation"]) == (scale, 2, "leaky_relu")
    x = torch.randn(1, 3, 3, 3)
    assert torch.equal(build(component, state)(x), network(x))


@pytest.mark.parametrize(
    ("name", "missing", "reported"),
    [
        ("msrresnet_x4", "body.2.conv1.bias", "missing: body.2.conv1.bias"),
        ("msrresnet_x4", "conv_hr.weight", "missing: conv_hr.weight"),
        ("msrresnet_x4", "conv_last.weight", "an MSRResNet (conv_last.weight)"),
        ("msrresnet_x4", "conv_first.weight", "an RRDBNet (body.0.rdb1.conv1.weight), an MSRResNet (conv_first.weight"),
        ("rrdbnet_x4", "conv_up2.weight", "missing: conv_up2.weight"),
        ("rrdbnet_x4", "body.1.rdb3.conv5.bias", "missing: body.1.rdb3.conv5.bias"),
        ("rrdbnet_x4", "body.0.rdb1.conv1.weight", "an RRDBNet (body.0.rdb1.conv1.weight)"),
        ("rrdbnet_x4", "conv_first.weight", "an RRDBNet (conv_first.weight)"),
        ("srvgg_x4", "body.3.weight", "missing: body.3.weight"),
        ("srvgg_x4", "body.10.weight", "body.8.weight makes 16 channels, and an SRVGG has 3 times 1, 4, 9 or 16 there"),
    ],
)
def test_what_a_generator_s_file_lacks_is_named(recorded: Callable, name: str, missing: str, reported: str) -> None:
    weights, _, _ = recorded(name)
    del weights[missing]
    with pytest.raises(InputError, match=re.escape(reported)):
        basicsr.generator_from(weights)


@pytest.mark.parametrize(
    ("name", "key", "shape", "reported"),
    [
        (
            "msrresnet_x4",
            "body.2.conv1.weight",
            (16, 16, 1, 1),
            "of another shape: body.2.conv1.weight (is [16, 16, 1, 1]",
        ),
        ("msrresnet_x4", "conv_last.weight", (1, 16, 3, 3), "in_channels=3 and out_channels=1 must be the same"),
        ("rrdbnet_x4", "conv_first.weight", (16, 27, 3, 3), "with 27 channels at its first layer, 3 at its last and 2"),
        ("rrdbnet_x4", "conv_last.weight", (0, 16, 3, 3), "3 channels at its first layer, 0 at its last"),
        ("rrdbnet_x4", "body.0.rdb1.conv1.weight", (8, 16), "an RRDBNet (body.0.rdb1.conv1.weight)"),
        ("rrdbnet_x4", "conv_up3.weight", (16, 16, 3, 3), "unexpected: conv_up3.weight"),
        ("srvgg_x4", "body.1.weight", (1,), "of another shape: body.1.weight (is [1], must be [16])"),
    ],
)
def test_what_does_not_fit_is_named(
    recorded: Callable, name: str, key: str, shape: tuple[int, ...], reported: str
) -> None:
    weights, _, _ = recorded(name)
    weights[key] = torch.zeros(shape)
    with pytest.raises(InputError, match=re.escape(reported)):
        basicsr.generator_from(weights)


@pytest.mark.parametrize(
    ("file", "reported"),
    [
        ([torch.zeros(1)], "the file holds a list, not a network's state dict"),
        (torch.zeros(1), "the file holds a Tensor, not"),
        ({}, "the file holds nothing"),
        ({"iter": 5, "optimizers": []}, "'iter' is of type int, not a tensor"),
        ({"params": {"body.0.weight": [1]}}, "'body.0.weight' is of type list"),
        ({"layers.0.weight": torch.zeros(1)}, "the file holds layers.0.weight (1 tensors)"),
        ({"body.0.weight": torch.zeros(1)}, "an SRVGG (body.0.weight) of BasicSR"),
        ({"body.0.weight": torch.zeros(2, 3, 3, 3)}, "body.0.weight makes 2 channels, and an SRVGG has 3"),
        ({"model.0.weight": torch.zeros(2, 3, 3, 3)}, "the file holds model.0.weight"),
    ],
)
def test_files_of_another_kind_are_refused(file: object, reported: str) -> None:
    with pytest.raises(InputError, match=re.escape(reported)):
        basicsr.generator_from(file)  # type: ignore[arg-type]
