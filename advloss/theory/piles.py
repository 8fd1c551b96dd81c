"""Four piles of earth, and the least work that makes four other piles of them."""

from dataclasses import dataclass

import numpy as np

from advloss.theory.distances import Array, transport, w1_on_a_line

BEFORE = (3, 2, 1, 4)
AFTER = (1, 2, 4, 3)


@dataclass(frozen=True)
class Piles:
    """The least work, in shovels times piles passed, and a plan with this work."""

    before: Array  # [N]
    after: Array  # [N]
    work: float  # by cumulative differences
    work_of_plan: float  # by linear programming
    plan: Array  # shovels from pile i to pile j [N, N]


def piles(before: tuple[int, ...] = BEFORE, after: tuple[int, ...] = AFTER) -> Piles:
    """W1 in two ways, neighbouring piles being 1 apart: the earth mover's distance (Rubner et al. 2000)."""
    places = np.arange(len(before), dtype=np.float64)
    work_of_plan, plan = transport(before, after, np.abs(places[:, None] - places[None]))
    p, q = np.array(before, np.float64), np.array(after, np.float64)
    return Piles(p, q, w1_on_a_line(before, after), work_of_plan, plan)
