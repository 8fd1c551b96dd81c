"""`advloss evaluate`: from folders and a model to a table of measures, and to JSON with the whole protocol."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy
import torch

import advloss
from advloss.errors import InputError
from advloss.evaluation.comparison import Comparison, compare
from advloss.evaluation.results import bicubic, enlarged, from_folder
from advloss.files import write_whole
from advloss.inference.model import load_upscaler
from advloss.inference.tiling import Tiler
from advloss.losses.perceptual import LPIPS
from advloss.losses.pretrained import at_hand

Say = Callable[[str], None]
REDUCED = "made from the truths: cut at right and bottom to multiples of the scale, MATLAB's bicubic to 8 bits"


@dataclass(frozen=True)
class Question:
    """What is evaluated against `truths`: one of `results` (a folder), `model` (a file) and `bicubic` (a scale).

    inputs: the folder of small pictures, made from the truths if None; border: pixels cut off each side before
    measuring, the scale if None (0 for a folder of results); options: of the model's `Tiler` (`precision`, ...).
    """

    truths: Path
    results: Path | None = None
    model: Path | None = None
    bicubic: int | None = None
    inputs: Path | None = None
    border: int | None = None
    options: dict[str, Any] = field(default_factory=dict)


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

    lpips = LPIPS("alex") if at_hand("AlexNet_Weights") else None
    protocol: dict[str, Any] = {"truths": str(question.truths)}
    if question.results is not None:
        protocol |= {"results": str(question.results)}
        pairs, scale = from_folder(question.results, question.truths, out), 0
    else:
        enlarge, scale, about = _enlarge(question, device)
        protocol |= {**about, "scale": scale, "inputs": str(question.inputs or REDUCED)}
        pairs = enlarged(enlarge, scale, question.truths, question.inputs, device, out)
    border = scale if question.border is None else question.border
    protocol |= {"advloss": advloss.__version__, "torch": torch.__version__, "numpy": numpy.__version__}
    answer = Answer(compare(pairs, border, lpips, protocol), left_out)
    if not answer.comparison.rows:
        raise InputError("\n".join(["nothing could be measured:", *left_out]))
    return answer


def _check(question: Question) -> None:
    ways = [way for way in (question.results, question.model, question.bicubic) if way is not None]
    if len(ways) != 1:
        raise InputError("say what to evaluate: one of --results FOLDER, --model FILE and --bicubic SCALE")
    if question.results is not None and question.inputs is not None:
        raise InputError("--inputs: results are compared as they are; it is for --model and --bicubic")


def _enlarge(question: Question, device: torch.device) -> tuple[Callable[..., Any], int, dict[str, Any]]:
    if question.bicubic is not None:
        return bicubic(question.bicubic), question.bicubic, {"results": "bicubic enlargement, a = -0.5"}
    assert question.model is not None
    network = load_upscaler(question.model).to(device)
    scale = int(getattr(network, "scale", 1))
    return Tiler(network, **question.options), scale, {"results": f"of the model {question.model}", **question.options}
