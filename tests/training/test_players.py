"""Players: who trains which parameters, with which settings; losses of a user's own; what a recipe may not say."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.pretrained.weights import Frozen
from advloss.recipe import components
from advloss.recipe.build import Built
from advloss.recipe.resolve import resolve
from advloss.recipe.terms import Term
from advloss.recipe.text.source import read
from advloss.training.executor import Executor
from advloss.training.fast.step import FastStep
from advloss.training.processes import Processes
from advloss.training.run.checkpoint import read_checkpoint, restore, write_checkpoint
from advloss.training.start import _player
from tests.training.games import CPU, EXECUTORS, images, small


class Heads(nn.Module):
    """A plain loss with networks of its own: the distance of two images behind a projection each."""

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Conv2d(3, width, 1) for _ in range(2))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        first, second = self.heads
        return (first(x) - second(y)).square().mean()


class Domains(nn.Module):
    """A two-sided loss without any guard, symmetric: both tensors are to look alike to its discriminator."""

    def __init__(self) -> None:
        super().__init__()
        self.judge = nn.Conv2d(3, 1, 3)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return -self.discriminator_loss(x, y)

    def discriminator_loss(self, x: Tensor, y: Tensor) -> Tensor:
        return self.judge(x).sigmoid().mean() - self.judge(y).sigmoid().mean()


class Probe(nn.Module):
    """A plain loss of a third player: predicts an image's mean, given another."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor, *, other: Tensor | None = None) -> Tensor:
        target = x if other is None else other
        return ((x.mean((2, 3)) @ self.weight) - target.mean((1, 2, 3))).square().mean()


class OnFeatures(nn.Module):
    """A discriminator on the maps of a frozen network."""

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        self.features = Frozen(nn.Conv2d(in_channels, 4, 3))
        self.judge = nn.Conv2d(4, 1, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.judge(self.features.on(x)(x))


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The losses and the discriminator of this file, by name."""
    for name, loss in {"heads": Heads, "domains": Domains, "probe": Probe}.items():
        monkeypatch.setitem(components.LOSSES, name, loss)
    monkeypatch.setitem(components.DISCRIMINATORS, "on_features", OnFeatures)


HEADS = "losses.heads={loss: heads, between: [fake_b, b], weight: 0.5}"
DOMAINS = "losses.domains={loss: domains, between: [fake_b, a]}"
PROBE = "losses.probe={loss: probe, between: [fake_b], player: probe}"
GAMES = {
    "heads": [HEADS],
    "domains": [DOMAINS],
    "three players": [HEADS, PROBE, "train.steps={probe: 1, discriminator: 2, generator: 1}"],
    "the generator twice": [PROBE, "train.steps={generator: 2, discriminator: 1, probe: 2}"],
    "accumulated": [
        HEADS,
        DOMAINS,
        PROBE,
        "train.accumulate=2",
        "train.steps={discriminator: 1, generator: 1, probe: 1}",
    ],
    "compared gradients": [HEADS, DOMAINS, "weighting=last_layer", "train.gradient_shares_every=3"],
    "a plain term of the discriminator": ["losses.probe={loss: probe, between: [b], player: discriminator, weight: 3}"],
}


def play(executor: Executor, count: int) -> list[dict[str, float]]:
    """The losses of iterations on batches that differ."""
    each, played = executor.batches_per_iteration, []
    for number in range(count):
        losses = executor.play([images(number * each + place) for place in range(each)], number)
        played.append({name: value.item() for name, value in losses.items()})
    return played


def weights(built: Built) -> dict[str, Tensor]:
    return dict(built.method.named_parameters()) | dict(built.terms.named_parameters())


@pytest.mark.parametrize("name", GAMES)
def test_fast_and_plain_play_the_same_game(name: str):
    builds = {kind: small(*GAMES[name]) for kind in EXECUTORS}
    start = {key: value.detach().clone() for key, value in weights(builds["fast"]).items()}
    executors = {kind: EXECUTORS[kind](built, CPU) for kind, built in builds.items()}
    fast, plain = (play(executors[kind], 6) for kind in ("fast", "plain"))
    for one, two in zip(fast, plain, strict=True):
        assert one == pytest.approx(two, rel=1e-8)
    theirs = weights(builds["plain"])
    for key, value in weights(builds["fast"]).items():
        torch.testing.assert_close(value, theirs[key], rtol=1e-8, atol=1e-9, msg=key)
        assert key.startswith("generator.") or not torch.equal(value, start[key]), f"{key} has not learnt"
    gradient_shares = [executor.gradient_shares for executor in executors.values()]
    assert gradient_shares[0].keys() == gradient_shares[1].keys()
    for key, share in gradient_shares[0].items():
        torch.testing.assert_close(share, gradient_shares[1][key], rtol=1e-6, atol=0)


def test_who_trains_what_with_which_settings():
    words = ["optimizer.lr=1e-3", "optimizer.discriminator.lr=2e-3", "optimizer.probe={lr: 3e-3, betas: [0.1, 0.2]}"]
    built = small(HEADS, DOMAINS, PROBE, "train.steps={discriminator: 1, generator: 1, probe: 2}", *words)
    names = {id(parameter): name for name, parameter in weights(built).items()}
    trained = {player: {names[id(p)] for p in parameters} for player, parameters in built.players.items()}
    assert [*trained] == ["discriminator", "generator", "probe"]
    assert trained["probe"] == {"probe.loss.weight"}
    assert trained["discriminator"] >= {"domains.loss.judge.weight", "domains.loss.judge.bias"}
    assert {n for n in trained["generator"] if not n.startswith("generator.")} == {
        f"heads.loss.heads.{number}.{kind}" for number in range(2) for kind in ("weight", "bias")
    }
    assert not trained["generator"] & trained["discriminator"]
    executor = FastStep(built, CPU)
    groups = {name: player.optimizer.param_groups[0] for name, player in executor.players.items()}
    assert {name: group["lr"] for name, group in groups.items()} == {
        "discriminator": 2e-3, "generator": 1e-3, "probe": 3e-3
    }  # fmt: skip
    assert groups["probe"]["betas"] == (0.1, 0.2) and groups["generator"]["betas"] == (0.5, 0.999)


def test_a_checkpoint_has_the_parameters_and_optimizers_of_all_players(tmp_path: Path):
    words = [HEADS, PROBE, "train.steps={generator: 1, discriminator: 1, probe: 1}"]
    one, two = (FastStep(small(*words), CPU) for _ in range(2))
    play(one, 3)
    alone, path = Processes("cpu"), tmp_path / "checkpoint.pt"
    write_checkpoint(path, one, resolve(read("pix2pix-small")), {"iteration": 3, "best": None}, alone)
    content = read_checkpoint(path)
    assert content["players"].keys() == {"generator", "discriminator", "probe"}
    assert {"heads.loss.heads.1.bias", "probe.loss.weight"} <= content["terms"].keys()
    restore(content, two, alone)
    for executor in (one, two):
        executor.play([images(7)], 3)
    for ours, theirs in ((one.method, two.method), (one.terms, two.terms)):
        assert all(torch.equal(x, y) for x, y in zip(ours.parameters(), theirs.parameters(), strict=True))


def test_an_old_checkpoint_says_what_to_do(tmp_path: Path):
    torch.save({"format": 1}, tmp_path / "checkpoint.pt")
    with pytest.raises(InputError, match=r"checkpoint\.pt: was written by an older version .*initial=.*\.safetens"):
        read_checkpoint(tmp_path / "checkpoint.pt")


def test_a_frozen_network_is_in_no_optimizer_and_no_checkpoint():
    built = small("losses.adversarial.discriminator={name: on_features}", "losses.adversarial.given=null")
    frozen = built.terms["adversarial"].loss.discriminator.features.network
    before = frozen.weight.clone()
    executor = FastStep(built, CPU)
    play(executor, 2)
    assert sum(parameter.numel() for parameter in built.players["discriminator"]) == 4 * 9 + 1
    in_optimizers = {id(p) for player in executor.players.values() for p in player.optimizer.param_groups[0]["params"]}
    assert not in_optimizers & {id(parameter) for parameter in frozen.parameters()}
    assert not any("features" in name for name in built.terms.state_dict())
    assert torch.equal(frozen.weight, before.to(frozen.weight.dtype)) and frozen.weight.grad is None


def test_parameters_that_require_no_gradient_are_nobodys():
    built = small(HEADS)
    heads = built.terms["heads"]
    heads.loss.heads[0].requires_grad_(False)
    assert len(heads.parameters_of("generator")) == 2 and heads.parameters_of("discriminator") == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([PROBE], r"losses\.probe\.player: unknown player of train\.steps 'probe' \(known: discriminator, generator\)"),
        (["train.steps={generator: 1}"], r"train\.steps: no player trains the discriminator of losses\.adversarial"),
        (["train.steps={discriminator: 1}", "losses.l1=null"], r"unknown player of train\.steps 'generator'"),
        (["losses.adversarial=null"], r"discriminator has nothing to train, .* train\.steps=\{generator: 1"),
        (["losses.l1.player=discriminator", "losses.adversarial=null"], r"train\.steps: discriminator has nothing to"),
        (["losses.adversarial.player=discriminator"], r"losses\.adversarial\.player: is discriminator, and of a loss"),
        (["optimizer.probe={lr: 1e-3}"], r"optimizer\.probe: unknown parameter of 'adam' 'probe'"),
        (["train.steps={generator: 0}"], r"train\.steps\.generator: Input should be greater than 0"),
        (["train.steps={}"], r"train\.steps: Dictionary should have at least 1 item"),
        (["train.order=generator_first"], r"train: order .* no more; write steps: {generator: 1, discriminator: 1} in"),
        (["train.discriminator_steps=5"], r"write steps: {discriminator: 5, generator: 1} in their place"),
    ],
)  # fmt: skip
def test_games_that_can_not_be_played_are_refused(words: list[str], said: str):
    with pytest.raises(InputError, match=said):
        small(*words)


def test_networks_that_nobody_trains_are_refused():
    steps = "train.steps={discriminator: 1, probe: 1}"
    off = [f"losses.{name}=null" for name in ("adversarial", "l1")]
    only = [
        "losses.probe={loss: probe, between: [b], player: probe}",
        "losses.d={loss: probe, between: [b], player: discriminator}",
    ]
    with pytest.raises(
        InputError, match=r"train\.steps: no player trains the networks; say how many steps generator takes"
    ):
        small(*off, *only, steps)


def test_without_steps_the_generator_goes_first_and_the_discriminator_is_there_where_it_has_something_to_train():
    def steps(*overrides: str) -> list[tuple[str, int]]:
        source = read("cyclegan-small")
        for override in overrides:
            source.override(override)
        return [*(resolve(source).train.steps or {}).items()]

    off = [f"losses.adversarial_{side}=null" for side in "ab"]
    assert steps() == [("generator", 1), ("discriminator", 1)]
    assert steps(*off) == [("generator", 1)]
    assert steps(*off, "losses.d={loss: domains, between: [fake_b, b]}") == [("generator", 1), ("discriminator", 1)]


def test_a_loss_takes_named_tensors_by_keyword():
    term = Term(Probe(), ["x"], given={"other": "y"})
    x, y = torch.rand(2, 2, 3, 4, 4)
    assert term.needs == {"x", "y"}
    assert term({"x": x, "y": y}).item() == pytest.approx(y.mean((1, 2, 3)).square().mean().item())  # weights are 0


def test_the_plan_names_each_player():
    class Started:
        built = small(HEADS, "optimizer.discriminator.lr=1e-3", "train.steps={discriminator: 2, generator: 1}")
        executor = FastStep(built, CPU)

    generator, discriminator = (_player(Started, name) for name in ("generator", "discriminator"))  # type: ignore[arg-type]
    assert generator.startswith("generator: 1 step, adam lr=0.0002 betas=")
    assert generator.endswith("; trains generator 0.00 M, losses.heads 0.00 M parameters")
    assert discriminator.startswith("discriminator: 2 steps, adam lr=0.001 betas=")
    assert discriminator.endswith("; trains losses.adversarial 0.00 M parameters")
