"""The README's table."""

import json
from pathlib import Path
from typing import Any

import pytest

from tools import benchmark
from tools.benchmarks.measuring import table

BEFORE, AFTER = "# Title\n\nwords\n\n<!-- benchmarks -->\n", "<!-- /benchmarks -->\n\nmore\n"
MACHINE = {"cpu": "Some CPU", "cpu_capability": "AVX2", "cores": 2, "threads": 1, "system": "Linux", "gpu": None}


def spread(median: float) -> dict[str, float]:
    return {"median": median, "lower_quartile": median, "upper_quartile": median, "count": 1}


def document(name: str, command: str, result: dict[str, Any], gpu: str | None = None) -> dict[str, Any]:
    return {
        "benchmark": name,
        "command": f"python tools/benchmark.py {command}",
        "machine": MACHINE | {"gpu": gpu},
        "versions": {"torch": "2.14.1+cpu"},
        "result": result,
    }


FLOOR = {"seconds": spread(0.5), "images_per_second": 2.0, "floor_seconds": 0.25, "ratio_to_floor": 2.0}
PEER = {"project": "Other", "precision": "float32", "seconds": spread(1.5), "times_as_fast": spread(3.0)}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    (tmp_path / "README.md").write_text(BEFORE + "old\n" + AFTER, encoding="utf-8")
    return tmp_path


def make(place: Path, *words: str, **documents: dict[str, Any]) -> int:
    for name, content in documents.items():
        (place / "results" / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    paths = ["--readme", str(place / "README.md"), "--results", str(place / "results")]
    return benchmark.main(["table", *paths, *words])


def test_a_row_for_the_peer_and_one_for_the_floor(place: Path) -> None:
    result = FLOOR | {"precision": "bf16", "peer": PEER}
    assert make(place, a=document("iteration", "iteration --recipe x 'a={b: c|d}'", result)) == 0
    text = (place / "README.md").read_text(encoding="utf-8")
    command = "[`iteration --recipe x 'a={b: c\\|d}'`](results/a.json)"
    assert text == (
        f"{BEFORE}1 thread on 2 cores, Some CPU (AVX2), torch 2.14.1:\n\n"
        "| `python tools/benchmark.py` | this | beside | ratio | precision |\n|---|---|---|---|---|\n"
        f"| {command} | 500 ms | Other: 1.5 s | 3 times as fast | bf16, float32 |\n"
        f"| {command} | 500 ms, 2 images/s | floor: 250 ms | 2 times as long | bf16 |\n{AFTER}"
    )


def test_each_machine_has_a_table(place: Path) -> None:
    result = FLOOR | {"precision": "fp32"}
    assert (
        make(
            place,
            a=document("iteration", "iteration", result),
            b=document("iteration", "iteration", result, gpu="Some GPU"),
        )
        == 0
    )
    text = (place / "README.md").read_text(encoding="utf-8")
    assert text.count(table.HEAD[0]) == 2 and "\nSome GPU, 1 thread" in text


def test_check_tells_whether_it_is_up_to_date(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = document("iteration", "iteration", FLOOR | {"precision": "fp32"})
    assert make(place, "--check", a=content) == 2
    assert "is out of date" in capsys.readouterr().err
    assert "old" in (place / "README.md").read_text(encoding="utf-8")
    assert make(place) == 0
    assert make(place, "--check") == 0
    assert make(place, "--check", b=content) == 2


def test_results_of_all_kinds_have_rows(place: Path) -> None:
    losses = {"l1": {"fp32": 2.0, "bf16": 2.02, "relative_difference": 0.01}}
    test = {"psnr": {"fp32": 20.0, "bf16": 19.95, "difference": -0.05}}
    over = [{"batch": n, "size": 64, "iterations_per_second": 8 / n, "images_per_second": 8.0} for n in (1, 4)]
    documents = {
        "data": document("data", "data", {
            "images_per_second": spread(2000), "images_per_second_decoded_in_the_loop": spread(100),
            "ratio_of_medians": 20,
        }),
        "adversarial": document("adversarial", "adversarial", {
            "seconds_with_adversarial_loss": spread(1.002), "seconds_by_hand": spread(1), "ratio_of_medians": 1.002
        }),
        "upscale": document("upscale", "upscale", {"ways": {"advloss": {
            "seconds": {"plain": spread(2), "this": spread(1)}, "times_as_fast": spread(2), "psnr_against_plain": None
        }}}),
        "tokenizer": document("tokenizer", "tokenizer", {
            "precision": "fp32", "encode": FLOOR, "decode": FLOOR, "reconstruct": FLOOR
        }),
        "quality": document("quality", "quality", {"recipes": {
            "small": {"losses": losses, "test": test, "distances": ["l1"]},
            "seeds": {
                "losses": {"l1": losses["l1"] | {"standard_error": 0.004}},
                "test": {"psnr": test["psnr"] | {"standard_error": 0.12}},
                "distances": ["l1"],
            },
        }}),
        "scaling": document("scaling", "scaling", {"precision": "fp32", "over": {"batch": over, "size": []}}),
    }  # fmt: skip
    assert make(place, **documents) == 0
    text = (place / "README.md").read_text(encoding="utf-8")
    for words in (
        "2000 images/s a core | Pillow and torchvision in the loop: 100 images/s | 20 times as fast",
        "| 1 s | by hand: 1 s | 1.002 times as long | fp32 |",
        "| 1 s | the plain call: 2 s | 2 times as fast | auto |",
        "| encode: 500 ms, 2 images/s | floor: 250 ms | 2 times as long | fp32 |",
        "| small, l1: 2.02; psnr 19.95 | fp32: 2; 20 | +1.0%; -0.05 | bf16 |",
        "| seeds, l1: 2.02; psnr 19.95 | fp32: 2; 20 | +1.0% ± 0.4%; -0.05 ± 0.12 | bf16 |",
        "| batch 4: 2 iterations/s | batch 1: 8 iterations/s | 4 times the time for 4 times the batch | fp32 |",
    ):
        assert words in text


def test_the_results_in_the_repository_make_a_table() -> None:
    assert table.HEAD[0] in table.rendered(table.read(table.ROOT / "docs" / "benchmarks"), "docs/benchmarks")


@pytest.mark.parametrize("text", ["no marks", AFTER + BEFORE, BEFORE + BEFORE + AFTER])
def test_a_readme_without_its_marks_is_one_line_and_2(
    place: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "README.md").write_text(text, encoding="utf-8")
    assert make(place) == 2
    assert "needs one line <!-- benchmarks -->" in capsys.readouterr().err


def test_a_file_that_is_no_result_is_one_line_and_2(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "results" / "broken.json").write_text("{", encoding="utf-8")
    assert make(place) == 2
    assert "broken.json: is no benchmark's result" in capsys.readouterr().err
