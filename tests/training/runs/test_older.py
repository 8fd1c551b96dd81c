"""What an older version left: model files load, runs say in one sentence what to do."""

from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

import advloss
from advloss.core.clock import Schedule
from tests.training.started import TINY, done, refused, two_sides

OLDER = Path(__file__).parent / "older"
OLD = {"rounds": 4, "order": "generator_first", "discriminator_steps": 1, "shares_every": None}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose recipe.yaml is written as it was before."""
    monkeypatch.chdir(two_sides(tmp_path))
    done("train", "recipe=cyclegan-small", ".", *TINY, "--iterations", "2", "--run", "old")
    folder = Path("runs/old")
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text())
    train = recipe["train"]
    for name in ("iterations", "steps", "gradient_shares_every", "executor"):
        train.pop(name)
    recipe["train"] = train | OLD
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False))
    return folder


@pytest.mark.parametrize("words", [[], ["recipe=cyclegan-small", ".", *TINY]])
def test_an_older_run_is_not_resumed_and_its_model_is_where_to_start(run: Path, words: list[str]) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    said = refused("train", *words, "--run", "old", "--resume")
    assert "older version" in said and f"initial={run / 'model.safetensors'}" in said and len(said.splitlines()) == 1
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    again = [*TINY, f"initial={run / 'model.safetensors'}", "--iterations", "2", "--run", "new"]
    done("train", "recipe=cyclegan-small", ".", *again)


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("cyclegan-small", "translate"),
        ("pix2pix-small", "translate"),
        ("srresnet-small", "upscale"),
        ("vqgan-small", "reconstruct"),
        ("klvae-small", "reconstruct"),
    ],
)
def test_model_files_of_format_1_give_what_they_gave(name: str, use: str) -> None:
    """Written, and used on one image, by the version before players and fields."""
    model = advloss.load(OLDER / f"{name}.safetensors")
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1
    torch.testing.assert_close(getattr(model, use)(image), load_file(OLDER / "outputs.safetensors")[name])


def test_what_counted_for_itself_became_schedules() -> None:
    recipe = advloss.load(OLDER / "pix2pix-small.safetensors").recipe
    assert list((recipe.train.steps or {}).items()) == [("discriminator", 2), ("generator", 1)]
    term = recipe.losses["adversarial"]
    assert term is not None
    assert term.parameters["top_k"].parameters["fraction"] == Schedule(1, 0.75, over=100)
    assert term.parameters["augment"][0].parameters["std"] == Schedule(0.2, 0, over=50)
    assert term.parameters["clip_weights"] == 0.1
