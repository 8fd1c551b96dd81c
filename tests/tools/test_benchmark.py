"""The benchmark's figures where they can be known, and that each sub-command runs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tools import benchmark
from tools.benchmarks import measure, report

CPU = torch.device("cpu")
TINY = ["networks.generator.width=4", "networks.generator.blocks=1"]
TINY += [f"losses.adversarial_{side}.discriminator.{key}" for side in "ab" for key in ("width=4", "layers=1")]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_flops_of_a_convolution_and_its_gradients_by_hand() -> None:
    net = nn.Conv2d(3, 8, 3, padding=1)
    x = torch.randn(2, 3, 10, 12, requires_grad=True)
    forward = 2 * (2 * 8 * 10 * 12) * (3 * 3 * 3)  # two for each multiply-add: outputs times products an output
    assert measure.flops(lambda: net(x)) == forward
    assert measure.flops(lambda: net(x).sum().backward()) == 3 * forward  # the input's gradient and the weight's
    with torch.no_grad():
        x.requires_grad_(False)
    assert measure.flops(lambda: net(x).sum().backward()) == 2 * forward


def test_flops_of_a_transposed_convolution_by_hand() -> None:
    net = nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1)
    assert measure.flops(lambda: net(torch.randn(1, 4, 5, 7))) == 2 * (4 * 5 * 7) * (6 * 3 * 3)


def test_spread_by_hand() -> None:
    want = {"median": 3, "lower_quartile": 2, "upper_quartile": 4, "count": 5}
    assert measure.spread([5.0, 1.0, 4.0, 2.0, 3.0]) == want
    assert measure.spread([7.0]) == {"median": 7, "lower_quartile": 7, "upper_quartile": 7, "count": 1}


def test_what_alternates_does_so() -> None:
    calls: list[str] = []
    first, second = measure.alternating(lambda: calls.append("a"), lambda: calls.append("b"), CPU, 3)
    assert "".join(calls) == "ababab"
    assert len(first) == len(second) == 3


def test_the_command_leaves_out_where_the_result_went() -> None:
    assert report.command(["round", "--out", "x.json", "--size", "64"]) == "python tools/benchmark.py round --size 64"
    assert report.command(["data", "--out=x.json"]) == "python tools/benchmark.py data"


def run(tmp_path: Path, *words: str) -> dict[str, Any]:
    out = tmp_path / "results" / "x.json"
    assert benchmark.main([*words, "--out", str(out)]) == 0
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    assert found["benchmark"] == words[0]
    assert found["machine"]["cores"] >= 1 and found["machine"]["cpu"]
    assert found["versions"]["torch"] == torch.__version__
    result: dict[str, Any] = found["result"]
    return result


@pytest.fixture
def small_peaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device's peaks measured once: they are not what is tested here."""
    real_flops, real_bytes = measure.peak_flops, measure.peak_bytes
    monkeypatch.setattr(measure, "peak_flops", lambda device, precision: real_flops(device, precision, repeats=1))
    monkeypatch.setattr(measure, "peak_bytes", lambda device: real_bytes(device, repeats=1))


@pytest.mark.usefixtures("small_peaks")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_round(tmp_path: Path, precision: str) -> None:
    result = run(tmp_path, "round", "--size", "32", "--rounds", "3", "--precision", precision, *TINY)
    times = result["seconds_a_round"]
    assert 0 < times["lower_quartile"] <= times["median"] <= times["upper_quartile"] and times["count"] == 3
    assert result["images_per_second"] == pytest.approx(1 / times["median"])
    assert result["floor_seconds"] == pytest.approx(result["flops_a_round"] / result["peak_flops_per_second"])
    assert result["ratio_to_floor"] == pytest.approx(times["median"] / result["floor_seconds"])
    assert result["ratio_to_floor"] > 1  # nothing is faster than the peak
    assert result["peak_memory_bytes"] > 10e6 and result["peak_bytes_per_second"] > 1e8
    # all passes of the generators: three images each, and the backward pass costs less than twice the forward's
    assert 2 * 3 * resnet_flops(32, 4, 1) < result["flops_a_round"] < 4 * 2 * 3 * resnet_flops(32, 4, 1)


@pytest.mark.usefixtures("small_peaks")
def test_flops_grow_with_the_batch_and_the_pixels(tmp_path: Path) -> None:
    settings = [(32, 1), (32, 2), (64, 1)]
    words = [["round", "--size", str(size), "--batch", str(batch), "--rounds", "1", *TINY] for size, batch in settings]
    one, two, four = (run(tmp_path, *each)["flops_a_round"] for each in words)
    assert two == 2 * one
    assert four == pytest.approx(4 * one, rel=0.02)  # the discriminators' maps lose a pixel at the edges


def resnet_flops(size: int, width: int, blocks: int) -> int:
    """One forward pass of CycleGAN's generator for one image, by hand."""
    outer, middle, inner = size**2, size**2 // 4, size**2 // 16  # pixels of each level
    both_ends = 2 * outer * 49 * 3 * width
    downs_and_ups = 2 * (middle * 9 * width * 2 * width + inner * 9 * 2 * width * 4 * width)
    return 2 * (both_ends + downs_and_ups + 2 * blocks * inner * 9 * (4 * width) ** 2)


def test_the_generators_flops_by_hand() -> None:
    from advloss.networks.resnet import ResNetGenerator

    net = ResNetGenerator(width=4, blocks=2)
    assert measure.flops(lambda: net(torch.zeros(1, 3, 32, 32))) == resnet_flops(32, 4, 2)


def test_upscale(tmp_path: Path) -> None:
    result = run(tmp_path, "upscale", "--network", "srvgg", "--height", "20", "--width", "24", "--pairs", "3")
    ways = result["ways"]
    assert [*ways] == ["channels_last", "bf16", "bf16 channels_last", "advloss fp32", "advloss"]
    for way in ways.values():
        assert way["times_as_fast"]["count"] == way["seconds"]["plain"]["count"] == 3
    fp32 = ways["advloss fp32"]["psnr_against_plain"]
    assert fp32 is None or fp32 > 90  # a value beside the edge between two levels may fall on its other side
    assert 50 < ways["bf16"]["psnr_against_plain"] < 90
    # by hand: 18 convolutions at the small size, two operations a product
    products = 9 * 3 * 64 + 16 * 9 * 64 * 64 + 9 * 64 * 48
    assert result["flops"] == 2 * 20 * 24 * products


def test_adversarial(tmp_path: Path) -> None:
    result = run(tmp_path, "adversarial", "--size", "32", "--width", "4", "--pairs", "3")
    medians = [result[name]["median"] for name in ("seconds_with_adversarial_loss", "seconds_by_hand")]
    assert result["ratio_of_medians"] == pytest.approx(medians[0] / medians[1])


def test_data(tmp_path: Path) -> None:
    small = ["--images", "4", "--file-size", "64", "--load", "72", "--crop", "64", "--pairs", "2", "--files", "4"]
    result = run(tmp_path, "data", *small)
    assert result["images_per_second"]["median"] > 0
    assert result["ratio_of_medians"] > 1  # decoding in the loop can't be as fast


def test_a_wrong_recipe_is_one_line_and_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(["round", "--recipe", "cycelgan"]) == 2
    assert "did you mean 'cyclegan'?" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has one")
def test_gpu_check_without_a_gpu_is_one_line_and_1(tmp_path: Path) -> None:
    script = Path(benchmark.__file__).parent / "gpu_check.sh"
    done = subprocess.run(
        ["bash", str(script), str(tmp_path / "results")],
        env={"PATH": "/usr/bin:/bin", "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == f"gpu_check: {sys.executable} has no PyTorch that finds a CUDA device here\n"
    assert not (tmp_path / "results").exists()
