"""(d) A discriminator of K classes and one more, the fakes: Salimans et al. 2016, arXiv:1606.03498, section 5."""

from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss import Method, NetworkFactory, Part, components, fields, main, uses


class Classes(nn.Module):
    """Images to logits of the K classes [B, K]; the class of the fakes has the logit 0."""

    def __init__(self, in_channels: int = 3, width: int = 8, outputs: int = 2) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(in_channels, width, 4, 4), nn.LeakyReLU(0.2), nn.Flatten())
        self.last = nn.Linear(16 * width, outputs)  # of pictures of 16 pixels

    def forward(self, image: Tensor) -> Tensor:
        return self.last(self.body(image))


class KPlusOne(nn.Module):
    """The discriminator's: cross-entropy of labelled images, and of real or fake for the unlabelled and the fakes.

    The generator's: its fakes should be of one of the K classes. fake, real: [B, C, H, W]; labelled: the same, with
    label [B].
    """

    def __init__(self, discriminator: Annotated[nn.Module, Part("discriminator")]) -> None:
        super().__init__()
        self.discriminator = discriminator

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        parameters = {name: parameter.detach() for name, parameter in self.discriminator.named_parameters()}
        logits = torch.func.functional_call(self.discriminator, parameters, (fake,))
        return F.softplus(-logits.logsumexp(1)).mean()

    def discriminator_loss(self, fake: Tensor, real: Tensor, *, labelled: Tensor, label: Tensor) -> Tensor:
        of_fake, of_real = (self.discriminator(x.detach()).logsumexp(1) for x in (fake, real))
        known = F.cross_entropy(self.discriminator(labelled), label)
        return known + F.softplus(of_fake).mean() + F.softplus(-of_real).mean()


class Flat(nn.Sequential):
    """A latent vector to a picture of 16 pixels."""

    def __init__(self, in_channels: int = 8, out_channels: int = 3) -> None:
        super().__init__(nn.Linear(in_channels, out_channels * 256), nn.Tanh(), nn.Unflatten(1, (out_channels, 16, 16)))


class SemiSupervised(Method):
    """Labelled and unlabelled pictures, two sources, and fakes from noise."""

    fields = {
        "image": fields.Image("labelled"),
        "label": fields.Label("labelled"),
        "unlabelled": fields.Image("unlabelled"),
        "noise": fields.Noise(size=8),
    }
    uses = {"generate": uses.Generate(uses.Direction("generator", "noise", "image"))}
    tensors = {
        "image": "labelled images [B, C, H, W]",
        "label": "their classes [B]",
        "unlabelled": "images without a label [B, C, H, W]",
        "fake": "made from noise [B, C, H, W]",
    }

    def __init__(self, generator: NetworkFactory) -> None:
        super().__init__()
        self.generator = generator(takes="noise", gives="image")

    def forward(self, batch, wanted):
        return {
            **{name: batch[name] for name in ("image", "label", "unlabelled")},
            "fake": self.generator(batch["noise"]),
        }


components.GENERATORS["flat"] = Flat
components.DISCRIMINATORS["classes"] = Classes
components.LOSSES["k_plus_one"] = KPlusOne
components.METHODS["semi_supervised"] = SemiSupervised
if __name__ == "__main__":
    main()
