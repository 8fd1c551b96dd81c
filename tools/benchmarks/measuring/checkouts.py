"""Actions of the advloss in another checkout, for a process of their own: they replace the package that it imported."""

import importlib
import itertools
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from advloss.core.errors import InputError
from tools.benchmarks.measuring.measure import Action
from tools.benchmarks.upscale import smooth

STEP = (
    "advloss.training.fast.step:FastStep",
    "advloss.training.fast.iteration:FastStep",
    "advloss.training.round:Round",
)
TILER = ("advloss.inference.tiles.tiler:Tiler", "advloss.inference.tiling:Tiler")
KEEP_MEMORY = ("advloss.core.allocator:keep_freed_memory", "advloss.allocator:keep_freed_memory")
"""Where an object is: the newest place first."""


def iteration(device: torch.device, checkout: Path, recipe: str, settings: tuple[str, ...]) -> Action:
    """A training iteration of a recipe of that checkout, with `key=value` settings, on random images in [-1, 1]."""
    enter(checkout)
    read, resolve, build, step = (
        found(*places)
        for places in (
            ("advloss.recipe.text.source:read", "advloss.recipe.source:read"),
            ("advloss.recipe.resolve:resolve",),
            ("advloss.recipe.build:build",),
            STEP,
        )
    )
    try:
        source = read(str(checkout / "recipes" / f"{recipe}.yaml"))
        for setting in settings:
            source.override(setting)
        built = build(resolve(source))
    except ValueError as error:  # InputError of that checkout
        raise InputError(f"{checkout}: {error}") from None
    for module in (built.method, built.terms, built.weighting):
        module.to(device).train()
    player, batch = step(built, device), random_batch(built, device)
    numbers = itertools.count()
    return lambda: player.play([batch], next(numbers))


def upscaling(device: torch.device, checkout: Path, network: str, side: int) -> Action:
    """`advloss upscale`'s engine with a network of scale 4, on an image of `side` pixels."""
    enter(checkout)
    table = found("advloss.recipe.components:GENERATORS")
    tiler = found(*TILER)(table[network](scale=4).to(device).eval().requires_grad_(False))
    image = smooth(side, side).to(device)
    return lambda: tiler(image)


def enter(checkout: Path) -> None:
    """From now on `import advloss` takes this checkout's package; weights are drawn from seed 0."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "advloss"]:
        del sys.modules[name]
    sys.path.insert(0, str(checkout.resolve()))
    found(*KEEP_MEMORY)()  # as the command does
    torch.manual_seed(0)


def found(*places: str) -> Any:
    """The object at the first of these places (`module:name`) that the checkout has."""
    for place in places:
        module, _, name = place.partition(":")
        try:
            return getattr(importlib.import_module(module), name)
        except ModuleNotFoundError as error:
            if not str(error.name).startswith("advloss"):  # a library is missing, not the place
                raise
    raise InputError(f"this checkout has none of {', '.join(places)}")


def random_batch(built: Any, device: torch.device) -> dict[str, Tensor]:
    """A tensor for each image field of the method, in [-1, 1]; before there were fields: for the sides a and b."""
    recipe, method = built.recipe, built.method
    if hasattr(method, "declared_fields"):
        fields = method.declared_fields(recipe.method.parameters)
        sides = {name: int(recipe.data.crop * field.scale) for name, field in fields.items()}
    else:
        sides = {"a": recipe.data.crop // method.scale, "b": recipe.data.crop}
    generator = torch.Generator().manual_seed(1)
    shapes = {name: (recipe.data.batch, 3, side, side) for name, side in sides.items()}
    return {name: (torch.rand(shape, generator=generator) * 2 - 1).to(device) for name, shape in shapes.items()}
