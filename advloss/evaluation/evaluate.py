"""`advloss evaluate`: from folders and a model to a table of measures, and to JSON with the whole protocol."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy
import torch

import advloss
from advloss.errors import InputError
from advloss.evaluation.comparison import Comparison, Pair, compare
from advloss.evaluation.inception import FID, missing
from advloss.evaluation.results import LeftOut, bicubic, enlarged, from_folder, reconstructed
from advloss.evaluation.tokenizing import Reconstruction, tokenizer_in
from advloss.files import write_whole
from advloss.inference.model import load_upscaler
from advloss.inference.tiling import Tiler
from advloss.losses.perceptual import LPIPS
from advloss.losses.pretrained import at_hand
from advloss.methods.tokenizer import Tokenizer

Say = Callable[[str], None]
REDUCED = "made from the truths: cut at right and bottom to multiples of the scale, MATLAB's bicubic to 8 bits"


@dataclass(frozen=True)
class Question:
    """What is evaluated against `truths`: one of `results` (a folder), `model` (a file) and `bicubic` (a scale).

    inputs: the folder of small pictures, made from the truths if None; border: pixels cut off each side before
    measuring, the scale if None (0 for a folder of results and a tokenizer); options: of the model's `Tiler`
    (`precision`, ...), of which a tokenizer has the precision alone; size: of the squares that a tokenizer sees, see
    `reconstructed`; fid: whether FID is measured, None: for tokenizers, where all that it needs is at hand.
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


@dataclass
class Source:
    """Where the pairs come from. border: in pixels, if none is asked for; about: for the protocol."""

    pairs: Iterable[Pair]
    border: int
    about: dict[str, Any]
    reconstruction: Reconstruction | None = None


@dataclass
class Answer:
    """The comparison, and why pictures were left out of it."""

    comparison: Comparison
    left_out: list[str] = field(default_factory=list)

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows, the last one the means."""
        rows = {**self.comparison.rows, "mean": self.comparison.means}
        header = ["picture", *self.comparison.means]
        return header, [[name, *(f"{value:.4g}" if "psnr" in m else f"{value:.4f}" for m, value in row.items())]
                        for name, row in rows.items()]  # fmt: skip

    def together(self) -> list[list[str]]:
        """Each measure of all pictures together, and its value."""
        return [[name, f"{value:.4g}"] for name, value in self.comparison.together.items()]

    def write(self, path: Path) -> None:
        """The JSON document. InputError if it can't be written."""
        text = json.dumps({**self.comparison.plain(), "left_out": self.left_out}, indent=2)
        try:
            write_whole(path, (text + "\n").encode())
        except OSError as error:
            raise InputError(f"{path}: can't be written ({error.strerror or error})") from None

    def check(self) -> None:
        """InputError that names what was left out, if anything was."""
        if self.left_out:
            raise InputError("\n".join(["these were left out, so the means are not of all:", *self.left_out]))


def evaluate(question: Question, device: torch.device, say: Say) -> Answer:
    """Measures every truth's result. Pictures that can't be are named, left out, and counted.

    Raises InputError if nothing can be measured, or the question is none.
    """
    _check(question)
    left_out: list[str] = []

    def out(why: str) -> None:
        left_out.append(why)
        say(f"left out: {why}")

    source = _source(question, device, out)
    fid, why_not = _fid(question, source, device)
    if why_not and source.reconstruction:
        say(f"FID is left out: {why_not}")
    border = source.border if question.border is None else question.border
    versions = {"advloss": advloss.__version__, "torch": torch.__version__, "numpy": numpy.__version__}
    protocol = {"truths": str(question.truths), **source.about, **versions}
    lpips = LPIPS("alex") if at_hand("AlexNet_Weights") else None
    comparison = compare(source.pairs, border, lpips, protocol, fid)
    if not comparison.rows:
        raise InputError("\n".join(["nothing could be measured:", *left_out]))
    if fid is not None and fid.count < 2:
        if question.fid:
            raise InputError(f"--fid: needs at least 2 pictures, and {fid.count} could be measured")
        fid, why_not = None, "it needs at least 2 pictures"
    _put_together(comparison, source.reconstruction, fid, why_not, say)
    return Answer(comparison, left_out)


def _check(question: Question) -> None:
    ways = [way for way in (question.results, question.model, question.bicubic) if way is not None]
    if len(ways) != 1:
        raise InputError("say what to evaluate: one of --results FOLDER, --model FILE and --bicubic SCALE")
    if question.results is not None and question.inputs is not None:
        raise InputError("--inputs: results are compared as they are; it is for --model and --bicubic")
    if question.fid and (lacks := missing()):
        raise InputError(f"--fid: {lacks}")


def _source(question: Question, device: torch.device, out: LeftOut) -> Source:
    tokenizer = None if question.model is None else tokenizer_in(question.model)
    if tokenizer is not None:
        return _reconstructed(question, tokenizer, device, out)
    if question.size is not None:
        raise InputError("--size: is for a tokenizer's --model alone")
    if question.results is not None:
        return Source(from_folder(question.results, question.truths, out), 0, {"results": str(question.results)})
    enlarge, scale, about = _enlarge(question, device)
    about |= {"scale": scale, "inputs": str(question.inputs or REDUCED)}
    return Source(enlarged(enlarge, scale, question.truths, question.inputs, device, out), scale, about)


def _enlarge(question: Question, device: torch.device) -> tuple[Callable[..., Any], int, dict[str, Any]]:
    if question.bicubic is not None:
        return bicubic(question.bicubic), question.bicubic, {"results": "bicubic enlargement, a = -0.5"}
    assert question.model is not None
    network = load_upscaler(question.model).to(device)
    scale = int(getattr(network, "scale", 1))
    return Tiler(network, **question.options), scale, {"results": f"of the model {question.model}", **question.options}


def _reconstructed(question: Question, tokenizer: Tokenizer, device: torch.device, out: LeftOut) -> Source:
    if question.inputs is not None:
        raise InputError("--inputs: a tokenizer reconstructs the truths themselves; leave it out")
    for name, flag in (("tile", "--tile"), ("overlap", "--overlap"), ("ensemble", "--self-ensemble")):
        if question.options.get(name):
            raise InputError(f"{flag}: a tokenizer sees each picture whole and once; --size N makes pictures smaller")
    precision = question.options.get("precision", "fp32")
    reconstruction = Reconstruction(tokenizer.to(device), precision)
    pairs = reconstructed(reconstruction.measured, question.size, question.truths, device, out)
    square = f"shorter side to {question.size} pixels (Pillow's bicubic), then the middle square"
    size = "each truth's own" if question.size is None else square
    about = {"results": f"reconstructions of the model {question.model}", "precision": precision, "size": size}
    return Source(pairs, 0, {**about, **reconstruction.about()}, reconstruction)


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
