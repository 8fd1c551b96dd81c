"""The base class of augmentations: random changes of fake and real images before the discriminator."""

from abc import abstractmethod
from collections.abc import Callable, Iterable

from torch import Tensor

from advloss.core.clock import TimedModule
from advloss.core.errors import InputError
from advloss.core.precision import at_least_float32, full_precision

Change = Callable[[Tensor], Tensor]


class Augmentation(TimedModule):
    """A random change of the discriminator's input, in both steps. A subclass draws the change.

        def draw(self, image):
            flip = torch.rand(len(image), 1, 1, 1, device=image.device) < 0.5
            mirror = lambda x: torch.where(flip, x.flip(-1), x)
            return mirror, mirror                      # the condition must move with the image

    Changes of fake and real images have the same distribution. The discriminator never sees unchanged images, so the
    generator does not learn to make changed ones (Zhao et al. 2020; Karras et al. 2020b). In the generator's step a
    fake, its real image and their condition get the same change, so that their feature maps can be compared.

    Computed in float32 at least, outside autocast; the images keep their dtype. In eval mode it changes nothing.
    """

    @abstractmethod
    def draw(self, image: Tensor) -> tuple[Change, Change]:
        """Draws a random change for each sample of `image` [B, C, ...]. Gives two functions: one for images, and one
        for the condition (the geometric part), which may have other channels. Must not wait for the device."""

    def forward(self, *images: Tensor, given: Tensor | None = None) -> tuple[list[Tensor], Tensor | None]:
        """images: tensors [B, C, ...] of one shape, and given [B, C', ...] or None, all changed by one draw."""
        if not self.training:
            return list(images), given
        with full_precision(images[0]):
            of_image, of_given = self.draw(at_least_float32(images[0]))
            return [_apply(of_image, image) for image in images], None if given is None else _apply(of_given, given)

    def adapt(self, real_logits: list[Tensor]) -> None:
        """Called at the end of each discriminator step in training mode, with the logits of real images, one tensor a
        scale. An override must call it last, since without an `AdversarialLoss` it counts the iteration."""
        self.clock.tick(self)


def unchanged(x: Tensor) -> Tensor:
    """The change that does nothing."""
    return x


def in_sequence(changes: Iterable[Change]) -> Change:
    """One change after the other."""
    changes = list(changes)

    def change(x: Tensor) -> Tensor:
        for each in changes:
            x = each(x)
        return x

    return change


def check_image(name: str, image: Tensor) -> None:
    """Raises InputError unless it is a batch of images."""
    if image.ndim != 4:
        raise InputError(f"{name} changes images [B, C, H, W]; these have shape {tuple(image.shape)}")


def _apply(change: Change, x: Tensor) -> Tensor:
    return change(at_least_float32(x)).to(x.dtype)
