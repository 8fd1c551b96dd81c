"""A method's named tensors, of which one may be several: feature maps, one a layer, are a tuple of tensors.

What stands between a method and its losses (precision, gradients, CUDA graphs) knows tensors alone. So a tuple `maps`
is flattened to `maps.0`, `maps.1`, ... behind the method, and put together again where a loss takes it.
"""

from collections.abc import Mapping

from torch import Tensor

Made = Tensor | tuple[Tensor, ...] | list[Tensor]
"""What a method gives under a name."""


def flattened(made: Mapping[str, Made]) -> dict[str, Tensor]:
    """Tensors by name, each of a tuple by the tuple's name and its place."""
    flat: dict[str, Tensor] = {}
    for name, value in made.items():
        if isinstance(value, Tensor):
            flat[name] = value
        else:
            flat |= {f"{name}.{place}": each for place, each in enumerate(value)}
    return flat


def taken(tensors: Mapping[str, Tensor], name: str) -> Tensor | tuple[Tensor, ...]:
    """The tensor of that name, or the tuple. Raises KeyError if there is neither."""
    if name in tensors:
        return tensors[name]
    found: list[Tensor] = []
    while f"{name}.{len(found)}" in tensors:
        found.append(tensors[f"{name}.{len(found)}"])
    if not found:
        raise KeyError(name)
    return tuple(found)


def several(value: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The tensors of a value."""
    return (value,) if isinstance(value, Tensor) else value
