"""Networks and losses of images from noise are their authors', by figures of their code (tools/against_networks.py)."""

import json
import os
from pathlib import Path

import pytest
import torch

from advloss.core.errors import InputError
from tools import against_networks
from tools.against_networks import COMPARED, TOLERANCE, figures
from tools.authors import networks

FIGURES: dict[str, dict[str, float]] = json.loads((Path(__file__).parent / "networks.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def test_nothing_is_forgotten_here() -> None:
    assert COMPARED.keys() == FIGURES.keys()


@pytest.mark.parametrize("system", COMPARED)
def test_ours_are_the_authors(system: str, request: pytest.FixtureRequest) -> None:
    if system == "projected":
        request.getfixturevalue("real_weights")
    ours = figures(COMPARED[system][0]())
    assert ours.keys() == FIGURES[system].keys()
    for name, value in FIGURES[system].items():
        assert ours[name] == pytest.approx(value, rel=TOLERANCE), name


def test_the_comparison_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another weight of a penalty shows in the discriminator's loss and its gradient, and nowhere else."""
    monkeypatch.setattr(
        networks,
        "R3GAN",
        (*networks.R3GAN, "losses.adversarial.penalties=[{name: r1, weight: 0.05}, {name: r2, weight: 0.04}]"),
    )
    ours = figures(networks.our_r3gan())
    wrong = {name for name, value in FIGURES["r3gan"].items() if ours[name] != pytest.approx(value, rel=TOLERANCE)}
    assert wrong == {"loss of the discriminator", "gradient of the discriminator"}


def test_a_folder_without_checkouts_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert against_networks.main([str(tmp_path)]) == InputError.exit_code
    assert f"against_networks: r3gan: {tmp_path} has no R3GAN" in capsys.readouterr().err.splitlines()


@pytest.mark.slow
def test_the_figures_are_the_checkouts(tmp_path: Path) -> None:
    folder = os.environ.get("ADVLOSS_PEERS")
    if folder is None:
        pytest.skip("ADVLOSS_PEERS names no folder with the authors' checkouts")
    out = tmp_path / "networks.json"
    assert against_networks.main([folder, "--out", str(out)]) == 0
    for system, found in json.loads(out.read_text(encoding="utf-8")).items():
        assert found == pytest.approx(FIGURES[system], rel=TOLERANCE)
