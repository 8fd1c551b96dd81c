"""Curves: which share a chart, and what is kept of many points."""

import base64

import numpy as np

from advloss.report.curves import charts_of, figures_of, packed, thinned
from advloss.report.reading import Curve, Run
from advloss.training.run.paths import RunPaths


def run_of(tmp_path, **curves: list[float]) -> Run:
    made = {name: Curve(list(range(1, len(values) + 1)), values) for name, values in curves.items()}
    return Run(RunPaths(tmp_path), {}, [], made)


def test_two_sides_of_one_game_share_a_chart(tmp_path) -> None:
    names = ["losses/a.discriminator", "losses/a", "losses/l1", "health/x.mean_real", "health/x.mean_fake", "lr"]
    run = run_of(tmp_path, **{name: [1.0, 2.0] for name in names})
    found = [(chart.group, [line.name for line in chart.lines]) for chart in charts_of([run, run])]
    assert found == [
        ("losses", ["a.discriminator", "a"] * 2),
        ("losses", ["l1", "l1"]),
        ("health", ["x.mean_real", "x.mean_fake"] * 2),
        ("", ["lr", "lr"]),
    ]


def test_groups_that_are_not_known_are_shown_before_time_and_memory(tmp_path) -> None:
    run = run_of(tmp_path, memory=[1.0, 2.0], **{"mine/x": [1.0, 2.0], "losses/l1": [1.0, 2.0]})
    assert [packed(chart)["group"] for chart in charts_of([run])] == ["Losses", "Mine", "Rate, time and memory"]


def test_a_name_of_one_curve_is_said_whole(tmp_path) -> None:
    (chart,) = charts_of([run_of(tmp_path, **{"health/generator.step": [1.0, 2.0]})])
    assert packed(chart)["title"] == "generator.step"


def test_an_interval_belongs_to_its_curve(tmp_path) -> None:
    run = run_of(
        tmp_path, **{"validation/kid": [3.0, 4.0], "validation/kid_low": [2.0, 3.0], "validation/kid_high": [4.0, 5.0]}
    )
    (chart,) = charts_of([run])
    (line,) = packed(chart)["lines"]
    assert read(line["low"]) == [2, 3] and read(line["y"]) == [3, 4] and read(line["high"]) == [4, 5]


def test_what_was_measured_once_is_a_figure_and_no_chart(tmp_path) -> None:
    run = run_of(tmp_path, **{"test/psnr": [23.0], "lr": [1.0, 1.0]})
    assert figures_of(run) == {"test/psnr": 23.0}
    assert [chart.title for chart in charts_of([run])] == ["lr"]


def test_extremes_and_ends_of_many_points_are_kept() -> None:
    values = np.sin(np.arange(50_000) / 700) + np.random.default_rng(0).normal(0, 0.01, 50_000)
    values[[12_345, 33_333]] = [99, -99]
    x = np.arange(1, 50_001, dtype=float)
    kept = thinned(x, values, 500)
    assert len(kept) <= 1002 and (np.diff(kept) > 0).all()
    assert {0, 12_345, 33_333, 49_999} <= set(kept)
    part = np.minimum(((x - 1) / (x[-1] - 1) * 500).astype(int), 499)
    for number in (0, 250, 499):
        inside, among = values[part == number], values[kept][part[kept] == number]
        assert (among.min(), among.max()) == (inside.min(), inside.max())
    np.testing.assert_array_equal(thinned(x[:1000], values[:1000], 500), np.arange(1000))


def test_values_that_are_not_finite_are_left_out_and_counted(tmp_path) -> None:
    (chart,) = charts_of([run_of(tmp_path, lr=[1.0, float("nan"), float("inf"), 2.0])])
    (line,) = packed(chart)["lines"]
    assert line["left_out"] == 2 and read(line["y"]) == [1, 2]
    assert np.frombuffer(base64.b64decode(line["x"]), "<u4").tolist() == [1, 4]


def read(text: str) -> list[float]:
    return np.frombuffer(base64.b64decode(text), "<f4").tolist()
