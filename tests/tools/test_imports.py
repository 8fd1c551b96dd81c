"""Every tool can be imported: what it takes from the library is still there."""

import importlib
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
MODULES = sorted(
    ".".join(path.relative_to(TOOLS.parent).with_suffix("").parts)
    for path in TOOLS.rglob("*.py")
    if path.stem != "__init__"
)


@pytest.mark.parametrize("module", MODULES)
def test_it_is_imported(module: str) -> None:
    importlib.import_module(module)
