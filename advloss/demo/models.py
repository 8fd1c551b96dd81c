"""The models of the page, opened before it is shown, and what each of them can do."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from advloss.core.errors import InputError
from advloss.inference.abilities import check_is_model, unable
from advloss.inference.model import Model, load
from advloss.inference.upscaler import Upscaler, load_upscaler, upscaler_of
from advloss.recipe.model_file import is_model_file

UNNAMED = ("model", "best", "last")
"""File names that every run has: such a model is called by its folder."""


@dataclass(frozen=True)
class Opened:
    """A model on the page. name: short, and no other model's; uses: the names of what it can do.

    own: None for another project's weights, which only enlarge; upscaler: None for a model that does not enlarge.
    """

    name: str
    file: Path
    uses: tuple[str, ...]
    own: Model | None
    upscaler: Upscaler | None

    @property
    def model(self) -> Model:
        """The model of this project. Raises InputError for another project's weights."""
        if self.own is None:
            raise InputError(f"{self.name}: is another project's upscaler, which enlarges and does nothing else")
        return self.own

    @property
    def networks(self) -> list[nn.Module]:
        """Its networks."""
        if self.own is not None:
            return self.own.method.networks
        return [self.upscaler.network] if self.upscaler is not None else []

    def about(self) -> str:
        """A line on the model: `cyclegan, 2000 iterations, model.safetensors`."""
        parts = [self.own.recipe.method.name.replace("_", " ") if self.own is not None else "another project's weights"]
        if self.own is not None and self.own.about.get("iteration"):
            parts.append(f"{self.own.about['iteration']:,} iterations")
        return ", ".join([*parts, self.file.name])


def open_models(files: Sequence[Path], device: torch.device) -> list[Opened]:
    """The models of these files, each under a name of its own.

    Raises InputError for a file that can't be read, and for a model that has no use.
    """
    opened = [_opened(file, device) for file in files]
    times = Counter(one.name for one in opened)
    numbers: Counter[str] = Counter()
    named = []
    for one in opened:
        numbers[one.name] += 1
        named.append(replace(one, name=f"{one.name} ({numbers[one.name]})") if times[one.name] > 1 else one)
    return named


def _opened(file: Path, device: torch.device) -> Opened:
    check_is_model(file)
    name = file.absolute().parent.name if file.stem in UNNAMED else file.stem
    if not is_model_file(file):
        return Opened(name, file, ("upscale",), None, load_upscaler(file).to(device))
    model = load(file, device)
    if not model.method.uses:
        raise unable(model.method, model.recipe.method.name, "be tried", file)
    upscaler = upscaler_of(model, file) if "upscale" in model.method.uses else None
    return Opened(name, file, tuple(model.method.uses), model, upscaler)
