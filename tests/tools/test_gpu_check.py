"""tools/gpu_check.sh: what it says without a GPU, and that its commands are commands."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tools import benchmark
from tools.benchmarks import recipes
from tools.benchmarks.peers import PEERS, peer_for

SCRIPT = Path(benchmark.__file__).parent / "gpu_check.sh"
STUB = """#!{python}
import json, sys
with open({log!r}, "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
"""


def run(python: str, results: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": python, **variables}
    return subprocess.run(
        ["bash", str(SCRIPT), str(results)], env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has one")
def test_without_a_gpu_it_is_one_line_and_1(tmp_path: Path) -> None:
    done = run(sys.executable, tmp_path / "results")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr == f"gpu_check: {sys.executable} has no PyTorch that finds a CUDA device here\n"
    assert not (tmp_path / "results").exists()


def commands(tmp_path: Path, **variables: str) -> list[list[str]]:
    """The benchmarks' command lines on a machine where everything succeeds."""
    log, stub = tmp_path / "log", tmp_path / "python"
    stub.write_text(STUB.format(python=sys.executable, log=str(log)), encoding="utf-8")
    stub.chmod(0o755)
    done = run(str(stub), tmp_path / "results", **variables)
    assert done.returncode == 0, done.stderr
    calls = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert calls[1][:2] == ["-m", "pytest"]
    return [call[1:] for call in calls if call[0] == "tools/benchmark.py"]


def test_each_command_is_one_and_its_recipe_is_right(tmp_path: Path) -> None:
    asked = [benchmark.parser().parse_args(words) for words in commands(tmp_path)]
    assert {each.benchmark for each in asked} == {"iteration", "upscale", "tokenizer", "adversarial", "scaling", "data"}
    names = [each.out.name for each in asked]
    assert len({*names}) == len(names)
    for each in asked:
        if each.benchmark == "iteration":
            recipes.resolved(each)
    trained = {each.recipe for each in asked if each.benchmark == "iteration"}
    assert trained == {"cyclegan", "pix2pix", "srgan", "vqgan-f16", "cut", "fastcut"}


def test_checkouts_are_found_by_the_end_of_their_names(tmp_path: Path) -> None:
    peers = tmp_path / "peers"
    for peer in PEERS:
        for mark in peer.marks:
            (peers / f"who+{peer.project}" / mark).parent.mkdir(parents=True, exist_ok=True)
            (peers / f"who+{peer.project}" / mark).touch()
    asked = [benchmark.parser().parse_args(words) for words in commands(tmp_path, PEERS=str(peers))]
    beside = [each for each in asked if each.benchmark == "iteration" and each.peer]
    assert {peer_for(each.peer, each.recipe) for each in beside} == {*PEERS}
    for each in beside:
        recipes.resolved(each, peer_for(each.peer, each.recipe).overrides)
    assert all(each.peer for each in asked if each.benchmark == "upscale")


def test_what_there_is_no_time_for_is_named(tmp_path: Path) -> None:
    stub = tmp_path / "python"
    stub.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    stub.chmod(0o755)
    done = run(str(stub), tmp_path / "results", LIMIT="10")
    assert done.returncode == 1
    assert "gpu_check: data left out, there is no time\n" in done.stderr
