"""`advloss evaluate`: from folders and a model to the measures of every picture."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy
import torch

from advloss.core.errors import InputError
from advloss.core.files import check_file
from advloss.core.version import __version__
from advloss.evaluation.comparison import Candidate, Comparison, compare
from advloss.evaluation.inception import FID, missing
from advloss.evaluation.report import Report
from advloss.evaluation.results import bicubic, enlarged, from_folder, reconstructed
from advloss.evaluation.skipped import Skipped
from advloss.evaluation.tokenizing import Reconstruction, tokenizer_in
from advloss.inference.model import load_upscaler
from advloss.inference.tiles.tiler import Tiler
from advloss.losses.perceptual.lpips import LPIPS
from advloss.methods.tokenizer import Tokenizer
from advloss.pretrained.weights import at_hand, weights_file

Say = Callable[[str], None]
REDUCED = "made from the truths: cut at right and bottom to multiples of the scale, MATLAB's bicubic to 8 bits"
LPIPS_WEIGHTS = "AlexNet_Weights"
DEFAULTS = {"tile": None, "overlap": None, "precision": "fp32", "ensemble": False}
"""Of the model's `Tiler`, where nothing else is asked for."""
FLAGS = {"tile": "--tile", "overlap": "--overlap", "precision": "--precision", "ensemble": "--self-ensemble"}


@dataclass(frozen=True)
class Question:
    """What is evaluated against `truths`: one of `results` (a folder), `model` (a file) and `bicubic` (a scale).

    inputs: the folder of small pictures, made from the truths if None; border: pixels cut off each side before
    measuring, the scale if None (0 for a folder of results and a tokenizer); options: those of the model's `Tiler` that
    were asked for (`precision`, ...), of which a tokenizer has the precision alone; size: of the squares that a
    tokenizer sees, see `reconstructed`; fid: whether FID is measured, None: for tokenizers, where all that it needs is
    at hand; suffix: what the names of `results` have beyond the truths'; out: the file that the answer will be written
    to, which is looked at first.
    """

    truths: Path
    results: Path | None = None
    model: Path | None = None
    bicubic: int | None = None
    inputs: Path | None = None
    border: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    size: int | None = None
    fid: bool | None = None
    suffix: str = ""
    out: Path | None = None


@dataclass
class Source:
    """Where the pairs come from. border: in pixels, if none is asked for; about: for the protocol."""

    candidates: list[Candidate]
    border: int
    about: dict[str, Any]
    reconstruction: Reconstruction | None = None


def evaluate(question: Question, device: torch.device, say: Say) -> Report:
    """Measures every truth's result. Pictures that can't be are named, left out, and counted.

    Raises InputError if nothing can be measured, or the question is none.
    """
    _check(question)
    skipped = Skipped(say)
    source = _source(question, device, skipped)
    fid, why_not = _fid(question, source, device)
    if why_not and source.reconstruction:
        say(f"FID is left out: {why_not}")
    border = source.border if question.border is None else question.border
    lpips, lpips_words = _lpips(say)
    protocol = {"truths": str(question.truths), **source.about, "lpips": lpips_words, **_made_with(device)}
    counted = {"counted": source.reconstruction.counted} if source.reconstruction else {}
    comparison = compare(source.candidates, border, lpips, protocol, skipped, fid=fid, **counted)
    if not comparison.rows:
        raise skipped.nothing_left()
    if comparison.cut and (question.results or question.inputs):
        _say_cut(list(comparison.cut.values()), say)
    if fid is not None and fid.count < 2:
        if question.fid:
            raise InputError(f"--fid: needs at least 2 pictures, and {fid.count} could be measured")
        fid, why_not = None, "it needs at least 2 pictures"
    _put_together(comparison, source.reconstruction, fid, why_not, say)
    return Report(comparison, skipped)


def _say_cut(cut: list[tuple[int, int]], say: Say) -> None:
    """cut: rows and columns that truths lost, at least one of them."""
    rows, columns = (max(lost) for lost in zip(*cut, strict=True))
    say(
        f"truths that are larger than their results, and were cut to fit: {len(cut)}, by up to {rows} rows at the "
        f"bottom and {columns} columns at the right; results that were cut elsewhere are measured out of place"
    )


def _check(question: Question) -> None:
    ways = [way for way in (question.results, question.model, question.bicubic) if way is not None]
    if len(ways) != 1:
        raise InputError("say what to evaluate: one of --results FOLDER, --model FILE and --bicubic SCALE")
    if question.results is not None and question.inputs is not None:
        raise InputError("--inputs: results are compared as they are; it is for --model and --bicubic")
    if question.results is None and question.suffix:
        raise InputError("--suffix: is about the names of --results")
    if question.model is None:
        for name in _asked(question):
            raise InputError(f"{FLAGS[name]}: is about how a --model runs, and there is none")
    if question.fid and (lacks := missing()):
        raise InputError(f"--fid: {lacks}")
    if question.out is not None:
        check_file(question.out)


def _asked(question: Question) -> dict[str, Any]:
    """The options of the `Tiler` that were asked for."""
    return {name: value for name, value in question.options.items() if value is not None and value is not False}


def _source(question: Question, device: torch.device, skipped: Skipped) -> Source:
    tokenizer = None if question.model is None else tokenizer_in(question.model)
    if tokenizer is not None:
        return _reconstructed(question, tokenizer, device, skipped)
    if question.size is not None:
        raise InputError("--size: is for a tokenizer's --model alone")
    if question.results is not None:
        candidates = from_folder(question.results, question.truths, question.suffix, device, skipped)
        return Source(candidates, 0, {"results": str(question.results), "suffix": question.suffix})
    enlarge, scale, about = _enlarge(question, device)
    about |= {"scale": scale, "inputs": str(question.inputs or REDUCED)}
    return Source(enlarged(enlarge, scale, question.truths, question.inputs, device, skipped), scale, about)


def _enlarge(question: Question, device: torch.device) -> tuple[Callable[..., Any], int, dict[str, Any]]:
    if question.bicubic is not None:
        return bicubic(question.bicubic), question.bicubic, {"results": "bicubic enlargement, a = -0.5"}
    assert question.model is not None
    network = load_upscaler(question.model).to(device)
    scale = int(getattr(network, "scale", 1))
    options = {**DEFAULTS, **_asked(question)}
    about = {"results": f"of the model {question.model}", "model_sha256": _sha256(question.model), **options}
    return Tiler(network, **options), scale, about


def _reconstructed(question: Question, tokenizer: Tokenizer, device: torch.device, skipped: Skipped) -> Source:
    if question.inputs is not None:
        raise InputError("--inputs: a tokenizer reconstructs the truths themselves; leave it out")
    assert question.model is not None
    asked = _asked(question)
    precision = asked.pop("precision", "fp32")
    for name in asked:
        raise InputError(
            f"{FLAGS[name]}: a tokenizer sees each picture whole and once; --size N makes pictures smaller"
        )
    reconstruction = Reconstruction(tokenizer.to(device), precision)
    candidates = reconstructed(reconstruction.measured, question.size, question.truths, device, skipped)
    square = f"shorter side to {question.size} pixels (Pillow's bicubic), then the middle square"
    size = "each truth's own" if question.size is None else square
    about = {"results": f"reconstructions of the model {question.model}", "model_sha256": _sha256(question.model)}
    about |= {"precision": precision, "size": size}
    return Source(candidates, 0, {**about, **reconstruction.about()}, reconstruction)


def _sha256(path: Path) -> str:
    """Of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _made_with(device: torch.device) -> dict[str, str]:
    """Where the figures come from, for the protocol."""
    name = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    versions = {"advloss": __version__, "torch": torch.__version__, "numpy": numpy.__version__}
    return {"device": f"{device}{name}", **versions}


def _lpips(say: Say) -> tuple[LPIPS | None, str]:
    """LPIPS where its weights are at hand and whole, and what the protocol says of it."""
    if not at_hand(LPIPS_WEIGHTS):
        return None, "not measured: its backbone's weights are not at hand"
    try:
        return LPIPS("alex"), "version 0.1, alex, of the pictures without their border"
    except InputError:
        path = weights_file(LPIPS_WEIGHTS, "LPIPS")
        why = f"its weights {path} can't be read; delete the file and get it anew"
        say(f"LPIPS is left out: {why}")
        return None, f"not measured: {why}"


def _fid(question: Question, source: Source, device: torch.device) -> tuple[FID | None, str | None]:
    """What measures FID, or why it is not measured."""
    if question.fid is False or (question.fid is None and source.reconstruction is None):
        return None, "not asked for (--fid)"
    if lacks := missing():
        return None, lacks
    return FID(device), None


def _put_together(
    comparison: Comparison, reconstruction: Reconstruction | None, fid: FID | None, why_not: str | None, say: Say
) -> None:
    """Adds the measures of all pictures together, and what they mean."""
    if reconstruction and reconstruction.choices:
        comparison.together |= reconstruction.choices.measures()
    name = "rfid" if reconstruction else "fid"
    if fid is None:
        comparison.protocol[name] = f"not measured: {why_not}"
        return
    comparison.together[name] = fid.value()
    comparison.protocol[name] = fid.words()
    if warning := fid.warning():
        say(f"{name}: {warning}")
