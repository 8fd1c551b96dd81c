"""The classes of objectives: the losses of the discriminator and the generator, with their parameters."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Self, get_args

from torch import Tensor

from advloss.core.clock import Schedule, WithinLimits
from advloss.core.errors import InputError, unknown
from advloss.core.limits import Limits, above, check_limits
from advloss.losses.adversarial.objectives import functions, relativistic
from advloss.losses.adversarial.objectives.relativistic import Over

RealLabel = Annotated[float | Schedule, WithinLimits(Limits(gt=0, le=1))]
Label = Annotated[float | Schedule, WithinLimits(Limits())]


class Objective(ABC):
    """The losses of the discriminator and the generator, pure functions of (fake logits, real logits): any shape -> a
    scalar.

    To add one, write a frozen dataclass of its parameters with the two methods. A parameter with the annotation
    `float | Schedule` may change over time: the two methods are called on `at(iteration)`, where it is a number.
    """

    needs_real: ClassVar[bool] = False
    """Whether `generator` reads the real logits; then the generator's step runs the discriminator on real images."""
    energy: ClassVar[bool] = False
    """Whether the discriminator gives energies: at least 0, and low for images that look real."""
    fixes_level: ClassVar[bool] = True
    """Whether the discriminator's loss changes if a number is added to all logits."""
    reads_level: ClassVar[bool] = False
    """Whether the generator's loss, but for a constant, depends on a number that is added to all logits."""
    read_by: ClassVar[Mapping[str, str]] = {}
    """The parameters that one half alone reads, each with that half: `generator` or `discriminator`."""

    @property
    def changes(self) -> bool:
        """Whether a parameter follows a schedule."""
        return any(isinstance(value, Schedule) for value in vars(self).values())

    def at(self, iteration: int) -> Self:
        """The objective of an iteration (from 0), with each schedule replaced by its value."""
        values = {name: value.at(iteration) for name, value in vars(self).items() if isinstance(value, Schedule)}
        return replace(self, **values) if values else self  # type: ignore[type-var]  # each is a dataclass

    @property
    def boundary(self) -> float | None:
        """The logit between fake and real: real images should be above it. None: the objective has none."""
        return None

    @abstractmethod
    def discriminator(self, fake: Tensor, real: Tensor) -> Tensor:
        """The discriminator's loss, in float32 at least."""

    @abstractmethod
    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """The generator's loss, in float32 at least. real: None unless `needs_real`."""


@dataclass(frozen=True)
class Minimax(Objective):
    """The original game, with the generator's saturating half; see `minimax_discriminator`, `minimax_generator`.

    real_label: the target of D for real images, a probability in (0, 1], or a schedule; 0.9 smooths the label.
    """

    reads_level: ClassVar[bool] = True
    read_by: ClassVar[Mapping[str, str]] = {"real_label": "discriminator"}
    real_label: RealLabel = 1.0

    def __post_init__(self) -> None:
        check_limits(self, real_label=self.real_label)

    @property
    def boundary(self) -> float | None:
        return 0.0

    def discriminator(self, fake: Tensor, real: Tensor) -> Tensor:
        return functions.minimax_discriminator(fake, real, _plain(self.real_label))

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return functions.minimax_generator(fake)


@dataclass(frozen=True)
class NonSaturating(Minimax):
    """Minimax with the generator's loss whose gradient does not vanish; see `non_saturating_generator`."""

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return functions.non_saturating_generator(fake)


@dataclass(frozen=True)
class LSGAN(Objective):
    """Least squares; see `lsgan_discriminator`, `lsgan_generator`.

    a, b: the discriminator's labels of fake and real (b = 0.9 smooths it). c: what the generator wants for its fakes.
    Each is a number or a schedule.
    b - c = 1 and b - a = 2 minimise Pearson's chi^2 (a = -1, b = 1, c = 0: eq. 8 of the paper).
    """

    reads_level: ClassVar[bool] = True
    read_by: ClassVar[Mapping[str, str]] = {"a": "discriminator", "b": "discriminator", "c": "generator"}
    a: Label = 0.0
    b: Label = 1.0
    c: Label = 1.0

    def __post_init__(self) -> None:
        check_limits(self, a=self.a, b=self.b, c=self.c)

    @property
    def boundary(self) -> float | None:
        return (_plain(self.a) + _plain(self.b)) / 2

    def discriminator(self, fake: Tensor, real: Tensor) -> Tensor:
        return functions.lsgan_discriminator(fake, real, _plain(self.a), _plain(self.b))

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return functions.lsgan_generator(fake, c=_plain(self.c))


@dataclass(frozen=True)
class Hinge(Objective):
    """See `hinge_discriminator`, `hinge_generator`."""

    @property
    def boundary(self) -> float | None:
        return 0.0

    def discriminator(self, fake: Tensor, real: Tensor) -> Tensor:
        return functions.hinge_discriminator(fake, real)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return functions.hinge_generator(fake)


@dataclass(frozen=True)
class Wasserstein(Objective):
    """See `wasserstein_discriminator`. D must be kept Lipschitz: by wgan_gp, wgan_lp or weight clipping."""

    fixes_level: ClassVar[bool] = False

    def discriminator(self, fake: Tensor, real: Tensor) -> Tensor:
        return functions.wasserstein_discriminator(fake, real)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return functions.wasserstein_generator(fake)


@dataclass(frozen=True)
class EBGAN(Objective):
    """Energies, such as an autoencoder's reconstruction error; see `ebgan_discriminator`, `ebgan_generator`.

    margin: the energy, above 0, up to which the discriminator pushes fakes; on the scale of its energies.
    """

    energy: ClassVar[bool] = True
    read_by: ClassVar[Mapping[str, str]] = {"margin": "discriminator"}
    margin: Annotated[float, above(0)] = 1.0

    def __post_init__(self) -> None:
        check_limits(self, margin=self.margin)

    def discriminator(self, fake: Tensor, real: Tensor) -> Tensor:
        return functions.ebgan_discriminator(fake, real, self.margin)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return functions.ebgan_generator(fake)


@dataclass(frozen=True)
class RpGAN(Objective):
    """Relativistic, paired: each fake against one real image; see `rpgan_discriminator`. R3GAN's with r1 and r2.

    over: the function of the difference, see `relativistic`.
    """

    needs_real: ClassVar[bool] = True
    fixes_level: ClassVar[bool] = False
    over: Over = "logistic"

    def __post_init__(self) -> None:
        if self.over not in get_args(Over):
            raise InputError(unknown("over", self.over, get_args(Over)))

    def discriminator(self, fake: Tensor, real: Tensor) -> Tensor:
        return relativistic.rpgan_discriminator(fake, real, self.over)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return relativistic.rpgan_generator(fake, real, self.over)


@dataclass(frozen=True)
class RaGAN(RpGAN):
    """Relativistic, average: each image against the other kind's average; see `ragan_discriminator`. ESRGAN's.

    detached_mean: in the discriminator's loss the averages are constants for autograd.
    """

    read_by: ClassVar[Mapping[str, str]] = {"detached_mean": "discriminator"}
    detached_mean: bool = False

    def discriminator(self, fake: Tensor, real: Tensor) -> Tensor:
        return relativistic.ragan_discriminator(fake, real, self.over, self.detached_mean)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return relativistic.ragan_generator(fake, real, self.over)


def _plain(number: float | Schedule) -> float:
    """The number. Raises InputError for a schedule: its value must be taken by `at` first."""
    if isinstance(number, Schedule):
        raise InputError("a parameter of the objective follows a schedule: call the losses of objective.at(iteration)")
    return number
