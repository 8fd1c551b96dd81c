"""The pure functions of the relativistic objectives, which ask how much more real than fake an image looks.

Each is made of one function f, `over`, that is small where its argument is large:

    logistic  f(t) = softplus(-t) = -log sigmoid(t)
    lsgan     f(t) = (t - 1)^2
    hinge     f(t) = max(0, 1 - t)

fake, real: logits of one shape, any -> a scalar, in float32 at least (float64 stays float64).
"""

from collections.abc import Callable
from typing import Literal

from torch import Tensor
from torch.nn.functional import softplus

from advloss.core.errors import InputError
from advloss.core.precision import at_least_float32

Over = Literal["logistic", "lsgan", "hinge"]

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "logistic": lambda t: softplus(-t),
    "lsgan": lambda t: (t - 1).square(),
    "hinge": lambda t: (1 - t).relu(),
}


def rpgan_discriminator(fake: Tensor, real: Tensor, over: Over = "logistic") -> Tensor:
    """E f(real - fake): each fake image against the real one at its place in the batch.

    Jolicoeur-Martineau 2018, arXiv:1807.00734 (logistic: RSGAN); Huang et al. 2024 (R3GAN),
    arXiv:2501.05441, eq. 2, negated.
    """
    fake, real = _pair(fake, real)
    return FUNCTIONS[over](real - fake).mean()


def rpgan_generator(fake: Tensor, real: Tensor | None, over: Over = "logistic") -> Tensor:
    """E f(fake - real).

    Jolicoeur-Martineau 2018, arXiv:1807.00734 (logistic: RSGAN), the non-saturating form.
    """
    fake, real = _pair(fake, real)
    return FUNCTIONS[over](fake - real).mean()


def ragan_discriminator(fake: Tensor, real: Tensor, over: Over = "logistic", detached_mean: bool = False) -> Tensor:
    """E f(real - E fake) + E f(E real - fake): each image against the average one of the other kind.

    Jolicoeur-Martineau 2018, arXiv:1807.00734, section 4.2 (logistic: RaSGAN; lsgan: RaLSGAN; hinge: RaHingeGAN), with
    the two halves summed: ESRGAN halves the sum. An average is over all elements, so over patches too, of this
    process's batch. detached_mean: no gradient goes through the averages, as in ESRGAN's code (BasicSR); the value is
    the same.
    """
    fake, real = _pair(fake, real)
    f = FUNCTIONS[over]
    averages = fake.mean(), real.mean()
    of_fake, of_real = (average.detach() for average in averages) if detached_mean else averages
    return f(real - of_fake).mean() + f(of_real - fake).mean()


def ragan_generator(fake: Tensor, real: Tensor | None, over: Over = "logistic") -> Tensor:
    """E f(fake - E real) + E f(E fake - real): the discriminator's with fake and real exchanged.

    Jolicoeur-Martineau 2018, arXiv:1807.00734, section 4.2.
    """
    fake, real = _pair(fake, real)
    return ragan_discriminator(real, fake, over)


def _pair(fake: Tensor, real: Tensor | None) -> tuple[Tensor, Tensor]:
    if real is None:
        raise InputError("a relativistic objective compares fake with real, and there are no real logits")
    if fake.shape != real.shape:
        raise InputError(f"fake logits have shape {tuple(fake.shape)} and real ones {tuple(real.shape)}")
    return at_least_float32(fake), at_least_float32(real)
