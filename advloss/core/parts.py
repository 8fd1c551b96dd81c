"""Marks a parameter that is itself a component: `discriminator: Annotated[nn.Module, Part("discriminator")]`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Part:
    """In a recipe such a parameter is the component's name and settings, `{name: patchgan, width: 32}`; in Python it is
    the object.

    kind: the table that has the name: `discriminator`, `objective`, `penalty`, `augmentation`, ... Where the parameter
    is a sequence, each of its items is such a component.
    written: brings a mapping that a recipe says for it into that form.
    """

    kind: str
    written: Callable[[dict[str, Any]], dict[str, Any]] | None = None

    def __repr__(self) -> str:
        return self.kind
