"""Files and functions are short, functions have few branches, and everything public has a docstring."""

import ast
import importlib
import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MOST_LINES = 300
MOST_LINES_OF_A_FUNCTION = 40
MOST_BRANCHES = 12

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(folder: Path) -> Iterator[tuple[str, str]]:
    """(`advloss/losses/pool.py`, its text) of each file."""
    for file in sorted(folder.rglob("*.py")):
        yield str(file.relative_to(folder.parent)), file.read_text(encoding="utf-8")


def long_files(folder: Path) -> list[str]:
    """Files of more than 300 lines."""
    counts = {name: len(text.splitlines()) for name, text in sources(folder)}
    return [f"{name}: {count} lines" for name, count in counts.items() if count > MOST_LINES]


def long_functions(folder: Path) -> list[str]:
    """Functions of more than 40 lines, from `def` to the end, without the docstring."""
    found = []
    for name, text in sources(folder):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, Function) and (count := lines_of(node)) > MOST_LINES_OF_A_FUNCTION:
                found.append(f"{name}:{node.lineno}: {node.name} has {count} lines")
    return found


def lines_of(function: Function) -> int:
    """How many lines a function has, without its docstring."""
    first = function.body[0]
    docstring = first.end_lineno - first.lineno + 1 if ast.get_docstring(function) is not None else 0  # type: ignore[operator]
    return function.end_lineno - function.lineno + 1 - docstring  # type: ignore[operator]


def tangled(folder: Path) -> list[str]:
    """Functions of more branches than ruff's C901 allows here."""
    limit = f"lint.mccabe.max-complexity={MOST_BRANCHES}"
    options = ["--isolated", "--no-cache", "--select", "C901", "--config", limit, "--output-format", "json"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *options, str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    return [
        f"{Path(one['filename']).relative_to(folder.resolve().parent)}:{one['location']['row']}: {one['message']}"
        for one in json.loads(done.stdout)
    ]


def undocumented(package: Path) -> list[str]:
    """Public modules, classes, functions and methods without a docstring.

    Not asked for: dunder methods, and methods that override a documented one (such as torch's `forward`).
    """
    found = []
    for name, text in sources(package):
        parts = Path(name).with_suffix("").parts
        tree = ast.parse(text)
        if any(part.startswith("_") and part != "__init__" for part in parts):
            continue
        if ast.get_docstring(tree) is None:
            found.append(f"{name}:1: the module")
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        for node in tree.body:
            if isinstance(node, Definition) and not node.name.startswith("_"):
                found += [f"{name}:{line}: {what}" for line, what in silent(node, module)]
    return found


def silent(node: Definition, module: str) -> Iterator[tuple[int, str]]:
    """(line, name) of a class or function without a docstring, and of the methods of the class without one."""
    if ast.get_docstring(node) is None:
        yield node.lineno, node.name
    if isinstance(node, ast.ClassDef):
        for method in node.body:
            if isinstance(method, Function) and not method.name.startswith("_"):
                made = getattr(importlib.import_module(module), node.name)
                if not inspect.getdoc(getattr(made, method.name)):  # its own, or that of the method it overrides
                    yield method.lineno, f"{node.name}.{method.name}"


def test_no_file_is_too_long_to_read() -> None:
    assert long_files(ROOT / "advloss") == []


@pytest.mark.parametrize("top", ["advloss", "tools", "tests"])
def test_no_function_is_too_long_to_read(top: str) -> None:
    assert long_functions(ROOT / top) == []


@pytest.mark.parametrize("top", ["advloss", "tools", "tests"])
def test_no_function_has_too_many_branches(top: str) -> None:
    assert tangled(ROOT / top) == []


def test_everything_public_has_a_docstring() -> None:
    assert undocumented(ROOT / "advloss") == []


def test_long_files_are_found(tmp_path: Path) -> None:
    planted(tmp_path, "x = 1\n" * 300)
    assert long_files(tmp_path) == []
    planted(tmp_path, "x = 1\n" * 301)
    assert long_files(tmp_path) == [f"{tmp_path.name}/pool.py: 301 lines"]


@pytest.mark.parametrize("head", ["def f():", "async def f():", "class C:\n def f(self):", "def g():\n def f():"])
def test_long_functions_are_found(tmp_path: Path, head: str) -> None:
    start = f'{head}\n  """Says\n  it."""\n'
    planted(tmp_path, start + "  x = 1\n" * 36)
    assert long_functions(tmp_path) == []
    planted(tmp_path, start + "  x = 1\n" * 40)
    line = head.count("\n") + 1
    assert f"{tmp_path.name}/pool.py:{line}: f has 41 lines" in long_functions(tmp_path)


def test_functions_of_many_branches_are_found(tmp_path: Path) -> None:
    planted(tmp_path, "def f(x):\n" + "    if x:\n        x = 1\n" * 11)
    assert tangled(tmp_path) == []
    planted(tmp_path, "def f(x):\n" + "    if x:\n        x = 1\n" * 12)
    (found,) = tangled(tmp_path)
    assert found.startswith(f"{tmp_path.name}/pool.py:1:") and "`f`" in found


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("x = 1", "1: the module"),
        ("'A pool.'\ndef f(): ...", "2: f"),
        ("'A pool.'\nasync def f(): ...", "2: f"),
        ("'A pool.'\nclass C:\n x = 1", "2: C"),
        ("'A pool.'\nclass C:\n 'Of images.'\n def f(self): ...", "4: C.f"),
        ("'A pool.'\nclass C:\n 'Of images.'\n @property\n def f(self): ...", "5: C.f"),
        ("'A pool.'\nclass C:\n 'Of images.'\n @classmethod\n def f(cls): ...", "5: C.f"),
        ("'A pool.'\nclass C(list):\n 'Of images.'\n def f(self): ...", "4: C.f"),
    ],
)
def test_a_missing_docstring_is_found(tmp_path: Path, text: str, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path.parent)
    planted(tmp_path, text)
    assert undocumented(tmp_path) == [f"{tmp_path.name}/pool.py:{missing}"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("_pool.py", "x = 1"),
        ("pool.py", "'A pool.'\ndef _f(): ...\nclass _C:\n def f(self): ..."),
        ("pool.py", "'A pool.'\nclass C:\n 'Of images.'\n def __len__(self): ...\n def _f(self): ..."),
        ("pool.py", "'A pool.'\nclass C(list):\n 'Of images.'\n def append(self, x): ..."),
    ],
)
def test_what_needs_no_docstring(tmp_path: Path, file: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path.parent)
    planted(tmp_path, text, file)
    assert undocumented(tmp_path) == []


def planted(package: Path, text: str, file: str = "pool.py") -> None:
    """A package of one module."""
    (package / "__init__.py").write_text('"""Made up."""', encoding="utf-8")
    (package / file).write_text(text, encoding="utf-8")
