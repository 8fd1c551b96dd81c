"""Recorded iterations, compiled networks and layouts on a device: the plain iteration's losses and weights."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from advloss.core.devices import Recording, fast_bf16
from advloss.recipe.build import Built
from advloss.training.fast.cuda_graphs import CudaGraphs
from advloss.training.fast.step import FastStep
from advloss.training.processes import Processes
from advloss.training.run.checkpoint import read_checkpoint, restore, write_checkpoint
from tests.cuda.waiting import no_waiting
from tests.training.fast.stand_in import StandIn

MakeBuilt = Callable[..., Built]
Batches = Callable[..., list[dict[str, torch.Tensor]]]
RECIPES = ["cyclegan", "pix2pix", "srgan-small", "vqgan-small"]
LAZY = ["losses.adversarial.penalties=[{name: r1, weight: 1, interval: 4}]", "networks.generator.norm=instance"]
LAZY += ["losses.adversarial.discriminator.norm=instance"]
VARIANTS = [*((recipe, []) for recipe in RECIPES), ("pix2pix", LAZY)]
ITERATIONS = 20


def recorded(make_built: MakeBuilt, recipe: str, device: torch.device, *overrides: str) -> tuple[FastStep, list[str]]:
    """An iteration that is recorded, on the CPU by a stand-in; and what is said of it."""
    said: list[str] = []
    built = make_built(recipe, device, *overrides)
    if device.type == "cuda":
        built.recipe.train.graphs = "on"
        return FastStep(built, device, said.append), said
    executor = FastStep(built, device)
    executor.cuda_graphs = CudaGraphs(executor, said.append, record=StandIn(executor))
    return executor, said


def played(executor: FastStep, data: list[dict[str, torch.Tensor]], first: int = 0) -> list[dict[str, torch.Tensor]]:
    """Each iteration's losses; copied, since a recording's are its own until the next."""
    losses = []
    for number, batch in enumerate(data, first):
        losses.append({name: value.clone() for name, value in executor.play([batch], number).items()})
    return losses


@pytest.mark.usefixtures("deterministic")
@pytest.mark.parametrize(("recipe", "overrides"), VARIANTS, ids=[*RECIPES, "lazy penalty"])
def test_recorded_iterations_are_those_as_written_exactly(
    make_built: MakeBuilt, batches: Batches, device: torch.device, recipe: str, overrides: list[str]
) -> None:
    data = batches(ITERATIONS, device, recipe)
    torch.manual_seed(3)
    executor, said = recorded(make_built, recipe, device, *overrides)
    ours = played(executor, data)
    assert not said and executor.cuda_graphs is not None and executor.cuda_graphs.recorded
    torch.manual_seed(3)
    plain = FastStep(make_built(recipe, device, *overrides), device)
    for number, (mine, other) in enumerate(zip(ours, played(plain, data), strict=True)):
        assert mine.keys() == other.keys()
        for name, value in mine.items():
            assert torch.equal(value, other[name]), f"{name} of iteration {number}"
    for one, two in ((executor.method, plain.method), (executor.terms, plain.terms)):
        theirs = two.state_dict()
        tensors = {name: value for name, value in one.state_dict().items() if "_extra_state" not in name}
        assert all(torch.equal(value, theirs[name]) for name, value in tensors.items())


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_recorded_iterations_in_half_precision_stay_finite_and_do_not_wait(
    make_built: MakeBuilt, batches: Batches, device: torch.device, recipe: str, precision: str
) -> None:
    executor, said = recorded(make_built, recipe, device, f"train.precision={precision}", "train.average=0.9")
    data = batches(12, device, recipe)
    played(executor, data)
    assert not said
    if device.type == "cuda":
        with no_waiting(device):
            losses = executor.play([data[0]], 12)
        assert all(value.isfinite() for value in losses.values())


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_rate_and_the_schedule_reach_a_recording(
    make_built: MakeBuilt, batches: Batches, device: torch.device, recipe: str
) -> None:
    executor, _ = recorded(make_built, recipe, device)
    played(executor, batches(ITERATIONS, device, recipe))
    executor.rate_factor = lambda iteration: 0.0
    parameters = executor.players["generator"].parameters
    before = [parameter.detach().clone() for parameter in parameters]
    played(executor, batches(1, device, recipe), ITERATIONS)
    assert all(torch.equal(x, y) for x, y in zip(before, parameters, strict=True))


@pytest.mark.usefixtures("deterministic")
def test_a_recorded_run_goes_on_from_a_checkpoint(
    make_built: MakeBuilt, batches: Batches, device: torch.device, tmp_path: Path
) -> None:
    processes, path, data = Processes(device.type), tmp_path / "checkpoint.pt", batches(30, device)
    before, _ = recorded(make_built, "cyclegan", device, "train.average=0.9")
    played(before, data[:15])
    recipe = make_built("cyclegan", device, "train.average=0.9").recipe
    write_checkpoint(path, before, recipe, {"iteration": 15, "best": None}, processes)
    want = played(before, data[15:], 15)
    after, _ = recorded(make_built, "cyclegan", device, "train.average=0.9")
    restore(read_checkpoint(path), after, processes)
    for mine, other in zip(played(after, data[15:], 15), want, strict=True):
        for name, value in mine.items():
            torch.testing.assert_close(value, other[name], rtol=0 if device.type == "cpu" else 1e-5, atol=0, msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["cyclegan", "vqgan-small"])
def test_compiled_iterations_are_near_those_as_written(
    make_built: MakeBuilt, batches: Batches, device: torch.device, recipe: str
) -> None:
    if device.type == "cpu":
        pytest.skip("tests/training/fast/test_compiling.py compiles there, exactly; it takes minutes")
    data = batches(2, device, recipe)
    found = [
        played(FastStep(make_built(recipe, device, f"train.compile={switch}"), device), data)
        for switch in ("on", "off")
    ]
    for mine, other in zip(*found, strict=True):
        for name, value in mine.items():
            torch.testing.assert_close(value, other[name], rtol=2e-3, atol=2e-3, msg=name)


def test_auto_takes_what_the_device_is_fast_with(make_built: MakeBuilt, batches: Batches, device: torch.device) -> None:
    executor = FastStep(make_built("pix2pix", device, "train.precision=auto", "train.graphs=auto"), device)
    assert executor.precision.name == ("bf16" if fast_bf16(device) else "fp32")
    assert (executor.cuda_graphs is not None) == (device.type == "cuda")
    weight = executor.method.generator.downs[1].conv.weight
    last = executor.precision.tensor_cores
    assert weight.is_contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
    assert all(value.isfinite() for value in executor.play(batches(1, device, "pix2pix"), 0).values())


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
