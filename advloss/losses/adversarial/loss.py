"""The adversarial loss: a discriminator, an objective, and penalties and other stabilisers, as one loss module."""

from collections.abc import Sequence
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from advloss.core import distributed
from advloss.core.clock import Schedule, WithinLimits, follow
from advloss.core.errors import InputError
from advloss.core.limits import above, at_least, check_limits
from advloss.core.parts import Part
from advloss.losses.adversarial import arguments
from advloss.losses.adversarial.augmentations import Augmentation
from advloss.losses.adversarial.calls import DiscriminatorCalls, Output
from advloss.losses.adversarial.labels import OfClasses, Seen, check_labels, takes_labels
from advloss.losses.adversarial.last_steps import LastSteps, in_numbers, named
from advloss.losses.adversarial.logit_checks import LogitChecks
from advloss.losses.adversarial.logits import over_scales
from advloss.losses.adversarial.objectives import ObjectiveOption
from advloss.losses.adversarial.old_state import with_iteration
from advloss.losses.adversarial.penalties import clip_weights as clip
from advloss.losses.adversarial.stabilisers.feature_matching import Matching, matched
from advloss.losses.adversarial.stabilisers.pool import Pool
from advloss.losses.adversarial.stabilisers.pulling_away import check_features, code_of, pulling_away
from advloss.losses.adversarial.stabilisers.topk import TopK
from advloss.losses.adversarial.stabilisers.unroll import Unroll


class AdversarialLoss(DiscriminatorCalls):
    """The loss of a generator against a discriminator that learns to tell `fake` from `real` (Goodfellow et al. 2014).

        adv = AdversarialLoss(discriminator, objective="hinge")
        loss = l1(y, x) + 0.8 * adv(y, x)              # the generator's step: leaves no gradient in the discriminator
        adv.discriminator_loss(y, x).backward()        # the discriminator's step: leaves no gradient in the generator

    It owns the discriminator, and neither an optimizer nor a weight: give `adv.discriminator.parameters()` to an
    optimizer of your own, and step it after the backward of `discriminator_loss`.

    discriminator: any module from images [B, C, ...] (or feature vectors [B, F]) to a tensor of logits of any shape, or
        to a sequence of them, one a scale, over which losses are averaged. No sigmoid at its end.
    objective: a name in `objectives.OBJECTIVES`, an Objective, or one for each side, `{"generator": "non_saturating",
        "discriminator": "hinge"}`, see `Halves`. ebgan takes a discriminator of energies, which says
        so by an attribute `energy = True`; the others take logits.
    All arguments below are off by default, and then cost nothing.
    penalties: in the discriminator's step, modules whose values are added to its loss, see `penalties`. A `Penalty`
        gets the discriminator's inputs (pooled, augmented, with the condition), a `LogitPenalty` its logits.
    pool: in the discriminator's step, how many past fakes are stored to replace new ones, see `Pool`.
    augment: in both steps, random changes of fake, real and condition before the discriminator, see `augmentations`.
    feature_matching: in the generator's step, the weight, or a schedule of it, of the distance between the
        discriminator's feature maps of fake and real (pix2pixHD: 10), see `feature_matching`. The maps of the fakes
        come from the same pass; the real images need one more.
    matching: what it compares: `maps`, those of each fake and its real image, in addition to the objective; or `means`,
        over the batch, in the place of the generator's objective (Salimans et al. 2016), see `mean_matching`.
    pulling_away: in the generator's step, the weight (EBGAN-PT: 0.1), or a schedule of it, of a term that holds the
        fakes' codes in the discriminator, an autoencoder, apart; see `pulling_away`.
    top_k: in the generator's step, only the logits of the best fakes count, see `TopK`.
    unroll: in the generator's step, the discriminator is that of some steps later, see `Unroll`. Where the generator's
        gradient goes through these steps, its loss has the real images' half too, as in a symmetric game: they steer
        the discriminator. With minimax it is then the whole of the paper's f, eq. 7.
    symmetric: the generator makes both tensors and should make them indistinguishable, as for the features of two
        domains (Ganin et al. 2016, arXiv:1505.07818). Its gradient reaches `real` too. If the generator's function of
        the objective reads fakes alone, its value for the real logits, mirrored at the objective's boundary (or at 0),
        is added. With minimax this gives the reversed gradient of the discriminator's loss.
    clip_weights: the limit to which `clip()` clips the discriminator's weights after each of its steps.
    real_first: whether the discriminator is called with the real images first, in both steps; else with the fakes. The
        order decides what running statistics of batch norm and vectors of spectral norm become.

    With a condition, `given=condition`, the discriminator sees the pair: cat([given, image], 1), on the channel axis
    (Isola et al. 2017, arXiv:1611.07004); `discriminator` takes the channels of both, and the pool keeps such pairs.

    With classes, `label=labels`, fake and real at one place of the batch are of one class, and the discriminator is
    called as `discriminator(images, labels)`, in penalties too. The pool keeps each fake with its label.

    In the generator's step the discriminator is called with detached parameters. `requires_grad` of its parameters is
    not changed. Buffers that its own forward updates, such as running statistics of batch norm and vectors of spectral
    norm, are updated in both steps.

    Schedules and intervals of all parts follow one clock. In a loop of your own, the loss has the clock: each
    `discriminator_loss` in training mode is an iteration. In a training, it is the training's clock.

    Works under autocast, with gradient accumulation, inside torch.compile(fullgraph=True) (the generator's step) or
    with a compiled discriminator. In several processes call `average_gradients()` before the discriminator's step.
    The state dict holds the discriminator, the iteration, the pool and the state of the other parts, all as tensors.

    Raises InputError: an unknown objective, or two that make no game; a part that is a name, a class or of another
    kind; a number out of range; ADA without a threshold where the objective has no boundary; a discriminator of
    energies where the objective takes logits; fake and real of different shapes; a given whose batch or spatial size is
    another; integer or empty images; no real where it is needed; logits that are not tensors; feature_matching without
    features. TrainingError for logits that are NaN, and a warning for logits after a sigmoid, both from the
    discriminator's step, see `LogitChecks`.
    """

    top_k: TopK | None
    unroll: Unroll | None

    def __init__(
        self,
        discriminator: Annotated[nn.Module, Part("discriminator")],
        objective: ObjectiveOption = "hinge",
        penalties: Annotated[Sequence[nn.Module], Part("penalty")] = (),
        pool: Annotated[int, at_least(0)] = 0,
        *,
        augment: Annotated[Sequence[Augmentation], Part("augmentation")] = (),
        feature_matching: Annotated[float | Schedule, WithinLimits(at_least(0))] = 0.0,
        matching: Matching = "maps",
        pulling_away: Annotated[float | Schedule, WithinLimits(at_least(0))] = 0.0,
        top_k: Annotated[TopK | None, Part("top_k")] = None,
        unroll: Annotated[Unroll | None, Part("unroll")] = None,
        symmetric: bool = False,
        clip_weights: Annotated[float, above(0)] | None = None,
        real_first: bool = False,
    ) -> None:
        super().__init__()
        check_limits(self, pool=pool, clip_weights=clip_weights)
        check_limits(self, feature_matching=feature_matching, pulling_away=pulling_away)
        arguments.check_discriminator(discriminator)
        check_features(discriminator, feature_matching, pulling_away)
        self.discriminator = discriminator
        self.objective = arguments.as_objective(objective)
        arguments.check_matching(matching, feature_matching, self.objective, symmetric=symmetric, top_k=top_k)
        self.penalties = nn.ModuleList(arguments.as_penalties(penalties))
        self.pool = Pool(pool)
        self.augment = nn.ModuleList(arguments.as_augmentations(augment))
        self.feature_matching, self.matching, self.pulling_away = feature_matching, matching, pulling_away
        self.takes_labels = takes_labels(discriminator)
        self.top_k = arguments.as_part("top_k", top_k, TopK, "TopK(fraction=0.5)")
        self.unroll = arguments.as_part("unroll", unroll, Unroll, "Unroll(steps=5)")
        self.symmetric, self.clip_weights, self.real_first = symmetric, clip_weights, real_first
        self.logit_checks = LogitChecks(energies=self.objective.energy)
        self.last_steps = LastSteps()
        if self.unroll is not None:
            arguments.check_unroll(pool, self.penalties, symmetric, clip_weights)
        arguments.check_objective(self.objective, discriminator, self.penalties, symmetric, clip_weights)
        arguments.set_thresholds(self.objective, self.augment)
        follow(self, self.clock)

    def phase(self, iteration: int) -> Any:
        """The values of the scheduled numbers, with those of the objective."""
        return super().phase(iteration), self.objective.at(iteration)

    def forward(
        self, fake: Tensor, real: Tensor | None = None, *, given: Tensor | None = None, label: Tensor | None = None
    ) -> Tensor:
        """The generator's loss, a scalar in float32 at least. Its gradient reaches `fake` and `given` alone, and
        `real` in a symmetric game.

        fake: [B, C, ...], with the generator's graph. real: the same shape; read only if the objective, feature
        matching, unrolling or a symmetric game needs it. given: [B, C', ...] or None. label: int64 [B] or None.
        """
        self.check(fake, real, given, label)
        needs_real = self.objective.needs_real or self.feature_matching or self._counts_real
        if not (needs_real or self.unroll):
            (fakes,) = self.seen(fake, given=given, label=label)
            return self.loss_of_generator(self._called(self._now, fakes), None)
        if real is None:
            raise InputError(f"{self._needing_real} compares fake with real: call adv(fake, real)")
        fakes, reals = self.seen(fake, real if self.symmetric else real.detach(), given=given, label=label)
        parameters = self._later(fakes, reals)
        if not needs_real:
            return self.loss_of_generator(self._called(parameters, fakes), None)
        return self.loss_of_generator(*self.in_order(lambda seen: self._called(parameters, seen), fakes, reals))

    def discriminator_loss(
        self, fake: Tensor, real: Tensor, *, given: Tensor | None = None, label: Tensor | None = None
    ) -> Tensor:
        """The discriminator's loss, a scalar in float32 at least: objective plus penalties. Its gradient reaches the
        discriminator alone.

        fake, real: [B, C, ...] of one shape. given: [B, C', ...] or None. label: int64 [B] or None. The discriminator
        sees the fakes as the pool returns them; a penalty is given the same two batches.
        """
        self.check(fake, real, given, label)
        given = None if given is None else given.detach()
        given_of_fake, fake, label_of_fake = self.pool.of_several(given, fake, label)
        (fakes,) = self.seen(fake, given=given_of_fake, label=label_of_fake)
        (reals,) = self.seen(real.detach(), given=given, label=label)
        return self.loss_of_discriminator(self._logits_of_both(fakes, reals, self.discriminator), (fakes, reals))

    def health(self) -> dict[str, float]:
        """How the game stands: means over the last 64 steps of the discriminator in training mode, by name.

        fake, real: the mean logit; fake_spread, real_spread: the logits' standard deviation; right_fake, right_real:
        the share that is judged right, in [0, 1]; loss: the objective's, without penalties; undecided: that loss if
        both logits lie on the boundary (hinge: 2), where the objective has one; penalty.NAME: what a penalty added;
        augment.NAME: the strength of an augmentation that has one, in [0, 1]; steps: how many steps these are means of.
        Two parts of one class are told apart by a number. docs/doctor.md says what to make of the numbers.

        The steps write these numbers on the device; only this call waits for it. Empty before the first step, and for
        steps inside torch.compile (those of a compiled discriminator are counted).
        """
        return in_numbers(self.last_steps.names, self.last_steps.rows(), self._objective)

    def _others(self, values: Sequence[Tensor]) -> dict[str, Tensor]:
        """What `health` gives beside the logits. values: of the penalties."""
        found = [(f"penalty.{type(each).__name__}", value) for each, value in zip(self.penalties, values, strict=True)]
        strengths = [(f"augment.{type(each).__name__}", getattr(each, "p", None)) for each in self.augment]
        found += [(name, p) for name, p in strengths if isinstance(p, Tensor)]
        return named([name for name, _ in found], [value for _, value in found])

    def clip(self) -> None:
        """Clips the discriminator's weights to [-clip_weights, clip_weights]; without `clip_weights`, does nothing.

        Call it after each step of the discriminator's optimizer.
        """
        if self.clip_weights is not None:
            clip(self.discriminator, self.clip_weights)

    def learns_by(self, optimizer: torch.optim.Optimizer) -> None:
        """Says which optimizer the discriminator has. Only `unroll` without a rate reads it; a training says it."""
        if self.unroll is not None:
            self.unroll.learns_by(optimizer)

    def average_gradients(self) -> None:
        """Averages the discriminator's gradients over the processes of torch.distributed; without them, does nothing.

        Call it between the discriminator's backward and its optimizer's step, in every process.
        """
        distributed.average_gradients(self.discriminator.parameters())

    def loss_of_generator(self, fake: Output, real: Output | None) -> Tensor:
        """`forward`, from the discriminator's outputs for fake and real images. real: None if it is not needed."""
        loss = self._loss_of_logits(fake[0], real[0] if real else None) if self.matching == "maps" else None
        if self.feature_matching and real is not None:
            distance = self.now(self.feature_matching) * matched(self.matching, fake[1], real[1])
            loss = distance if loss is None else loss + distance
        assert loss is not None
        if self.pulling_away:
            loss = loss + self.now(self.pulling_away) * pulling_away(code_of(self.discriminator, fake[1]))
        return loss

    def loss_of_discriminator(self, logits: tuple[list[Tensor], list[Tensor]], seen: tuple[Seen, Seen]) -> Tensor:
        """`discriminator_loss`, from the logits of (fake, real) and the discriminator's inputs (fake, real)."""
        fake_logits, real_logits = logits
        of_objective = loss = over_scales(self._objective.discriminator, fake_logits, real_logits)
        fakes, reals = seen
        critic = self.discriminator if len(reals) == 1 else OfClasses(self.discriminator, reals[1])
        values = []
        for penalty in self.penalties:
            on_logits = getattr(penalty, "on_logits", False)
            values.append(penalty(*logits) if on_logits else penalty(critic, fakes[0], reals[0]))
            loss = loss + values[-1]
        if self.training:
            self.logit_checks(fake_logits + real_logits)
            self.last_steps.add(self._objective, logits, of_objective, self._others(values))
            for augmentation in self.augment:
                assert isinstance(augmentation, Augmentation)
                augmentation.adapt(real_logits)
            self.clock.tick(self)
        return loss

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        with_iteration(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    @property
    def _needing_real(self) -> str:
        if self.objective.needs_real:
            return "this objective"
        if self.unroll is not None:
            return "unrolling"
        return "feature matching" if self.feature_matching else "a symmetric game"

    @property
    def _counts_real(self) -> bool:
        """Whether the generator's loss has a half for the real images, whatever the objective."""
        return self.symmetric or (self.unroll is not None and self.unroll.through)

    def check(self, fake: Tensor, real: Tensor | None, given: Tensor | None, label: Tensor | None) -> None:
        """Raises InputError for tensors that do not go together, or that this loss does not take."""
        arguments.check_images(fake, real, given)
        if label is not None:
            check_labels(label, len(fake), self.discriminator if not self.takes_labels else None)
            arguments.check_no_penalties_of_images(self.penalties, self.pool.size)

    def _loss_of_logits(self, fake: list[Tensor], real: list[Tensor] | None) -> Tensor:
        """The generator's part of the objective; in a symmetric game for both sides."""
        needs_real = self.objective.needs_real
        loss = self._generator_half(fake, real if needs_real else None)
        if self._counts_real and not needs_real and real is not None:
            middle = self._objective.boundary or 0.0
            loss = loss + self._generator_half([2 * middle - logits for logits in real], None)
        return loss

    def _generator_half(self, fake: list[Tensor], real: list[Tensor] | None) -> Tensor:
        if self.top_k is not None:
            fake, real = self.top_k(fake, real, lowest=self.objective.energy)
        return over_scales(self._objective.generator, fake, real)
