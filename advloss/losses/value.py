"""A loss that compares nothing: a scalar that the method computes, such as a bottleneck's loss."""

from torch import Tensor, nn

from advloss.core.errors import InputError


class Value(nn.Module):
    """The scalar itself. Raises InputError for anything else."""

    def forward(self, x: Tensor) -> Tensor:
        """x: [] -> []."""
        if x.ndim:
            raise InputError(
                f"'value' takes a scalar that the method gives, as a bottleneck's loss, not {list(x.shape)}"
            )
        return x
