"""Executors by the name that a recipe gives them: `train.executor`."""

from collections.abc import Callable

import torch

from advloss.core.errors import InputError, unknown
from advloss.recipe.build import Built
from advloss.training.executor import Executor, Say
from advloss.training.fast.step import FastStep
from advloss.training.step import PlainStep

__all__ = ["EXECUTORS", "Executor", "FastStep", "PlainStep", "make_executor"]

EXECUTORS: dict[str, Callable[[Built, torch.device, Say], Executor]] = {"auto": FastStep, "plain": PlainStep}
"""Functions that make an executor, by name. A script may add an entry."""


def make_executor(built: Built, device: torch.device, say: Say) -> Executor:
    """The executor that the recipe names in `train.executor`. Raises InputError for an unknown name."""
    name = built.recipe.train.executor
    if name not in EXECUTORS:
        raise InputError(f"train.executor: {unknown('executor', name, EXECUTORS)}")
    return EXECUTORS[name](built, device, say)
