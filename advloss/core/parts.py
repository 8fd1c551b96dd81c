"""Marks a parameter that is itself a component: `discriminator: Annotated[nn.Module, Part("discriminator")]`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """In a recipe such a parameter is the component's name and settings, `{name: patchgan, width: 32}`; in Python it is
    the object.

    kind: the table that has the name: `discriminator`, `objective`, `penalty`, `augmentation`, ... Where the parameter
    is a sequence, each of its items is such a component.
    """

    kind: str

    def __repr__(self) -> str:
        return self.kind
