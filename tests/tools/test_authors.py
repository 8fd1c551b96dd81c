"""Every recipe's losses are its authors': against the figures that their own code gave (tools/against_authors.py)."""

import functools
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from advloss.core.errors import InputError
from advloss.losses.perceptual import lpips
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from tools import against_authors
from tools.against_authors import AUTHORS, TOLERANCE
from tools.authors.scene import SMALL, Scene, ours

FIGURES: dict[str, dict[str, float]] = json.loads((Path(__file__).parent / "authors.json").read_text(encoding="utf-8"))
RECIPES = sorted(path.stem for path in (Path(__file__).parents[2] / "recipes").glob("*.yaml"))
NOISE = {"gan", "wgan", "wgan-gp", "lsgan", "ebgan", "improved-gan", "improved-gan-semi", "progan", "unrolled"}
LATENTS = {"vae", "wae-gan", "wae-mmd", "aae", "context-encoder"}
DOMAINS = {"dann", "da-entropy", "da-hybrid", "da-shared-specific", "wdgrl"}
OTHERS = {"srgan", "srresnet", "fsq", "lfq", "points"}
NO_CODE = OTHERS | NOISE | LATENTS | DOMAINS
"""Recipes that are not compared with their authors' code: fsq and lfq follow vqgan-f16, the others their papers."""
BY_NETWORK = {"r3gan", "dcgan"}
"""Those that `tools/against_networks.py` compares."""
BY_ITERATION = {"cut", "fastcut"}
"""Those that `tools/golden_cut.py` compares."""


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="module")
def one_backbone() -> Iterator[None]:
    """LPIPS's network is made once: each scene fills it anew, and making it takes seconds."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lpips, "_build", functools.cache(lpips._build))
        yield


def test_no_recipe_is_forgotten_here() -> None:
    assert AUTHORS.keys() == FIGURES.keys() == SMALL.keys()
    assert {
        name for name in RECIPES if not name.endswith("-small")
    } == AUTHORS.keys() | NO_CODE | BY_NETWORK | BY_ITERATION


@pytest.mark.parametrize("recipe", AUTHORS)
def test_a_recipe_counts_each_term_as_its_authors_do(recipe: str) -> None:
    found = ours(Scene(recipe))
    assert found.keys() == FIGURES[recipe].keys()
    for name, value in FIGURES[recipe].items():
        exact = name.endswith(".start")
        assert found[name] == (value if exact else pytest.approx(value, rel=TOLERANCE)), name


@pytest.mark.parametrize("recipe", ["fsq", "lfq"])
def test_the_losses_of_fsq_and_lfq_are_those_of_vqgan(recipe: str) -> None:
    ours_, like = resolve(read(recipe)), resolve(read("vqgan-f16"))
    for name in ("pixel", "perceptual", "adversarial"):
        assert ours_.losses[name] == like.losses[name]
    assert ours_.weighting == like.weighting


WRONG = [
    ("rrdbnet", "losses.pixel.weight=1", {"pixel", "gradient of the generator"}),
    ("pix2pix", "losses.l1.weight=99", {"l1", "gradient of the generator"}),
    ("llamagen-vq16", "networks.bottleneck.legacy=true", {"gradient of the bottleneck"}),
    (
        "realesrgan",
        "losses.adversarial.real_first=false",
        {"adversarial.discriminator", "gradient of adversarial.discriminator"},
    ),
]


@pytest.mark.parametrize(("recipe", "change", "differing"), WRONG)
def test_the_comparison_can_fail(
    recipe: str, change: str, differing: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SMALL, recipe, (*SMALL[recipe], change))
    figures, found = FIGURES[recipe], ours(Scene(recipe))
    assert {name for name in figures if found[name] != pytest.approx(figures[name], rel=TOLERANCE)} == differing


def test_a_folder_without_checkouts_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert against_authors.main([str(tmp_path)]) == InputError.exit_code
    said = capsys.readouterr().err.splitlines()
    assert len(said) == len(AUTHORS)
    assert f"against_authors: realesrgan: {tmp_path} has no BasicSR and no Real-ESRGAN" in said


@pytest.mark.slow
def test_the_figures_are_the_checkouts(tmp_path: Path) -> None:
    folder = os.environ.get("ADVLOSS_PEERS")
    if folder is None:
        pytest.skip("ADVLOSS_PEERS names no folder with the authors' checkouts")
    out = tmp_path / "authors.json"
    assert against_authors.main([folder, "--out", str(out)]) == 0
    for recipe, figures in json.loads(out.read_text(encoding="utf-8")).items():
        assert figures == pytest.approx(FIGURES[recipe], rel=TOLERANCE)
