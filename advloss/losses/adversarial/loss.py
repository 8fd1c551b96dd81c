"""The adversarial loss: a discriminator, an objective and what steadies their game, as one loss module."""

import warnings
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from advloss.core import distributed
from advloss.core.call_batching import can_batch_calls, can_repeat_call, compiled
from advloss.core.errors import InputError
from advloss.losses.adversarial.arguments import as_augmentations, as_objective, as_penalties, check_images
from advloss.losses.adversarial.augmentations import ADA, Augmentation
from advloss.losses.adversarial.feature_matching import Maps, check_gives_features, feature_matching, split
from advloss.losses.adversarial.logit_checks import LogitChecks
from advloss.losses.adversarial.logits import scales
from advloss.losses.adversarial.objectives import Objective
from advloss.losses.adversarial.penalties import clip_weights
from advloss.losses.adversarial.pool import Pool
from advloss.losses.adversarial.topk import TopK


class AdversarialLoss(nn.Module):
    """How real `fake` looks to a discriminator that learns to tell it from `real` (Goodfellow et al. 2014).

        adv = AdversarialLoss(discriminator, objective="hinge")
        loss = l1(y, x) + 0.8 * adv(y, x)              # the generator's turn: leaves no gradient in the discriminator
        adv.discriminator_loss(y, x).backward()        # the discriminator's turn: leaves no gradient in the generator

    It owns the discriminator and what that learns from, and no optimizer, weight or step counter: give
    `adv.discriminator.parameters()` to an optimizer of your own and step it after the discriminator's turn.

    discriminator: any module from images [B, C, ...] (or feature vectors [B, F]) to a tensor of logits of any shape, or
        to a sequence of them, one a scale, over which losses are averaged. No sigmoid at its end.
    objective: a name in `objectives.OBJECTIVES`, or an Objective.
    What follows is off by default and costs nothing then.
    penalties: in the discriminator's turn, modules added to its loss, see `penalties`. They are given what the
        discriminator saw (pooled, augmented, with its condition), or, `LogitPenalty`s, its logits.
    pool: in the discriminator's turn, how many past fakes are kept to show it instead of the newest, see `Pool`.
    augment: in both turns, random changes of fake, real and condition before the discriminator, see `augmentations`.
    feature_matching: in the generator's turn, the weight of the distance between the discriminator's feature maps of
        fake and real (pix2pixHD: 10), see `features`; taken from the same pass, with one of the real images besides.
    top_k: in the generator's turn, only the best fakes count, see `TopK`.
    clip_weights: the limit of the discriminator's weights, to which `clip()` cuts them after each of its steps.

    With a condition, `given=condition`, the discriminator judges the pair: cat([given, image], 1), on the channel axis
    (Isola et al. 2017, arXiv:1611.07004); `discriminator` takes the channels of both, and the pool keeps such pairs.

    In the generator's turn the discriminator is called with its parameters detached. Nothing of it is changed, also
    which of its parameters are frozen, except what its forward itself moves in the mode it is in: running statistics
    of batch norm and vectors of spectral norm move in both turns, as in the reference implementations.

    Works under autocast, with gradient accumulation, inside torch.compile(fullgraph=True) (the generator's turn) or
    with a compiled discriminator. In several processes call `average_gradients()` before the discriminator's step.
    The state dict holds the discriminator, the pool and what penalties, augmentations and top_k count, all tensors.

    Raises InputError: an unknown objective; a part that is a name, a class or of another kind; ADA without a threshold
    where the objective has no boundary; fake and real of different shapes; a given whose batch or spatial size is
    another; integer or empty images; no real where it is needed; logits that are not tensors; feature_matching without
    features. TrainingError for logits that are NaN, and a warning for logits after a sigmoid, both from the
    discriminator's turn, which looks at its first and every 200th call, see `LogitChecks`.
    """

    top_k: TopK | None

    def __init__(
        self,
        discriminator: nn.Module,
        objective: str | Objective = "hinge",
        penalties: Sequence[nn.Module] = (),
        pool: Annotated[int, Field(ge=0)] = 0,
        *,
        augment: Sequence[Augmentation] = (),
        feature_matching: Annotated[float, Field(ge=0)] = 0.0,
        top_k: TopK | None = None,
        clip_weights: Annotated[float, Field(gt=0)] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(discriminator, nn.Module):
            raise InputError(f"discriminator is a {type(discriminator).__name__}; it must be an nn.Module")
        if not 0 <= feature_matching < float("inf"):
            raise InputError(f"feature_matching={feature_matching}; it is a weight, at least 0")
        if feature_matching:
            check_gives_features(discriminator)
        self.discriminator = discriminator
        self.objective = as_objective(objective)
        self.penalties = nn.ModuleList(as_penalties(penalties))
        self.pool = Pool(pool)
        self.augment = nn.ModuleList(as_augmentations(augment))
        self.feature_matching = feature_matching
        if top_k is not None and not isinstance(top_k, TopK):
            raise InputError(f"top_k is a {type(top_k).__name__}; give a TopK, such as TopK(fraction=0.5)")
        self.top_k = top_k
        self.clip_weights = clip_weights
        self.watch = LogitChecks(energies=self.objective.energy)
        self._set_thresholds()
        self._warn_of_batch_norm()

    @property
    def one_pass(self) -> bool:
        """Whether `both_turns` can serve: the discriminator sees the same fakes in both turns, and would say the same.

        Not with a pool or augmentations, with dropout or spectral norm (see `can_repeat_call`), or compiled, since a
        compiled pass works out all of its gradients at once.
        """
        return not (self.pool.size or len(self.augment) or compiled(self.discriminator)) and can_repeat_call(
            self.discriminator
        )

    def forward(self, fake: Tensor, real: Tensor | None = None, *, given: Tensor | None = None) -> Tensor:
        """The generator's loss, a scalar in float32 at least. Its gradient reaches `fake` and `given` alone.

        fake: [B, C, ...], with the generator's graph. real: the same shape; read only if the objective or feature
        matching needs it. given: [B, C', ...] or None.
        """
        check_images(fake, real, given)
        if not (self.objective.needs_real or self.feature_matching):
            (fakes,) = self._shown(fake, given=given)
            fake_logits, _ = self._judged(fakes)
            return self._generator_loss(fake_logits, None)
        if real is None:
            needs = "this objective" if self.objective.needs_real else "feature matching"
            raise InputError(f"{needs} compares fake with real: call adv(fake, real)")
        fakes, reals = self._shown(fake, real.detach(), given=given)
        fake_logits, fake_maps = self._judged(fakes)
        real_logits, real_maps = self._judged(reals)
        loss = self._generator_loss(fake_logits, real_logits if self.objective.needs_real else None)
        return loss + self.feature_matching * feature_matching(fake_maps, real_maps) if self.feature_matching else loss

    def discriminator_loss(self, fake: Tensor, real: Tensor, *, given: Tensor | None = None) -> Tensor:
        """The discriminator's loss, a scalar in float32 at least: objective plus penalties. Its gradient reaches the
        discriminator alone.

        fake, real: [B, C, ...] of one shape. given: [B, C', ...] or None. The discriminator judges the fakes (as the
        pool returns them) first and then the real images; a penalty is given the same two batches.
        """
        check_images(fake, real, given)
        given = None if given is None else given.detach()
        fake, given_of_fake = self._pooled(fake, given)
        (fakes,) = self._shown(fake, given=given_of_fake)
        (reals,) = self._shown(real.detach(), given=given)
        fake_logits, real_logits = self._judged_both(fakes, reals)
        return self._discriminator_loss((fake_logits, real_logits), (fakes, reals))

    def both_turns(self, fake: Tensor, real: Tensor, *, given: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The generator's loss and the discriminator's from one pass of the fakes: `forward` and `discriminator_loss`
        where the discriminator does not change between them. Only where `one_pass` is true.

        The two share a graph, so each gradient is to be asked for by itself, the generator's first:

            (gradient,) = torch.autograd.grad(loss, fake, retain_graph=True)
            discriminator_loss.backward(inputs=[*discriminator.parameters()])
        """
        check_images(fake, real, given)
        fakes, reals = (image if given is None else torch.cat([given, image], 1) for image in (fake, real.detach()))
        options = {"features": True} if self.feature_matching else {}
        (fake_logits, fake_maps), (real_logits, real_maps) = (
            self._split(self.discriminator(images, **options)) for images in (fakes, reals)
        )
        loss = self._generator_loss(fake_logits, real_logits if self.objective.needs_real else None)
        if self.feature_matching:
            loss = loss + self.feature_matching * feature_matching(fake_maps, real_maps)
        return loss, self._discriminator_loss((fake_logits, real_logits), (fakes.detach(), reals.detach()))

    def _judged_both(self, fakes: Tensor, reals: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The logits of fakes and real images, in one call where the discriminator treats each image by itself."""
        if not can_batch_calls(self.discriminator):
            return scales(self.discriminator(fakes)), scales(self.discriminator(reals))
        halves = [logits.chunk(2) for logits in scales(self.discriminator(torch.cat([fakes, reals])))]
        return [fake for fake, _ in halves], [real for _, real in halves]

    def _discriminator_loss(self, logits: tuple[list[Tensor], list[Tensor]], images: tuple[Tensor, Tensor]) -> Tensor:
        """logits, images: of the fakes and of the real images."""
        fake_logits, real_logits = logits
        loss = _over_scales(self.objective.discriminator, fake_logits, real_logits)
        for penalty in self.penalties:
            on_logits = getattr(penalty, "on_logits", False)
            seen = logits if on_logits else (self.discriminator, *images)
            loss = loss + penalty(*seen)
        if self.training:
            self.watch(fake_logits + real_logits)
            for augmentation in self.augment:
                assert isinstance(augmentation, Augmentation)
                augmentation.adapt(real_logits)
        return loss

    def clip(self) -> None:
        """Cuts the discriminator's weights to `clip_weights`, if given: to be called after each of its steps."""
        if self.clip_weights is not None:
            clip_weights(self.discriminator, self.clip_weights)

    def average_gradients(self) -> None:
        """Averages the discriminator's gradients over the processes of torch.distributed; without them, does nothing.

        Call it between the discriminator's backward and its optimizer's step, in every process.
        """
        distributed.average_gradients(self.discriminator.parameters())

    def _judged(self, x: Tensor) -> tuple[list[Tensor], Maps]:
        """The generator's turn's judgement: logits, one tensor a scale, and feature maps if they are matched."""
        parameters = {name: parameter.detach() for name, parameter in self.discriminator.named_parameters()}
        options = {"features": True} if self.feature_matching else {}
        return self._split(torch.func.functional_call(self.discriminator, parameters, (x,), options))

    def _split(self, result: Any) -> tuple[list[Tensor], Maps]:
        logits, maps = split(result) if self.feature_matching else (result, ())
        return scales(logits), maps

    def _generator_loss(self, fake: list[Tensor], real: list[Tensor] | None) -> Tensor:
        if self.top_k is not None:
            fake, real = self.top_k(fake, real, lowest=self.objective.energy)
        return _over_scales(self.objective.generator, fake, real)

    def _shown(self, *images: Tensor, given: Tensor | None) -> list[Tensor]:
        """What the discriminator is shown of each batch of images: augmented by one draw, with the condition."""
        shown = list(images)
        for augmentation in self.augment:
            shown, given = augmentation(*shown, given=given)
        return [image if given is None else torch.cat([given, image], 1) for image in shown]

    def _pooled(self, fake: Tensor, given: Tensor | None) -> tuple[Tensor, Tensor | None]:
        if given is None:
            return self.pool(fake)[0], None
        given, fake = self.pool(given, fake)
        return fake, given

    def _set_thresholds(self) -> None:
        """ADA judges real images by the objective's boundary, unless it has a threshold of its own."""
        for augmentation in self.augment:
            if not isinstance(augmentation, ADA) or augmentation.target is None:
                continue
            if augmentation.threshold is None:
                augmentation.threshold = self.objective.boundary
            if self.objective.energy or augmentation.threshold is None:
                given = "" if self.objective.energy else "give ADA(threshold=...), the logit between fake and real, or "
                raise InputError(
                    f"ADA adapts to how many real images are judged real, and {type(self.objective).__name__} has no "
                    f"logit between fake and real: {given}keep p as it is: ADA(target=None, p=...)"
                )

    def _warn_of_batch_norm(self) -> None:
        names = [name for name, module in self.discriminator.named_modules() if isinstance(module, _BatchNorm)]
        penalties = [type(penalty).__name__ for penalty in self.penalties if getattr(penalty, "per_sample", False)]
        if names and penalties:
            warnings.warn(
                f"{', '.join(penalties)} looks at the discriminator's gradient at single samples, and its batch norm "
                f"({', '.join(names)}) mixes the samples of a batch: use another norm (instance, layer) or none",
                stacklevel=3,
            )


def _over_scales(function: Callable[..., Tensor], fakes: list[Tensor], reals: list[Tensor] | None) -> Tensor:
    """The mean over the scales of an objective's function of (fake logits, real logits)."""
    none: list[Tensor | None] = [None] * len(fakes)
    losses = [function(*pair) for pair in zip(fakes, none if reals is None else reals, strict=True)]
    return sum(losses[1:], losses[0]) / len(losses)
