"""Each rule by series that are made up: it speaks where its condition holds, and not where it nearly does."""

from collections.abc import Mapping

import pytest

from advloss.training.doctor.history import History
from advloss.training.doctor.rules import RULES, found_in

EVERY = 20


def lines(count: int = 15, **series: object) -> list[dict[str, object]]:
    """So many log lines, each 20 iterations. series: of `group__name`, where __ stands for a dot; a value, or a
    function of the iteration that may give None."""
    found = []
    for iteration in range(EVERY, EVERY * count + 1, EVERY):
        entry: dict[str, object] = {"iteration": iteration}
        for key, value in series.items():
            group, _, name = key.partition("__")
            now = value(iteration) if callable(value) else value
            if now is not None:
                entry.setdefault(group, {})[name.replace("__", ".")] = now  # type: ignore[index]
        found.append(entry)
    return found


def said(**series: object) -> dict[str, int]:
    return {finding.rule: iteration for iteration, finding in found_in(lines(**series))}


GOOD = {
    "health__a__fake": -0.5,
    "health__a__real": 0.5,
    "health__a__right_fake": 0.7,
    "health__a__right_real": 0.8,
    "health__a__loss": 1.2,
    "health__a__undecided": 2.0,
    "health__a__swing": 0.1,
    "health__step__generator": 0.005,
    "health__gradient__a": 0.3,
    "health__gradient__l1": 1.0,
    "health__a__distance_fake": 0.4,
    "health__a__distance_real": 0.5,
    "health__a__saturated_fake": 0.1,
    "health__a__saturated_real": 0.05,
    "health__a__checkerboard_fake": 0.2,
    "health__a__checkerboard_real": 0.0,
    "health__a__low": -1.0,
    "health__a__high": 1.0,
    "health__a__contrast": 0.4,
    "health__a__overfit": 0.1,
    "health__codes": 512.0,
    "watched__usage": 0.5,
    "watched__tokens": 2000.0,
    "losses__l1": 0.2,
    "losses__a": 0.5,
}
SICK: dict[str, Mapping[str, object]] = {
    "discriminator_wins": {"health__a__loss": 0.001, "health__a__right_fake": 1.0, "health__a__right_real": 1.0},
    "generator_wins": {"health__a__loss": 2.5, "health__a__right_fake": 0.02},
    "dead_start": {"health__a__loss": 1.995, "health__a__fake": 0.01, "health__a__real": 0.02},
    "oscillation": {"health__a__swing": 1.2},
    "rate_too_high": {"health__step__generator": 0.2},
    "unbounded_critic": {"health__a__undecided": None, "health__a__real": lambda iteration: iteration**1.5},
    "overfitted": {"health__a__overfit": 0.8, "health__a__right_real": 0.99},
    "no_effect": {"health__gradient__a": 0.001},
    "ruins_reconstruction": {
        "losses__a": lambda iteration: 0.5 if iteration > 100 else None,
        "losses__l1": lambda iteration: 0.4 if iteration > 100 else 0.2,
    },
    "mode_collapse": {"health__a__distance_fake": 0.01},
    "codebook_collapse": {"watched__usage": 0.01},
    "saturated": {"health__a__saturated_fake": 0.9},
    "checkerboard": {"health__a__checkerboard_fake": 0.9},
    "not_normalised": {"health__a__low": 0.0},
}


def test_a_good_run_is_silent() -> None:
    assert said(**GOOD) == {}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_names_its_illness_and_no_other(rule: str) -> None:
    found = said(**GOOD | SICK[rule])
    assert found.keys() == {rule}
    assert found[rule] <= 200 + (100 if rule == "ruins_reconstruction" else 0)


def test_a_rule_speaks_once_also_in_a_run_that_is_resumed() -> None:
    history = History()
    history.add({"iteration": 20, "doctor": {"rule": "oscillation", "sentence": "", "remedy": ""}})
    assert history.said == {"oscillation"}


def test_the_span_that_is_kept_is_bounded() -> None:
    history = History()
    for iteration in range(1, 3001):
        history.add({"iteration": iteration, "losses": {"l1": 1.0, "text": "no number"}})
    assert len(history.series["losses.l1"]) == 1000 and history.first["losses.l1"] == 1
