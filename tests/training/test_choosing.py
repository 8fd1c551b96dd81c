"""The first metric chooses the best model, by its own direction; what can't be measured never ends a training."""

import math
from pathlib import Path

import pytest

from advloss.losses.metrics import METRICS
from advloss.losses.sets.measures import SET_METRICS
from advloss.recipe.build import BuiltMetric
from advloss.training.validation import Validation
from tests.data.pictures import fill
from tests.training.started import TINY, done, log


def choosing(name: str) -> Validation:
    validation = object.__new__(Validation)
    table = {**METRICS, **SET_METRICS}
    validation.metrics = {"first": BuiltMetric(table[name](), ["fake_b", "b"])}
    validation.first = "first"
    return validation


@pytest.mark.parametrize(("name", "better", "worse"), [("psnr", 21.0, 19.0), ("kid", 0.1, 0.3), ("coverage", 0.9, 0.1)])
def test_the_direction_is_the_metrics_own(name: str, better: float, worse: float) -> None:
    validation, best = choosing(name), (better + worse) / 2
    assert validation.better({"first": better, "second": 0}, best)
    assert not validation.better({"first": worse, "second": 99}, best)
    assert not validation.better({"first": best}, best)
    assert validation.better({"first": worse}, None)
    assert not validation.better({"first": math.nan}, None) and not validation.better({"second": better}, None)


def test_a_set_of_one_image_is_told_before_the_first_iteration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder, count in (("trainA", 2), ("trainB", 2), ("valA", 1), ("valB", 1)):
        fill(Path("photos") / folder, count, first=len(folder), height=32, width=32)
    words = ["train", "recipe=cyclegan-small", "photos", *TINY, "--device", "cpu", "--iterations", "2", "--run", "r"]
    coverage = "metrics.coverage={metric: coverage, between: [fake_b, b]}"
    said = done(*words, coverage).stderr.partition("iteration 2/2")[0]
    assert "metrics.kid is left out: it needs 2 images to validate on, and there are 1" in said
    assert "metrics.coverage is left out: it needs 6 images" in said
    measured = [line["validation"].keys() for line in log(Path(), "r") if "validation" in line]
    assert measured == [{"cycle_psnr"}] and Path("runs/r/best.safetensors").exists()
