"""Others' modules, imported from their checkouts, with their networks filled like ours."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from tools.benchmarks.peers import base

Figures = dict[str, float]


class Made(nn.Module):
    """A generator that gives what it is told to, whatever it is given."""

    def __init__(self, layer: nn.Parameter, result: Callable[[], Tensor]) -> None:
        super().__init__()
        self.layer = layer
        self.result = result

    def forward(self, *_: Any) -> Tensor:
        return self.result()


def hollow(cls: type, **attributes: Any) -> Any:
    """An object of a class whose constructor would make networks, data and folders: only with these attributes."""
    made = object.__new__(cls)
    vars(made).update(attributes)
    return made


def still(*parameters: nn.Parameter) -> torch.optim.Optimizer:
    """An optimizer whose steps move nothing."""
    return torch.optim.SGD(parameters, lr=0.0)


def like_ours(theirs: nn.Module, ours: nn.Module, reader: Callable[..., Any]) -> nn.Module:
    """Their network with our network's weights. reader: of our `interop`, from their state dict to ours."""
    theirs.double().train()
    wanted = ours.state_dict()
    with torch.no_grad():
        for key, tensor in reader(theirs.state_dict())[1].items():  # a part of theirs under our name
            tensor.copy_(wanted[key])
    return theirs


@contextlib.contextmanager
def code_of(path: Path, stand_ins: Mapping[str, Any] | None = None) -> Iterator[Callable[[str], Any]]:
    """Within it, a function that gives a module of the checkout by its name."""
    with base.imported_from(path, stand_ins or {}):
        yield base.module


def settings(path: Path) -> Any:
    """What a YAML file says. PyYAML takes 1e-4 for a word: it becomes a number where it is used."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def gradients(parameters: Iterator[nn.Parameter]) -> list[Tensor | None]:
    """The gradients that a backward left there."""
    return [parameter.grad for parameter in parameters]
