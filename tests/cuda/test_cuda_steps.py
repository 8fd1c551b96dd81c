"""Iterations on a device: finite in every precision, without a wait, equal to the CPU's, and resumed."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from advloss.recipe.build import Built
from advloss.training.fast.step import FastStep
from advloss.training.processes import Processes
from advloss.training.run.checkpoint import read_checkpoint, restore, write_checkpoint
from tests.cuda.waiting import no_waiting

MakeBuilt = Callable[..., Built]
MakeExecutor = Callable[..., FastStep]
Batches = Callable[..., list[dict[str, torch.Tensor]]]

LOOKS = 3  # a loss looks at the values of its first batches, to find images in a wrong range

STEPS = "train.steps={discriminator: 2, generator: 1}"
WGAN_GP = ["losses.adversarial_a.objective=wasserstein", "losses.adversarial_a.penalties=[wgan_gp]"]
VARIANTS = [
    pytest.param("cyclegan", [], id="cyclegan"),
    pytest.param("cyclegan", ["train.average=0.9", "train.clip=1"], id="cyclegan, average, clip"),
    pytest.param("cyclegan", [STEPS, "train.accumulate=2"], id="cyclegan, steps, accumulate"),
    pytest.param("pix2pix", [], id="pix2pix"),
    pytest.param("pix2pix", ["train.accumulate=2"], id="pix2pix, accumulate"),
    pytest.param("cyclegan", WGAN_GP, id="wgan_gp"),
    pytest.param("srgan-small", [], id="srgan"),
    pytest.param("vqgan-small", [], id="vqgan"),
    pytest.param("vqgan-small", ["networks.bottleneck={name: vq, codes: 16, channels: 4, ema: true}"], id="vqgan, ema"),
]


def per_iteration(overrides: list[str]) -> int:
    """How many batches an iteration takes."""
    return (2 if "train.accumulate=2" in overrides else 1) * (2 if STEPS in overrides else 1)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("recipe", ["cyclegan", "pix2pix", "srgan-small", "vqgan-small"])
def test_iterations_are_finite(
    make_executor: MakeExecutor, batches: Batches, device: torch.device, recipe: str, precision: str
) -> None:
    executor = make_executor(recipe, device, f"train.precision={precision}")
    for number, batch in enumerate(batches(2, device, recipe)):
        losses = executor.play([batch], number)
        for name, value in losses.items():
            assert value.dtype == torch.float32, name
            assert value.device.type == device.type and torch.isfinite(value), name
    for parameter in [*executor.method.parameters(), *executor.terms.parameters()]:
        assert parameter.dtype == torch.float32 and torch.isfinite(parameter).all()


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16"])
@pytest.mark.parametrize(("recipe", "overrides"), VARIANTS)
def test_no_iteration_waits_for_the_device(
    make_executor: MakeExecutor,
    batches: Batches,
    device: torch.device,
    monkeypatch: pytest.MonkeyPatch,
    recipe: str,
    overrides: list[str],
    precision: str,
) -> None:
    if device.type == "cpu" and precision == "tf32":
        pytest.skip("tf32 is a GPU's")
    executor = make_executor(recipe, device, f"train.precision={precision}", *overrides)
    group = batches(per_iteration(overrides), device, recipe)
    for number in range(LOOKS + 1):
        executor.play(group, number)
    if device.type == "cpu":  # Adam reads its step counter, which lies on the CPU wherever the weights are
        for player in executor.players.values():
            monkeypatch.setattr(player.optimizer, "step", lambda: None)
    with no_waiting(device):
        executor.play(group, LOOKS + 1)


def test_a_wait_would_be_found(device: torch.device) -> None:
    x = torch.ones(3, device=device)
    for wait in (lambda: x.sum().item(), lambda: x.nonzero(), lambda: x[x > 0], lambda: bool(x.any())):
        with pytest.raises(RuntimeError), no_waiting(device):
            wait()


@pytest.mark.parametrize(
    ("recipe", "overrides"), [("cyclegan", []), ("pix2pix", ["networks.generator.dropout=0"]), ("srgan-small", [])]
)
def test_one_iteration_gives_the_losses_of_the_cpu(
    make_executor: MakeExecutor, batches: Batches, device: torch.device, recipe: str, overrides: list[str]
) -> None:
    cpu = torch.device("cpu")
    theirs = make_executor(recipe, cpu, *overrides).play(batches(1, cpu, recipe), 0)
    ours = make_executor(recipe, device, *overrides).play(batches(1, device, recipe), 0)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        torch.testing.assert_close(value.cpu(), theirs[name], rtol=1e-3, atol=1e-3, msg=name)


@pytest.mark.usefixtures("deterministic")
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("recipe", ["cyclegan", "pix2pix", "srgan-small", "vqgan-small"])
def test_an_iteration_from_a_checkpoint_is_the_one_that_would_have_come(
    make_built: MakeBuilt, batches: Batches, device: torch.device, tmp_path: Path, recipe: str, precision: str
) -> None:
    overrides = [f"train.precision={precision}", "train.average=0.9"]  # a pool of 3 (cyclegan) and dropout (pix2pix)
    processes, path = Processes(device.type), tmp_path / "checkpoint.pt"
    built = make_built(recipe, device, *overrides)
    before = FastStep(built, device)
    data = batches(10, device, recipe)
    for number, batch in enumerate(data[:5]):
        before.play([batch], number)
    write_checkpoint(path, before, built.recipe, {"iteration": 5, "best": None}, processes)
    want = [before.play([batch], number) for number, batch in enumerate(data[5:], 5)]

    after = FastStep(make_built(recipe, device, *overrides), device)
    torch.rand(7, device=device)  # the random numbers stand elsewhere
    restore(read_checkpoint(path), after, processes)
    for number, (batch, losses) in enumerate(zip(data[5:], want, strict=True), 5):
        for name, value in after.play([batch], number).items():
            torch.testing.assert_close(value, losses[name], rtol=0 if device.type == "cpu" else 1e-5, atol=0, msg=name)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_tokenizer_stays_finite_in_half_precision(
    make_executor: MakeExecutor, batches: Batches, device: torch.device, precision: str
) -> None:
    """500 iterations on a GPU, with the adversary and its adaptive weight from the first; on the CPU a few."""
    executor = make_executor("vqgan-small", device, f"train.precision={precision}")
    data = batches(4, device, "vqgan-small")
    total, most = torch.zeros((), device=device), torch.zeros((), device=device)
    for number in range(500 if device.type == "cuda" else 8):
        losses = executor.play([data[number % 4]], number)
        total += sum(losses.values())
        most = torch.maximum(most, torch.as_tensor(executor.factors["adversarial"], device=device))
    assert total.isfinite() and 0 < most <= 1e4  # a value that is not finite stays in the sum
    for state in (executor.method.state_dict(), executor.terms.state_dict()):
        assert all(value.isfinite().all() for value in state.values())
