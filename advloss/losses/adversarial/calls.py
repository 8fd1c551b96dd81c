"""How the adversarial loss calls its discriminator: on what, in which order, with which parameters."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from advloss.core.call_batching import can_batch_calls
from advloss.core.clock import Schedule, TimedModule
from advloss.core.precision import at_least_float32
from advloss.losses.adversarial.labels import Seen, joined
from advloss.losses.adversarial.logits import over_scales, scales
from advloss.losses.adversarial.objectives import Objective
from advloss.losses.adversarial.stabilisers.feature_matching import Maps, split
from advloss.losses.adversarial.stabilisers.unroll import Unroll

Output = tuple[list[Tensor], Maps]
"""A discriminator's output: logits, one tensor a scale, and feature maps if a part of the loss reads them."""
T = TypeVar("T")


class DiscriminatorCalls(TimedModule):
    """The calls of an `AdversarialLoss`, whose arguments these attributes are."""

    discriminator: nn.Module
    objective: Objective
    augment: nn.ModuleList
    feature_matching: float | Schedule
    pulling_away: float | Schedule
    unroll: Unroll | None
    real_first: bool

    def in_order(self, call: Callable[[Seen], T], fakes: Seen, reals: Seen) -> tuple[T, T]:
        """What `call` gives for fakes and for real images, called in the order that `real_first` says."""
        if self.real_first:
            of_reals = call(reals)
            return call(fakes), of_reals
        return call(fakes), call(reals)

    def split(self, result: Any) -> Output:
        """The logits, one tensor a scale, and the feature maps if a part of the loss reads them, from a
        discriminator's result."""
        logits, maps = split(result) if self.options else (result, ())
        return scales(logits), maps

    def seen(self, *images: Tensor, given: Tensor | None, label: Tensor | None) -> list[Seen]:
        """The discriminator's input for each batch of images: augmented by the same changes, with the condition and
        the labels."""
        changed = list(images)
        for augmentation in self.augment:
            changed, given = augmentation(*changed, given=given)
        inputs = [image if given is None else torch.cat([given, image], 1) for image in changed]
        return [(x,) if label is None else (x, label) for x in inputs]

    @property
    def options(self) -> dict[str, bool]:
        """The keyword arguments of the discriminator in the generator's step."""
        return {"features": True} if self.feature_matching or self.pulling_away else {}

    @property
    def _objective(self) -> Objective:
        """The objective of this iteration. Without a schedule it does not read the clock, on which torch.compile would
        specialise."""
        return self.objective.at(self.clock.iteration) if self.objective.changes else self.objective

    @property
    def _now(self) -> dict[str, Tensor]:
        """The discriminator's parameters, detached, as the generator's step takes them."""
        return {name: parameter.detach() for name, parameter in self.discriminator.named_parameters()}

    def _later(self, fakes: Seen, reals: Seen) -> dict[str, Tensor]:
        """`_now`; with `unroll`, those of some steps of the discriminator later."""
        if self.unroll is None:
            return self._now
        first = fakes[0] if self.unroll.through else fakes[0].detach()
        of_fake, of_real = ((at_least_float32(x), *label) for x, *label in ((first, *fakes[1:]), reals))

        def loss(call: Callable[..., Any]) -> Tensor:
            return over_scales(self._objective.discriminator, *self._logits_of_both(of_fake, of_real, call))

        return self.unroll(self.discriminator, loss, of_fake[0])

    def _called(self, parameters: dict[str, Tensor], seen: Seen) -> Output:
        """The discriminator's output in the generator's step, with these parameters."""
        return self.split(torch.func.functional_call(self.discriminator, parameters, seen, self.options))

    def _logits_of_both(self, fakes: Seen, reals: Seen, call: Callable[..., Any]) -> tuple[list[Tensor], list[Tensor]]:
        """The logits of fakes and real images, in one call if the discriminator treats each image separately."""
        if not can_batch_calls(self.discriminator):
            return self.in_order(lambda seen: scales(call(*seen)), fakes, reals)
        halves = [logits.chunk(2) for logits in scales(call(*joined(fakes, reals)))]
        return [fake for fake, _ in halves], [real for _, real in halves]
