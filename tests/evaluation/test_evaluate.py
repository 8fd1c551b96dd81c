"""`advloss evaluate`: the literature's figures, the JSON, and what can't be measured."""

import errno
import hashlib
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from advloss.evaluation.comparison import Candidate, Pair, compare
from advloss.evaluation.skipped import Skipped
from advloss.inference.tiles.tiler import Tiler
from advloss.losses.perceptual.lpips import LPIPS
from advloss.recipe.build import build
from advloss.recipe.model_file import save_model
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from tests.data.pictures import fill, picture
from tests.evaluation.figures import figures
from tests.training.started import done, invoke, refused


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.chdir(tmp_path)


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


def measured(result: torch.Tensor, truth: torch.Tensor, border: int = 0) -> dict[str, float]:
    candidate = Candidate(Path("x.png"), lambda: Pair("x", result, truth))
    (row,) = compare([candidate], border, None, {}, Skipped(print)).rows.values()
    return row


STRIPES = torch.tensor([-1.0, 1.0]).repeat(8).expand(1, 3, 16, 16)


def test_values_by_hand():
    truth = torch.full((1, 3, 16, 16), -1.0)
    row = measured(truth + 2 / 255, truth)  # one level more everywhere
    assert row["psnr_rgb"] == pytest.approx(20 * math.log10(255), abs=1e-4)
    assert row["sharpness"] == 1  # both flat
    assert measured(STRIPES * 0.5, STRIPES)["sharpness"] == pytest.approx(0.5, abs=0.01)
    assert measured(truth, STRIPES)["sharpness"] == 0
    assert measured(STRIPES, truth)["sharpness"] == math.inf


def test_border_is_cut_off():
    truth = torch.zeros(1, 3, 24, 24)
    result = truth.clone()
    result[..., :4, :] = 1
    assert measured(result, truth, 4)["psnr_rgb"] == math.inf
    assert measured(result, truth, 3)["psnr_rgb"] < 30


def test_results_of_a_folder(tmp_path: Path):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 256, (30, 33, 3), np.uint8)
    save(tmp_path / "truths/deep/a.png", truth)
    save(tmp_path / "results/deep/a.bmp", truth[:28, :32] ^ 1)  # as if enlarged x4 from a cut small picture
    result = done("evaluate", "truths", "--results", "results", "--out", "figures.json")
    assert "deep/a" in result.stdout and "mean" in result.stdout
    found = figures("figures.json")
    assert found["count"] == 1 and found["skipped"] == []
    assert found["mean"]["psnr_rgb"] == pytest.approx(20 * math.log10(255), abs=1e-4)
    assert found["protocol"]["border"] == 0 and found["protocol"]["results"] == "results"
    assert "studio range" in found["protocol"]["y"] and "torch" in found["protocol"]
    assert found["protocol"]["device"] == "cpu" and "out of place" in found["protocol"]["cut"]
    assert found["cut"] == {"deep/a": [2, 1]}
    said = "and were cut to fit: 1, by up to 2 rows at the bottom and 1 columns at the right"
    assert said in result.stderr


def names(folder: str, *written: str) -> None:
    fill(Path(folder), list(written), 0, 20, 20)


@pytest.mark.parametrize(
    ("suffix", "results"),
    [
        ([], ["0001.png", "0002.png"]),
        ([], ["0001x4.png", "0002.png"]),  # DIV2K's
        (["--suffix", "_out"], ["0001_out.png", "0002_out.webp", "0001.png", "other.png"]),  # Real-ESRGAN's
        (["--suffix", "_MSRResNet"], ["0001x4_MSRResNet.png", "0002x4_MSRResNet.png"]),  # BasicSR's
    ],
)
def test_results_by_name(suffix: list[str], results: list[str]):
    names("truths", "0001.png", "0002.png")
    names("results", *results)
    done("evaluate", "truths", "--results", "results", *suffix)
    assert list(figures()["pictures"]) == ["0001", "0002"] and figures()["protocol"]["suffix"] == "".join(suffix[1:])


def test_small_pictures_are_called_as_those_of_div2k():
    fill(Path("truths"), ["0001.png", "0002.png"], 0, 48, 48)
    fill(Path("inputs"), ["0001x4.png", "0002.png"], 0, 12, 12)
    done("evaluate", "truths", "--inputs", "inputs", "--bicubic", 4)
    assert list(figures()["pictures"]) == ["0001", "0002"] and figures()["cut"] == {}


def model(broken: bool = False) -> Path:
    """A small model that enlarges 4 times."""
    source = read("srresnet-small")
    for override in ("networks.generator.width=4", "networks.generator.blocks=1"):
        source.override(override)
    built = build(resolve(source))
    torch.nn.init.zeros_(built.method.generator.last.weight)  # what is left is the bilinear enlargement
    if broken:
        torch.nn.init.constant_(built.method.generator.last.bias, math.nan)
    save_model(Path("m.safetensors"), built.recipe, built.method.state_dict(), {})
    return Path("m.safetensors")


def test_a_model(tmp_path: Path):
    file = model()
    fill(tmp_path / "truths", 2, 0, 41, 50)
    result = done("evaluate", "truths", "--model", file)
    found = figures()
    assert found["protocol"]["model_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert found["cut"] == {"000": [1, 2], "001": [1, 2]}
    assert "cut to fit" not in result.stderr  # they lie on each other
    assert found["protocol"]["tile"] is None and found["protocol"]["ensemble"] is False
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
    assert "these were skipped" in said and all(Path(name).stem in said for name in names[1:])
    assert "gives 10x10 pixels" in said and "has no partner in results" in said
    assert figures()["count"] == 1 and len(figures()["skipped"]) == 3


def test_a_small_picture_is_skipped():
    fill(Path("truths"), 2, 0, 48, 48)
    done("evaluate", "truths", "--bicubic", 4)
    expected = figures()
    fill(Path("truths"), ["a.png"], 5, 9, 9)
    fill(Path("truths"), ["z.png"], 5, 3, 60)
    result = invoke("evaluate", "truths", "--bicubic", 4)
    assert result.exit_code == 2 and "mean" in result.stdout
    found = figures()
    assert found["mean"] == expected["mean"] and found["count"] == 2
    small, smaller = sorted(found["skipped"])
    assert small == "truths/a.png: border=4 leaves nothing of images of 8 x 8 pixels"
    assert smaller == "truths/z.png: is smaller than the scale, 4"
    said, _, error = result.stderr.partition("advloss: ")
    assert all(f"skipped: {why}" in said and why in error for why in (small, smaller))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--bicubic", "4", "--border", "50"], "2 times: border=50 leaves nothing of images of 40 x 48"),
        (["--model", "m.safetensors", "--tile", "5"], "2 times: tile=5: the overlap is"),
        (["--results", "truths", "--border", "17"], "2 times: SSIM needs images of at least 11 x 11 pixels"),
    ],
)
def test_an_option_that_suits_no_picture_is_one_error(words: list[str], message: str):
    model()
    fill(Path("truths"), 2, 0, 41, 50)
    assert f"nothing could be measured, {message}" in refused("evaluate", "truths", *words)
    assert "skipped" not in invoke("evaluate", "truths", *words).stderr
    assert not Path("evaluation.json").exists()


def test_memory_that_runs_out_leaves_a_picture_out(monkeypatch: pytest.MonkeyPatch):
    model()
    fill(Path("truths"), 3, 0, 48, 48)
    run, calls = Tiler.__call__, []

    def unlucky(self: Tiler, image: torch.Tensor, depth: int = 8) -> torch.Tensor:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        if len(calls) == 2:
            raise RuntimeError("expected a tensor of another shape")
        return run(self, image, depth)

    monkeypatch.setattr(Tiler, "__call__", unlucky)
    assert invoke("evaluate", "truths", "--model", "m.safetensors").exit_code == 2
    assert figures()["count"] == 1 and figures()["skipped"] == [
        "truths/000.png: there is not enough memory for it",
        "truths/001.png: expected a tensor of another shape",
    ]


def test_a_network_whose_output_is_not_a_number():
    model(broken=True)
    fill(Path("truths"), 2, 0, 48, 48)
    said = refused("evaluate", "truths", "--model", "m.safetensors")
    assert "nothing could be measured, 2 times: the network's output is not a number" in said


def test_what_is_not_finite_is_null():
    fill(Path("truths"), ["flat.png", "other.png", "same.png"], 0, 20, 20)
    fill(Path("results"), ["flat.png", "other.png", "same.png"], 0, 20, 20)
    save(Path("results/other.png"), np.zeros((20, 20, 3), np.uint8))
    save(Path("truths/flat.png"), np.zeros((20, 20, 3), np.uint8))
    result = done("evaluate", "truths", "--results", "results")
    found = figures()
    rows, mean = found["pictures"], found["mean"]
    assert rows["same"]["psnr_y"] is None and rows["same"]["sharpness"] == 1 and rows["other"]["psnr_y"] > 5
    assert rows["flat"]["sharpness"] is None and rows["other"]["sharpness"] == 0
    assert mean["psnr_y"] is None and mean["sharpness"] is None and 0 < mean["ssim_y"] < 1
    assert "PSNR of equal pictures" in found["protocol"]["null"] and "infinite" in found["protocol"]["mean"]
    lines = {line.split()[0]: line.split() for line in result.stdout.splitlines()}
    assert lines["same"] == ["same", "inf", "1.0000", "inf", "1.0000", "1.0000"]
    assert lines["mean"][1] == "inf" and lines["flat"][-1] == lines["mean"][-1] == "-"


@pytest.mark.parametrize("folder", ["truths", "results"])
def test_a_folder_below_that_can_not_be_read(folder: str, monkeypatch: pytest.MonkeyPatch):
    for each in ("truths", "results"):
        fill(Path(each), ["a.png"], 0, 20, 20)
    fill(Path(folder, "shut"), ["b.png"], 0, 20, 20)
    real = os.scandir

    def closed(path: object, *rest: object) -> object:
        if Path(str(path)).name == "shut":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return real(path, *rest)

    monkeypatch.setattr(os, "scandir", closed)
    result = invoke("evaluate", "truths", "--results", "results")
    assert result.exit_code == 2
    assert figures()["count"] == 1
    assert figures()["skipped"] == [f"{folder}/shut: the folder can't be read (Permission denied)"]


def test_the_folder_of_the_figures_is_made():
    fill(Path("truths"), 1, 0, 20, 20)
    done("evaluate", "truths", "--results", "truths", "--out", "new/deep/x.json")
    assert figures("new/deep/x.json")["count"] == 1


def test_a_folder_that_can_not_be_written_to_is_known_first(monkeypatch: pytest.MonkeyPatch):
    fill(Path("truths"), 1, 0, 20, 20)
    Path("closed").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "closed")
    said = refused("evaluate", "truths", "--results", "truths", "--out", "closed/x.json")
    assert "closed: can't be written to" in said


def test_the_table_is_printed_though_the_file_can_not_be_written(monkeypatch: pytest.MonkeyPatch):
    fill(Path("truths"), 1, 0, 20, 20)

    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("advloss.evaluation.report.write_whole", full)
    result = invoke("evaluate", "truths", "--results", "truths")
    assert result.exit_code == 2 and "mean" in result.stdout
    assert "advloss: evaluation.json: can't be written (No space left on device)" in result.stderr


def test_lpips_with_made_up_weights(cache: Path):
    """The mean of what the measure itself gives; one picture is too small for it."""
    network = torchvision.models.alexnet(weights=None).features
    state = {f"features.{key}": value for key, value in network.state_dict().items()}
    torch.save(state, cache / "alexnet-owt-7be5be79.pth")
    fill(Path("truths"), ["a.png", "b.png"], 0, 40, 44)
    fill(Path("results"), ["a.png", "b.png"], 5, 40, 44)
    for folder in ("truths", "results"):
        fill(Path(folder), ["small.png"], 0, 30, 44)
    result = invoke("evaluate", "truths", "--results", "results", "--border", 2)
    assert result.exit_code == 2 and "truths/small.png: LPIPS (alex) compares" in result.stderr
    found = figures()
    expected = [
        LPIPS("alex")(*(torch.from_numpy(picture(number, 40, 44)[2:-2, 2:-2]).permute(2, 0, 1)[None] / 127.5 - 1
                        for number in numbers)).item()
        for numbers in ((5, 0), (6, 1))
    ]  # fmt: skip
    assert [row["lpips"] for row in found["pictures"].values()] == pytest.approx(expected, rel=1e-5)
    assert found["mean"]["lpips"] == pytest.approx(sum(expected) / 2, rel=1e-5) and expected[0] > 0
    assert found["protocol"]["lpips"].startswith("version 0.1, alex")


def test_damaged_weights_of_lpips_are_said_and_the_rest_is_measured(cache: Path):
    path = cache / "alexnet-owt-7be5be79.pth"
    path.write_bytes(b"<html>504 Gateway Time-out</html>")
    fill(Path("truths"), 1, 0, 40, 40)
    result = done("evaluate", "truths", "--bicubic", 2)
    assert f"LPIPS is not measured: its weights {path} can't be read; delete the file" in result.stderr
    assert "lpips" not in figures()["mean"] and str(path) in figures()["protocol"]["lpips"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "one of --results FOLDER, --model FILE and --bicubic SCALE"),
        (["--bicubic", "4", "--results", "truths"], "one of --results FOLDER"),
        (["--results", "truths", "--inputs", "truths"], "--inputs: "),
        (["--results", "nowhere"], "nowhere: no such folder"),
        (["--results", "empty"], "empty: holds no picture"),
        (["--model", "nowhere.pth"], "nowhere.pth: no such file"),
        (["--results", "truths", "--out", "truths/000.png/x.json"], "truths/000.png: is a file, and results are to go"),
        (["--results", "truths", "--out", "empty"], "empty: is a folder; name a file in it"),
        (["--results", "truths", "--tile", "64"], "--tile: is about how a --model runs"),
        (["--results", "truths", "--overlap", "0"], "--overlap: is about how a --model runs"),
        (["--results", "truths", "--precision", "fp32"], "--precision: is about how a --model runs"),
        (["--bicubic", "4", "--self-ensemble"], "--self-ensemble: is about how a --model runs"),
        (["--bicubic", "4", "--suffix", "_out"], "--suffix: is about the names of --results"),
        (["--results", "truths", "--suffix", "_out"], "--suffix TEXT is what results' names have beyond the truths'"),
        (["--bicubic", "4", "--inputs", "other"], "has the name of a truth ('q.png', ... and '000.png', ...); a small"),
    ],
)
def test_bad_questions(tmp_path: Path, words: list[str], message: str):
    fill(tmp_path / "truths", 1, 0, 20, 20)
    (tmp_path / "empty").mkdir()
    fill(tmp_path / "other", ["q.png"])
    assert message in refused("evaluate", "truths", *words)
    assert not Path("evaluation.json").exists()
