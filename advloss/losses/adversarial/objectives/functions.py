"""The pure functions of the objectives that take each image by itself.

Logits may have any shape and are means over all their elements; no sigmoid goes before. Every function computes in
float32 at least (float64 stays float64) and returns a scalar. D is the discriminator, a logit is D(x), and where the
paper's D is a probability, that is sigmoid(logit). Both halves are losses: each side minimises its own.
A discriminator's function takes (fake, real); a generator's takes (fake, real or None) and reads `fake` alone.
"""

from torch import Tensor
from torch.nn.functional import softplus

from advloss.core.precision import at_least_float32


def minimax_discriminator(fake: Tensor, real: Tensor, real_label: float = 1.0) -> Tensor:
    """-E [t log sigmoid(real) + (1 - t) log(1 - sigmoid(real))] - E log(1 - sigmoid(fake)), t = real_label; that is
    E [softplus(-real) + (1 - t) real] + E softplus(fake).

    Goodfellow et al. 2014, arXiv:1406.2661, eq. 1, negated: binary cross-entropy, summed over the two halves. t < 1 is
    one-sided label smoothing: Salimans et al. 2016, arXiv:1606.03498, section 3.4.
    """
    real = at_least_float32(real)
    loss = softplus(-real).mean() + softplus(at_least_float32(fake)).mean()
    return loss if real_label == 1 else loss + (1 - real_label) * real.mean()


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


def lsgan_discriminator(fake: Tensor, real: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """E (real - b)^2 + E (fake - a)^2.

    Mao et al. 2017, arXiv:1611.04076, eq. 2 (a = 0, b = 1: eq. 9), without its factors of 1/2, as CycleGAN writes it
    (Zhu et al. 2017, arXiv:1703.10593, section 4). A recipe gets the factor back with `discriminator_weight: 0.5`.
    """
    return (at_least_float32(real) - b).square().mean() + (at_least_float32(fake) - a).square().mean()


def lsgan_generator(fake: Tensor, real: Tensor | None = None, c: float = 1.0) -> Tensor:
    """E (fake - c)^2.

    Mao et al. 2017, arXiv:1611.04076, eq. 2 (c = 1: eq. 9), without its factor of 1/2, as CycleGAN writes it.
    """
    return (at_least_float32(fake) - c).square().mean()


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


def ebgan_discriminator(fake: Tensor, real: Tensor, margin: float = 1.0) -> Tensor:
    """E real + E max(0, margin - fake), of energies: at least 0, and low for what looks real.

    Zhao et al. 2017, arXiv:1609.03126, eq. 1.
    """
    return at_least_float32(real).mean() + (margin - at_least_float32(fake)).relu().mean()


def ebgan_generator(fake: Tensor, real: Tensor | None = None) -> Tensor:
    """E fake, of energies.

    Zhao et al. 2017, arXiv:1609.03126, eq. 2.
    """
    return at_least_float32(fake).mean()
