"""`advloss evaluate --real`: measures results as a set against real pictures that are no partners of theirs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.storage.files import Inputs, check_result
from advloss.data.loading.scaling import to_images
from advloss.evaluation.comparison import PROTOCOL, Comparison
from advloss.evaluation.provenance import made_with, sha256
from advloss.evaluation.reference import FILES, digest_of, read_reference, write_reference
from advloss.evaluation.report import Report, check_out
from advloss.evaluation.results import listed, read
from advloss.evaluation.sets import Sets
from advloss.evaluation.skipped import FAILURES, Skipped
from advloss.images.picture import Picture, Undecodable, converted
from advloss.images.reading import list_images
from advloss.inference.model import load
from advloss.inference.tiles.engine import ignore

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Translated:
    """What is measured: `results`, a folder; or what `model`, a file, makes of `inputs`, a folder, in a `direction`."""

    results: Path | None = None
    model: Path | None = None
    inputs: Path | None = None
    direction: str | None = None
    watch: Callable[..., object] = ignore


def evaluate_sets(
    real: Path,
    subject: Translated,
    features: str | nn.Module = "inception",
    *,
    device: torch.device,
    say: Say,
    out: Path | None = None,
    save_real: Path | None = None,
) -> Report:
    """Measures results against real pictures, of any numbers and sizes. A picture that can't be read is skipped, named
    and counted.

    real: a folder, or a file of a set's statistics, see `read_reference`. features: a network's name, or a module of
    your own: uint8 [B, 3, H, W] -> [B, D]. out: the file that the report will be written to. save_real: a file (.npz)
    that the real pictures' features are written to, to be given as `real` later. Raises InputError for sets of fewer
    than two pictures.
    """
    _check(real, subject, save_real)
    folders = [each for each in (real, subject.results, subject.inputs) if each is not None and each.is_dir()]
    files = [each for each in (real, subject.model) if each is not None and not each.is_dir()]
    inputs = Inputs(chain(files, chain.from_iterable(map(list_images, folders))))
    if out is not None:
        check_out(out, inputs)
    if save_real is not None:
        check_result(save_real, inputs)
    skipped = Skipped(say)
    reals = None if real.suffix in FILES else listed(real, skipped)
    made, how = _results(subject, device, skipped)
    sets = Sets(features, device)
    about = _real(real, reals, sets, skipped)
    for path, picture in made:
        _add(path, picture, sets.add_result, skipped)
    _check_counts(sets, real, skipped)
    if save_real is not None:
        write_reference(save_real, sets.real, sets.network, about["real_sha256"])
        say(f"{save_real}: the features of {real}; --real {save_real} takes them from there")
    figures = sets.figures()
    numbers = dict(zip(("results_count", "real_count"), sets.counts, strict=True))
    protocol = {**about, **how, **numbers, **figures.protocol, **made_with(device), "pictures": PROTOCOL["pictures"]}
    for sentence in figures.warnings:
        say(sentence)
    return Report(Comparison(protocol, together=figures.values, intervals=figures.intervals), skipped)


def _check(real: Path, subject: Translated, save_real: Path | None) -> None:
    if (subject.results is None) == (subject.model is None):
        raise InputError("say what to measure against --real: one of --results FOLDER and --model MODEL INPUTS")
    if real.suffix in FILES and not real.is_file():
        raise InputError(f"{real}: no such file; --real is a folder of pictures, or a file of statistics (.npz, .pt)")
    if subject.model is not None and subject.inputs is None:
        raise InputError("say what the model translates: advloss evaluate INPUTS --model MODEL --real FOLDER")
    if subject.results is not None and subject.inputs is not None:
        raise InputError(f"{subject.inputs}: --real compares --results with real pictures alone; leave it out")
    if subject.direction is not None and subject.model is None:
        raise InputError("--direction: is about how a --model runs, and there is none")
    if save_real is not None and (save_real.suffix != ".npz" or not real.is_dir()):
        raise InputError(f"--save-real {save_real}: writes the features of a --real FOLDER to a file .npz")


def _real(real: Path, paths: list[Path] | None, sets: Sets, skipped: Skipped) -> dict[str, Any]:
    """Collects the real side; its entries for the protocol. paths: of its pictures, None for a file of statistics."""
    if paths is None:
        sets.reference = read_reference(real, sets.network)
        return sets.reference.about
    measured = [path for path in paths if _add(path, partial(read, path), sets.add_real, skipped)]
    return {"real": str(real), "real_sha256": digest_of(measured, real)}


def _add(path: Path, picture: Callable[[], Tensor], add: Callable[[Tensor], None], skipped: Skipped) -> bool:
    """Whether the picture could be made and added; if not, it is reported."""
    try:
        add(picture())
    except FAILURES as error:
        skipped.failed(path, error)
        return False
    skipped.one_measured()
    return True


def _results(
    subject: Translated, device: torch.device, skipped: Skipped
) -> tuple[Iterable[tuple[Path, Callable[[], Tensor]]], dict[str, Any]]:
    """Each result's file and what makes its picture; and entries for the protocol."""
    if subject.results is not None:
        paths = listed(subject.results, skipped)
        return [(path, partial(read, path)) for path in paths], {"results": str(subject.results)}
    assert subject.model is not None and subject.inputs is not None
    model = load(subject.model, device)
    model.use("translate", file=subject.model)
    way = model.direction(subject.direction)
    subject.watch(model.network(way))
    about = {"results": f"of the model {subject.model}", "model_sha256": sha256(subject.model)}
    about |= {"inputs": str(subject.inputs), "direction": f"{way.takes} to {way.gives}"}

    def translated(path: Path) -> Tensor:
        pixels = model.translate(path, subject.direction)
        if not np.isfinite(pixels).all():
            raise InputError("the network's output is not a number in places")
        return to_images(torch.from_numpy(rgb8(pixels)).permute(2, 0, 1)[None])

    paths = listed(subject.inputs, skipped)
    return [(path, partial(translated, path)) for path in paths], about


def rgb8(pixels: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] of a model's picture [H, W, C], as of a file. InputError for what no file of 8 bits can hold."""
    try:
        return converted(Picture(pixels), 3, 8)
    except Undecodable as error:
        raise InputError(f"the model's result can't be measured as 8-bit RGB: {error}") from None


def _check_counts(sets: Sets, real: Path, skipped: Skipped) -> None:
    """Raises InputError for a side of fewer than two pictures."""
    for what, count in zip(("results", f"real pictures ({real})"), sets.counts, strict=True):
        if count is not None and count < 2:
            if skipped.sentences:
                raise skipped.nothing_left()
            raise InputError(f"{what}: {count} picture; measures of sets need at least 2 on each side")
