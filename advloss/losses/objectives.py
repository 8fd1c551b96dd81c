"""Adversarial objectives: pairs of pure functions of (fake logits, real logits) (floor 0).

Logits may have any shape and are means over all their elements; no sigmoid goes before. Every function computes in
float32 at least (float64 stays float64) and returns a scalar. D is the discriminator, a logit is D(x), and where the
paper's D is a probability, that is sigmoid(logit). Both halves are losses: each side minimises its own.
A discriminator's function takes both logits; a generator's takes (fake, real or None) and reads `real` only where
`needs_real`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import softplus

from advloss.errors import InputError, unknown
from advloss.losses.tensors import at_least_float32


@dataclass(frozen=True)
class Objective:
    """What the discriminator and the generator minimise, each a function of (fake logits, real logits).

    `needs_real`: the generator's function reads the real logits too (a relativistic objective), so that the generator's
    turn must run the discriminator on the real images. Otherwise it is given None.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor | None], Tensor]
    needs_real: bool = False


def minimax_discriminator(fake: Tensor, real: Tensor) -> Tensor:
    """-E log sigmoid(real) - E log(1 - sigmoid(fake)) = E softplus(-real) + E softplus(fake).

    Goodfellow et al. 2014, arXiv:1406.2661, eq. 1, negated. Binary cross-entropy, summed over the two halves.
    """
    return softplus(-at_least_float32(real)).mean() + softplus(at_least_float32(fake)).mean()


def minimax_generator(fake: Tensor, real: Tensor | None = None) -> Tensor:
    """E log(1 - sigmoid(fake)) = -E softplus(fake): the saturating form, whose gradient vanishes where D is sure.

    Goodfellow et al. 2014, arXiv:1406.2661, eq. 1.
    """
    return -softplus(at_least_float32(fake)).mean()


def non_saturating_generator(fake: Tensor, real: Tensor | None = None) -> Tensor:
    """-E log sigmoid(fake) = E softplus(-fake).

    Goodfellow et al. 2014, arXiv:1406.2661, end of section 3. The discriminator's half is minimax's.
    """
    return softplus(-at_least_float32(fake)).mean()


def lsgan_discriminator(fake: Tensor, real: Tensor) -> Tensor:
    """E (real - 1)^2 + E fake^2.

    Mao et al. 2017, arXiv:1611.04076, eq. 9 (a = 0, b = c = 1), without its factors of 1/2, as CycleGAN writes it
    (Zhu et al. 2017, arXiv:1703.10593, section 4). A recipe gets the factor back with `discriminator_weight: 0.5`.
    """
    return (at_least_float32(real) - 1).square().mean() + at_least_float32(fake).square().mean()


def lsgan_generator(fake: Tensor, real: Tensor | None = None) -> Tensor:
    """E (fake - 1)^2.

    Mao et al. 2017, arXiv:1611.04076, eq. 9 (c = 1), without its factor of 1/2, as CycleGAN writes it.
    """
    return (at_least_float32(fake) - 1).square().mean()


def hinge_discriminator(fake: Tensor, real: Tensor) -> Tensor:
    """E max(0, 1 - real) + E max(0, 1 + fake).

    Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957, eq. 16.
    """
    return (1 - at_least_float32(real)).relu().mean() + (1 + at_least_float32(fake)).relu().mean()


def hinge_generator(fake: Tensor, real: Tensor | None = None) -> Tensor:
    """-E fake.

    Lim and Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957, eq. 17.
    """
    return -at_least_float32(fake).mean()


def wasserstein_discriminator(fake: Tensor, real: Tensor) -> Tensor:
    """E fake - E real: minus the estimate of W1, if D is 1-Lipschitz, to which a penalty must hold it.

    Arjovsky et al. 2017, arXiv:1701.07875, eq. 3.
    """
    return at_least_float32(fake).mean() - at_least_float32(real).mean()


def wasserstein_generator(fake: Tensor, real: Tensor | None = None) -> Tensor:
    """-E fake.

    Arjovsky et al. 2017, arXiv:1701.07875, theorem 3.
    """
    return -at_least_float32(fake).mean()


OBJECTIVES: dict[str, Objective] = {
    "minimax": Objective(minimax_discriminator, minimax_generator),
    "non_saturating": Objective(minimax_discriminator, non_saturating_generator),
    "lsgan": Objective(lsgan_discriminator, lsgan_generator),
    "hinge": Objective(hinge_discriminator, hinge_generator),
    "wasserstein": Objective(wasserstein_discriminator, wasserstein_generator),
}


def get_objective(name: str) -> Objective:
    """The objective of that name; an unknown one raises InputError with the nearest right name."""
    if name not in OBJECTIVES:
        raise InputError(unknown("objective", name, OBJECTIVES))
    return OBJECTIVES[name]
