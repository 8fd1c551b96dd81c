"""VGG, a network trained to name photographs, and the maps of its layers."""

from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor, nn

from advloss.pretrained.vision import MEAN, STD
from advloss.pretrained.weights import TERM_OFF, load_features

Net = Literal["vgg16", "vgg19"]
WEIGHTS = {"vgg16": "VGG16_Weights", "vgg19": "VGG19_Weights"}
CONVOLUTIONS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
"""How many convolutions each block has; a 2 x 2 maximum follows each block."""
WIDTHS = (64, 128, 256, 512, 512)


def stage_names(net: Net) -> list[str]:
    """conv1_1, relu1_1, conv1_2, relu1_2, pool1, conv2_1, ...: in the order of torchvision's `features`."""
    names = []
    for block, count in enumerate(CONVOLUTIONS[net], 1):
        names += [f"{kind}{block}_{place}" for place in range(1, count + 1) for kind in ("conv", "relu")]
        names.append(f"pool{block}")
    return names


class VGG(nn.Module):
    """The maps of some layers of VGG. Simonyan and Zisserman 2015, arXiv:1409.1556, configurations D (16) and E (19).

    layers: their names; the network ends with the deepest. Its weights are unset.
    """

    def __init__(self, net: Net, layers: Iterable[str]) -> None:
        super().__init__()
        self.layers = frozenset(layers)
        names = stage_names(net)
        self.names = names[: max(map(names.index, self.layers)) + 1]
        stages: list[nn.Module] = []
        channels = 3
        for name in self.names:
            if name.startswith("conv"):
                width = WIDTHS[int(name[4]) - 1]
                stages.append(nn.Conv2d(channels, width, 3, padding=1, device="meta"))
                channels = width
            else:  # the ReLU not in place: the map before it may be wanted
                stages.append(nn.ReLU() if name.startswith("relu") else nn.MaxPool2d(2))
        self.features = nn.Sequential(*stages).to_empty(device="cpu")  # no random number is drawn
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(MEAN).reshape(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).reshape(3, 1, 1), persistent=False)

    @property
    def least(self) -> int:
        """The smallest height and width, in pixels, for which the deepest layer has an output."""
        return int(2 ** sum(name.startswith("pool") for name in self.names))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """[B, 3 or 1, H, W] in [-1, 1] -> the maps [B, C, H', W'] of the layers by name."""
        return self.maps(((x + 1) / 2 - self.mean) / self.std)

    def maps(self, x: Tensor) -> dict[str, Tensor]:
        """The same of pictures [B, 3, H, W] that are normalised."""
        maps = {}
        for name, stage in zip(self.names, self.features, strict=True):
            x = stage(x)
            if name in self.layers:
                maps[name] = x
        return maps


def vgg(net: Net, layers: Iterable[str], pretrained: bool, user: str, instead: str = TERM_OFF) -> VGG:
    """The network with torchvision's weights, or with random ones that are always the same.

    user: what needs them, for the message if they can't be had or read; instead: what to do without them.
    """
    network = VGG(net, layers)
    if pretrained:
        load_features(network, WEIGHTS[net], user, instead)
        return network
    generator = torch.Generator().manual_seed(0)  # its own, so that a loss changes nothing else in a run
    for stage in network.features:
        if isinstance(stage, nn.Conv2d):
            nn.init.kaiming_normal_(stage.weight, nonlinearity="relu", generator=generator)
            assert stage.bias is not None
            nn.init.zeros_(stage.bias)
    return network
