"""(c) Pictures from noise."""

import sys

from torch import Tensor, nn

from advloss import Method, NetworkFactory, components, fields, load, main, uses


class Small(nn.Module):
    """A latent vector to a picture of 16 pixels."""

    def __init__(self, in_channels: int = 16, out_channels: int = 3, width: int = 8) -> None:
        super().__init__()
        self.first = nn.Linear(in_channels, 2 * width * 16)
        self.body = nn.Sequential(
            nn.ReLU(),
            nn.ConvTranspose2d(2 * width, width, 4, 2, 1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, out_channels, 4, 2, 1),
            nn.Tanh(),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.body(self.first(z).unflatten(1, (-1, 4, 4)))


class Generation(Method):
    """G: z -> image (Goodfellow et al. 2014, arXiv:1406.2661)."""

    fields = {"image": fields.Image("images"), "noise": fields.Noise(size=16)}
    uses = {"generate": uses.Generate(uses.Direction("generator", "noise", "image"))}
    tensors = {"image": "real images [B, C, H, W]", "fake": "made from noise [B, C, H, W]"}

    def __init__(self, generator: NetworkFactory) -> None:
        super().__init__()
        self.generator = generator(takes="noise", gives="image")

    def forward(self, batch, wanted):
        return {"image": batch["image"], "fake": self.generator(batch["noise"])}


components.GENERATORS["small"] = Small
components.METHODS["noise_to_image"] = Generation
if __name__ == "__main__":
    if sys.argv[1] == "sample":
        print(load(sys.argv[2]).sample(4, seed=1).shape)
    else:
        main()
