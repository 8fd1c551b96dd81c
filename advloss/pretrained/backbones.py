"""Frozen backbones by name, whose maps or tokens a discriminator sees instead of the picture.

A backbone's weights are in no state dict and in no optimizer, and get no gradient; the gradient goes through them to
the picture. Under autocast to bfloat16 it computes in bfloat16, otherwise in its own precision.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.precision import at_least_float32, frozen_precision
from advloss.pretrained.timm_networks import timm_network
from advloss.pretrained.vgg import VGG, vgg
from advloss.pretrained.vision import MEAN, STD
from advloss.pretrained.weights import Frozen

STRIDES = (4, 8, 16, 32)
"""Of the maps of a pyramid, in pixels of the picture."""
VGG_LAYERS = {"relu3_3": 256, "relu4_3": 512, "relu5_3": 512, "pool5": 512}
"""The maps of VGG16 with these strides, and their channels."""
VGG_INSTEAD = "use another backbone"


class Backbone(nn.Module):
    """Float [B, 3, H, W] in [-1, 1], of the network's mean and deviation from then on -> tensors.

    It follows `.to()` with its network, which is none of its modules. On the meta device it has no weights.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.frozen = Frozen(network.to("meta") if on_meta() else network)
        self.register_buffer("mean", torch.tensor(mean).reshape(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).reshape(-1, 1, 1), persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "Backbone":
        self.frozen.network._apply(fn, recurse)
        super()._apply(fn, recurse)
        return self

    def forward(self, x: Tensor) -> list[Tensor]:
        with frozen_precision(x):
            return self.seen(((at_least_float32(x) + 1) / 2 - self.mean) / self.std)

    @abstractmethod
    def seen(self, x: Tensor) -> list[Tensor]:
        """What the network makes of a normalised picture."""


class Pyramid(Backbone):
    """The maps of a network at the strides 4, 8, 16 and 32: [B, channels[i], H / STRIDES[i], W / STRIDES[i]].

    H and W are multiples of 32. name: `vgg16`, torchvision's (Simonyan and Zisserman 2015), or a network of timm, NAME
    or NAME@FILE. pretrained: False leaves it random, always the same.
    Raises InputError: a network without maps of these strides, or for one size of picture alone; weights that are
    missing, see `timm_network`.
    """

    def __init__(self, name: str, pretrained: bool = True) -> None:
        pretrained = pretrained and not on_meta()
        if name == "vgg16":
            network: Any = vgg("vgg16", VGG_LAYERS, pretrained, "the backbone vgg16", VGG_INSTEAD)
            self.channels, self.places, last = [*VGG_LAYERS.values()], [*range(4)], False
            mean, std = MEAN, STD
        else:
            network = timm_network(name, pretrained, features_only=True)
            strides = network.feature_info.reduction()
            if not set(strides) >= set(STRIDES) or network.pretrained_cfg["fixed_input_size"]:
                raise InputError(
                    f"the backbone {name} gives maps of every {', '.join(map(str, strides))} pixels, and wanted are "
                    "those of a convolutional network, every 4, 8, 16 and 32, of pictures of any size, such as "
                    "tf_efficientnet_lite0; for a ViT use the discriminator dino"
                )
            self.places = [len(strides) - 1 - strides[::-1].index(stride) for stride in STRIDES]  # the last of each
            self.channels = [network.feature_info.channels()[place] for place in self.places]
            last = getattr(network, "output_fmt", None) == "NHWC"
            mean, std = network.pretrained_cfg["mean"], network.pretrained_cfg["std"]
        self.channels_last = last
        super().__init__(network, mean, std)

    def seen(self, x: Tensor) -> list[Tensor]:
        network: Any = self.frozen.network
        if isinstance(network, VGG):
            return [*network.maps(x).values()]
        maps = network(x)
        wanted = [maps[place] for place in self.places]
        return [each.permute(0, 3, 1, 2) for each in wanted] if self.channels_last else wanted


class Tokens(Backbone):
    """The tokens of a ViT after some of its blocks, then its embedding of patches and places: each [B, width, T].

    To each of the T patches' tokens that of the class is added, if there is one, as in DPT and StyleGAN-T.
    name: a ViT of timm, NAME or NAME@FILE. depths: the blocks, from 0. size: of the pictures, height and width in
    pixels. pretrained: False leaves it random, always the same.
    Raises InputError: no ViT; a block that it has not; a size that is no multiple of its patches; weights that are
    missing, see `timm_network`.
    """

    def __init__(self, name: str, depths: Sequence[int], size: int, pretrained: bool = True) -> None:
        _check_vit(name)
        try:
            network = timm_network(name, pretrained and not on_meta(), img_size=size, num_classes=0)
        except AssertionError:
            raise InputError(f"size={size} is no multiple of the patches of {name}") from None
        blocks, patch = len(network.blocks), network.patch_embed.patch_size[0]
        if size % patch:
            raise InputError(f"size={size} must be a multiple of the backbone's patches of {patch} pixels")
        if not depths or min(depths) < 0 or max(depths) >= blocks:
            raise InputError(f"depths={[*depths]} must be some of the backbone's blocks, 0 to {blocks - 1}")
        network.blocks = network.blocks[: max(depths) + 1]  # nothing sees the others
        for block in network.blocks:
            block.attn.fused_attn = False  # fused attention can't be differentiated twice, as penalties must
        super().__init__(network, network.pretrained_cfg["mean"], network.pretrained_cfg["std"])
        self.depths = [*depths]
        self.width: int = network.embed_dim
        self.apart: int = network.num_prefix_tokens

    def seen(self, x: Tensor) -> list[Tensor]:
        network: Any = self.frozen.network
        x = network.norm_pre(network._pos_embed(network.patch_embed(x)))  # [B, apart + T, width]
        embedded, found = x, {}
        for place, block in enumerate(network.blocks):
            x = block(x)
            if place in self.depths:
                found[place] = x
        return [self._of_patches(tokens) for tokens in (*(found[place] for place in self.depths), embedded)]

    def _of_patches(self, tokens: Tensor) -> Tensor:
        patches = tokens[:, self.apart :]
        return (patches + tokens[:, :1] if self.apart else patches).transpose(1, 2)  # [B, width, T]


def _check_vit(name: str) -> None:
    """Raises InputError for a network of timm that is no ViT."""
    try:
        import timm
    except ImportError:
        return  # `timm_network` says so
    architecture = name.partition("@")[0].partition(".")[0]
    if timm.is_model(architecture) and architecture not in timm.list_models(module="vision_transformer"):
        raise InputError(
            f"the backbone {name} is no ViT of timm's vision_transformer, and wanted is one, such as "
            "vit_small_patch16_224.dino; for a convolutional network use the discriminator projected"
        )


def on_meta() -> bool:
    """Whether new tensors are made on the meta device."""
    return torch.empty(0).is_meta
