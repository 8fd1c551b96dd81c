"""What a peer is, and how another project's code is imported."""

import contextlib
import importlib
import io
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.recipe.build import Built
from advloss.recipe.schema import Recipe
from advloss.training.fast.step import FastStep
from tools.benchmarks import recipes

Batch = Mapping[str, Tensor]
Play = Callable[[Sequence[Batch]], Mapping[str, Tensor]]


class Peer(ABC):
    """Another project's model, built to train what our recipe trains, and its training iteration.

    path: its checkout. recipe: ours, resolved, with `overrides` applied: widths and rates are read from it.
    """

    project: ClassVar[str]
    marks: ClassVar[tuple[str, ...]]
    """files by which a checkout is known"""
    recipe: ClassVar[str]
    """our recipe that trains the same"""
    overrides: ClassVar[tuple[str, ...]]
    """changes that make our recipe the same mathematics"""
    order: ClassVar[str]
    """the order of its steps"""
    notes: ClassVar[tuple[str, ...]]
    """what else a reader needs to judge the comparison"""
    as_played: ClassVar[str] = "the same mathematics"
    """our iteration as `advloss train` plays it, beside it"""
    tolerances: ClassVar[tuple[float, float]] = (1e-3, 1e-2)
    """of the losses in the first iteration, and in the second, after a step of every network: Adam's first steps are as
    long where the gradient is rounding noise as elsewhere"""
    networks: list[nn.Module]
    """all networks that it trains"""

    def __init__(self, path: Path, recipe: Recipe, device: torch.device) -> None:
        self.device = device
        self.made_from = path, recipe
        self.make(path, recipe)

    @abstractmethod
    def make(self, path: Path, recipe: Recipe) -> None:
        """Makes its model, on the device."""

    @abstractmethod
    def load_into(self, built: Built) -> None:
        """Copies its weights into our networks, and those of our frozen networks into its own."""

    @abstractmethod
    def converted(self, batch: Batch) -> Any:
        """Our batch in the form of its data loader."""

    @abstractmethod
    def play(self, batch: Any) -> None:
        """One training iteration, as in its training loop."""

    @abstractmethod
    def losses(self) -> dict[str, float]:
        """The last iteration's, under the names that our iteration gives them, and not weighted, as there."""

    def ours(self, executor: FastStep) -> Play:
        """Our iteration with the same mathematics."""
        return recipes.as_played(executor)


@contextlib.contextmanager
def imported_from(path: Path, stand_ins: Mapping[str, ModuleType]) -> Iterator[None]:
    """Within it modules are imported from the checkout; its output is not printed.

    stand_ins: modules by name that replace those that are not installed and do not matter for the measurement.
    """
    own = {each.stem for each in path.iterdir()} if path.is_dir() else set()
    for name, found in list(sys.modules.items()):  # of another checkout, such as its `models`
        if name.partition(".")[0] in own and not _lies_in(found, path):
            del sys.modules[name]
    before = set(sys.modules)
    sys.path.insert(0, str(path))
    missing = {name: module for name, module in stand_ins.items() if name not in sys.modules}
    sys.modules.update(missing)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except (ImportError, AttributeError, TypeError) as error:
        theirs = {*missing, *(each.stem for each in path.iterdir())}
        for name in sys.modules.keys() - before:  # for another attempt
            if name.partition(".")[0] in theirs:
                del sys.modules[name]
        raise InputError(f"--peer {path}: can't be used here ({type(error).__name__}: {error})") from error
    finally:
        sys.path.remove(str(path))


def _lies_in(found: ModuleType, path: Path) -> bool:
    """Whether a module was imported from that folder."""
    places = [found.__file__] if getattr(found, "__file__", None) else list(getattr(found, "__path__", ()))
    return any(place and Path(place).resolve().is_relative_to(path.resolve()) for place in places)


def module(name: str) -> Any:
    """A module of the checkout."""
    return importlib.import_module(name)


def commit(path: Path) -> str | None:
    """The commit of the checkout, or None where git knows none."""
    words = ["git", "-C", str(path), "rev-parse", "HEAD"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def discriminator_options(recipe: Recipe, name: str) -> dict[str, Any]:
    """The parameters of an adversarial term's discriminator."""
    term = recipe.losses[name]
    assert term is not None
    return term.parameters["discriminator"].parameters


def weight(recipe: Recipe, name: str) -> float:
    """A term's weight."""
    term = recipe.losses[name]
    assert term is not None
    return term.weight


def adversary(built: Built, name: str) -> nn.Module:
    """The discriminator of an adversarial term."""
    return built.adversaries[name].loss.discriminator


def frozen(built: Built, name: str) -> nn.Module:
    """The frozen network of a perceptual loss, which is in no state dict."""
    network: nn.Module = built.terms[name].loss._network.network
    return network


def number(value: Tensor | float) -> float:
    """A loss as a number. Waits for the device."""
    return float(value.detach()) if isinstance(value, Tensor) else float(value)
