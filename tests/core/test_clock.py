"""Schedules, and who follows which clock."""

import copy
import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import Identity

from advloss.core.clock import Clock, Schedule, Timed, TimedModule, follow, timed
from advloss.core.errors import InputError


class Part(TimedModule):
    def __init__(self, weight: float | Schedule = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, x: Tensor) -> Tensor:
        value = self.now(self.weight) * x
        self.clock.tick(self)
        return value


class Held(Timed):
    def __init__(self) -> None:
        self.clock = Clock(keeper=self)


@pytest.mark.parametrize(
    ("schedule", "values"),
    [
        (Schedule(10, 2, over=4), {0: 10, 1: 8, 4: 2, 9: 2}),
        (Schedule(1, 0, over=2, after=3), {0: 1, 3: 1, 4: 0.5, 5: 0}),
        (Schedule(0, 1, over=2, shape="cosine"), {0: 0, 1: 0.5, 2: 1}),
        (Schedule(1, 0.25, over=2, shape="exponential"), {0: 1, 1: 0.5, 2: 0.25, 3: 0.25}),
        (Schedule(0, 1, over=2, shape="logistic"), {0: 0, 1: 2 / (1 + math.exp(-5)) - 1, 2: 1}),
        (Schedule(1, 0, over=0, after=2), {1: 1, 2: 0}),
        (Schedule.steps({0: 64, 10: 128}), {0: 64, 9: 64, 10: 128}),
    ],
)
def test_values(schedule: Schedule, values: dict[int, float]) -> None:
    assert {place: schedule.at(place) for place in values} == pytest.approx(values)
    assert Schedule.read(schedule.plain()) == schedule


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"from": 1, "to": 2}, "over is missing"),
        ({"from": 1, "to": 2, "over": 3, "shap": "cosine"}, "did you mean 'shape'"),
        ({"from": 1, "to": 2, "over": 3, "shape": "cosin"}, "did you mean 'cosine'"),
        ({"from": 1, "to": 0, "over": 3, "shape": "exponential"}, "between numbers above 0"),
        ({5: 1}, "begin at 0"),
        ({0: 1, 5: {"from": 1, "to": 2, "over": 3}}, "a schedule's value is a number"),
        ({0: 1, 5: None}, "a schedule's value is a number, not None .from iteration 5"),
        ({"from": 1, "to": 2, "over": -3}, "at least 0"),
        ([], "a schedule is a mapping"),
    ],
)
def test_what_is_no_schedule(written: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Schedule.read(written)


def test_a_part_alone_keeps_its_own_clock_and_goes_on_after_a_resume() -> None:
    part = Part(Schedule(0, 4, over=4))
    assert [part(torch.ones(())).item() for _ in range(3)] == [0, 1, 2]
    resumed, copied = Part(Schedule(0, 4, over=4)), copy.deepcopy(part)
    resumed.load_state_dict(part.state_dict())
    assert copied.clock.keeper is copied
    assert [each(torch.ones(())).item() for each in (part, resumed, copied)] == [3, 3, 3]
    assert resumed.clock.iteration == part.clock.iteration == 4
    resumed.load_state_dict({})
    assert resumed.clock.iteration == 0


def test_parts_follow_the_clock_of_what_holds_them_and_leave_it_to_that() -> None:
    module = nn.ModuleDict({"part": Part(Schedule(0, 4, over=4)), "other": Identity()})
    module.held = Held()
    clock = Clock()
    follow(module, clock)
    assert {type(each) for each in timed(module)} == {Part, Held}
    assert [module["part"](torch.ones(())).item() for _ in range(2)] == [0, 0]
    clock.iteration = 3
    assert module["part"](torch.ones(())).item() == 3
    assert not module.state_dict()
    module.load_state_dict({"part.iteration": torch.tensor(7)})
    assert clock.iteration == 3


def test_a_phase_is_what_python_decides() -> None:
    assert Part().phase(0) == Part().phase(9) == ()
    assert Part(Schedule(0, 4, over=4)).phase(1) == (1,)


def test_numbers_that_yaml_reads_as_text() -> None:
    assert Schedule.read({0: "1e-3", 5: 1e-4}) == Schedule.steps({0: 1e-3, 5: 1e-4})
    with pytest.raises(InputError, match="a schedule's value is a number, not 'much'"):
        Schedule.read({0: 1, 5: "much"})
