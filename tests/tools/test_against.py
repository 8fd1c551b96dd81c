"""This tree against a checkout, which here is the tree itself."""

import json
from pathlib import Path

import pytest
import torch

from advloss.core.errors import InputError
from tools import benchmark
from tools.benchmarks import against
from tools.benchmarks.measuring import checkouts, table

TINY = ("networks.generator={name: resnet, width: 2, blocks: 0}",)
TINY += tuple(f"losses.adversarial_{side}.discriminator.{key}" for side in "ab" for key in ("width=2", "layers=1"))


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    rows = {"cyclegan": against.Row("cyclegan", 64, 32, TINY), "upscale": against.Row("srvgg", 32, 8)}
    monkeypatch.setattr(against, "ROWS", rows)


@pytest.mark.slow
def test_the_tree_against_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "x.json"
    assert benchmark.main(["against", str(against.ROOT), "--pairs", "2", "--small", "--out", str(out)]) == 0
    said = capsys.readouterr().err
    document = json.loads(out.read_text(encoding="utf-8"))
    result = document["result"]
    assert result["rows"].keys() == {"cyclegan", "upscale"} and result["checkout"] == result["tree"]
    assert str(against.ROOT) not in document["command"]
    for name, row in result["rows"].items():
        assert len(row["pairs"]) == row["times_as_fast"]["count"] == row["seconds"]["tree"]["count"] == 2
        assert min(row["pairs"]) > 0 and row["side"] == {"cyclegan": 32, "upscale": 8}[name]
        assert f"{name}: {row['times_as_fast']['median']:.3f} (" in said
    rows = [*table.ROWS["against"](result)]
    assert [row.this.partition(":")[0] for row in rows] == ["cyclegan", "upscale"]


def test_what_the_checkout_refuses_is_one_line_and_2(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    row = against.Row("cyclegan", 64, 32, ("networks.generator.blcks=0",))
    monkeypatch.setattr(against, "ROWS", {"cyclegan": row})
    assert benchmark.main(["against", str(against.ROOT), "--only", "cyclegan"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"benchmark: {against.ROOT}: ") and "did you mean 'blocks'?" in line


def test_a_folder_that_is_no_checkout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert benchmark.main(["against", str(tmp_path), "--only", "upscale"]) == 2
    assert f"benchmark: {tmp_path}: is no checkout of advloss" in capsys.readouterr().err


def test_the_newest_place_is_taken_and_one_of_before_where_there_is_no_newer() -> None:
    assert checkouts.found("advloss.core.errors:InputError", "advloss.errors:InputError") is InputError
    assert checkouts.found("advloss.kernel.errors:InputError", "advloss.core.errors:InputError") is InputError
    with pytest.raises(InputError, match="none of advloss"):
        checkouts.found("advloss.no:x", "advloss.never:x")
    with pytest.raises(ModuleNotFoundError):
        checkouts.found("no_such_library:x", "advloss.core.errors:InputError")


@pytest.mark.parametrize(("count", "shares"), [(1, [1]), (4, [1, 1, 1, 1]), (15, [3] * 5), (17, [4, 4, 3, 3, 3])])
def test_pairs_are_shared_out_over_processes(count: int, shares: list[int]) -> None:
    assert against.shared_out(count) == shares
