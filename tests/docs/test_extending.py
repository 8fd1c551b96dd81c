"""docs/extending.md: every example is run as it stands there."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.training.started import ENVIRONMENT

PAGE = (Path(__file__).resolve().parents[2] / "docs/extending.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## A new (\w+)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))


def blocks(section: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", SECTIONS[section], flags=re.DOTALL)


FAST = ("method", "format")
"""Sections whose scripts run in the default suite."""


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        pytest.param(name, "recipe" if name == "method" else name, marks=[] if name in FAST else [pytest.mark.slow])
        for name in SECTIONS
        if blocks(name, "python")
    ],
)
def test_the_examples_run(tmp_path: Path, script: str, commands: str):
    (tmp_path / "mine.py").write_text(blocks(script, "python")[0])
    for recipe in blocks(commands, "yaml"):
        (tmp_path / "recipes").mkdir()
        (tmp_path / "recipes/denoise.yaml").write_text(recipe)
    if script == "format":
        (tmp_path / "microscope").mkdir()
        for number in range(4):
            content = np.random.default_rng(number).integers(0, 65536, 64 * 80).astype("<u2").tobytes()
            (tmp_path / "microscope" / f"{number}.raw").write_bytes(content)
    lines = [line for block in blocks(commands, "bash") for line in block.splitlines()]
    assert lines
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "python"
        done = subprocess.run(
            [sys.executable, *words[1:]], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("runs/*/model.safetensors"))
    assert not list(tmp_path.glob("runs/denoise-stripes")) or list(tmp_path.glob("denoised/*.png"))
