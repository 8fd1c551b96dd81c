"""A method's named tensors. A name may stand for a tuple of tensors, such as the feature maps of several layers.

The code between a method and its losses (precision, gradients, CUDA graphs) handles single tensors. So a tuple `maps`
is flattened to `maps.0`, `maps.1`, ... after the method's forward, and put together again for a loss.
"""

from collections.abc import Mapping

from torch import Tensor

Made = Tensor | tuple[Tensor, ...] | list[Tensor]
"""The value that a method gives under a name."""


def flattened(made: Mapping[str, Made]) -> dict[str, Tensor]:
    """Single tensors by name; those of a tuple `maps` are named `maps.0`, `maps.1`, ..."""
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
    """The value as a tuple of tensors."""
    return (value,) if isinstance(value, Tensor) else value
