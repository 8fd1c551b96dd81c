"""Marks a parameter that is itself a component: `discriminator: Annotated[nn.Module, Part("discriminator")]`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """A recipe names the component, `{name: patchgan, width: 32}`, of the table for this kind; Python gives the object.

    kind: the table: `discriminator`, `objective`, `penalty`, `augmentation`, ... Where the parameter is a sequence,
    each item is such a component.
    """

    kind: str

    def __repr__(self) -> str:
        return f"a {self.kind}"
