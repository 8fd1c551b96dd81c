"""Other projects' checkouts: how they are told apart; and, where ADVLOSS_PEERS names a folder that has them, that our
iterations are theirs."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from advloss.core.errors import InputError
from tools import benchmark
from tools.benchmarks.measuring import pairs
from tools.benchmarks.peers import PEERS, peer_for
from tools.benchmarks.peers.base import Peer

SMALL: dict[str, list[str]] = {
    "cyclegan": ["networks.generator.width=4", "networks.generator.blocks=6"]
    + [f"losses.adversarial_{side}.discriminator.width=4" for side in "ab"],
    "pix2pix": [
        "networks.generator.width=4",
        "networks.generator.levels=7",
        "losses.adversarial.discriminator.width=4",
    ],
    "srgan": ["networks.generator={name: msrresnet, width: 4, blocks: 1}", "losses.adversarial.discriminator.width=4"],
    "vqgan-f16": ["networks.encoder.width=32", "networks.decoder.width=32", "losses.adversarial.discriminator.width=4"],
}
SMALL |= {
    recipe: [
        *("networks.generator.width=4", "networks.generator.blocks=6", "losses.nce.width=8", "method.patches=20"),
        "losses.adversarial.discriminator.width=4",
    ]
    for recipe in ("cut", "fastcut")
}
SIZE = {"cut": 32, "fastcut": 32, "cyclegan": 32, "pix2pix": 128, "srgan": 128, "vqgan-f16": 32}


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def pretend(folder: Path, peer: type[Peer]) -> Path:
    for mark in peer.marks:
        (folder / mark).parent.mkdir(parents=True, exist_ok=True)
        (folder / mark).touch()
    return folder


@pytest.mark.parametrize("peer", PEERS)
def test_a_checkout_is_known_by_its_files(tmp_path: Path, peer: type[Peer]) -> None:
    assert peer_for(pretend(tmp_path, peer), peer.recipe) is peer


def test_another_folder_is_one_line_and_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(["iteration", "--peer", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    projects = "pytorch-CycleGAN-and-pix2pix, BasicSR, taming-transformers, contrastive-unpaired-translation"
    assert said == f"benchmark: --peer {tmp_path}: is no checkout of {projects}\n"


def test_another_recipe_is_one_line_and_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pretend(tmp_path, PEERS[0])
    assert benchmark.main(["iteration", "--recipe", "srgan", "--peer", str(tmp_path)]) == 2
    assert "is a peer for --recipe cyclegan or pix2pix, not for srgan" in capsys.readouterr().err


def test_an_empty_checkout_is_one_line_and_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pretend(tmp_path, PEERS[2])
    words = ["--recipe", "srgan", "--size", "128", *SMALL["srgan"], "--peer", str(tmp_path)]
    assert benchmark.main(["iteration", *words]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1 and "can't be used here" in said


def test_enlarging_has_one_peer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pretend(tmp_path, PEERS[0])
    assert benchmark.main(["upscale", "--height", "8", "--width", "8", "--peer", str(tmp_path)]) == 2
    assert "enlarging is compared with BasicSR" in capsys.readouterr().err


def test_dropout_is_off_within_and_as_before_after() -> None:
    network = nn.Sequential(nn.Dropout(0.5), nn.Sequential(nn.Dropout(0.25)))
    with pytest.raises(InputError), pairs.without_dropout([network, network[1]]):
        assert [network[0].p, network[1][0].p] == [0, 0]
        raise InputError
    assert [network[0].p, network[1][0].p] == [0.5, 0.25]


def checkout(project: str) -> Path:
    """Where it is; skips where it is not."""
    folder = Path(os.environ.get("ADVLOSS_PEERS", "/nowhere"))
    found = sorted(folder.glob(f"*{project}"))
    if not found:
        pytest.skip(f"ADVLOSS_PEERS names no folder with a checkout of {project}")
    return found[0]


def run(tmp_path: Path, *words: str) -> dict[str, Any]:
    out = tmp_path / "x.json"
    assert benchmark.main([*words, "--out", str(out)]) == 0
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    assert str(tmp_path) not in found["command"] and "/" not in found["command"].split("--peer")[1].split()[0]
    result: dict[str, Any] = found["result"]
    return result


@pytest.mark.parametrize("peer", PEERS)
def test_our_iteration_is_the_peers_iteration(tmp_path: Path, peer: type[Peer]) -> None:
    path, recipe = checkout(peer.project), peer.recipe
    size = ["--size", str(SIZE[recipe]), "--precision", "fp32", "--pairs", "2"]
    result = run(tmp_path, "iteration", *SMALL[recipe], "--recipe", recipe, *size, "--peer", str(path))
    theirs = result["peer"]
    assert theirs["compared"]["largest_of_each_iteration"][0]["relative_difference"] < 1e-4
    assert len(theirs["pairs"]) == theirs["seconds"]["count"] == result["seconds"]["count"] == 2
    assert theirs["flops"] > 0


def test_an_iteration_that_is_not_the_peers_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--recipe", "cyclegan", "--size", "32", "--peer", str(checkout(PEERS[0].project))]
    changed = ["losses.adversarial_a.objective=hinge"]
    assert benchmark.main(["iteration", *SMALL["cyclegan"], *changed, *words]) == 2
    assert "iteration 1 is not the same" in capsys.readouterr().err


@pytest.mark.parametrize("network", ["msrresnet", "rrdbnet"])
def test_enlarging_beside_the_peer(tmp_path: Path, network: str) -> None:
    path = checkout("BasicSR")
    words = ["--height", "8", "--width", "8", "--pairs", "1", "--only", "advloss fp32", "--peer", str(path)]
    result = run(tmp_path, "upscale", "--network", network, *words)
    assert result["peer"]["largest_difference"] < 1e-4
