"""CUT and FastCUT play the authors' iterations: against the golden file of their own code (tools/golden_cut.py)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from advloss.core.errors import InputError
from tools import golden_cut
from tools.authors import cut

GOLDEN = Path(__file__).parent / "cut.safetensors"


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def tensors() -> cut.Tensors:
    return load_file(GOLDEN)


def test_the_image_and_the_maps_of_the_layers(tensors: cut.Tensors) -> None:
    ours = cut.our_maps(tensors)
    assert [ours[f"maps.{n}"].shape[1:] for n in range(5)] == [
        (3, 38, 38),
        (4, 32, 32),
        (8, 16, 16),
        (8, 8, 8),
        (8, 8, 8),
    ]
    for name, value in ours.items():
        torch.testing.assert_close(value.float(), tensors[name], rtol=0, atol=1e-5, msg=name)


@pytest.mark.parametrize("executor", ["plain", "auto"])
@pytest.mark.parametrize("recipe", cut.MODES)
def test_four_whole_iterations(tensors: cut.Tensors, recipe: str, executor: str) -> None:
    ours, theirs = cut.ours(tensors, recipe, executor), cut.expected(tensors, recipe)
    assert ours.keys() == theirs.keys() and len(ours) == 10
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-8, atol=1e-12, msg=name)


def test_the_golden_file_has_flips_and_other_places_in_each_iteration(tensors: cut.Tensors) -> None:
    assert tensors["fastcut.flipped"].tolist() == [False, True, True, False]
    assert not tensors["cut.flipped"].any()
    for layer in range(5):
        places = tensors[f"cut.places.{layer}"]
        assert places.shape == (4, 16) and len({tuple(row) for row in places.tolist()}) == 4


@pytest.mark.parametrize("change", ["losses.nce.weight=2", "optimizer.betas=[0.9, 0.999]"])
def test_the_comparison_can_fail(tensors: cut.Tensors, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cut, "SMALL", (*cut.SMALL, change))
    ours, theirs = cut.ours(tensors, "cut"), cut.expected(tensors, "cut")
    assert any(golden_cut.difference(ours[name], theirs[name]) > 1e-4 for name in theirs)


def test_a_folder_that_is_no_checkout_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert golden_cut.main([str(tmp_path)]) == InputError.exit_code
    assert f"golden_cut: {tmp_path}: is no checkout of {cut.PROJECT}" in capsys.readouterr().err


@pytest.mark.slow
def test_the_file_is_the_checkout_s(tmp_path: Path) -> None:
    folder = os.environ.get("ADVLOSS_PEERS")
    if folder is None or not (Path(folder) / cut.PROJECT).is_dir():
        pytest.skip(f"ADVLOSS_PEERS names no folder with {cut.PROJECT}")
    out = tmp_path / "cut.safetensors"
    script = Path(golden_cut.__file__)  # in a process of its own: other checkouts have modules of the same names
    subprocess.run([sys.executable, script, Path(folder) / cut.PROJECT, "--out", out], check=True)
    kept = load_file(GOLDEN)
    for name, value in load_file(out).items():
        torch.testing.assert_close(kept[name], value, rtol=1e-8, atol=1e-8, msg=name)
