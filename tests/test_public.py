"""The names that `import advloss` offers: about thirty, imported at first use."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import advloss


def test_importing_the_package_imports_neither_torch_nor_pydantic() -> None:
    code = "import sys, advloss; dir(advloss); sys.exit(bool({'torch', 'pydantic', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_name_is_there_and_says_what_it_is() -> None:
    assert dir(advloss) == sorted(advloss.__all__) and len(dir(advloss)) <= 48
    for name in advloss.__all__:
        assert inspect.getdoc(getattr(advloss, name)), name
    with pytest.raises(AttributeError, match="module 'advloss' has no attribute 'R3'"):
        _ = advloss.R3


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(advloss.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert {*seen, "__version__"} == {*advloss.__all__}
    for name, module in seen.items():
        value = getattr(advloss, name)
        assert value is getattr(importlib.import_module(module), name), name


def test_the_command_can_be_run_from_a_script() -> None:
    from advloss.cli import main
    from advloss.cli.main import main as same

    assert main is same and callable(main)
