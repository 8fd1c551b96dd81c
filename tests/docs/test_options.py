"""The options and keys that `--help`, the pages and the recipes' comments name are there."""

import importlib.util
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import advloss
from advloss.cli.main import app
from advloss.inference.model import Model
from advloss.recipe.resolve import resolve
from advloss.recipe.schema import Data, Train
from advloss.recipe.text.source import is_override, read
from tests.docs.pages import PAGES, ROOT, commands, text_of

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
TEXTS = [
    *PAGES,
    ROOT / "docs/benchmarks/README.md",
    *sorted((ROOT / "docs/examples").glob("*.py")),
    *sorted((ROOT / "recipes").glob("*.yaml")),
]
OTHERS = {"--nproc-per-node"}
"""torchrun's."""
TOOLS = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tools").rglob("*.py"))
KEY = re.compile(r"(?<![\w.])(train|data)\.(?!py\b)([a-z_]+)")
WORD = re.compile(r"(?<![\w.])(?:losses|networks|optimizer|train|data|initial)(?:\.\w+)*=(?:\{[^}]*\}|\S*[\w\]])")
NAMES_OF_DATA = {"a", "b", "c", "labelled", "mask", "point", "val_", "val_a", "val_b"}
"""What pages call fields and sources."""


def walked(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """(`data check`, the command) of each."""
    inner = getattr(command, "commands", {})
    if not inner:
        yield name, command
    for each, below in inner.items():
        yield from walked(below, f"{name} {each}".strip())


COMMANDS = dict(walked(typer.main.get_command(app)))
KNOWN = {
    name: {"--help", *(option for each in command.params for option in (*each.opts, *each.secondary_opts))}
    for name, command in COMMANDS.items()
}
ALL = set().union(*KNOWN.values())


def said(name: str) -> str:
    """All that `advloss NAME --help` shows."""
    command = COMMANDS[name]
    helps = [getattr(each, "help", None) for each in command.params]
    return "\n".join(text for text in (command.help, command.epilog, *helps) if text)


def unknown_options(line: list[str]) -> list[str]:
    """Of the words of `advloss NAME ...`, the options that the command has not."""
    name = line[1] if line[1] in KNOWN else " ".join(line[1:3])
    return [word for word in line if word.startswith("--") and word != "--" and word not in KNOWN[name]]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_names_options_and_keys_that_exist(name: str) -> None:
    examples = [line for line in commands(said(name)) if line[0] == "advloss" and len(line) > 2]
    assert not [word for line in examples for word in unknown_options(line)]
    without_examples = re.sub(r"`(advloss|torchrun)[^`]*`", "", said(name))
    assert set(OPTION.findall(without_examples)) <= KNOWN[name]
    for line in examples:
        overrides = [word for word in line if is_override(word)]
        if overrides and overrides[0].startswith("recipe="):
            source = read(overrides[0].removeprefix("recipe="))
            for word in overrides[1:]:
                source.override(word)
            resolve(source)


@pytest.mark.parametrize("page", TEXTS, ids=lambda path: path.name)
def test_pages_name_options_that_exist(page: Path) -> None:
    text = text_of(page)
    for line in commands(text):
        if line[0] == "advloss" and len(line) > 2:
            assert not unknown_options(line), line
    for option in set(OPTION.findall(text)) - ALL - OTHERS:
        assert f'"{option}"' in TOOLS, option


@pytest.mark.parametrize("page", TEXTS, ids=lambda path: path.name)
def test_pages_name_keys_that_exist(page: Path) -> None:
    keys = {"train": Train.model_fields.keys(), "data": Data.model_fields.keys() | NAMES_OF_DATA}
    assert not [f"{section}.{key}" for section, key in KEY.findall(text_of(page)) if key not in keys[section]]


@pytest.mark.parametrize("recipe", sorted((ROOT / "recipes").glob("*.yaml")), ids=lambda path: path.stem)
def test_what_the_comments_of_recipes_propose_is_a_recipe(recipe: Path) -> None:
    comments = "\n".join(line[1:] for line in recipe.read_text(encoding="utf-8").splitlines() if line[:1] == "#")
    example = re.search(r"^ advloss (train .*)$", comments, flags=re.MULTILINE)
    assert example and f"recipe={recipe.stem} " in example[1]
    for word in WORD.findall(comments):
        source = read(recipe.stem)
        source.override(word)
        resolve(source)


def test_the_calls_of_models_and_the_modules_are_there() -> None:
    text = "".join(text_of(page) for page in PAGES)
    calls = re.findall(r"model\.(\w+)\(([^)]*)\)", text)
    for name, given in calls:
        _, _, *others = inspect.signature(getattr(Model, name)).parameters
        assert [word.strip() for word in given.split(",")][1:] == others, name
    for module in set(re.findall(r"`(advloss(?:\.[a-z_0-9]+)+)`", text)):
        assert importlib.util.find_spec(module) or module.rpartition(".")[2] in advloss.__all__, module
