"""The small recipes on real photographs: they learn, without a warning."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.training.started import log, succeed

ITERATIONS = 300


def means(folder: Path, name: str) -> tuple[float, float]:
    """A loss's mean over the first and the last 60 iterations."""
    losses = [
        entry["losses"][name] for entry in log(folder, "run") if "losses" in entry
    ]  # each the mean of 20 iterations
    assert len(losses) == ITERATIONS // 20
    return float(np.mean(losses[:3])), float(np.mean(losses[-3:]))


def train(folder: Path, *words: str) -> None:
    done = succeed(folder, "train", *words, "--iterations", str(ITERATIONS), "--run", "run")
    assert "arning" not in done.stderr + done.stdout
    assert "no problems found" in done.stderr


def last_grid(folder: Path) -> np.ndarray:
    return np.asarray(Image.open(sorted((folder / "runs/run/samples").glob("*.png"))[-1]), dtype=float)


@pytest.mark.slow
def test_pix2pix_small_learns_photographs_from_edges(tmp_path: Path, photographs: Path):
    train(tmp_path, "recipe=pix2pix-small", str(photographs))
    first, last = means(tmp_path, "l1")
    assert last < first < 0.5  # edges tell little of the colours, so this falls slowly
    assert 0.05 < means(tmp_path, "adversarial.discriminator")[1] < 0.6  # log 2 = 0.69: it can't tell at all
    measured = next(entry["validation"] for entry in log(tmp_path, "run") if "validation" in entry)
    assert measured["psnr"] > 11
    assert last_grid(tmp_path).std() > 20


@pytest.mark.slow
def test_cyclegan_small_learns_between_disjoint_halves(tmp_path: Path, photographs: Path):
    names = sorted(path.stem for path in (photographs / "train/photo").iterdir())
    for folder, kind, suffix, half in (
        ("trainA", "edges", ".png", names[::2]),
        ("trainB", "photo", ".jpg", names[1::2]),
    ):
        (tmp_path / "halves" / folder).mkdir(parents=True)
        for name in half:
            (tmp_path / "halves" / folder / f"{name}{suffix}").symlink_to(
                photographs / "train" / kind / f"{name}{suffix}"
            )
    train(tmp_path, "recipe=cyclegan-small", "halves", "data.channels=3")
    cycles = [means(tmp_path, f"cycle_{side}") for side in "ab"]
    assert sum(last for _, last in cycles) < 0.85 * sum(first for first, _ in cycles)
    for side in "ab":
        assert 0.01 < means(tmp_path, f"adversarial_{side}.discriminator")[1] < 0.3  # 0.25: it can't tell at all
    assert last_grid(tmp_path).std() > 20
