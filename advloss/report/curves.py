"""Curves for a page: which share a chart, and fewer points where there are many, with every extreme kept."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from advloss.report.reading import Curve, Run

BUCKETS = 1000
"""A curve of more than twice as many points keeps the lowest and the highest of each of so many parts."""
TITLES = {
    "losses": "Losses",
    "validation": "Measured in validation",
    "health": "Health of the game",
    "gradient_shares": "Shares of the gradient",
    "factors": "Factors of the weighting",
    "watched": "Watched by the method",
    "": "Rate, time and memory",
}
"""Titles of groups, in the order of the page; other groups come before the last one, by their own names."""
UNITS = {"seconds": "s", "memory": "GiB", "data_wait": "share of the time"}
SIDES = {"real", "fake", "discriminator", "generator"}
"""Words in which the names of one chart's curves may differ."""
BOUNDS = ("low", "high")
"""The ends of a name whose curves are the interval around the curve of the name without them."""


@dataclass
class Line:
    """A curve of a chart. bounds: the interval around it, if one was logged."""

    run: int
    name: str
    curve: Curve
    bounds: list[Curve] = field(default_factory=list)


@dataclass
class Chart:
    """Curves that are compared: of one name in all runs, or of two sides of one game."""

    group: str
    title: str
    lines: list[Line] = field(default_factory=list)


def charts_of(runs: Sequence[Run]) -> list[Chart]:
    """The charts of a page, in order."""
    found: dict[tuple[str, str], Chart] = {}
    for number, run in enumerate(runs):
        for key, curve in run.curves.items():
            group, _, name = key.rpartition("/") if "/" in key else ("", "", key)
            if _bounded(key, run):
                continue
            shared = _shared(name)
            chart = found.setdefault((group, shared), Chart(group, shared))
            chart.lines.append(Line(number, name, curve, _bounds(key, run)))
    order = list(TITLES)
    middle = len(order) - 1.5
    charts = sorted(found.values(), key=lambda c: order.index(c.group) if c.group in order else middle)
    return [chart for chart in charts if any(len(set(line.curve.iterations)) > 1 for line in chart.lines)]


def figures_of(run: Run) -> dict[str, float]:
    """The numbers of a run that were measured once, such as those of the test pictures."""
    return {name: curve.values[0] for name, curve in run.curves.items() if len(set(curve.iterations)) == 1}


def _bounded(key: str, run: Run) -> bool:
    """Whether the curve is a bound of another."""
    name, _, end = re.sub(r"[._](?=[a-z]+$)", " ", key).rpartition(" ")
    return end in BOUNDS and name in run.curves


def _bounds(key: str, run: Run) -> list[Curve]:
    for mark in "._":
        ends = [run.curves.get(f"{key}{mark}{end}") for end in BOUNDS]
        if all(ends):
            return [end for end in ends if end is not None]
    return []


def _shared(name: str) -> str:
    """The name of the chart: a curve's without the words for its side."""
    words = re.split(r"([._])", name)
    kept = [word for word in words if word not in SIDES]
    return re.sub(r"[._]{2,}", ".", "".join(kept)).strip("._") or name


def packed(chart: Chart) -> dict[str, Any]:
    """A chart as the page's script reads it."""
    names = {line.name for line in chart.lines}
    title = chart.title if len(names) > 1 else names.pop()
    return {
        "group": TITLES.get(chart.group, chart.group.replace("_", " ").capitalize()),
        "title": title if chart.group else title.replace("_", " "),
        "unit": UNITS.get(title, ""),
        "lines": [_packed_line(line) for line in chart.lines],
    }


def _packed_line(line: Line) -> dict[str, Any]:
    x, y = np.asarray(line.curve.iterations, float), np.asarray(line.curve.values, float)
    kept = np.isfinite(y)
    made: dict[str, Any] = {"run": line.run, "name": line.name, "left_out": int((~kept).sum())}
    if all(len(bound.values) == len(y) for bound in line.bounds):  # over the same iterations
        for end, bound in zip(BOUNDS, line.bounds, strict=False):
            made[end] = encoded(np.asarray(bound.values, float)[kept])
    chosen = np.arange(kept.sum()) if "low" in made else thinned(x[kept], y[kept])
    return made | {"x": encoded(x[kept][chosen], "<u4"), "y": encoded(y[kept][chosen])}


def thinned(x: NDArray[np.float64], y: NDArray[np.float64], buckets: int = BUCKETS) -> NDArray[np.int64]:
    """The places of the points that are kept: the lowest and the highest of each of `buckets` parts of the iterations,
    and both ends; all points if there are no more than two a part.

    x, y: [N], finite.
    """
    if len(x) <= 2 * buckets:
        return np.arange(len(x))
    span = max(x.max() - x.min(), 1e-12)
    part = np.minimum(((x - x.min()) / span * buckets).astype(np.int64), buckets - 1)
    by_value = np.lexsort((y, part))
    first = np.flatnonzero(np.r_[True, np.diff(part[by_value]) > 0])
    last = np.r_[first[1:] - 1, len(x) - 1]
    kept = np.union1d(by_value[first], by_value[last])
    return np.union1d(kept, [0, len(x) - 1])


def encoded(values: NDArray[np.float64], dtype: str = "<f4") -> str:
    """Numbers as little-endian float32, or another type, in base64."""
    return base64.b64encode(values.astype(dtype).tobytes()).decode()
