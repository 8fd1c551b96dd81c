"""`advloss evaluate`: the literature's figures, the JSON, and what can't be measured."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from advloss.evaluation.comparison import Pair, compare
from advloss.recipe.build import build
from advloss.recipe.model_file import save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.source import read
from tests.data.pictures import fill
from tests.training.runs import done, invoke, refused


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def figures(path: str = "evaluation.json") -> dict:
    return json.loads(Path(path).read_text())


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.mark.parametrize(("name", "psnr", "ssim"), [("Set5", 28.42, 0.810), ("Set14", 26.09, 0.704)])
def test_bicubic_enlargement_scores_what_is_published(test_sets: Path, name: str, psnr: float, ssim: float):
    sets = test_sets / name
    done("evaluate", sets / "HR", "--inputs", sets / "LR_x4", "--bicubic", 4)
    mean = figures()["mean"]
    assert mean["psnr_y"] == pytest.approx(psnr, abs=0.01) and mean["ssim_y"] == pytest.approx(ssim, abs=5e-4)


def test_the_small_pictures_are_made_as_the_given_ones(test_sets: Path):
    """MATLAB's own reduction and ours, enlarged alike, score the same to a hundredth."""
    done("evaluate", test_sets / "Set5/HR", "--bicubic", 4)
    assert figures()["mean"]["psnr_y"] == pytest.approx(28.42, abs=0.01)
    assert "MATLAB's bicubic" in figures()["protocol"]["inputs"]


def test_values_by_hand():
    truth = torch.full((1, 3, 16, 16), -1.0)
    result = truth + 2 / 255  # one level more everywhere
    (row,) = compare([Pair("x", result, truth)], 0, None, {}).rows.values()
    assert row["psnr_rgb"] == pytest.approx(20 * math.log10(255), abs=1e-4)
    stripes = torch.tensor([-1.0, 1.0]).repeat(8).expand(1, 3, 16, 16)
    (row,) = compare([Pair("x", stripes * 0.5, stripes)], 0, None, {}).rows.values()
    assert row["sharpness"] == pytest.approx(0.5, abs=0.01)


def test_border_is_cut_off():
    truth = torch.zeros(1, 3, 24, 24)
    result = truth.clone()
    result[..., :4, :] = 1
    assert compare([Pair("x", result, truth)], 4, None, {}).rows["x"]["psnr_rgb"] == math.inf
    assert compare([Pair("x", result, truth)], 3, None, {}).rows["x"]["psnr_rgb"] < 30


def test_results_of_a_folder(tmp_path: Path):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 256, (30, 33, 3), np.uint8)
    save(tmp_path / "truths/deep/a.png", truth)
    save(tmp_path / "results/deep/a.bmp", truth[:28, :32] ^ 1)  # as if enlarged x4 from a cut small picture
    result = done("evaluate", "truths", "--results", "results", "--out", "figures.json")
    assert "deep/a" in result.stdout and "mean" in result.stdout
    found = figures("figures.json")
    assert found["count"] == 1 and found["left_out"] == []
    assert found["mean"]["psnr_rgb"] == pytest.approx(20 * math.log10(255), abs=1e-4)
    assert found["protocol"]["border"] == 0 and found["protocol"]["results"] == "results"
    assert "studio range" in found["protocol"]["y"] and "torch" in found["protocol"]


def test_a_model(tmp_path: Path):
    source = read("srresnet-small")
    for override in ("networks.generator.width=4", "networks.generator.blocks=1"):
        source.override(override)
    built = build(resolve(source))
    torch.nn.init.zeros_(built.method.generator.last.weight)  # what is left is the bilinear enlargement
    save_model(tmp_path / "m.safetensors", built.recipe, built.method.state_dict(), {})
    fill(tmp_path / "truths", 2, 0, 41, 50)
    done("evaluate", "truths", "--model", "m.safetensors")
    found = figures()
    assert found["count"] == 2 and found["protocol"]["border"] == found["protocol"]["scale"] == 4
    assert found["protocol"]["precision"] == "fp32" and found["protocol"]["results"] == "of the model m.safetensors"
    done("evaluate", "truths", "--model", "m.safetensors", "--self-ensemble", "--tile", 32, "--overlap", "exact")
    assert figures()["protocol"]["ensemble"] is True and figures()["protocol"]["overlap"] == "exact"
    assert figures()["mean"] == pytest.approx(found["mean"], rel=1e-3)  # bilinear enlargement has all symmetries
    assert 5 < found["mean"]["psnr_y"] < 60 and 0 < found["mean"]["sharpness"] < 1


def test_what_can_not_be_measured_is_named_and_the_rest_is_measured(tmp_path: Path):
    fill(tmp_path / "truths", 4, 0, 20, 20)
    names = sorted(path.name for path in (tmp_path / "truths").iterdir())
    (tmp_path / "results").mkdir()
    for name in names[:3]:
        (tmp_path / "results" / name).write_bytes((tmp_path / "truths" / name).read_bytes())
    (tmp_path / "results" / names[1]).write_bytes(b"")
    save(tmp_path / "results" / names[2], np.zeros((10, 10, 3), np.uint8))
    result = invoke("evaluate", "truths", "--results", "results")
    assert result.exit_code == 2
    said = result.stderr.partition("advloss: ")[2]
    assert "these were left out" in said and all(Path(name).stem in said for name in names[1:])
    assert "gives 10x10 pixels" in said and "has no result" in said
    assert figures()["count"] == 1 and len(figures()["left_out"]) == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "one of --results FOLDER, --model FILE and --bicubic SCALE"),
        (["--bicubic", "4", "--results", "truths"], "one of --results FOLDER"),
        (["--results", "truths", "--inputs", "truths"], "--inputs: "),
        (["--results", "nowhere"], "nowhere: no such folder"),
        (["--results", "empty"], "empty: holds no picture"),
        (["--model", "nowhere.pth"], "nowhere.pth: no such file"),
        (["--results", "truths", "--out", "nowhere/x.json"], "nowhere/x.json: can't be written"),
    ],
)
def test_bad_questions(tmp_path: Path, words: list[str], message: str):
    fill(tmp_path / "truths", 1, 0, 20, 20)
    (tmp_path / "empty").mkdir()
    assert message in refused("evaluate", "truths", *words)
    assert not Path("evaluation.json").exists()
