"""The table of README.md, between two marks, made from docs/benchmarks/*.json."""

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from advloss.core.errors import InputError
from advloss.core.storage.files import write_whole

ROOT = Path(__file__).resolve().parents[3]
BEGIN, END = "<!-- benchmarks -->", "<!-- /benchmarks -->"
HEAD = ["| `python tools/benchmark.py` | this | beside | ratio | precision |", "|---|---|---|---|---|"]


class Row(NamedTuple):
    """One figure: what was measured, what it is compared with, and the ratio."""

    this: str
    beside: str
    ratio: str
    precision: str


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--results", type=Path, default=ROOT / "docs" / "benchmarks", help="the folder of JSON files")
    parser.add_argument("--check", action="store_true", help="only say whether the table is the one they make")


def run(arguments: argparse.Namespace) -> None:
    """Rewrites the README between the marks. With --check, raises InputError where that would change it."""
    try:
        text = arguments.readme.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"--readme {arguments.readme}: can't be read ({error.strerror})") from None
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise InputError(f"--readme {arguments.readme}: needs one line {BEGIN}, and after it one line {END}")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    link = arguments.results.resolve()
    if link.is_relative_to(arguments.readme.resolve().parent):
        link = link.relative_to(arguments.readme.resolve().parent)
    made = f"{before}{BEGIN}\n{rendered(read(arguments.results), link.as_posix())}\n{END}{after}"
    if made == text:
        return
    if arguments.check:
        raise InputError(f"{arguments.readme}: its table is out of date: python tools/benchmark.py table")
    write_whole(arguments.readme, made.encode("utf-8"))


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """The results by their files' names."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        try:
            found[path.name] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: is no benchmark's result ({error})") from None
    return found


def rendered(documents: dict[str, dict[str, Any]], folder: str) -> str:
    """A table in Markdown for each machine. folder: of the results, for links."""
    tables: dict[str, list[str]] = {}
    for name, document in documents.items():
        lines = tables.setdefault(machine(document), [])
        words = document["command"].removeprefix("python tools/benchmark.py ").replace("|", "\\|")
        for row in ROWS[document["benchmark"]](document["result"]):
            lines.append(
                f"| [`{words}`]({folder}/{name}) | {row.this} | {row.beside} | {row.ratio} | {row.precision} |"
            )
    return "\n\n".join("\n".join([f"{place}:", "", *HEAD, *lines]) for place, lines in tables.items())


def machine(document: dict[str, Any]) -> str:
    """In words: `2 threads on 2 cores, AMD EPYC (AVX512), torch 2.14.1`."""
    found, versions = document["machine"], document["versions"]
    gpu = f"{found['gpu']}, " if found["gpu"] else ""
    threads = "1 thread" if found["threads"] == 1 else f"{found['threads']} threads"
    cpu = f"{threads} on {found['cores']} cores, {found['cpu']} ({found['cpu_capability']})"
    return f"{gpu}{cpu}, torch {versions['torch'].partition('+')[0]}"


def _iteration(result: dict[str, Any]) -> Iterable[Row]:
    here = _time(result["seconds"]["median"])
    if "peer" in result:
        peer = result["peer"]
        beside = f"{peer['project']}: {_time(peer['seconds']['median'])}"
        yield Row(here, beside, _faster(peer["times_as_fast"]["median"]), f"{result['precision']}, {peer['precision']}")
    yield _floor(result)


def _floor(result: dict[str, Any]) -> Row:
    here = f"{_time(result['seconds']['median'])}, {result['images_per_second']:.3g} images/s"
    beside = f"floor: {_time(result['floor_seconds'])}"
    return Row(here, beside, f"{result['ratio_to_floor']:.3g} times as long", result.get("precision", ""))


def _upscale(result: dict[str, Any]) -> Iterable[Row]:
    project = result["peer"]["project"] if "peer" in result else "the plain call"
    for name, way in result["ways"].items():
        if name.startswith("advloss"):
            seconds, standing = way["seconds"], result.get("standing", {}).get(name, {})
            beside = f"{project}: {_time(seconds['plain']['median'])}"
            kept = way["psnr_against_plain"]
            precision = standing.get("precision", "fp32" if name.endswith("fp32") else "auto")
            same = "" if kept is None else f", {kept:.3g} dB from float32"
            here = _time(seconds["this"]["median"])
            yield Row(here, beside, _faster(way["times_as_fast"]["median"]), f"{precision}{same}")


def _data(result: dict[str, Any]) -> Iterable[Row]:
    here, other = (result[f"images_per_second{end}"]["median"] for end in ("", "_decoded_in_the_loop"))
    beside = f"Pillow and torchvision in the loop: {other:.4g} images/s"
    yield Row(f"{here:.4g} images/s a core", beside, _faster(result["ratio_of_medians"]), "")


def _adversarial(result: dict[str, Any]) -> Iterable[Row]:
    here, other = (result[f"seconds_{name}"]["median"] for name in ("with_adversarial_loss", "by_hand"))
    ratio = f"{result['ratio_of_medians']:.4g} times as long"
    yield Row(_time(here), f"by hand: {_time(other)}", ratio, result.get("precision", "fp32"))


def _tokenizer(result: dict[str, Any]) -> Iterable[Row]:
    for name in ("encode", "decode", "reconstruct"):
        row = _floor(result[name])
        yield row._replace(this=f"{name}: {row.this}", precision=result["precision"])


def _quality(result: dict[str, Any]) -> Iterable[Row]:
    for name, found in result["recipes"].items():
        largest = max(found["distances"], key=lambda loss: abs(found["losses"][loss]["relative_difference"]))
        loss = found["losses"][largest]
        metric, test = next(iter(found["test"].items()))
        here = f"{name}, {largest}: {loss['bf16']:.4g}; {metric} {test['bf16']:.4g}"
        beside = f"fp32: {loss['fp32']:.4g}; {test['fp32']:.4g}"
        of_loss = f"{loss['relative_difference']:+.1%}{_give_or_take(loss, '.1%')}"
        of_test = f"{test['difference']:+.2g}{_give_or_take(test, '.2g')}"
        yield Row(here, beside, f"{of_loss}; {of_test}", "bf16")


def _give_or_take(found: dict[str, float], form: str) -> str:
    """The standard error, if there is one."""
    return f" ± {found['standard_error']:{form}}" if "standard_error" in found else ""


def _scaling(result: dict[str, Any]) -> Iterable[Row]:
    for name, settings in result["over"].items():
        fits = [each for each in settings if "iterations_per_second" in each]
        if not fits:
            continue
        first, last = fits[0], fits[-1]
        times = last[name] / first[name]
        here, beside = (
            f"{name} {each[name]}: {each['iterations_per_second']:.3g} iterations/s" for each in (last, first)
        )
        cost = first["iterations_per_second"] / last["iterations_per_second"]
        yield Row(here, beside, f"{cost:.3g} times the time for {times:.3g} times the {name}", result["precision"])


def _against(result: dict[str, Any]) -> Iterable[Row]:
    for name, found in result["rows"].items():
        here, other = (_time(found["seconds"][side]["median"]) for side in ("tree", "checkout"))
        before = f"{(result['checkout'] or 'another checkout')[:7]}: {other}"
        yield Row(f"{name}: {here}", before, _faster(found["times_as_fast"]["median"]), result["precision"])


def _company(result: dict[str, Any]) -> Iterable[Row]:
    for name, found in result.items():
        if not isinstance(found, dict):
            continue
        lost, share = found["lost_alone"], found["times_its_share"]
        here = f"{name} beside {result['programs']} programs: {share['advloss']:.3g} times its share of the time"
        beside = f"torch as it comes: {share['torch']:.3g}"
        yield Row(here, beside, f"alone {1 + lost['advloss']:.3g} times as long", "")


def _startup(result: dict[str, Any]) -> Iterable[Row]:
    torch = result["import torch"]["seconds"]["median"]
    for name, found in result.items():
        if name != "import torch":
            seconds = found["seconds"]["median"]
            yield Row(f"{name}: {_time(seconds)}", f"import torch: {_time(torch)}", f"{seconds - torch:+.2f} s", "")


ROWS: dict[str, Callable[[dict[str, Any]], Iterable[Row]]] = {
    "iteration": _iteration,
    "upscale": _upscale,
    "data": _data,
    "adversarial": _adversarial,
    "tokenizer": _tokenizer,
    "quality": _quality,
    "scaling": _scaling,
    "against": _against,
    "company": _company,
    "startup": _startup,
}


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def _faster(ratio: float) -> str:
    return f"{ratio:.3g} times as fast"
