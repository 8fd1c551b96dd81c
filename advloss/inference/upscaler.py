"""A network that enlarges, from a model file or from another project's file of weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import nn

from advloss.data.formats import RGB8, FieldFormat
from advloss.inference.model import Model, load
from advloss.interop.upscalers import foreign_network
from advloss.methods.uses import Upscale
from advloss.recipe.model_file import is_model_file


@dataclass(frozen=True)
class Upscaler:
    """A network that enlarges pictures in [-1, 1].

    network: in eval mode, with attributes `scale`, `multiple` and `smallest`. takes, gives: the formats of its training
    pictures; for other projects' files 8-bit RGB. file: where the weights were read from.
    """

    network: nn.Module
    takes: FieldFormat = RGB8
    gives: FieldFormat = RGB8
    file: Path | None = None

    def to(self, device: torch.device) -> "Upscaler":
        """Moves the weights."""
        self.network.to(device)
        return self


def load_upscaler(path: str | Path) -> Upscaler:
    """The enlarging network of a file, on the CPU.

    Raises InputError for a file that can't be read, a model that does something else, and an unknown network.
    """
    path = Path(path)
    return upscaler_of(load(path), path) if is_model_file(path) else Upscaler(foreign_network(path), file=path)


def upscaler_of(model: Model, file: Path) -> Upscaler:
    """The enlarging network of a model. Raises InputError, which names `file`, for a model that does something else."""
    way = cast(Upscale, model.use("upscale", file=file)).direction
    return Upscaler(model.network(way), model.format(way.takes), model.format(way.gives), file)
