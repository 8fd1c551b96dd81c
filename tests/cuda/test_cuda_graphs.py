"""Recorded rounds, compiled networks and layouts on a device: the plain round's losses and weights."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from advloss.core.devices import Recording, fast_bf16
from advloss.recipe.build import Built
from advloss.training.checkpoint import read_checkpoint, restore, write_checkpoint
from advloss.training.fast.cuda_graphs import Recorder
from advloss.training.fast.iteration import Round
from advloss.training.processes import Processes
from tests.cuda.waiting import no_waiting
from tests.training.fast.stand_in import StandIn

MakeBuilt = Callable[..., Built]
Batches = Callable[..., list[dict[str, torch.Tensor]]]
RECIPES = ["cyclegan", "pix2pix", "srgan-small", "vqgan-small"]
LAZY = ["losses.adversarial.penalties=[{name: r1, weight: 1, interval: 4}]", "networks.generator.norm=instance"]
LAZY += ["losses.adversarial.discriminator.norm=instance"]
VARIANTS = [*((recipe, []) for recipe in RECIPES), ("pix2pix", LAZY)]
ROUNDS = 20


def recorded(make_built: MakeBuilt, recipe: str, device: torch.device, *overrides: str) -> tuple[Round, list[str]]:
    """A round that is recorded, on the CPU by a stand-in; and what is said of it."""
    said: list[str] = []
    built = make_built(recipe, device, *overrides)
    if device.type == "cuda":
        built.recipe.train.graphs = "on"
        return Round(built, device, said.append), said
    round = Round(built, device)
    round.recorder = Recorder(round, said.append, record=StandIn(round))
    return round, said


def played(round: Round, data: list[dict[str, torch.Tensor]], first: int = 0) -> list[dict[str, torch.Tensor]]:
    """Each round's losses; copied, since a recording's are its own until the next."""
    losses = []
    for number, batch in enumerate(data, first):
        losses.append({name: value.clone() for name, value in round.play([batch], number).items()})
    return losses


@pytest.mark.usefixtures("deterministic")
@pytest.mark.parametrize(("recipe", "overrides"), VARIANTS, ids=[*RECIPES, "lazy penalty"])
def test_recorded_rounds_are_the_plain_ones_exactly(
    make_built: MakeBuilt, batches: Batches, device: torch.device, recipe: str, overrides: list[str]
) -> None:
    data = batches(ROUNDS, device, recipe)
    torch.manual_seed(3)
    round, said = recorded(make_built, recipe, device, *overrides)
    ours = played(round, data)
    assert not said and round.recorder is not None and round.recorder.recorded
    torch.manual_seed(3)
    plain = Round(make_built(recipe, device, *overrides), device)
    for number, (mine, other) in enumerate(zip(ours, played(plain, data), strict=True)):
        assert mine.keys() == other.keys()
        for name, value in mine.items():
            assert torch.equal(value, other[name]), f"{name} of round {number}"
    for one, two in ((round.method, plain.method), (round.terms, plain.terms)):
        theirs = two.state_dict()
        assert all(torch.equal(value, theirs[name]) for name, value in one.state_dict().items())


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_recorded_rounds_in_half_precision_stay_finite_and_do_not_wait(
    make_built: MakeBuilt, batches: Batches, device: torch.device, recipe: str, precision: str
) -> None:
    round, said = recorded(make_built, recipe, device, f"train.precision={precision}", "train.average=0.9")
    data = batches(12, device, recipe)
    played(round, data)
    assert not said
    if device.type == "cuda":
        with no_waiting(device):
            losses = round.play([data[0]], 12)
        assert all(value.isfinite() for value in losses.values())


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_rate_and_the_schedule_reach_a_recording(
    make_built: MakeBuilt, batches: Batches, device: torch.device, recipe: str
) -> None:
    round, _ = recorded(make_built, recipe, device)
    played(round, batches(ROUNDS, device, recipe))
    for player in round.players:
        player.set_rate(0.0)
    before = [parameter.detach().clone() for parameter in round.generator.parameters]
    played(round, batches(1, device, recipe), ROUNDS)
    assert all(torch.equal(x, y) for x, y in zip(before, round.generator.parameters, strict=True))


@pytest.mark.usefixtures("deterministic")
def test_a_recorded_run_goes_on_from_a_checkpoint(
    make_built: MakeBuilt, batches: Batches, device: torch.device, tmp_path: Path
) -> None:
    processes, path, data = Processes(device.type), tmp_path / "checkpoint.pt", batches(30, device)
    before, _ = recorded(make_built, "cyclegan", device, "train.average=0.9")
    played(before, data[:15])
    recipe = make_built("cyclegan", device, "train.average=0.9").recipe
    write_checkpoint(path, before, recipe, {"round": 15, "best": None}, processes)
    want = played(before, data[15:], 15)
    after, _ = recorded(make_built, "cyclegan", device, "train.average=0.9")
    restore(read_checkpoint(path), after, processes)
    for mine, other in zip(played(after, data[15:], 15), want, strict=True):
        for name, value in mine.items():
            torch.testing.assert_close(value, other[name], rtol=0 if device.type == "cpu" else 1e-5, atol=0, msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["cyclegan", "vqgan-small"])
def test_compiled_rounds_are_near_the_plain_ones(
    make_built: MakeBuilt, batches: Batches, device: torch.device, recipe: str
) -> None:
    if device.type == "cpu":
        pytest.skip("tests/training/fast/test_compiling.py compiles there, exactly; it takes minutes")
    data = batches(2, device, recipe)
    found = [
        played(Round(make_built(recipe, device, f"train.compile={switch}"), device), data) for switch in ("on", "off")
    ]
    for mine, other in zip(*found, strict=True):
        for name, value in mine.items():
            torch.testing.assert_close(value, other[name], rtol=2e-3, atol=2e-3, msg=name)


def test_auto_takes_what_the_device_is_fast_with(make_built: MakeBuilt, batches: Batches, device: torch.device) -> None:
    round = Round(make_built("pix2pix", device, "train.precision=auto", "train.graphs=auto"), device)
    assert round.precision.name == ("bf16" if fast_bf16(device) else "fp32")
    assert (round.recorder is not None) == (device.type == "cuda")
    weight = round.method.generator.downs[1].conv.weight
    last = round.precision.tensor_cores
    assert weight.is_contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
    assert all(value.isfinite() for value in round.play(batches(1, device, "pix2pix")).values())


def test_a_recording_plays_what_was_recorded(device: torch.device) -> None:
    if device.type != "cuda":
        pytest.skip("only CUDA records")
    weight, total = torch.ones(4, device=device), torch.zeros(4, device=device)
    calls: list[int] = []

    def function(x: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        total.add_(x)
        return weight * x

    fast = Recording(function, [torch.ones(4, device=device)], warm_up=2)
    assert len(calls) == 3 and total.tolist() == [2.0] * 4  # while it is recorded nothing is played
    for value in (2.0, 3.0):
        weight.fill_(value)
        assert fast(torch.full((4,), value, device=device)).tolist() == [value**2] * 4
    assert len(calls) == 3 and total.tolist() == [7.0] * 4
