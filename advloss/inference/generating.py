"""Images that a network makes of noise."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.data.fields import Field, Noise
from advloss.methods.uses import Generate


def sampled(
    network: nn.Module,
    use: Generate,
    fields: Mapping[str, Field],
    count: int,
    *,
    seed: int,
    label: int | None,
    device: torch.device,
) -> Tensor:
    """`count` images [count, C, H, W] that a network makes of noise. fields: the method's, by name.

    seed: of the noise, which is drawn on the CPU. Raises InputError for a count below 1, for a noise field that the
    method does not declare, and for a label that is missing or that the model does not take.
    """
    if not isinstance(count, int) or count < 1:
        raise InputError(f"sample: count={count!r}; it is a whole number of at least 1")
    noise = fields.get(use.direction.takes)
    if not isinstance(noise, Noise):
        raise InputError(f"sample: the method declares no noise field '{use.direction.takes}' in its fields")
    if (label is None) != (use.label is None):
        missing = "makes images of one class: give its number, label=0" if label is None else "takes no label"
        raise InputError(f"sample: this model {missing}")
    generator = torch.Generator().manual_seed(seed)
    if noise.distribution == "normal":
        drawn = torch.randn(count, noise.size, generator=generator)
    else:
        drawn = torch.rand(count, noise.size, generator=generator) * 2 - 1
    classes = () if label is None else (torch.full((count,), label, device=device),)
    made: Tensor = network(drawn.to(device), *classes)
    return made
