"""README.md: every command that it shows is run as it stands there, and every line of Python."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import torch
from torch import nn

import advloss
from advloss.losses.perceptual.vgg import VGGFeatures
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from tests.docs.pages import PAGES, README, ROOT, commands, overrides, sections, text_of
from tests.docs.workplace import fill_workplace
from tests.training.started import ENVIRONMENT, TINY, command, done
from tools import benchmark

SECTIONS = sections(README)
NOT_RUN = {
    "python3 -m venv": "makes an environment of its own",
    "pip install": "installs; the names of the extras are looked up",
    "pytest": "the whole suite",
    "python tools/benchmark.py": "takes minutes; tests/tools runs each benchmark",
    "tools/gpu_check.sh": "needs a GPU; tests/tools reads it",
    "tools/side_by_side.py": "makes one of this page's pictures",
    "advloss theory": "takes minutes; tests/theory draws the page",
    "advloss lab": "takes minutes; tests/theory plays shorter games",
    "advloss demo": "serves until it is ended; tests/demo opens it in a browser",
    "MALLOC_MMAP_MAX_=0": "a setting for a script of the reader's own",
    "torchrun": "starts processes of its own; run below",
}
"""How the commands begin that are not run here, and why."""

ENLARGER = ["networks.generator.width=4", "networks.generator.blocks=1", "data.crop=32", "data.batch=2"]
JUDGE = "losses.adversarial.discriminator.width=4"
HALVES = ("networks.encoder", "networks.decoder")
SMALL = {
    "cyclegan": TINY,
    "cyclegan-small": TINY,
    "srresnet-small": ENLARGER,
    "dcgan-small": ["networks.generator.width=4", JUDGE, "data.batch=4"],
    "context-encoder-small": ["networks.generator.width=4", JUDGE, "data.batch=2"],
    "dann-small": ["data.batch=4"],
    "srgan-small": [*ENLARGER, JUDGE],
    "vqgan-small": [
        *(f"{half}.{size}" for half in HALVES for size in ("width=8", "groups=4")),
        *("networks.bottleneck.codes=16", JUDGE, "data.crop=32", "data.batch=2"),
    ],
    "vqgan-f16": [
        *(f"{half}.{size}" for half in HALVES for size in ("width=32", "multipliers=[1, 1, 1, 1, 1]", "blocks=1")),
        *(JUDGE, "losses.perceptual=null", "data.load=32", "data.crop=32", "data.batch=2"),
    ],
}
"""What makes a training by the recipe small."""
RECIPES = {"Two folders of images": "cyclegan", "Small images made large": "srgan"}
"""The recipe that a section's single `key=value` are for, if not vqgan-f16."""
SHARDS = ["data.name=imagenet-{000000..000146}.tar"]


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory, golden: Path) -> Path:
    folder = tmp_path_factory.mktemp("everything")
    fill_workplace(folder, golden)
    return folder


@pytest.fixture
def workplace(everything: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "workplace"
    shutil.copytree(everything, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ADVLOSS_DATA", "data")
    monkeypatch.setenv("ADVLOSS_DATA_URL", "http://127.0.0.1:9")  # where nobody answers
    return folder


def is_name(line: list[str]) -> bool:
    """Whether a code span is a command's name alone: `advloss evaluate`."""
    return line[0] == "advloss" and len(line) == 2


def reason(line: list[str]) -> str | None:
    return next((why for begin, why in NOT_RUN.items() if " ".join(line).startswith(begin)), None)


def made_small(words: list[str]) -> list[str]:
    """The command's words, with what makes a training small behind them."""
    if words[0] != "train":
        return words
    recipe = next((word.removeprefix("recipe=") for word in words if word.startswith("recipe=")), None)
    return [*words, *(SMALL[recipe] if recipe else []), "--iterations", "2" if recipe else "4"]


@pytest.mark.parametrize(
    "section",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name.startswith("Images from noise") else [])
        for name, text in SECTIONS.items()
        if commands(text)
    ],
)
def test_every_command_runs(workplace: Path, section: str) -> None:
    if section == "Images into tokens, and back":
        shutil.copy("tokenizer/model.safetensors", "model.safetensors")
    lines = commands(SECTIONS[section])
    for number, line in enumerate(lines):
        if reason(line) is None and not is_name(line) and line not in lines[:number]:
            assert line[0] == "advloss", f"`{' '.join(line)}` is neither run nor among the exceptions"
            done(*made_small(line[1:]))


def test_no_exception_is_left_over() -> None:
    lines = [" ".join(line) for line in commands(text_of(README))]
    assert all(any(line.startswith(begin) for line in lines) for begin in NOT_RUN)


def test_the_names_of_commands() -> None:
    for page in PAGES:
        for line in commands(text_of(page)):
            if line[0] == "advloss" and len(line) > 1:
                done(line[1], "--help")


def test_a_tokenizer_on_shards(workplace: Path) -> None:
    assert "vqgan-f16 on 'data.name=imagenet-{000000..000146}.tar'" in text_of(README)
    done(*made_small(["train", "recipe=vqgan-f16", *SHARDS, "data.val=more_photos"]))


@pytest.mark.slow
def test_several_processes(workplace: Path) -> None:
    (line,) = [line for line in commands(text_of(README)) if line[0] == "torchrun"]
    assert line[:6] == ["torchrun", "--nproc-per-node", "2", "-m", "advloss", "--"]
    subprocess.run(command(*made_small(line[6:]), processes=2), env=ENVIRONMENT | os.environ, check=True)


@pytest.mark.parametrize("section", [name for name, text in SECTIONS.items() if overrides(text)])
def test_every_key_and_value_is_one_of_a_recipe(section: str) -> None:
    for line in overrides(SECTIONS[section]):
        source = read(RECIPES.get(section, "vqgan-f16"))
        for word in line:
            source.override(word.replace("=...", "=null"))
        resolve(source)


PYTHON = [
    *((page, block) for page in PAGES for block in re.findall(r"```python\n(.*?)```", text_of(page), re.DOTALL)),
    *((page, span) for page in PAGES for span in re.findall(r"`((?:Adv|VGGF)[A-Za-z]+\([^`]*\))`", text_of(page))),
]
"""Blocks and calls; those of docs/extending.md are whole scripts, which test_extending runs."""


@pytest.mark.parametrize(
    ("page", "code"), [pytest.param(*one, id=one[1][:40]) for one in PYTHON if one[0].name != "extending.md"]
)
def test_every_line_of_python_runs(page: Path, code: str) -> None:
    autoencoder = nn.Conv2d(3, 3, 1)
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    names = {name: getattr(advloss, name) for name in advloss.__all__}
    names |= {"x": x, "y": autoencoder(x) if "\n" in code else x.flip(0), "l1": nn.functional.l1_loss}
    names |= {"loader": [x], "autoencoder": autoencoder, "VGGFeatures": lambda: VGGFeatures(pretrained=False)}
    names |= {"optimizer_g": torch.optim.SGD(autoencoder.parameters(), lr=0.1)}
    names |= dict.fromkeys(("d", "discriminator"), advloss.PatchGAN(width=4, norm="instance"))
    exec(code, names)


def test_the_extras() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = re.findall(r"pip install '?\"?(?:\.|advloss)\[(\w+)\]", "".join(text_of(page) for page in PAGES))
    assert set(named) - {"test"} <= extras.keys() and named


def test_the_table_of_benchmarks_is_what_the_results_say() -> None:
    assert benchmark.main(["table", "--check"]) == 0
