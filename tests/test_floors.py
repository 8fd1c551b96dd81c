"""The floors of docs/design.md: a module imports only from the floors below it, and not from its siblings."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import advloss

PACKAGE = Path(advloss.__file__).parent

UNITS = {
    "errors": ("ground", 0),
    "allocator": ("ground", 0),
    "files": ("ground", 0),
    "distributed": ("ground", 0),
    "devices": ("ground", 0),
    "counting": ("ground", 0),
    "joining": ("ground", 0),
    "networks": ("networks", 0),
    "losses.objectives": ("pure losses", 0),
    "losses.penalties": ("pure losses", 0),
    "losses.tensors": ("pure losses", 0),
    "losses": ("losses", 1),
    "data": ("data", 1),
    "methods": ("methods", 2),
    "recipe": ("recipe", 3),
    "training": ("training", 4),
    "inference": ("inference", 4),
    "evaluation": ("evaluation", 4),
    "theory": ("theory", 4),
    "cli": ("command line", 5),
    "__main__": ("command line", 5),
}
"""Each part of the package: its unit and its floor. The longest of these beginnings of a module's name counts."""

SIBLINGS = {
    ("networks", "ground"),
    ("pure losses", "ground"),
    ("training", "evaluation"),
    ("evaluation", "inference"),
}
"""(importer, imported) on one floor that may be."""

NEVER = {("losses", "networks")}
"""(importer, imported) that may not be although it goes downwards: AdversarialLoss takes any discriminator."""


def unit(module: str) -> tuple[str, int]:
    """The unit and the floor of a module, named without its leading `advloss.`."""
    beginnings = [name for name in UNITS if module == name or module.startswith(f"{name}.")]
    if not beginnings:
        pytest.fail(f"advloss.{module}: on no floor; give it one in {Path(__file__).name} and in docs/design.md")
    return UNITS[max(beginnings, key=len)]


def module_name(file: Path, package: Path) -> str:
    """`losses.pool` for advloss/losses/pool.py, `data` for advloss/data/__init__.py."""
    parts = file.relative_to(package).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(file: Path, package: Path, known: set[str]) -> Iterator[tuple[int, str]]:
    """(line, module without its leading `advloss.`) of each import of the package's own, also inside functions."""
    within = file.relative_to(package.parent).parent.parts
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(within[: len(within) - node.level + 1]) + "." if node.level else ""
            base = (start + (node.module or "")).rstrip(".")
            names = [f"{base}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            while name.startswith("advloss.") and name.removeprefix("advloss.") not in known:
                name = name.rpartition(".")[0]  # a class or function: the module that it is in
            if name.startswith("advloss."):
                yield node.lineno, name.removeprefix("advloss.")


def violations(package: Path) -> list[str]:
    """`losses/pool.py:3: losses (floor 1) imports recipe.build (floor 3)`, for each import that is not allowed."""
    files = {file: module_name(file, package) for file in sorted(package.rglob("*.py"))}
    known = set(files.values())
    wrong = []
    for file, module in files.items():
        if not module:
            continue  # advloss/__init__.py imports at first use, for its users
        mine, floor = unit(module)
        for line, imported in imports(file, package, known):
            other, below = unit(imported)
            allowed = other == mine or below < floor or (mine, other) in SIBLINGS
            if not allowed or (mine, other) in NEVER:
                place = f"{file.relative_to(package).as_posix()}:{line}"
                wrong.append(f"{place}: {mine} (floor {floor}) imports {imported} ({other}, floor {below})")
    return wrong


def test_no_module_imports_upwards_or_from_a_sibling() -> None:
    assert violations(PACKAGE) == []


def test_the_floors_name_only_what_exists() -> None:
    for name in UNITS:
        path = PACKAGE / name.replace(".", "/")
        assert path.is_dir() or path.with_suffix(".py").is_file(), name


@pytest.mark.parametrize(
    ("module", "line", "imported"),
    [
        ("losses/pool.py", "from advloss.recipe.build import build", "recipe.build"),
        ("losses/pool.py", "from advloss.recipe import build", "recipe.build"),
        ("losses/pool.py", "import advloss.recipe.build as b", "recipe.build"),
        ("losses/pool.py", "from ..recipe.build import build", "recipe.build"),
        ("losses/pool.py", "from .. import recipe", "recipe"),
        ("losses/pool.py", "def f():\n    from advloss.recipe.build import build", "recipe.build"),
        ("losses/pool.py", "from advloss.networks.net import Net", "networks.net"),
        ("losses/pool.py", "from advloss.data import open_data", "data"),
        ("losses/objectives.py", "from advloss.losses.pool import Pool", "losses.pool"),
        ("networks/net.py", "from advloss.losses.objectives import lsgan", "losses.objectives"),
        ("data/__init__.py", "from ..losses.pool import Pool", "losses.pool"),
        ("training/round.py", "from advloss.inference.model import load", "inference.model"),
        ("inference/model.py", "from advloss.training.round import Round", "training.round"),
        ("evaluation/grid.py", "from advloss.training.round import Round", "training.round"),
        ("recipe/build.py", "from advloss import cli", "cli"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path: Path, module: str, line: str, imported: str) -> None:
    package = made_up(tmp_path, {module: line})
    (found,) = violations(package)
    assert found.startswith(f"{module}:") and f" imports {imported} (" in found


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("__init__.py", "def __getattr__(name):\n    from advloss.inference.model import load"),
        ("losses/pool.py", "import advloss\nimport torch\nfrom . import objectives\nfrom advloss import errors"),
        ("training/round.py", "from advloss.evaluation.grid import sample_grid\nfrom advloss.recipe import build"),
        ("cli.py", "from advloss.training.round import Round\nfrom advloss.inference.model import load"),
        ("networks/net.py", "from advloss.errors import InputError"),
    ],
)
def test_an_allowed_import_passes(tmp_path: Path, module: str, line: str) -> None:
    assert violations(made_up(tmp_path, {module: line})) == []


def made_up(folder: Path, contents: dict[str, str]) -> Path:
    """A package with a module for most units, each empty but for `contents`."""
    package = folder / "advloss"
    modules = (
        "__init__ cli errors networks/net losses/objectives losses/pool data/__init__ recipe/__init__ recipe/build"
    )
    for name in [*modules.split(), "training/round", "inference/model", "evaluation/grid"]:
        file = package / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(contents.get(f"{name}.py", ""), encoding="utf-8")
    return package
