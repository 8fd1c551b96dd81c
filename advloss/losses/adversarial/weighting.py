"""Weightings: the factor of each of several losses in the generator's sum.

    weighting = LastLayerAdaptive({"l1": 1.0, "adversarial": 0.8})
    y = autoencoder(x)
    losses = {"l1": l1(y, x), "adversarial": adv(y, x)}
    weighting(losses, autoencoder.decoder.last.weight).backward()      # Balancer: weighting(losses, y)
    optimizer.step()

The losses are scalars of one graph; the result is sum_k factor_k loss_k, a scalar whose backward is the weighted one.
Factors are constants for autograd. A loss whose weight is 0 is skipped, and its entry may be missing.
`weights` may be changed between calls, for a late start or a ramp: `weighting.weights["adversarial"] = 0.0`.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor, nn

from advloss.core import distributed
from advloss.core.errors import InputError, unknown
from advloss.core.limits import Limits, above, at_least, check_limits
from advloss.core.precision import at_least_float32

Losses = Mapping[str, Tensor]


class Weighting(nn.Module):
    """The sum of losses, each times a factor that a subclass computes.

    weights: of each loss by name, numbers of at least 0. `latest` has the factors of the last call, for a log.
    """

    compared_at: ClassVar[Literal["nothing", "last_layer", "output"]] = "nothing"
    """what `at` is: the weight of the generator's last layer, or its output"""

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__()
        for name, weight in weights.items():
            at_least(0).check(f"the weight of {name}", weight)
        if not weights:
            raise InputError("a weighting needs the weight of at least one loss")
        self.weights = dict(weights)
        self.latest: dict[str, Tensor | float] = {}

    def parts(self, losses: Losses) -> dict[str, Tensor]:
        """The parts: sums of losses with fixed weights, each of which gets one factor; by the name of a loss in each.

        losses: scalars by their names. Empty if no loss has a weight above 0.
        """
        for name in losses:
            if name not in self.weights:
                raise InputError(unknown("loss", name, self.weights))
        used = {name: loss for name, loss in losses.items() if self.weights[name] != 0}
        self.latest = {name: self.weights[name] for name in used}
        return self._parts(used) if used else {}

    @abstractmethod
    def _parts(self, used: dict[str, Tensor]) -> dict[str, Tensor]:
        """`parts` of losses whose weights are above 0, at least one."""

    @abstractmethod
    def factors(self, gradients: Mapping[str, Tensor]) -> Mapping[str, Tensor | float]:
        """The factor of each part; gradients: of each part at `compared_at`, in float32 at least."""

    def forward(self, losses: Losses, at: Tensor | None = None, scale: Tensor | float = 1.0) -> Tensor:
        """losses: scalars by their names. at: the tensor at which gradients are compared, if they are. -> a scalar.

        scale: that of a GradScaler, with which gradients in float16 do not vanish; the result is not scaled.
        """
        parts = self.parts(losses)
        if not parts:
            return torch.stack([0.0 * loss.detach() for loss in losses.values()]).sum()
        gradients = {name: _gradient(name, part, at, scale) for name, part in parts.items()} if self.asks(parts) else {}
        factors = self.factors(gradients) if gradients else dict.fromkeys(parts, 1.0)
        terms = [factors[name] * part for name, part in parts.items()]
        return sum(terms[1:], terms[0])

    def asks(self, parts: Mapping[str, Tensor]) -> bool:
        """Whether `factors` must be called with the gradients of these parts; if not, all factors are 1."""
        return self.compared_at != "nothing"

    def extra_repr(self) -> str:
        return f"weights={self.weights}"


class Fixed(Weighting):
    """sum_k w_k loss_k."""

    def _parts(self, used: dict[str, Tensor]) -> dict[str, Tensor]:
        return {next(iter(used)): _total([self.weights[name] * loss for name, loss in used.items()])}

    def factors(self, gradients: Mapping[str, Tensor]) -> Mapping[str, Tensor | float]:
        return dict.fromkeys(gradients, 1.0)


class LastLayerAdaptive(Weighting):
    """L_rec + lambda w L_adv with lambda = |grad L_rec| / (|grad L_adv| + delta), clamped to [0, limit], L_rec = sum
    of all other losses, weighted, and gradients in `at`: the weight of the generator's last layer.

    Esser et al. 2021 (VQGAN), arXiv:2012.09841, eq. 7 (the paper's delta is 1e-6, its code's 1e-4; limit 1e4).
    While the adversarial weight is 0, or its loss is not among the losses, no gradient is computed. Norms are taken in
    float32 at least, and lambda is finite also where a gradient in half precision is not: the losses show that.
    It costs two backward passes down to the last layer. In several processes each has the lambda of its own batch.

    adversarial: the name of L_adv. delta: in units of the gradient's norm. limit: of lambda.
    """

    compared_at = "last_layer"

    def __init__(
        self,
        weights: Mapping[str, float],
        adversarial: str = "adversarial",
        delta: Annotated[float, above(0)] = 1e-4,
        limit: Annotated[float, above(0)] = 1e4,
    ) -> None:
        super().__init__(weights)
        if adversarial not in self.weights:
            raise InputError(f"adversarial: {unknown('loss', adversarial, self.weights)}")
        check_limits(self, delta=delta, limit=limit)
        self.adversarial = adversarial
        self.delta = delta
        self.limit = limit

    def _parts(self, used: dict[str, Tensor]) -> dict[str, Tensor]:
        others = {name: self.weights[name] * loss for name, loss in used.items() if name != self.adversarial}
        if self.adversarial not in used or not others:
            return {next(iter(used)): _total([self.weights[name] * loss for name, loss in used.items()])}
        return {next(iter(others)): _total([*others.values()]), self.adversarial: used[self.adversarial]}

    def asks(self, parts: Mapping[str, Tensor]) -> bool:
        return len(parts) == 2

    def factors(self, gradients: Mapping[str, Tensor]) -> Mapping[str, Tensor | float]:
        (reconstruction, of_others), (_, of_adversarial) = gradients.items()
        ratio = of_others.norm() / (of_adversarial.norm() + self.delta)
        ratio = ratio.nan_to_num(nan=0.0, posinf=self.limit).clamp(0, self.limit)
        self.latest[self.adversarial] = self.weights[self.adversarial] * ratio
        return {reconstruction: 1.0, self.adversarial: self.latest[self.adversarial]}


class Balancer(Weighting):
    """Each loss gets its share of the gradient at `at`, the generator's output [B, ...], whatever its own scale:
    factor_k = total_norm * (w_k / sum_j w_j) / <|grad L_k|>, so that the gradient there is the sum of
    total_norm * share_k * grad L_k / <|grad L_k|>.

    Défossez et al. 2022 (EnCodec), arXiv:2210.13438, section 3.4 (total norm 1, decay 0.999). <> is a moving average
    over calls, corrected for its start, of the mean over samples and processes of each sample's norm; buffers.
    For losses of the output only: add others, such as a codebook's, to the result yourself. It costs one backward pass
    from each loss to the output, besides the result's own. In eval mode the averages stay.

    decay: of the averages, a call, in [0, 1). total_norm: of the whole gradient, were all parts parallel.
    """

    compared_at = "output"
    sums: Tensor  # of norms, decayed, in the order of `weights`: [K]
    seen: Tensor  # the sums of the decayed weights, towards 1: [K]

    def __init__(
        self,
        weights: Mapping[str, float],
        decay: Annotated[float, Limits(ge=0, lt=1)] = 0.999,
        total_norm: Annotated[float, above(0)] = 1.0,
    ) -> None:
        super().__init__(weights)
        check_limits(self, decay=decay, total_norm=total_norm)
        self.decay = decay
        self.total_norm = total_norm
        self.register_buffer("sums", torch.zeros(len(self.weights)))
        self.register_buffer("seen", torch.zeros(len(self.weights)))

    def _parts(self, used: dict[str, Tensor]) -> dict[str, Tensor]:
        return used

    def factors(self, gradients: Mapping[str, Tensor]) -> Mapping[str, Tensor | float]:
        norms = torch.stack([gradient.flatten(1).norm(dim=1).mean() for gradient in gradients.values()])  # [those used]
        norms = self._averages(list(gradients), distributed.average(norms))
        total = sum(self.weights[name] for name in gradients)
        self.latest = {
            name: self.total_norm * self.weights[name] / total / (norm + 1e-12)
            for name, norm in zip(gradients, norms.unbind(), strict=True)
        }
        return self.latest

    @torch.no_grad()
    def _averages(self, names: list[str], norms: Tensor) -> Tensor:
        order = list(self.weights)
        results = []
        for name, norm in zip(names, norms.unbind(), strict=True):
            total, seen = self.sums[order.index(name)], self.seen[order.index(name)]
            finite = norm.isfinite()  # float16's scaler tries scales that are too large
            norm = torch.where(finite, norm, 1.0).to(total)
            if self.training:
                share = (1 - self.decay) * finite.to(total)
                total.lerp_(norm, share)
                seen.lerp_(torch.ones_like(seen), share)
            results.append(torch.where(seen > 0, total / seen, norm))
        return torch.stack(results)


WEIGHTINGS: dict[str, type[Weighting]] = {"fixed": Fixed, "last_layer": LastLayerAdaptive, "balancer": Balancer}


def _total(losses: list[Tensor]) -> Tensor:
    return sum(losses[1:], losses[0])


def _gradient(name: str, loss: Tensor, at: Tensor | None, scale: Tensor | float) -> Tensor:
    """The gradient of a loss in `at`, in float32 at least, taken through the scaled loss; the graph stays."""
    gradient = None
    if at is not None and loss.requires_grad and at.requires_grad:
        (gradient,) = torch.autograd.grad(scale * loss, at, retain_graph=True, allow_unused=True)
    return compared(name, at, gradient, scale)


def compared(name: str, at: Tensor | None, gradient: Tensor | None, scale: Tensor | float) -> Tensor:
    """A part's unscaled gradient at `at`, for `Weighting.factors`. Raises InputError if there is none."""
    if at is None:
        raise InputError("this weighting compares gradients: call it with `at`, the tensor at which they are compared")
    if gradient is None:
        raise InputError(f"{name}: does not depend on the tensor at which gradients are compared; add it yourself")
    return at_least_float32(gradient) / scale
