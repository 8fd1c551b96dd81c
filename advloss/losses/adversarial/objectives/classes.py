"""Objectives with their parameters: what the discriminator and the generator minimise, as constants (floor 0)."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, get_args

from pydantic import Field
from torch import Tensor

from advloss.core.errors import InputError, unknown
from advloss.losses.adversarial.objectives import functions, relativistic
from advloss.losses.adversarial.objectives.relativistic import Over

RealLabel = Annotated[float, Field(gt=0, le=1)]


class Objective(ABC):
    """What the two sides minimise, each a pure function of (fake logits, real logits): any shape -> a scalar.

    A new one is a frozen dataclass of its parameters with these two methods.
    """

    needs_real: ClassVar[bool] = False
    """`generator` reads the real logits too, so that the generator's turn must run the discriminator on real images."""
    energy: ClassVar[bool] = False
    """The discriminator gives energies: at least 0, and low, not high, for what looks real."""

    @property
    def boundary(self) -> float | None:
        """The logit between fake and real, above which an image is judged real; None: the objective has no such."""
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

    real_label: what D is to say of real images, a probability in (0, 1]; 0.9 smooths the label.
    """

    real_label: RealLabel = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.real_label <= 1:
            raise InputError(f"real_label={self.real_label}; it is a probability above 0 and at most 1")

    @property
    def boundary(self) -> float | None:
        return 0.0

    def discriminator(self, fake: Tensor, real: Tensor) -> Tensor:
        return functions.minimax_discriminator(fake, real, self.real_label)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return functions.minimax_generator(fake)


@dataclass(frozen=True)
class NonSaturating(Minimax):
    """Minimax with the generator's half that keeps a gradient; see `non_saturating_generator`."""

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return functions.non_saturating_generator(fake)


@dataclass(frozen=True)
class LSGAN(Objective):
    """Least squares; see `lsgan_discriminator`, `lsgan_generator`.

    a, b: the discriminator's labels of fake and real (b = 0.9 smooths it). c: what the generator wants for its fakes.
    b - c = 1 and b - a = 2 minimise Pearson's chi^2 (a = -1, b = 1, c = 0: eq. 8 of the paper).
    """

    a: float = 0.0
    b: float = 1.0
    c: float = 1.0

    @property
    def boundary(self) -> float | None:
        return (self.a + self.b) / 2

    def discriminator(self, fake: Tensor, real: Tensor) -> Tensor:
        return functions.lsgan_discriminator(fake, real, self.a, self.b)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return functions.lsgan_generator(fake, c=self.c)


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
    margin: Annotated[float, Field(gt=0)] = 1.0

    def __post_init__(self) -> None:
        if not self.margin > 0:
            raise InputError(f"margin={self.margin}; it is an energy above 0")

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
    """Relativistic, average: each image against the other kind's average; see `ragan_discriminator`. ESRGAN's."""

    def discriminator(self, fake: Tensor, real: Tensor) -> Tensor:
        return relativistic.ragan_discriminator(fake, real, self.over)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        return relativistic.ragan_generator(fake, real, self.over)
