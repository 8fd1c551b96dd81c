"""Recorded iterations: which are recorded, that they are the plain ones, and what happens where they can't be."""

import pytest
import torch

from advloss.core.errors import InputError
from advloss.training.fast.cuda_graphs import MOST, WARM_UP, CudaGraphs
from advloss.training.fast.step import FastStep
from tests.training.fast.helpers import RECIPES, batches, made
from tests.training.fast.stand_in import StandIn

CPU = torch.device("cpu")


def recorded(name: str, *overrides: str) -> tuple[FastStep, StandIn, list[str]]:
    """An iteration that is recorded by the stand-in, which is given back too, with what is said."""
    said: list[str] = []
    executor = FastStep(made(name, *overrides), CPU)
    stand_in = StandIn(executor)
    executor.cuda_graphs = CudaGraphs(executor, said.append, record=stand_in)
    return executor, stand_in, said


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_recorded_iterations_are_those_as_written_exactly(name: str) -> None:
    """Late starts, ramps, lazy penalties and pools included."""
    batch = batches(name)
    executor, stand_in, said = recorded(name)
    ours = [executor.play([batch(number)], number) for number in range(20)]
    assert stand_in.made >= 1 and stand_in.plays >= 8 and not said

    plain = FastStep(made(name), CPU)
    for number, losses in enumerate(ours):
        expected = plain.play([batch(number)], number)
        assert losses.keys() == expected.keys()
        for key, value in losses.items():
            assert torch.equal(value, expected[key]), f"{key} of iteration {number}"
    for mine, other in ((executor.method, plain.method), (executor.terms, plain.terms)):
        theirs = other.state_dict()
        tensors = {key: value for key, value in mine.state_dict().items() if "_extra_state" not in key}
        assert all(torch.equal(value, theirs[key]) for key, value in tensors.items())


def test_a_lazy_penalty_has_two_kinds_of_iteration() -> None:
    """Due in every fourth: both kinds are recorded after their own warm-up, and penalties come when they should."""
    executor, stand_in, _ = recorded("lazy penalty")
    for number in range(4 * (WARM_UP + 2)):
        executor.play([batches("lazy penalty")(number)], number)
    assert stand_in.made == 2


def test_the_look_at_the_logits_is_taken_in_python() -> None:
    executor, stand_in, _ = recorded("pix2pix")
    checks = executor.by_name["adversarial"].loss.logit_checks
    checks.every = 5
    looks: list[int] = []
    checks._look = lambda *_: looks.append(checks.clock.iteration + 1)  # type: ignore[method-assign]
    for number in range(16):
        executor.play([batches("pix2pix")(number)], number)
    assert looks == [1, 5, 10, 15]
    # not the first, whose images are looked at, nor the warm-up, nor the iterations of the looks 5, 10 and 15
    assert stand_in.made == 1 and stand_in.plays == 16 - 1 - WARM_UP - 3


def test_a_recorded_iteration_names_its_factors() -> None:
    adaptive = ["losses.adversarial.start=0", "losses.adversarial.ramp=0"]
    executor, _, _ = recorded("vqgan", *adaptive)
    plain = FastStep(made("vqgan", *adaptive), CPU)
    for number in range(12):
        for each in (executor, plain):
            each.play([batches("vqgan")(number)], number)
    # the stand-in's are the last that it worked out; a recording's lie where it writes them
    assert executor.factors.keys() == plain.factors.keys() == {"pixel", "bottleneck", "adversarial"}


def test_an_iteration_that_can_not_be_recorded_is_played_as_it_is_and_says_why() -> None:
    executor, _, said = recorded("pix2pix")
    calls = 0

    def refuse(function, inputs, pool=None):
        nonlocal calls
        calls += 1
        raise RuntimeError("operation not permitted when stream is capturing\nwith more lines")

    assert executor.cuda_graphs is not None
    executor.cuda_graphs.record = refuse
    plain = FastStep(made("pix2pix"), CPU)
    for number in range(12):
        batch = [batches("pix2pix")(number)]
        losses, expected = executor.play(batch, number), plain.play(batch, number)
        assert all(torch.equal(value, expected[key]) for key, value in losses.items())
    assert calls == 1
    assert said == ["iterations are not recorded as CUDA graphs: operation not permitted when stream is capturing"]


def test_no_more_recordings_than_fit() -> None:
    executor, stand_in, _ = recorded("pix2pix")
    number = 0
    for weight in range(MOST + 2):
        executor.by_name["l1"].weight = 10.0 + weight
        for _ in range(WARM_UP + 5):
            executor.play([batches("pix2pix")(number)], number)
            number += 1
    assert stand_in.made == MOST


def test_graphs_are_a_gpus() -> None:
    assert FastStep(made("pix2pix"), CPU).cuda_graphs is None
    with pytest.raises(InputError, match=r"train\.graphs=on: CUDA graphs are a GPU's, and this runs on cpu"):
        FastStep(made("pix2pix", "train.graphs=on"), CPU)


def test_what_an_iteration_computes_in_is_said() -> None:
    assert FastStep(made("pix2pix"), CPU).words == "fp64"
    executor, _, _ = recorded("pix2pix", "train.precision=fp32")
    executor.compiled = True
    assert executor.words == "fp32, compiled, as CUDA graphs"
