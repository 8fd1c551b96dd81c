"""The one opener of foreign checkpoints: whatever is wrapped around a network, and what is none."""

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.interop.state_dicts import HOLDERS, WRAPPERS, plain
from advloss.interop.upscalers import read_weights

NETWORK = {"first.weight": torch.arange(6.0).reshape(2, 3), "first.bias": torch.zeros(2), "steps": torch.tensor(3)}
OTHER = {f"other.{name}": tensor + 1 for name, tensor in NETWORK.items()}


def prefixed(prefix: str) -> dict[str, Tensor]:
    return {f"{prefix}{name}": tensor for name, tensor in NETWORK.items()}


WRAPPED: dict[str, dict[str, Any]] = {
    "bare": NETWORK,
    **{f"in {name}": {name: NETWORK, "epoch": 3, "optimizer": {"state": {}}} for name in HOLDERS},
    **{f"behind {prefix}": prefixed(prefix) for prefix in WRAPPERS},
    "compiled in parallel": prefixed("module._orig_mod."),
    "parallel in compiled": prefixed("_orig_mod.module."),
    "Lightning": {"state_dict": prefixed("netG.") | {f"netD.{k}": v for k, v in OTHER.items()}, "epoch": 1},
    "averaged first": {"params": OTHER, "params_ema": NETWORK},
    "compiled generator in a checkpoint": {"model_state_dict": {"generator": prefixed("_orig_mod.")}},
    "no average yet": {"ema": {}, "model": NETWORK},
    "a decay of that name": {"ema": 0.999, "state_dict": NETWORK},
}


@pytest.mark.parametrize("case", WRAPPED)
def test_what_is_wrapped_around_a_network_is_taken_off(case: str) -> None:
    found = plain(WRAPPED[case])
    assert found.keys() == NETWORK.keys() and all(torch.equal(found[name], NETWORK[name]) for name in NETWORK)


def _endless() -> dict[str, Any]:
    held: dict[str, Any] = {"epoch": 1}
    held["state_dict"] = held
    return held


WRONG: dict[str, tuple[Any, str]] = {
    "list": ([NETWORK], "the file holds a list"),
    "number": (3, "the file holds a int"),
    "unknown wrapper": ({"mine": NETWORK, "epoch": 3}, r"the file holds mine \(3 values\), epoch \(int\)"),
    "two networks": ({"g_a": NETWORK, "g_b": NETWORK}, r"the file holds g_a \(3 values\), g_b \(3 values\)"),
    "keys that are numbers": ({1: torch.zeros(1)}, "a key is of type int, not a name"),
    "keys that are tuples": ({"a": torch.zeros(1), ("b",): torch.zeros(1)}, "a key is of type tuple"),
    "keys within": ({"state_dict": {None: torch.zeros(1)}}, "a key is of type NoneType"),
    "escapes": ({"\x1b[2J": 5}, r"'\\x1b\[2J' is of type int"),
    "itself": (_endless(), "is of type|holds"),
    "spread over memory": ({"a": torch.zeros(1).expand(10**6, 10**6)}, "'a' is no plain tensor"),
    "on no device": ({"a": torch.zeros(2, device="meta")}, "'a' is no plain tensor"),
    "sparse": ({"a": torch.eye(2).to_sparse()}, "'a' is no plain tensor"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_network_is_named(case: str) -> None:
    held, says = WRONG[case]
    with pytest.raises(InputError, match=says) as raised:
        plain(held)
    assert str(raised.value).isprintable() and len(str(raised.value)) < 1000


class Harmful:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("old", [False, True], ids=["zip", "legacy"])
def test_code_in_a_file_is_neither_run_nor_recommended(tmp_path: Path, old: bool) -> None:
    """torch's own message says that weights_only=False will likely succeed: it would run the code."""
    torch.save({"a": Harmful(tmp_path / "mark")}, tmp_path / "m.pth", _use_new_zipfile_serialization=not old)
    with pytest.raises(InputError, match=r"m\.pth: not a checkpoint that can be read safely") as raised:
        read_weights(tmp_path / "m.pth")
    assert "weights_only" not in str(raised.value) and "\n" not in str(raised.value)
    assert not (tmp_path / "mark").exists()


def test_a_compressed_file_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(10**6)}, tmp_path / "m.pth")
    with zipfile.ZipFile(tmp_path / "m.pth") as held, zipfile.ZipFile(tmp_path / "c.pth", "w", 8) as packed:
        for name in held.namelist():
            packed.writestr(name, held.read(name))
    assert (tmp_path / "c.pth").stat().st_size < 50_000
    with pytest.raises(InputError, match=r"c\.pth: a zip archive whose 4,\d+,\d+ bytes are compressed"):
        read_weights(tmp_path / "c.pth")
