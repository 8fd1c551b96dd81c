"""The context encoder: holes filled by L2 alone, by the adversary alone, by both: their PSNR, how sharp they are."""

import argparse
from pathlib import Path
from typing import Any

from torch import Tensor

from advloss.losses.metrics import psnr
from advloss.methods.context_encoder import centre
from tools.claims.common.held_out import draw, tensors
from tools.claims.common.runs import trained

RECIPE = "context-encoder-small"
LOSSES = {"L2": ("losses.adversarial=null",), "adversary": ("losses.pixel=null",), "both": ()}
"""By name, the changes of the recipe."""
SHOWN = 6
"""Photographs of the picture, from the whole split at equal distances."""


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("--data", type=Path, required=True, help="a folder of photographs to train on")
    parser.add_argument("--val", type=Path, required=True, help="a folder of others, whose holes are judged")
    parser.add_argument("--losses", nargs="+", choices=LOSSES, default=[*LOSSES])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, help="the PNG file to draw")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes of the recipe")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Trains with each choice of losses, and judges the holes of the validation photographs."""
    found: dict[str, Any] = {}
    columns: dict[str, Tensor] = {}
    truth = {}
    data = (str(arguments.data.resolve()), f"data.val={arguments.val.resolve()}")
    for name in arguments.losses:
        words = (f"recipe={RECIPE}", *data, f"seed={arguments.seed}", *LOSSES[name], *arguments.overrides)
        path = trained(arguments.work, name, *words) / "model.safetensors"
        truth = tensors(path, "val", ("image", "context", "filled"))
        columns[name] = truth["filled"]
        found[name] = figures(columns[name], truth["image"])
    columns = {"context": truth["context"], **columns, "truth": truth["image"]}
    found["truth"] = {"gradient": gradient(centre(truth["image"]))}
    if arguments.plot:
        count = len(truth["image"])
        draw(arguments.plot, columns, [count * row // SHOWN for row in range(min(SHOWN, count))])
    return {"photographs": len(truth["image"]), **found}


def figures(filled: Tensor, image: Tensor) -> dict[str, float]:
    """filled, image: [N, C, H, W] in [-1, 1], which differ in their middle halves. psnr: of these, the images' mean, in
    dB. gradient: see `gradient`. sharpness: its ratio to the truth's."""
    made, true = centre(filled), centre(image)
    slope = gradient(made)
    return {"psnr": float(psnr(made, true).mean()), "gradient": slope, "sharpness": slope / gradient(true)}


def gradient(image: Tensor) -> float:
    """The mean size of the gradient of images [N, C, H, W], from differences of neighbours that are a pixel apart."""
    right, down = image[..., :-1, 1:] - image[..., :-1, :-1], image[..., 1:, :-1] - image[..., :-1, :-1]
    return float((right.square() + down.square()).sqrt().mean())
