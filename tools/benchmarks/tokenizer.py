"""A trained tokenizer: images to codes, codes to images, both; for its training: `iteration --recipe vqgan-f16`."""

import argparse
from typing import Any

import torch

from advloss.core.errors import InputError
from advloss.inference.model import Model
from advloss.training.precision import Precision
from tools.benchmarks import recipes
from tools.benchmarks.measuring import counting, floors, measure

WITHOUT_LOSSES = ("losses={pixel: {loss: l1, between: [reconstruction, image]}}", "weighting=fixed")
"""But one, which a recipe must have: no weights of LPIPS are asked for."""


def options(parser: argparse.ArgumentParser) -> None:
    """The sub-command's arguments."""
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes of the recipe")
    parser.add_argument("--recipe", default="vqgan-f16", help="a tokenizer's name or file")
    parser.add_argument("--size", type=int, default=256, help="of the images, in pixels")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument(
        "--precision", choices=measure.PRECISIONS, default="fp32", help="what `advloss.load` has is fp32"
    )
    parser.add_argument("--repeats", type=int, default=10)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """`Model.encode`, `decode` and `reconstruct` of random images, with random weights."""
    device = measure.chosen_device(arguments.device)
    precision = Precision(arguments.precision, device)
    recipe = recipes.resolved(arguments, WITHOUT_LOSSES)
    method = recipes.ready(recipe, device).method.eval()
    if "tokenize" not in method.uses:
        raise InputError(f"--recipe {arguments.recipe}: is no tokenizer; vqgan-f16 and llamagen-vq16 are")
    model = Model(method, recipe, {})
    image = recipes.random_batches(recipe, device)[0]["image"]
    size = (arguments.size, arguments.size)
    peaks = floors.peaks(device, precision.name)
    with precision.settings(), precision.autocast(), torch.inference_mode():
        codes = model.encode(image)
        uses = {
            "encode": (lambda: model.encode(image), counting.parameter_bytes(method.encoder) + image.nbytes),
            "decode": (lambda: model.decode(codes, size), counting.parameter_bytes(method.decoder) + image.nbytes),
            "reconstruct": (lambda: model.reconstruct(image), counting.parameter_bytes(method) + 2 * image.nbytes),
        }
        made = {
            name: used(use, least, arguments.batch, arguments.repeats, device, peaks)
            for name, (use, least) in uses.items()
        }
    return {"precision": precision.name, "tokens_an_image": codes[0].numel(), **made}


def used(
    use: measure.Action, least_bytes: int, images: int, repeats: int, device: torch.device, peaks: floors.Peaks
) -> dict[str, Any]:
    """One way of using it."""
    measure.seconds(use, device, 2)
    measure.reset_peak(device)
    timing = floors.timing(measure.seconds(use, device, repeats), images)
    memory = floors.memory(device)
    return timing | memory | floors.standing(timing["seconds"]["median"], counting.counted(use), least_bytes, peaks)
