"""The clock: rates, betas, decays and weights are functions of the iteration, for every executor."""

from collections.abc import Callable

import pytest
import torch
import yaml
from torch import Tensor, nn

from advloss.core.clock import Clock, Schedule, Timed
from advloss.core.errors import InputError
from advloss.recipe.resolve import resolve
from advloss.recipe.terms import Term
from advloss.recipe.text.source import parse
from advloss.training.executor import Executor
from advloss.training.fast.cuda_graphs import REMEMBERED, WARM_UP, CudaGraphs
from advloss.training.fast.step import FastStep
from tests.training.fast.stand_in import StandIn
from tests.training.games import CPU, EXECUTORS, Critic, Offset, batch, game, images, small

RATE = Schedule(0.1, 0.3, over=2)


class Pressed(nn.Module, Timed):
    """strength * E x^2: its strength follows the clock."""

    def __init__(self, strength: float | Schedule) -> None:
        super().__init__()
        self.strength = strength
        self.clock = Clock(keeper=self)

    def forward(self, x: Tensor) -> Tensor:
        return self.now(self.strength) * x.square().mean()


@pytest.fixture(params=sorted(EXECUTORS))
def kind(request: pytest.FixtureRequest) -> type[Executor]:
    return EXECUTORS[request.param]


def rates(executor: Executor, name: str) -> list[float]:
    found = []
    for iteration in (0, 1, 2, 9):
        executor.begin(iteration)
        found.append(executor.players[name].optimizer.param_groups[0]["lr"])
    return found


def test_a_rate_follows_its_schedule_and_the_factor_of_all_rates(kind: type[Executor]):
    terms = {"adversarial": Term(Critic(), ["fake", "real"])}
    settings = {"lr": RATE, "optimizer": {"discriminator": {"lr": 0.5}}}
    executor = kind(game(terms, **settings, steps={"generator": 1, "discriminator": 1}), CPU)
    assert rates(executor, "generator") == pytest.approx([0.1, 0.2, 0.3, 0.3])
    assert rates(executor, "discriminator") == [0.5] * 4
    executor.rate_factor = lambda iteration: 1 / (iteration + 1)
    assert rates(executor, "generator") == pytest.approx([0.1, 0.1, 0.1, 0.03])


def test_a_step_has_the_rate_of_its_iteration(kind: type[Executor]):
    """(g a)^2 at a = 1 has the slope 2 g: g = 1 - 0.1 * 2 = 0.8, then 0.8 - 0.2 * 1.6 = 0.48."""
    executor = kind(game({"pressed": Term(Pressed(1.0), ["fake"])}, lr=RATE, steps={"generator": 1}), CPU)
    for iteration, expected in enumerate((0.8, 0.48)):
        executor.play([batch(1, 0)], iteration)
        assert executor.method.g.item() == pytest.approx(expected)


def test_betas_follow_their_schedule():
    executor = FastStep(small("optimizer.betas=[{from: 0, to: 0.4, over: 4}, 0.9]"), CPU)
    for iteration, beta in ((0, 0), (1, 0.1), (4, 0.4)):
        executor.play([images(iteration)], iteration)
        for player in executor.players.values():
            assert player.optimizer.param_groups[0]["betas"] == pytest.approx((beta, 0.9))


def test_the_averages_decay_follows_its_schedule(kind: type[Executor]):
    decay = {"from": 0.5, "to": 0.9, "over": 1}
    executor = kind(game({"own": Term(Pressed(1.0), ["fake"])}, steps={"generator": 1}, average=decay), CPU)
    expected = 1.0
    for iteration, share in enumerate((0.5, 0.9)):
        executor.play([batch(1, 0)], iteration)
        expected = share * expected + (1 - share) * executor.method.g.item()
        assert executor.average.module.g.item() == pytest.approx(expected)


def test_a_terms_weight_follows_its_schedule_from_its_start_on(kind: type[Executor]):
    weight = Schedule(2, 6, over=4)
    term = Term(Offset(), ["fake"], weight=weight, start=1, ramp=2)
    assert [term.weight_at(iteration) for iteration in range(6)] == [0, 1.5, 4, 5, 6, 6]
    executor = kind(game({"own": Term(Offset(), ["fake"]), "late": term}, steps={"generator": 1}), CPU)
    weights = []
    for iteration in range(3):
        executor.play([batch(1, 0)], iteration)
        weights.append(dict(executor.weights))
    assert weights == [{"own": 1}, {"own": 1, "late": 1.5}, {"own": 1, "late": 4}]


def test_all_parts_follow_the_trainings_clock(kind: type[Executor]):
    """In any order: what an iteration does follows from its number alone."""
    pressed = Pressed(Schedule(1, 0, over=10))
    executor = kind(game({"own": Term(pressed, ["fake"])}, lr=1e-12, steps={"generator": 1}), CPU)
    assert pressed.clock is executor.clock and executor.clock.keeper is None
    losses = {iteration: executor.play([batch(1, 0)], iteration)["own"].item() for iteration in (7, 0, 10, 3)}
    assert losses == pytest.approx({7: 0.3, 0: 1, 10: 0, 3: 0.7})


def recorded(*overrides: str, change: Callable[[FastStep], None] = lambda executor: None) -> tuple[FastStep, StandIn]:
    executor = FastStep(small(*overrides), CPU)
    change(executor)
    stand_in = StandIn(executor)
    executor.cuda_graphs = CudaGraphs(executor, lambda sentence: None, record=stand_in)
    return executor, stand_in


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        (["losses.l1.weight={0: 100, 30: 50}"], 2),
        (["train.average={0: 0.9, 30: 0.99}"], 2),
        (["optimizer.betas=[{0: 0.5, 30: 0}, 0.9]"], 2),
        (["optimizer.lr={from: 1e-3, to: 1e-4, over: 40}"], 1),  # is filled into a recording
    ],
)
def test_recorded_iterations_follow_the_clock(words: list[str], kinds: int):
    executor, stand_in = recorded(*words)
    plain = FastStep(small(*words), CPU)
    for iteration in range(60):
        ours, theirs = (each.play([images(iteration)], iteration) for each in (executor, plain))
        assert all(torch.equal(value, theirs[name]) for name, value in ours.items()), iteration
    assert stand_in.made == kinds and stand_in.plays >= 60 - 10 - kinds * WARM_UP


def test_a_timed_part_makes_kinds_of_its_phases():
    executor, stand_in = recorded("losses.l1.weight=1")
    seen: list[int] = []

    class Every(nn.Module, Timed):
        def phase(self, iteration: int) -> object:
            seen.append(iteration)
            return None if iteration % 10 == 0 else iteration % 2

    executor.method.every = Every()
    executor.cuda_graphs = CudaGraphs(executor, lambda sentence: None, record=stand_in)
    for iteration in range(30):
        executor.play([images(iteration)], iteration)
    assert seen == [*range(30)] and stand_in.made == 2


def test_a_term_that_has_not_started_keeps_nothing_from_being_recorded():
    """Its discriminator's logits are to be looked at in its first call, which is still to come."""
    executor, stand_in = recorded("losses.adversarial.start=20")
    for iteration in range(20):
        executor.play([images(iteration)], iteration)
    assert stand_in.made == 1 and stand_in.plays >= 12


def test_kinds_that_do_not_come_again_are_forgotten():
    executor, stand_in = recorded("losses.l1.weight={from: 1, to: 2, over: 100000}")
    executor.steps = lambda batches: {}  # type: ignore[method-assign]
    for iteration in range(3 * REMEMBERED):
        executor.play([images(0)], iteration)
    assert len(executor.cuda_graphs.seen) <= REMEMBERED and stand_in.made == 0


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("optimizer.lr={from: -1, to: 1, over: 2}", r"optimizer\.lr: .*-1"),
        ("optimizer.betas=[{from: 0, to: 1, over: 2}, 0.9]", r"optimizer\.betas\.0: .*1"),
        ("losses.l1.weight={from: 1, to: 2}", r"losses\.l1\.weight: a schedule needs from, to and over"),
        ("train.average={from: 0.9, to: 1.5, over: 3}", r"train\.average: .*1\.5"),
        ("losses.l1.weight={from: 1, too: 2, over: 3}", r"losses\.l1\.weight: .*did you mean 'to'"),
    ],
)
def test_schedules_that_can_not_be_are_named(word: str, said: str):
    with pytest.raises(InputError, match=said):
        small(word)


def test_a_schedule_stands_in_the_resolved_recipe():
    words = [
        "optimizer.lr={from: 1e-3, to: 0, over: 9}",
        "losses.l1.weight={0: 1, 5: 2}",
        "train.average={0: 0.5, 9: 0.9}",
    ]
    plain = small(*words).recipe.plain()
    assert plain["optimizer"]["lr"] == {"from": 1e-3, "to": 0.0, "over": 9, "shape": "linear", "after": 0}
    assert plain["losses"]["l1"]["weight"] == {"0": 1.0, "5": 2.0}  # as JSON has them
    assert plain["train"]["average"] == {"0": 0.5, "9": 0.9}
    assert resolve(parse(yaml.safe_dump(plain, sort_keys=False), "mine.yaml")).plain() == plain
