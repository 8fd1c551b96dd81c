"""Feature networks of torchvision and timm, and one with random weights that needs no file.

Each takes uint8 [B, 3, H, W] of any height and width and gives float32 [B, D].
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from advloss.core.errors import InputError
from advloss.pretrained.timm_networks import timm_network
from advloss.pretrained.weights import weights_file

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, of RGB in [0, 1]."""
RESIZED = "resized to {0} x {1} (bicubic with antialias) and normalised by ImageNet's mean and deviation"


class Prepared(nn.Module):
    """Brings pictures to a network's size and range. size: (height, width), or None for the pictures' own."""

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        size: tuple[int, int] | None,
        mean: tuple[float, ...] = MEAN,
        std: tuple[float, ...] = STD,
    ) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("mean", torch.tensor(mean).reshape(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(-1, 1, 1))

    def prepared(self, x: Tensor) -> Tensor:
        """uint8 [B, 3, H, W] -> float32 of the network's size and range."""
        x = x.float()
        if self.size is not None and x.shape[-2:] != self.size:
            x = F.interpolate(x, self.size, mode="bicubic", antialias=True).clamp(0, 255)
        return (x / 255 - self.mean) / self.std


class VGG16(Prepared):
    """The 4096 features after the second fully connected layer and its ReLU: Simonyan and Zisserman 2015,
    arXiv:1409.1556, as in Kynkaanniemi et al. 2019, arXiv:1904.06991."""

    protocol = f"VGG16 of torchvision, 4096 features (fc2 after ReLU), of the 8-bit pictures {RESIZED.format(224, 224)}"
    weights = "VGG16_Weights"
    name = "vgg16"
    last = 5
    """The layers of the classifier up to the features."""

    def __init__(self) -> None:
        super().__init__((224, 224))
        from torchvision import models  # late: the import takes seconds

        with torch.device("meta"):
            network = getattr(models, self.name)()
        path = weights_file(self.weights, type(self).__name__, "use other features")
        try:
            network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True), assign=True)
        except Exception as error:  # a damaged file can raise many types
            raise InputError(
                f"the weights {path} can't be read ({type(error).__name__}); delete the file and get it anew"
            ) from error
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        x = self.network.avgpool(self.network.features(self.prepared(x))).flatten(1)
        features: Tensor = self.network.classifier[: self.last](x)
        return features

    def logits(self, x: Tensor) -> Tensor:
        """Those of ImageNet's 1000 classes."""
        logits: Tensor = self.network(self.prepared(x))
        return logits


class AlexNet(VGG16):
    """The 4096 features after the second fully connected layer and its ReLU: Krizhevsky 2014, arXiv:1404.5997."""

    protocol = (
        f"AlexNet of torchvision, 4096 features (fc2 after ReLU), of the 8-bit pictures {RESIZED.format(224, 224)}"
    )
    weights = "AlexNet_Weights"
    name = "alexnet"
    last = 6


class Timm(Prepared):
    """The pooled features of a network of timm, with its own size, mean and deviation. Its classes, if it has any, are
    `logits`. Weights come from its cache, or from the hub at first use."""

    def __init__(self, name: str) -> None:
        network = timm_network(name)
        import timm

        name = name.partition("@")[0]
        form = timm.data.resolve_model_data_config(network)
        height, width = form["input_size"][1:]
        super().__init__((height, width), form["mean"], form["std"])
        self.network = network
        resized = (
            f"resized to {height} x {width} (bicubic with antialias), mean {form['mean']}, deviation {form['std']}"
        )
        self.protocol = (
            f"timm {timm.__version__} {name}, {network.num_features} pooled features, of the 8-bit pictures {resized}"
        )

    def forward(self, x: Tensor) -> Tensor:
        maps = self.network.forward_features(self.prepared(x))
        features: Tensor = self.network.forward_head(maps, pre_logits=True)
        return features

    def logits(self, x: Tensor) -> Tensor:
        """Those of its classes. InputError if it has none."""
        if not self.network.num_classes:
            raise InputError("this network of timm has no classes; use features=inception")
        logits: Tensor = self.network(self.prepared(x))
        return logits


class VGG16Random(Prepared):
    """VGG16's convolutions at a quarter of its width with random weights, always the same: the mean and the deviation
    over pixels of each map before a pooling, 736 features in all. At 64 pixels it costs 80 million multiplications.

    It needs no file and no download, and takes pictures as they are, but sides of more than 256 pixels are made 256.
    Random networks tell textures and colours apart, and are fair to pictures that are no photographs: Naeem et al.
    2020, arXiv:2002.09797. The weights are drawn as in He et al. 2015, arXiv:1502.01852, eq. 10. Figures
    by another network are on another scale.
    """

    protocol = (
        "VGG16's convolutions at a quarter of its width with random weights (He et al. 2015, seed 0), 736 features: "
        "mean and deviation over pixels of each block's last ReLU, of the 8-bit pictures as they are; sides above 256 "
        "pixels are made 256 (bicubic with antialias)"
    )

    def __init__(self) -> None:
        super().__init__(None)
        self.most = 256
        generator = torch.Generator().manual_seed(0)
        blocks, channels = [], 3
        for width, count in ((16, 2), (32, 2), (64, 3), (128, 3), (128, 3)):
            layers: list[nn.Module] = []
            for _ in range(count):
                convolution = nn.Conv2d(channels, width, 3, padding=1, device="meta").to_empty(device="cpu")
                nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu", generator=generator)
                assert convolution.bias is not None
                nn.init.zeros_(convolution.bias)
                layers += [convolution, nn.ReLU()]
                channels = width
            blocks.append(nn.Sequential(*layers))
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        if max(x.shape[-2:]) > self.most:
            x = F.interpolate(
                x.float(), [min(side, self.most) for side in x.shape[-2:]], mode="bicubic", antialias=True
            )
        x, found = self.prepared(x.clamp(0, 255)), []
        for block in self.blocks:
            x = block(x)
            found += [x.mean((2, 3)), x.std((2, 3), correction=0)]
            x = F.max_pool2d(x, 2, ceil_mode=True)
        return torch.cat(found, 1)
