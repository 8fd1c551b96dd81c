"""`advloss evaluate`: measures the results of a folder or a model, picture by picture."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import nn

from advloss.core.errors import InputError
from advloss.core.storage.files import Inputs
from advloss.data.formats import FieldFormat
from advloss.evaluation.comparison import Candidate, Comparison, compare
from advloss.evaluation.provenance import made_with, sha256
from advloss.evaluation.report import Report, check_out
from advloss.evaluation.results import bicubic, enlarged, from_folder, reconstructed
from advloss.evaluation.sets import Sets
from advloss.evaluation.skipped import Skipped
from advloss.evaluation.tokenizing import Reconstruction, tokenizer_in
from advloss.evaluation.unpaired import Translated, evaluate_sets
from advloss.images.reading import list_images
from advloss.inference.abilities import check_is_model
from advloss.inference.model import Model
from advloss.inference.tiles.engine import ignore
from advloss.inference.tiles.options import FLOAT32, TileOptions
from advloss.inference.tiles.tiler import Tiler
from advloss.inference.upscaler import load_upscaler
from advloss.losses.perceptual.lpips import LPIPS
from advloss.pretrained.inception import missing
from advloss.pretrained.weights import place

Say = Callable[[str], None]
REDUCED = "made from the truths: cut at right and bottom to multiples of the scale, MATLAB's bicubic to 8 bits"
LPIPS_WEIGHTS = "AlexNet_Weights"
FLAGS = {"tile": "--tile", "overlap": "--overlap", "precision": "--precision", "ensemble": "--self-ensemble"}


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is evaluated: one of `results` (a folder), `model` (a file) and `bicubic` (a scale).

    suffix: what the names of `results` have beyond the truths'. inputs: the folder of small pictures, made from the
    truths if None. options: how a model is tiled and computed, float32 if None; of a tokenizer the precision alone.
    size: of the squares that a tokenizer sees, see `reconstructed`. direction: in which a translator is measured
    against real pictures. watch: called with the model's networks.
    """

    results: Path | None = None
    suffix: str = ""
    model: Path | None = None
    bicubic: int | None = None
    inputs: Path | None = None
    options: TileOptions | None = None
    size: int | None = None
    direction: str | None = None
    watch: Callable[..., object] = ignore

    @property
    def tiles(self) -> TileOptions:
        """The options, or the defaults of evaluation."""
        return self.options or FLOAT32

    @property
    def asked(self) -> list[str]:
        """The names of the options that were given: those with other values than the default, else the precision."""
        given, default = asdict(self.tiles), asdict(FLOAT32)
        return [name for name in FLAGS if given[name] != default[name]] or ["precision"] * (self.options is not None)


@dataclass(frozen=True, kw_only=True)
class Measures:
    """How results are measured. border: pixels cut off each side first; None: the scale (0 for results and tokenizers).

    fid: whether FID is measured, by Inception; None: for tokenizers, if its library and weights are there. features:
    the network by whose features all measures of sets are taken, its name or a module of your own (uint8 [B, 3, H, W]
    -> [B, D]); None: no other than FID. real: results have no truths, and are measured as a set against these pictures,
    a folder or a file, see `evaluate_sets`, with `save_real`; features are then Inception's if not said.
    """

    border: int | None = None
    fid: bool | None = None
    features: str | nn.Module | None = None
    real: Path | None = None
    save_real: Path | None = None


PLAIN = Measures()


@dataclass
class Source:
    """Where the pairs come from. border: the default, in pixels; about: entries for the protocol."""

    candidates: list[Candidate]
    border: int
    about: dict[str, Any]
    reconstruction: Reconstruction | None = None


def evaluate(
    truths: Path | None,
    subject: Subject,
    measures: Measures = PLAIN,
    *,
    device: torch.device,
    say: Say,
    out: Path | None = None,
) -> Report:
    """Measures the result of each truth. A picture that can't be measured is skipped, named and counted.

    truths: a folder of pictures; with `measures.real` what a translator translates, None for results. out: the file
    that the report will be written to; that it can be written is checked first. Raises InputError if nothing can be
    measured, and for options that exclude each other.
    """
    if measures.real is not None:
        return _unpaired(measures.real, truths, subject, measures, device=device, say=say, out=out)
    truths = _check(truths, subject, measures)
    if out is not None:
        folders = [folder for folder in (truths, subject.results, subject.inputs) if folder is not None]
        check_out(out, Inputs(chain([subject.model], chain.from_iterable(map(list_images, folders)))))
    skipped = Skipped(say)
    source = _source(truths, subject, device, skipped)
    sets, why_not = _sets(measures, source, device)
    if why_not and source.reconstruction:
        say(f"FID is skipped: {why_not}")
    border = source.border if measures.border is None else measures.border
    lpips, lpips_words = _lpips(say)
    protocol = {"truths": str(truths), **source.about, "lpips": lpips_words, **made_with(device)}
    counted = {"counted": source.reconstruction.counted} if source.reconstruction else {}
    comparison = compare(source.candidates, border, lpips, protocol, skipped, sets=sets, **counted)
    if not comparison.rows:
        raise skipped.nothing_left()
    if comparison.cut and (subject.results or subject.inputs):
        _say_cut(list(comparison.cut.values()), say)
    if sets is not None and sets.counts[0] < 2:
        if measures.fid or measures.features:
            option = "--fid" if measures.fid else "--features"
            raise InputError(f"{option}: needs at least 2 pictures, and {sets.counts[0]} could be measured")
        sets, why_not = None, "it needs at least 2 pictures"
    _put_together(comparison, source.reconstruction, sets, why_not, say)
    return Report(comparison, skipped)


def _say_cut(cut: list[tuple[int, int]], say: Say) -> None:
    """cut: rows and columns that truths lost, at least one of them."""
    rows, columns = (max(lost) for lost in zip(*cut, strict=True))
    say(
        f"truths that are larger than their results, and were cut to fit: {len(cut)}, by up to {rows} rows at the "
        f"bottom and {columns} columns at the right; results that were cut elsewhere are measured out of place"
    )


def _unpaired(real: Path, inputs: Path | None, subject: Subject, measures: Measures, **others: Any) -> Report:
    """Measures results without truths. Raises InputError for options that need truths."""
    asked = {
        "--bicubic": subject.bicubic,
        "--inputs": subject.inputs,
        "--suffix": subject.suffix or None,
        "--size": subject.size,
        "--border": measures.border,
        "--fid": measures.fid,
        "--tile, --overlap, --precision or --self-ensemble": subject.options,
    }
    for name in (name for name, value in asked.items() if value is not None):
        raise InputError(f"{name}: is for results with truths, and --real has none; leave it out")
    places = {"results": subject.results, "model": subject.model, "inputs": inputs}
    translated = Translated(**places, direction=subject.direction, watch=subject.watch)
    return evaluate_sets(real, translated, measures.features or "inception", save_real=measures.save_real, **others)


def _check(truths: Path | None, subject: Subject, measures: Measures) -> Path:
    """The truths. Raises InputError for options that exclude each other."""
    for name, value in (("--save-real", measures.save_real), ("--direction", subject.direction)):
        if value is not None:
            raise InputError(f"{name}: goes with --real, the real pictures without partners")
    if truths is None:
        raise InputError("say what to compare with: a folder of truths, or --real FOLDER where results have none")
    ways = [way for way in (subject.results, subject.model, subject.bicubic) if way is not None]
    if len(ways) != 1:
        raise InputError("say what to evaluate: one of --results FOLDER, --model FILE and --bicubic SCALE")
    if subject.results is not None and subject.inputs is not None:
        raise InputError("--inputs: results are compared as they are; it is for --model and --bicubic")
    if subject.results is None and subject.suffix:
        raise InputError("--suffix: is about the names of --results")
    if subject.model is None:
        for name in subject.asked:
            raise InputError(f"{FLAGS[name]}: is about how a --model runs, and there is none")
    else:
        check_is_model(subject.model)
    if measures.fid and measures.features not in (None, "inception"):
        raise InputError(
            "--fid: is of Inception's features; --features measures FID too, of its own, so leave out --fid"
        )
    if measures.fid and (lacks := missing()):
        raise InputError(f"--fid: {lacks}")
    return truths


def _source(truths: Path, subject: Subject, device: torch.device, skipped: Skipped) -> Source:
    tokenizer = None if subject.model is None else tokenizer_in(subject.model)
    if tokenizer is not None:
        return _reconstructed(truths, subject, tokenizer, device, skipped)
    if subject.size is not None:
        raise InputError("--size: is for a tokenizer's --model alone")
    if subject.results is not None:
        candidates = from_folder(subject.results, truths, subject.suffix, device, skipped)
        return Source(candidates, 0, {"results": str(subject.results), "suffix": subject.suffix})
    enlarge, scale, about = _enlarge(subject, device)
    about |= {"scale": scale, "inputs": str(subject.inputs or REDUCED)}
    return Source(enlarged(enlarge, scale, truths, subject.inputs, device, skipped), scale, about)


def _enlarge(subject: Subject, device: torch.device) -> tuple[Callable[..., Any], int, dict[str, Any]]:
    if subject.bicubic is not None:
        return bicubic(subject.bicubic), subject.bicubic, {"results": "bicubic enlargement, a = -0.5"}
    assert subject.model is not None
    upscaler = load_upscaler(subject.model).to(device)
    check_colours(subject.model, upscaler.takes, upscaler.gives)
    subject.watch(upscaler.network)
    tiler = Tiler(upscaler.network, subject.tiles)
    about = {"results": f"of the model {subject.model}", "model_sha256": sha256(subject.model)}
    return tiler, tiler.scale, about | asdict(subject.tiles)


def _reconstructed(truths: Path, subject: Subject, model: Model, device: torch.device, skipped: Skipped) -> Source:
    if subject.inputs is not None:
        raise InputError("--inputs: a tokenizer reconstructs the truths themselves; leave it out")
    assert subject.model is not None
    check_colours(subject.model, model.tokenized, model.tokenized)
    precision = subject.tiles.precision
    for name in (name for name in subject.asked if name != "precision"):
        raise InputError(
            f"{FLAGS[name]}: a tokenizer sees each picture whole and once; --size N makes pictures smaller"
        )
    subject.watch(*model.method.networks)
    reconstruction = Reconstruction(model.to(device).method, precision)
    candidates = reconstructed(reconstruction.measured, subject.size, truths, device, skipped)
    square = f"shorter side to {subject.size} pixels (Pillow's bicubic), then the middle square"
    size = "each truth's own" if subject.size is None else square
    about = {"results": f"reconstructions of the model {subject.model}", "model_sha256": sha256(subject.model)}
    about |= {"precision": precision, "size": size}
    return Source(candidates, 0, {**about, **reconstruction.about()}, reconstruction)


def check_colours(file: Path, *formats: FieldFormat) -> None:
    """Raises InputError for a model that was not trained on pictures of 3 channels."""
    for one in formats:
        if one.channels != 3:
            raise InputError(f"{file}: was trained on pictures of {one.channels} channels; RGB alone is measured")


def _lpips(say: Say) -> tuple[LPIPS | None, str]:
    """LPIPS, or None if its weights are missing or damaged; and the protocol's sentence about it."""
    url, path = place(LPIPS_WEIGHTS)
    why = f"its weights are not at hand; put the file from {url} into {path.parent}"
    if path.is_file():
        try:
            return LPIPS("alex"), "version 0.1, alex, of the pictures without their border"
        except InputError:
            why = f"its weights {path} can't be read; delete the file and get it anew"
    say(f"LPIPS is not measured: {why}")
    return None, f"not measured: {why}"


def _sets(measures: Measures, source: Source, device: torch.device) -> tuple[Sets | None, str | None]:
    """(what collects the sets, None) if measures of sets are wanted; else (None, the reason)."""
    if measures.features is not None:
        return Sets(measures.features, device), None
    if measures.fid is False or (measures.fid is None and source.reconstruction is None):
        return None, "not asked for (--fid)"
    if lacks := missing():
        return None, lacks
    return Sets("inception", device, ("fid",)), None


def _put_together(
    comparison: Comparison, reconstruction: Reconstruction | None, sets: Sets | None, why_not: str | None, say: Say
) -> None:
    """Adds the measures of all pictures together, and their definitions."""
    if reconstruction and reconstruction.choices:
        comparison.together |= reconstruction.choices.measures()
    names = {"fid": "rfid"} if reconstruction else {}
    if sets is None:
        comparison.protocol[names.get("fid", "fid")] = f"not measured: {why_not}"
        return
    figures = sets.figures()
    comparison.together |= {names.get(name, name): value for name, value in figures.values.items()}
    comparison.intervals |= {names.get(name, name): each for name, each in figures.intervals.items()}
    comparison.protocol |= {names.get(name, name): words for name, words in figures.protocol.items()}
    for warning in figures.warnings:
        say(warning)
