"""What a user adds from the public names alone: run for 20 iterations, killed and resumed to the same bytes."""

import ast
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.training.started import ENVIRONMENT

MINE = Path(__file__).parent / "mine"
SCRIPTS = sorted(path.stem for path in MINE.glob("*.py"))
ON_FOLDERS = {"k_plus_one": [], "domains": [], "file_format": [], "three_domains": [], "noise_gan": ["pictures"]}
"""What a script's recipe is trained on, where that is not the paired synthetic set."""
FAST = ("noise_gan", "schedules")
"""Killed and resumed in the default suite too."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder to work in, with pictures of each kind that a script reads."""
    rng = np.random.default_rng(0)
    places = ["labelled/cats", "labelled/dogs", "unlabelled", "pictures", "grey", "one", "two", "three", "four"]
    for place in places:
        (tmp_path / place).mkdir(parents=True)
        for number in range(6):
            shape = (32, 32) if place == "grey" else (32, 32, 3)
            Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(tmp_path / place / f"{number}.png")
    (tmp_path / "levels").mkdir()
    for number in range(6):
        np.savetxt(tmp_path / f"levels/{number}.levels", rng.integers(0, 256, (32, 32)), "%d")
    return tmp_path


def words(script: str, run: str) -> list[str]:
    data = ON_FOLDERS.get(script, ["facades-like"])
    return [sys.executable, str(MINE / f"{script}.py"), "train", f"recipe={MINE / script}.yaml", *data, "--run", run]


def finished(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def killed(command: list[str], folder: Path, checkpoint: Path) -> None:
    """Runs a training and kills it, without a warning, once it has written its first checkpoint."""
    process = subprocess.Popen(
        command, cwd=folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < end and process.poll() is None:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert checkpoint.exists()


def state(folder: Path, run: str) -> tuple[str, dict[str, str]]:
    """SHA-256 of the model file, and of each tensor of the checkpoint."""
    content = torch.load(folder / f"runs/{run}/checkpoint.pt", weights_only=True)
    tensors = {name: hashlib.sha256(tensor.numpy().tobytes()).hexdigest() for name, tensor in leaves(content)}
    return hashlib.sha256((folder / f"runs/{run}/model.safetensors").read_bytes()).hexdigest(), tensors


def leaves(value: object, name: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(value, torch.Tensor):
        yield name, value.contiguous()
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from leaves(each, f"{name}/{key}")
    elif isinstance(value, list | tuple):
        for key, each in enumerate(value):
            yield from leaves(each, f"{name}/{key}")


@pytest.mark.parametrize("script", SCRIPTS)
def test_only_public_names_are_imported(script: str) -> None:
    for node in ast.walk(ast.parse((MINE / f"{script}.py").read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.module is not None and not node.module.startswith("advloss."), node.module
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("advloss") for alias in node.names)


@pytest.mark.parametrize(
    "script", [pytest.param(name, marks=[] if name in FAST else [pytest.mark.slow]) for name in SCRIPTS]
)
def test_a_script_trains_and_a_killed_run_goes_on_to_the_same_bytes(script: str, folder: Path) -> None:
    finished(words(script, "whole"), folder)
    killed(words(script, "killed"), folder, folder / "runs/killed/checkpoint.pt")
    finished([sys.executable, str(MINE / f"{script}.py"), "train", "--run", "killed", "--resume"], folder)
    whole, resumed = state(folder, "whole"), state(folder, "killed")
    assert len(whole[1]) > 10
    assert whole == resumed


@pytest.mark.slow
def test_a_loss_s_heads_are_trained_and_saved(folder: Path) -> None:
    said = finished([*words("patch_nce", "run"), "train.iterations=2", "train.checkpoint_every=1"], folder)
    assert "nce_a" in said  # the plan names the term whose parameters are trained
    before = torch.load(folder / "runs/run/checkpoint.pt", weights_only=True)["terms"]
    finished([*words("patch_nce", "longer"), "train.iterations=6"], folder)
    after = torch.load(folder / "runs/longer/checkpoint.pt", weights_only=True)["terms"]
    heads = [name for name in before if "heads" in name]
    assert len(heads) == 8 and all(not torch.equal(before[name], after[name]) for name in heads)


def test_pictures_are_drawn_from_noise(folder: Path) -> None:
    finished(words("noise_gan", "run"), folder)
    model = "runs/run/model.safetensors"
    said = finished([sys.executable, str(MINE / "noise_gan.py"), "sample", model], folder)
    assert "[4, 3, 16, 16]" in said
    samples = [path.name for path in sorted((folder / "runs/run/samples").iterdir())]
    assert samples == ["0000001.png", "0000010.png", "0000020.png"]
    assert len((MINE / "noise_gan.py").read_text().splitlines()) <= 60


@pytest.mark.slow
def test_frozen_features_are_in_no_checkpoint(folder: Path) -> None:
    finished([*words("frozen_features", "run"), "train.iterations=2"], folder)
    content = torch.load(folder / "runs/run/checkpoint.pt", weights_only=True)
    names = [name for name, _ in leaves({key: content[key] for key in ("terms", "players")})]
    assert any("head" in name for name in names) and not any("features" in name for name in names)
    optimizer = content["players"]["discriminator"]["optimizer"]
    assert len(optimizer["state"]) == 4  # weight and bias of the two layers of the head


@pytest.mark.slow
def test_three_domains_are_translated(folder: Path) -> None:
    finished(words("three_domains", "run"), folder)
    script, model = str(MINE / "three_domains.py"), "runs/run/model.safetensors"
    for direction in ("a2b", "b2c", "c2a"):
        finished([sys.executable, script, "translate", model, "one", direction, "--direction", direction], folder)
        assert len(list((folder / direction).glob("*.png"))) == 6
