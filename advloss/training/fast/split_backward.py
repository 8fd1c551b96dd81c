"""A backward pass in two parts: each loss's graph down to the method's tensors, then the method's graph, once."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from advloss.losses.adversarial.weighting import Weighting, compared

Gradients = dict[str | int, Tensor]
"""By the name of a tensor, or by the place of a parameter of the losses."""


class SplitBackward:
    """Computes the gradients of several losses of a method's tensors with one pass through the method's graph.

    seen: the tensors without their graph, which the losses must be computed from.

    tensors: by name, with their graphs. scale: the factor of each loss before its gradient is taken. parameters: those
    of the losses that are trained with the method.
    """

    def __init__(
        self, tensors: Mapping[str, Tensor], scale: Tensor | float, parameters: Sequence[nn.Parameter] = ()
    ) -> None:
        self.tensors = tensors
        self.scale = scale
        self.parameters = parameters
        self.seen = {name: tensor.detach().requires_grad_(tensor.requires_grad) for name, tensor in tensors.items()}

    def gradients(self, loss: Tensor, keep: bool = False) -> Gradients:
        """The scaled loss's gradient at each tensor and parameter that it depends on. keep: whether its graph is
        kept."""
        leaves: Gradients = {name: tensor for name, tensor in self.seen.items() if tensor.requires_grad}
        leaves |= dict(enumerate(self.parameters))
        if not loss.requires_grad or not leaves:
            return {}
        found = torch.autograd.grad(self.scale * loss, [*leaves.values()], retain_graph=keep, allow_unused=True)
        return {name: gradient for name, gradient in zip(leaves, found, strict=True) if gradient is not None}

    def weighed(
        self, losses: Mapping[str, Tensor], weighting: Weighting, at: Tensor | None, keep: bool = False
    ) -> Gradients:
        """The gradient of the weighted sum of the losses, with one backward pass through each loss's graph.

        at: the tensor or parameter of the method at which the weighting compares gradients, or None.
        """
        parts = weighting.parts(losses)
        each = {name: self.gradients(part, keep) for name, part in parts.items()}
        factors: Mapping[str, Tensor | float] = dict.fromkeys(parts, 1.0)
        if weighting.asks(parts):
            factors = weighting.factors({name: self._at(at, gradients, name) for name, gradients in each.items()})
        total: Gradients = {}
        for name, gradients in each.items():
            for place, gradient in gradients.items():
                weighted = factors[name] * gradient
                total[place] = total[place] + weighted if place in total else weighted
        return total

    def backward(self, gradients: Gradients, share: float, networks: Sequence[nn.Parameter]) -> None:
        """Adds `share` times these gradients to the gradients of the losses' parameters and of the method's
        networks."""
        made = {name: gradient for name, gradient in gradients.items() if isinstance(name, str)}
        for place, parameter in enumerate(self.parameters):
            if place in gradients:
                mine = share * gradients[place]
                parameter.grad = mine if parameter.grad is None else parameter.grad + mine
        if made:
            outputs = [self.tensors[name] for name in made]
            torch.autograd.backward(outputs, [share * gradient for gradient in made.values()], inputs=networks)

    def gradient_shares(
        self,
        losses: Mapping[str, Tensor],
        factors: Mapping[str, Tensor | float],
        networks: Sequence[nn.Parameter],
    ) -> dict[str, Tensor]:
        """Each loss's share of the gradient: the norm of its weighted gradient over all parameters, divided by the sum
        of these norms. All graphs are kept."""
        norms = {}
        for name, loss in losses.items():
            gradients = self.gradients(loss, keep=True)
            norms[name] = loss.new_zeros((), dtype=torch.float32)
            if gradients:  # a bottleneck without losses gives a constant
                found = [*self._through(gradients, networks), *(g for n, g in gradients.items() if isinstance(n, int))]
                norms[name] = factors[name] * torch.stack([norms[name], *(g.float().norm() for g in found)]).norm()
        total = torch.stack([*norms.values()]).sum()
        return {name: norm / total for name, norm in norms.items()}

    def _at(self, at: Tensor | None, gradients: Gradients, name: str) -> Tensor:
        """A part's gradient at the tensor at which the weighting compares gradients."""
        found = self._through(gradients, [at]) if at is not None else []
        return compared(name, at, found[0] if found else None, self.scale)

    def _through(self, gradients: Gradients, wanted: Sequence[Tensor]) -> list[Tensor]:
        """These gradients propagated through the method's graph to the wanted tensors."""
        made = {name: gradient for name, gradient in gradients.items() if isinstance(name, str)}
        if not made:
            return []
        outputs = [self.tensors[name] for name in made]
        found = torch.autograd.grad(outputs, wanted, [*made.values()], retain_graph=True, allow_unused=True)
        return [gradient for gradient in found if gradient is not None]
