"""Frozen parts: they stay as they are to the bit, in both executors, and a resumed run ends with the same bytes."""

from pathlib import Path

import pytest
import torch

from advloss.core.errors import InputError
from advloss.recipe.build import build
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from tests.data.pictures import fill
from tests.training.started import TINY_PAIRS, done, pairs, refused

FROZEN = "train.freeze=[generator.downs, losses.adversarial.discriminator.body.1, 'generator.ups.0.*']"
PAIRS = ["train", "recipe=pix2pix-small", "pictures", *TINY_PAIRS]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    pairs(tmp_path / "pictures")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def before(name: str, *overrides: str):
    """The recipe's objects before the first iteration."""
    source = read(name)
    for override in overrides:
        source.override(override)
    return build(resolve(source))


def kept(run: str) -> dict:
    return torch.load(f"runs/{run}/checkpoint.pt", weights_only=True)


@pytest.mark.parametrize("executor", ["auto", "plain"])
def test_frozen_parts_are_the_same_to_the_bit(folder: Path, executor: str):
    """With batch norm in both networks; the other parts learn, and their running statistics follow."""
    words = [FROZEN, f"train.executor={executor}", "train.average=0.5"]
    said = done(*PAIRS, *words, "--iterations", "3", "--run", "r").stderr
    built = before("pix2pix-small", *TINY_PAIRS, *words)
    frozen = sum(built.frozen.values())
    trained = sum(p.numel() for player in built.players.values() for p in player)
    assert f"frozen: generator {built.frozen['generator'] / 1e6:.2f} M, losses.adversarial" in said
    assert f"; {trained / 1e6:.2f} M parameters are trained" in said
    assert frozen + trained == sum(p.numel() for one in (built.method, built.terms) for p in one.parameters())
    content = kept("r")
    states = (
        ("method", built.method, ("generator.downs.", "generator.ups.0.")),
        ("average", built.method, ("generator.downs.", "generator.ups.0.")),
        ("terms", built.terms, ("adversarial.loss.discriminator.body.1.",)),
    )
    for part, module, starts in states:
        state = module.state_dict()
        still = {key for key in state if key.startswith(starts)}
        assert any("running_mean" in key for key in still)
        assert all(torch.equal(content[part][key], state[key]) for key in still)
        moved = [key for key in state.keys() - still if key.endswith(("weight", "running_mean"))]
        assert moved and not any(torch.equal(content[part][key], state[key]) for key in moved)
    for name, player in content["players"].items():
        assert len(player["optimizer"]["state"]) == len(built.players[name])


def test_a_resumed_run_ends_with_the_same_bytes_and_freezes_the_same(folder: Path):
    done(*PAIRS, FROZEN, "--iterations", "4", "--run", "whole")
    done(*PAIRS, FROZEN, "--iterations", "2", "--run", "cut")
    done(*PAIRS, FROZEN, "--iterations", "4", "--run", "cut", "--resume")
    whole, cut = (Path("runs") / name / "model.safetensors" for name in ("whole", "cut"))
    assert whole.read_bytes() == cut.read_bytes()
    message = refused(*PAIRS, "--iterations", "6", "--run", "cut", "--resume", "--change")
    assert "train.freeze: ['generator.downs'" in message and "then, [] now" in message


def test_vectors_of_spectral_norm_stay_and_a_whole_discriminator_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "photos/train", 2, 0, 40, 45)
    adversary = "losses.adversarial={loss: adversarial, between: [sr, hr], discriminator: {name: unet, width: 2}}"
    small = ["networks.generator.width=4", "networks.generator.blocks=1", "data.crop=32", "data.batch=2", adversary]
    words = ["train", "recipe=srresnet-small", "photos", *small, "--iterations", "2", "--run"]
    done(*words, "some", "train.freeze=losses.adversarial.discriminator.downs")
    built, content = before("srresnet-small", *small), kept("some")
    state = built.terms.state_dict()
    still = [key for key in state if ".downs." in key]
    assert any(key.endswith("_u") for key in still)
    assert all(torch.equal(content["terms"][key], state[key]) for key in still)
    assert not any(torch.equal(content["terms"][key], state[key]) for key in state if ".ups." in key)
    assert "discriminator has nothing to train" in refused(*words, "all", "train.freeze=losses.adversarial")
    done(*words, "all", "train.freeze=losses.adversarial", "train.steps={generator: 1}")
    state = {key: value for key, value in state.items() if ".discriminator." in key}
    assert all(torch.equal(kept("all")["terms"][key], value) for key, value in state.items())
    done(
        *words,
        "next",
        "train.freeze=losses.adversarial",
        "train.steps={generator: 1}",
        "initial=runs/some/checkpoint.pt",
    )
    assert all(torch.equal(kept("next")["terms"][key], content["terms"][key]) for key in state)


def test_codes_that_follow_by_running_averages_stay():
    """They are no parameters, and change in each iteration of a training."""
    words = ["networks.bottleneck={name: vq, codes: 16, channels: 4, ema: true, revive: 0.1}"]
    words += [f"networks.{half}.{size}" for half in ("encoder", "decoder") for size in ("width=8", "groups=4")]
    for frozen in (True, False):
        built = before("vqgan-small", *words, *(["train.freeze=bottleneck"] if frozen else []))
        bottleneck = built.method.train().bottleneck
        state = {key: value.clone() for key, value in bottleneck.state_dict().items()}
        bottleneck(torch.randn(2, 4, 8, 8))
        assert all(torch.equal(bottleneck.state_dict()[key], value) for key, value in state.items()) == frozen
        assert built.frozen == ({"bottleneck": 0} if frozen else {})


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            "[generator.downs, encoder]",
            "train.freeze.1: 'encoder' names nothing that is trained; there are generator",
        ),
        (
            "losses.l1",
            "losses.adversarial, and in them generator.downs, generator.ups, losses.",
        ),
        ("gen*", "train.freeze: leaves the generator nothing to train; freeze less of it"),
        ("generator", "train.freeze: leaves the generator nothing to train"),
    ],
)
def test_what_can_not_be_frozen(pattern: str, message: str):
    with pytest.raises(InputError) as caught:
        before("pix2pix-small", *TINY_PAIRS, f"train.freeze={pattern}")
    assert message in str(caught.value)


def test_a_last_layer_that_weights_are_compared_at_is_not_frozen():
    with pytest.raises(InputError, match=r"weighting: 'last_layer' .* which train\.freeze freezes"):
        before("vqgan-small", "train.freeze=decoder")
