"""The layout of docs/design.md: imports go downwards and in no circle, folders stay small."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "advloss"
MOST_FILES = 15

FLOORS = {
    "core": 0,
    "images": 1,
    "pretrained": 1,
    "networks": 2,
    "losses": 2,
    "data": 2,
    "methods": 3,
    "recipe": 4,
    "interop": 5,
    "inference": 6,
    "evaluation": 7,
    "training": 8,
    "theory": 9,
    "report": 9,
    "demo": 9,
    "cli": 10,
    "__main__": 11,
}
"""A module imports from its own folder and from the floors below it."""


def part(module: str) -> tuple[str, int]:
    """The folder directly below advloss/ that a module lies in, and its floor."""
    name = module.partition(".")[0]
    if name not in FLOORS:
        pytest.fail(f"advloss.{module}: on no floor; give it one in {Path(__file__).name} and in docs/design.md")
    return name, FLOORS[name]


def module_name(file: Path, package: Path) -> str:
    """`losses.pool` for advloss/losses/pool.py, `data` for advloss/data/__init__.py."""
    parts = file.relative_to(package).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(file: Path, package: Path, known: set[str]) -> Iterator[tuple[int, str]]:
    """(line, module) of each import of the package's own, also inside functions and under TYPE_CHECKING.

    The module is named without `advloss.`; the package itself is ''.
    """
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
            if name == "advloss" or name.startswith("advloss."):
                yield node.lineno, name.removeprefix("advloss").lstrip(".")


def graph(package: Path) -> dict[str, list[tuple[int, str]]]:
    """Every module's imports; the package's own `__init__`, which imports at first use for its users, has none."""
    files = {file: module_name(file, package) for file in sorted(package.rglob("*.py"))}
    known = set(files.values())
    return {module: list(imports(file, package, known)) if module else [] for file, module in files.items()}


def upward(package: Path) -> list[str]:
    """`losses.pool:3: losses (floor 2) imports recipe.build (floor 4)`, for each import that is not allowed."""
    wrong = []
    for module, imported in graph(package).items():
        for line, other in imported:
            mine, floor = part(module)
            theirs, below = part(other) if other else ("the package itself", 99)
            if theirs != mine and below >= floor:
                wrong.append(f"{module}:{line}: {mine} (floor {floor}) imports {other or 'advloss'} (floor {below})")
    return wrong


def circles(package: Path) -> list[list[str]]:
    """Modules that import each other, directly or through others."""
    edges = {module: {other for _, other in imported} for module, imported in graph(package).items()}
    below: dict[str, set[str]] = {}
    for module in edges:
        found, waiting = set(), [module]
        while waiting:
            new = edges.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        below[module] = found
    return sorted(sorted(other for other in below[m] if m in below[other]) for m in edges if m in below[m])


def test_no_module_imports_upwards_or_from_a_sibling() -> None:
    assert upward(PACKAGE) == []


def test_no_module_imports_in_a_circle() -> None:
    assert circles(PACKAGE) == []


def test_the_floors_name_only_what_exists() -> None:
    for name in FLOORS:
        path = PACKAGE / name
        assert path.is_dir() or path.with_suffix(".py").is_file(), name


@pytest.mark.parametrize("top", ["advloss", "tests", "tools"])
def test_no_folder_has_more_files_than_an_eye_can_take_in(top: str) -> None:
    counts = {folder: len(list(folder.glob("*.py"))) for folder in [ROOT / top, *(ROOT / top).rglob("*")]}
    assert {str(folder): count for folder, count in counts.items() if count > MOST_FILES} == {}


@pytest.mark.parametrize(
    ("module", "line", "imported"),
    [
        ("losses/pool.py", "from advloss.recipe.build import build", "recipe.build"),
        ("losses/pool.py", "from advloss.recipe import build", "recipe.build"),
        ("losses/pool.py", "import advloss.recipe.build as b", "recipe.build"),
        ("losses/pool.py", "from ..recipe.build import build", "recipe.build"),
        ("losses/pool.py", "from .. import recipe", "recipe"),
        ("losses/pool.py", "def f():\n    from advloss.recipe.build import build", "recipe.build"),
        ("losses/pool.py", "if TYPE_CHECKING:\n    from advloss.recipe.build import build", "recipe.build"),
        ("losses/pool.py", "from advloss.networks.net import Net", "networks.net"),
        ("losses/pool.py", "from advloss.data import open_data", "data"),
        ("losses/pool.py", "import advloss", "advloss"),
        ("networks/net.py", "from advloss.losses.pool import Pool", "losses.pool"),
        ("data/__init__.py", "from ..losses.pool import Pool", "losses.pool"),
        ("inference/model.py", "from advloss.training.step import step", "training.step"),
        ("evaluation/grid.py", "from advloss.training.step import step", "training.step"),
        ("recipe/build.py", "from advloss import cli", "cli"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path: Path, module: str, line: str, imported: str) -> None:
    (found,) = upward(made_up(tmp_path, {module: line}))
    where = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    assert found.startswith(f"{where}:") and f" imports {imported} (" in found


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("__init__.py", "def __getattr__(name):\n    from advloss.inference.model import load"),
        ("losses/pool.py", "import torch\nfrom . import objectives\nfrom advloss.core import errors"),
        ("training/step.py", "from advloss.evaluation.grid import sample_grid\nfrom advloss.recipe import build"),
        ("cli/__init__.py", "from advloss.training.step import step\nfrom advloss.inference.model import load"),
        ("networks/net.py", "from advloss.core.errors import InputError"),
    ],
)
def test_an_allowed_import_passes(tmp_path: Path, module: str, line: str) -> None:
    assert upward(made_up(tmp_path, {module: line})) == []


def test_a_circle_is_found(tmp_path: Path) -> None:
    package = made_up(
        tmp_path,
        {
            "losses/pool.py": "from advloss.losses.objectives import lsgan",
            "losses/objectives.py": "if TYPE_CHECKING:\n    from advloss.losses import pool",
        },
    )
    assert circles(package) == [["losses.objectives", "losses.pool"]] * 2
    assert circles(made_up(tmp_path / "other", {})) == []


def made_up(folder: Path, contents: dict[str, str]) -> Path:
    """A package with a module for most parts, each empty but for `contents`."""
    package = folder / "advloss"
    modules = "__init__ cli/__init__ core/errors networks/net losses/objectives losses/pool data/__init__ recipe/build"
    for name in [*modules.split(), "recipe/__init__", "training/step", "inference/model", "evaluation/grid"]:
        file = package / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(contents.get(f"{name}.py", ""), encoding="utf-8")
    return package


def test_no_recipe_has_a_loop_of_its_own() -> None:
    """What a recipe is made of takes no step; the games of the theory and of the lab are played by training/step.py."""
    of_recipes = [file for part in ("methods", "networks", "losses") for file in (PACKAGE / part).rglob("*.py")]
    of_games = [*(PACKAGE / "theory" / "lab").glob("*.py"), *(PACKAGE / "theory" / f"{n}.py" for n in ("ring", "game"))]
    assert of_recipes and len(of_games) > 3
    for file in of_recipes + of_games:
        calls = [node.func for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)]
        names = {call.attr for call in calls if isinstance(call, ast.Attribute)}
        assert not names & {"backward", "step", "zero_grad"}, file
    assert "PlainStep" in (PACKAGE / "theory" / "game.py").read_text("utf-8")


TOOLS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "tools").rglob("*.py")
    if path.stem != "__init__"
)


@pytest.mark.parametrize("module", TOOLS)
def test_a_tool_is_imported(module: str) -> None:
    """What it takes from the library is still there."""
    importlib.import_module(module)
