"""The wheel alone, without the checkout: it trains, translates, and has its recipes with it."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.training.family.every_recipe import family, fill, use_of, words

pytestmark = pytest.mark.xdist_group("wheel")  # one worker makes what all its tests need

CHECKOUT = Path(__file__).resolve().parents[1]
ONE_AFTER_THE_OTHER = """
import json, sys
from advloss.cli.main import main
for words in json.loads(sys.argv[1]):
    sys.argv = ["advloss", *words]
    try:
        main()
    except SystemExit as end:
        if end.code:
            sys.exit(f"{words}: exit code {end.code}")
"""
BUILD = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts' folder of an environment with advloss from its wheel, and this environment's other packages."""
    folder = tmp_path_factory.mktemp("wheel")
    succeed([*BUILD, "--outdir", str(folder), str(CHECKOUT)], folder)
    (wheel,) = folder.glob("advloss-*.whl")
    venv.create(folder / "venv", with_pip=False)
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    # a path in a .pth file is searched, but the .pth files in it are not read: an editable advloss there stays unknown
    others = {sysconfig.get_path(kind) for kind in ("purelib", "platlib")}
    (packages / "others.pth").write_text("\n".join(sorted(others)), encoding="utf-8")
    python = str(folder / "venv" / "bin" / "python")
    options = ["--no-deps", "--no-index", "--quiet", "--ignore-installed", "--disable-pip-version-check"]
    succeed([python, "-m", "pip", "install", *options, str(wheel)], folder)
    return folder / "venv" / "bin"


def succeed(command: list[str], folder: Path) -> str:
    """Runs it in `folder` as a user would, with nothing that points to the checkout; gives its standard output."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=540)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_the_wheel_is_what_is_imported_and_its_recipes_are_its_own(installed: Path, tmp_path: Path) -> None:
    file = Path(succeed([str(installed / "python"), "-c", "import advloss; print(advloss.__file__)"], tmp_path).strip())
    assert installed.parent in file.parents
    listed = succeed([str(installed / "advloss"), "recipes"], tmp_path)
    for recipe in sorted((CHECKOUT / "recipes").glob("*.yaml")):
        assert str(file.parent / "recipes" / recipe.name) in listed
    assert (file.parent / "py.typed").is_file()


@pytest.mark.slow
def test_the_wheel_samples_what_it_has_trained(installed: Path, tmp_path: Path) -> None:
    advloss, cpu = str(installed / "advloss"), ["--device", "cpu"]
    succeed([advloss, "train", "recipe=dcgan-small", "digits", "--iterations", "3", *cpu], tmp_path)
    model = "runs/dcgan-small-digits/model.safetensors"
    succeed([advloss, "sample", model, "images", "--count", "20", *cpu], tmp_path)
    assert len(list((tmp_path / "images").glob("*.png"))) == 20
    succeed([advloss, "sample", model, "grid.png", "--grid", *cpu], tmp_path)
    succeed([advloss, "sample", model, "walk.webp", "--interpolate", "4", *cpu], tmp_path)
    with Image.open(tmp_path / "grid.png") as grid:
        assert (grid.size, grid.mode) == ((270, 270), "L")


@pytest.mark.slow
def test_the_wheel_uses_a_model_of_each_recipe_of_the_family(installed: Path, tmp_path: Path) -> None:
    """sample, inpaint or classify; in one process, since starting takes longer than a command."""
    fill(tmp_path)
    commands, results = list[list[str]](), list[str]()
    for name in family():
        command, made = use_of(name, f"runs/{name}/model.safetensors", f"{name}-made")
        commands += [[*words(name), "--run", name, "--iterations", "1"], command]
        results.append(made)
    succeed([str(installed / "python"), "-c", ONE_AFTER_THE_OTHER, json.dumps(commands)], tmp_path)
    assert [made for made in results if not (tmp_path / made).exists()] == []
    assert {command[0] for command in commands} == {"train", "sample", "inpaint", "classify"}


@pytest.mark.slow
def test_the_wheel_trains_and_translates_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    advloss = str(installed / "advloss")
    succeed([advloss, "train", "recipe=cyclegan-small", "stripes", "--iterations", "3", "--device", "cpu"], tmp_path)
    model = tmp_path / "runs" / "cyclegan-small-stripes" / "model.safetensors"
    assert model.is_file()
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    succeed([advloss, "translate", str(model), "in.png", "out.png", "--device", "cpu"], tmp_path)
    with Image.open(tmp_path / "out.png") as result:
        assert result.size == (70, 50)
        assert not np.array_equal(np.asarray(result), pixels)
