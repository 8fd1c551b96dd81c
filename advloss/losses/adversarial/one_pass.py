"""One pass of the fakes through the discriminator for both steps, if nothing changes between them."""

from torch import Tensor

from advloss.core.call_batching import can_repeat_call, compiled
from advloss.core.errors import InputError
from advloss.losses.adversarial.labels import detached
from advloss.losses.adversarial.loss import AdversarialLoss


def one_pass(loss: AdversarialLoss) -> bool:
    """Whether `both` can be used: in both steps the discriminator has the same input and gives the same output.

    False with a pool or augmentations, in a symmetric or unrolled game, if the discriminator has dropout or spectral
    norm (see `can_repeat_call`), and if it is compiled, since the backward of a compiled pass computes all gradients at
    once.
    """
    changes = loss.pool.size or len(loss.augment) or loss.symmetric or loss.unroll
    return not (changes or compiled(loss.discriminator)) and can_repeat_call(loss.discriminator)


def both(
    loss: AdversarialLoss, fake: Tensor, real: Tensor, given: Tensor | None = None, label: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The generator's loss and the discriminator's: `loss(...)` and `loss.discriminator_loss(...)` from one pass.

    fake, real: [B, C, ...] of one shape. given: [B, C', ...] or None. label: int64 [B] or None. The two losses share a
    graph, so compute their gradients separately, the generator's first:

        (gradient,) = torch.autograd.grad(generator_loss, fake, retain_graph=True)
        discriminator_loss.backward(inputs=[*loss.discriminator.parameters()])

    Raises InputError if `one_pass` is false, and for images as `AdversarialLoss` does.
    """
    if not one_pass(loss):
        raise InputError(
            "one pass can't serve both steps: this loss has a pool, augmentations or a symmetric or unrolled game, or "
            "its discriminator gives something else at each call; call the loss and its discriminator_loss"
        )
    loss.check(fake, real, given, label)
    fakes, reals = loss.seen(fake, real.detach(), given=given, label=label)
    of_fake, of_real = loss.in_order(lambda seen: loss.split(loss.discriminator(*seen, **loss.options)), fakes, reals)
    generator_loss = loss.loss_of_generator(of_fake, of_real)
    return generator_loss, loss.loss_of_discriminator((of_fake[0], of_real[0]), (detached(fakes), detached(reals)))
