"""The benchmark's figures where they can be known, and that each sub-command runs."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from tools import benchmark
from tools.benchmarks import company, startup
from tools.benchmarks.measuring import measure, report
from tools.benchmarks.measuring.counting import counted
from tools.benchmarks.peers.basicsr import BasicSR

CPU = torch.device("cpu")
TINY = ["networks.generator.width=4", "networks.generator.blocks=1"]
TINY += [f"losses.adversarial_{side}.discriminator.{key}" for side in "ab" for key in ("width=4", "layers=1")]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_spread_by_hand() -> None:
    want = {"median": 3, "lower_quartile": 2, "upper_quartile": 4, "count": 5}
    assert measure.spread([5.0, 1.0, 4.0, 2.0, 3.0]) == want
    assert measure.spread([7.0]) == {"median": 7, "lower_quartile": 7, "upper_quartile": 7, "count": 1}


def test_what_alternates_does_so() -> None:
    calls: list[str] = []
    first, second = measure.alternating(lambda: calls.append("a"), lambda: calls.append("b"), CPU, 3)
    assert "".join(calls) == "ababab"
    assert len(first) == len(second) == 3


def test_the_mean_of_a_turn_counts() -> None:
    calls: list[str] = []
    first, second = measure.alternating(lambda: calls.append("a"), lambda: calls.append("b"), CPU, 2, each=3)
    assert "".join(calls) == "aaabbb" * 2
    assert len(first) == len(second) == 2


def test_the_command_leaves_out_where_things_lie(tmp_path: Path) -> None:
    assert (
        report.command(["iteration", "--out", "x.json", "--size", "64"])
        == "python tools/benchmark.py iteration --size 64"
    )
    assert report.command(["data", "--out=x.json"]) == "python tools/benchmark.py data"
    assert report.command(["scaling", "--plot=x.png", "a=1"]) == "python tools/benchmark.py scaling a=1"
    for mark in BasicSR.marks:
        (tmp_path / mark).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / mark).touch()
    for words in (["--peer", str(tmp_path)], [f"--peer={tmp_path}"]):
        assert report.command(["upscale", *words]) == "python tools/benchmark.py upscale --peer BasicSR"


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
def test_iteration(tmp_path: Path) -> None:
    result = run(tmp_path, "iteration", "--size", "32", "--iterations", "3", "--precision", "fp32", *TINY)
    times = result["seconds"]
    assert 0 < times["lower_quartile"] <= times["median"] <= times["upper_quartile"] and times["count"] == 3
    assert (
        result["precision"] == "fp32"
        and result["steps"] == {"generator": 1, "discriminator": 1}
        and result["launch_gaps"] is None
    )
    assert result["images_per_second"] == pytest.approx(1 / times["median"])
    by_flops = result["flops"] / result["peak_flops_per_second"]
    by_bytes = result["least_bytes"] / result["peak_bytes_per_second"]
    assert result["floor_seconds"] == pytest.approx(max(by_flops, by_bytes))
    assert result["ratio_to_floor"] == pytest.approx(times["median"] / result["floor_seconds"])
    assert result["eager_floor_seconds"] >= result["floor_seconds"]
    assert result["ratio_to_floor"] > 1  # nothing is faster than the peak
    assert result["peak_memory_bytes"] > 10e6 and result["peak_bytes_per_second"] > 1e8
    # all passes of the generators: three images each, and the backward pass costs less than twice the forward's
    assert 2 * 3 * resnet_flops(32, 4, 1) < result["flops"] < 4 * 2 * 3 * resnet_flops(32, 4, 1)


@pytest.mark.cuda
@pytest.mark.parametrize("precision", ["auto", "fp32", "tf32"])
def test_iteration_on_a_gpu(tmp_path: Path, precision: str) -> None:
    words = ["--device", "cuda", "--size", "64", "--iterations", "5", "--precision", precision, *TINY]
    result = run(tmp_path, "iteration", *words)
    assert result["precision"] == ("bf16" if precision == "auto" else precision)
    gaps = result["launch_gaps"]
    assert 0 <= gaps["share_of_gaps"] < 1 and gaps["kernels"] > 10 and gaps["busy_seconds"] > 0
    assert result["flops"] > 0 and result["peak_memory_bytes"] > 1e6


@pytest.mark.usefixtures("small_peaks")
def test_where_the_time_goes_is_all_of_it(tmp_path: Path) -> None:
    split = run(tmp_path, "iteration", "--size", "32", "--iterations", "1", *TINY)["where_the_time_goes"]
    parts = split["parts"]
    assert {"rest", "generator forward", "generator backward", "discriminator backward", "optimizers"} <= parts.keys()
    assert sum(part["seconds"] for part in parts.values()) == pytest.approx(split["seconds_an_iteration"])
    assert sum(part["share"] for part in parts.values()) == pytest.approx(1)


@pytest.mark.usefixtures("small_peaks")
def test_the_least_bytes_of_an_iteration_by_hand(tmp_path: Path) -> None:
    adam = run(tmp_path, "iteration", "--size", "32", "--iterations", "1", *TINY)["least_bytes"]
    sgd = run(tmp_path, "iteration", "--size", "32", "--iterations", "1", *TINY, "optimizer={name: sgd}")["least_bytes"]
    averaged = run(tmp_path, "iteration", "--size", "32", "--iterations", "1", *TINY, "train.average=0.9")[
        "least_bytes"
    ]
    generators = 2 * (7 * 7 * 3 * 4 + 9 * 4 * 8 + 9 * 8 * 16 + 2 * 9 * 16 * 16 + 9 * 16 * 8 + 9 * 8 * 4 + 7 * 7 * 4 * 3)
    generators += 2 * (4 + 8 + 16 + 2 * 16 + 8 + 4 + 3)  # biases
    discriminators = 2 * (16 * 3 * 4 + 4 + 16 * 4 * 8 + 8 + 16 * 8 + 1)
    parameters = 4 * (generators + discriminators)  # in bytes
    assert (adam, sgd) == (7 * parameters, 3 * parameters)
    assert averaged - adam == 3 * 4 * generators


@pytest.mark.usefixtures("small_peaks")
def test_flops_grow_with_the_batch_and_the_pixels(tmp_path: Path) -> None:
    settings = [(32, 1), (32, 2), (64, 1)]
    words = [
        ["iteration", "--size", str(size), "--batch", str(batch), "--iterations", "1", *TINY]
        for size, batch in settings
    ]
    one, two, four = (run(tmp_path, *each)["flops"] for each in words)
    assert two == 2 * one
    assert four == pytest.approx(4 * one, rel=0.02)  # the discriminators' maps lose a pixel at the edges


@pytest.mark.usefixtures("small_peaks")
def test_a_super_resolution_iteration_has_small_and_large_pictures(tmp_path: Path) -> None:
    words = ["--recipe", "srgan-small", "--size", "32", "--iterations", "1", "initial=null"]
    assert run(tmp_path, "iteration", *words, "networks.generator.width=4")["flops"] > 0


@pytest.mark.usefixtures("small_peaks")
def test_iterations_fed_by_the_loader(tmp_path: Path) -> None:
    result = run(tmp_path, "iteration", "--size", "32", "--iterations", "2", "--data", "stripes", *TINY)
    assert result["data"]["set"] == "stripes" and result["data"]["seconds"]["count"] == 2
    assert 0 <= result["data"]["share_of_waiting"] < 1


def resnet_flops(size: int, width: int, blocks: int) -> int:
    """One forward pass of CycleGAN's generator for one image, by hand."""
    outer, middle, inner = size**2, size**2 // 4, size**2 // 16  # pixels of each level
    both_ends = 2 * outer * 49 * 3 * width
    downs_and_ups = 2 * (middle * 9 * width * 2 * width + inner * 9 * 2 * width * 4 * width)
    return 2 * (both_ends + downs_and_ups + 2 * blocks * inner * 9 * (4 * width) ** 2)


def test_the_generators_flops_by_hand() -> None:
    from advloss.networks.generators.resnet import ResNetGenerator

    net = ResNetGenerator(width=4, blocks=2)
    assert counted(lambda: net(torch.zeros(1, 3, 32, 32))).flops == resnet_flops(32, 4, 2)


@pytest.mark.usefixtures("small_peaks")
def test_upscale(tmp_path: Path) -> None:
    result = run(tmp_path, "upscale", "--network", "srvgg", "--height", "20", "--width", "24", "--pairs", "3")
    ways = result["ways"]
    assert {"channels_last", "advloss fp32", "advloss"} <= ways.keys()
    for way in ways.values():
        assert way["times_as_fast"]["count"] == way["seconds"]["plain"]["count"] == 3
    fp32 = ways["advloss fp32"]["psnr_against_plain"]
    assert fp32 is None or fp32 > 90  # a value beside the edge between two levels may fall on its other side
    # by hand: 18 convolutions at the small size, two operations a product
    products = 9 * 3 * 64 + 16 * 9 * 64 * 64 + 9 * 64 * 48
    standing = result["standing"]["advloss fp32"]
    assert standing["flops"] == 2 * 20 * 24 * products
    weights = products + 17 * (64 + 64) + 48  # and biases, and PReLU's slopes
    assert standing["least_bytes"] == 4 * (weights + (1 + 16) * 3 * 20 * 24)
    assert standing["precision"] == "fp32"


def test_upscale_in_some_ways(tmp_path: Path) -> None:
    words = ["--network", "srvgg", "--height", "8", "--width", "8", "--pairs", "1", "--only", "advloss"]
    assert [*run(tmp_path, "upscale", *words)["ways"]] == ["advloss"]


@pytest.mark.usefixtures("small_peaks")
def test_tokenizer(tmp_path: Path) -> None:
    result = run(tmp_path, "tokenizer", "--recipe", "vqgan-small", "--size", "32", "--batch", "2", "--repeats", "3")
    assert result["tokens_an_image"] == 8 * 8  # f4
    encode, decode, both = (result[name] for name in ("encode", "decode", "reconstruct"))
    assert both["flops"] == encode["flops"] + decode["flops"]
    assert both["images_per_second"] == pytest.approx(2 / both["seconds"]["median"])


def test_tokenizer_of_a_translator_is_one_line_and_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(["tokenizer", "--recipe", "cyclegan-small"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.usefixtures("small_peaks")
def test_adversarial(tmp_path: Path) -> None:
    result = run(tmp_path, "adversarial", "--size", "32", "--width", "4", "--pairs", "3")
    medians = [result[name]["median"] for name in ("seconds_with_adversarial_loss", "seconds_by_hand")]
    assert result["ratio_of_medians"] == pytest.approx(medians[0] / medians[1])


def test_data(tmp_path: Path) -> None:
    small = ["--images", "4", "--file-size", "64", "--load", "72", "--crop", "64", "--pairs", "2", "--files", "4"]
    result = run(tmp_path, "data", *small)
    assert result["images_per_second"]["median"] > 0
    assert result["ratio_of_medians"] > 1  # decoding in the loop can't be as fast
    floor = 5 * 3 * 64 * 64 / result["peak_bytes_per_second"]  # each value is read as a byte and written as a float32
    assert result["ratio_to_floor"] == pytest.approx(1 / (floor * result["images_per_second"]["median"]))


def test_a_wrong_recipe_is_one_line_and_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(["iteration", "--recipe", "cycelgan"]) == 2
    assert "did you mean 'cyclegan'?" in capsys.readouterr().err


def test_company_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = {(1, 2): 1 / 2, (2, 2): 1 / 3, (4, 2): 1 / 5, (2, 16): 14 / 16, (16, 16): 1 / 17}
    for (programs, cores), share in cases.items():
        assert company.fair_share(programs, cores) == pytest.approx(share)
    alone, beside = {"torch": [2.0, 2.0], "advloss": [2.1, 2.1]}, {"torch": [20.0], "advloss": [8.0]}
    found = company.figures(alone, beside, 1 / 2)
    assert found["lost_alone"] == {"torch": 0, "advloss": 0.05}
    assert found["times_its_share"] == {"torch": 5, "advloss": 2}
    monkeypatch.setenv("GOMP_SPINCOUNT", "9")
    with company.environment("torch", 5):
        assert "GOMP_SPINCOUNT" not in os.environ
    with company.environment("advloss", 5):
        assert os.environ["GOMP_SPINCOUNT"] == "5"
    assert os.environ["GOMP_SPINCOUNT"] == "9"


@pytest.mark.slow
def test_company(tmp_path: Path) -> None:
    words = ["--programs", "1", "--turns", "1", "--each", "1", "--only", "upscale", "--ways", "torch", "advloss"]
    result = run(tmp_path, "company", *words)
    assert result["share"] > 0 and set(result["upscale"]["times_its_share"]) == {"torch", "advloss"}


def test_startup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "COMMANDS", {"nothing": ["-c", "pass"]})
    result = run(tmp_path, "startup", "--turns", "2")
    assert result["nothing"]["processor_seconds"]["median"] > 0 and result["nothing"]["seconds"]["count"] == 2
    monkeypatch.setattr(startup, "COMMANDS", {"fails": ["-c", "raise SystemExit(3)"]})
    assert benchmark.main(["startup"]) == 2
