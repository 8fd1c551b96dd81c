"""Discriminators on frozen networks beside their authors' code: ours, and theirs.

Both sides give the same tensors by the same names, in float64: logits, the losses by the objective hinge, and their
gradients in the image and in the heads' weights. Heads and projections are drawn for ours and copied over.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import timm
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.utils.parametrize import is_parametrized

from advloss.core.errors import InputError
from advloss.losses.adversarial import AdversarialLoss
from advloss.networks.discriminators.on_features.dino import DINODiscriminator
from advloss.networks.discriminators.on_features.projected import ProjectedDiscriminator
from tools.authors.loaded import code_of
from tools.authors.networks import stand_ins
from tools.authors.scene import drawn, fill

Tensors = dict[str, Tensor]
LITE = "tf_efficientnet_lite0"
LARGE = 128
"""Pixels of images that are left at their size."""
VIT, SIDE = "vit_tiny_patch16_224", 64
"""A ViT with the twelve blocks that StyleGAN-T's code asks for, random, for pictures of so many pixels."""
NVIDIA = ("dnnlib", "networks", "torch_utils", "training")
"""Modules that several projects have under one name."""
Judge = Callable[[Tensor], Tensor]


def weights_of_lite() -> Path:
    """The file of EfficientNet-Lite0's published weights, which `shared/tools/real_weights.py` makes."""
    folder = os.environ.get("ADVLOSS_REAL_WEIGHTS")
    if folder is None:
        raise InputError(
            "ADVLOSS_REAL_WEIGHTS names no folder with published weights; see shared/tools/real_weights.py"
        )
    return Path(folder) / "efficientnet-lite0.pth"


def under_timms_names(path: Path, out: Path) -> Path:
    """The same weights in a file that timm reads: its layers stand in the same order."""
    theirs = torch.load(path, weights_only=True)
    ours = timm.create_model(LITE).state_dict()
    assert [x.shape for x in theirs.values()] == [x.shape for x in ours.values()]
    torch.save(dict(zip(ours, theirs.values(), strict=True)), out)
    return out


def _projected() -> ProjectedDiscriminator:
    with tempfile.TemporaryDirectory() as folder:
        path = under_timms_names(weights_of_lite(), Path(folder) / "lite0.pth")
        made = ProjectedDiscriminator(backbone=f"{LITE}@{path}").double()
    fill(made, "projected")
    return made


def _dino() -> DINODiscriminator:
    made = DINODiscriminator(backbone=VIT, size=SIDE, pretrained=False).double()
    fill(made, "dino")
    return made


def _images(side: int) -> tuple[Tensor, Tensor]:
    fake, real = (drawn(f"{name} {side}", 2, 3, side, side).tanh() for name in ("fake", "real"))
    return fake.requires_grad_(), real


def our_projected() -> Tensors:
    """Ours: losses of images as they are, then the logits of smaller ones, which are made 224 pixels wide."""
    made = _projected()
    made.size = LARGE
    found = _played(made, LARGE)
    made.size = 224
    return {**found, "logits of 64 pixels": _joined(made(_images(64)[1])).detach()}


def projected(checkout: Path) -> Tensors:
    """The authors' ProjectedDiscriminator without its augmentation, as their train.py makes it."""
    ours = _projected()
    options = {"cout": 64, "expand": True, "proj_type": 2, "num_discs": 4, "separable": False, "cond": False}
    stand_in = timm.create_model(LITE)
    source = torch.load(weights_of_lite(), weights_only=True)
    stand_in.load_state_dict(dict(zip(stand_in.state_dict(), source.values(), strict=True)))
    stand_in.act1 = nn.Identity()  # today's timm has the activation in bn1
    stand_in.eval()  # else their count of channels, a pass of zeros in train mode, moves the statistics of batch norm
    with code_of(checkout) as module, _instead_of_a_download(stand_in):
        theirs = module("pg_modules.discriminator").ProjectedDiscriminator(False, False, options).double().train()
    for place in range(4):
        for kind, mine in (("ccm", ours.mixing.channels[place]), ("csm", ours.mixing.scales[place])):
            layer = getattr(theirs.feature_network.scratch, f"layer{place}_{kind}")
            getattr(layer, "out_conv", layer).load_state_dict(mine.state_dict())
    weights = _copied(ours.heads, theirs.discriminator)
    found = _of(lambda x: theirs(x, None), weights, LARGE)
    theirs.interp224 = True
    return {**found, "logits of 64 pixels": theirs(_images(64)[1], None).detach()}


def our_dino() -> Tensors:
    """Ours."""
    return _played(_dino(), 2 * SIDE)


def dino(checkout: Path) -> Tensors:
    """StyleGAN-T's ProjectedDiscriminator without its augmentation and crops, of a random ViT."""
    ours = _dino()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        stand_in = timm.create_model(VIT, img_size=SIDE, num_classes=0)
    stand_in.load_state_dict(ours.backbone.frozen.network.state_dict(), strict=True)
    for name in [each for each in sys.modules if each.partition(".")[0] in NVIDIA]:
        del sys.modules[name]  # those of another checkout
    with code_of(checkout, stand_ins()) as module, _instead_of_a_download(stand_in):
        made = module("networks.discriminator")
        made.Normalize = lambda mean, std: module("torchvision.transforms").Normalize(
            *(stand_in.pretrained_cfg[key] for key in ("mean", "std"))
        )
        theirs = made.ProjectedDiscriminator(0, False, 0.0).double().train()
    return _of(lambda x: theirs(x, None), _copied(ours.heads, theirs.heads), 2 * SIDE)


@contextlib.contextmanager
def _instead_of_a_download(network: nn.Module) -> Iterator[None]:
    """Within it timm.create_model gives this network."""
    before = timm.create_model
    timm.create_model = lambda *words, **options: network
    try:
        yield
    finally:
        timm.create_model = before


@torch.no_grad()
def _copied(ours: nn.Module, theirs: nn.Module) -> list[Tensor]:
    """Their heads' weights in the order of ours, which they become."""
    weights: list[Tensor] = []
    for mine, other in zip(_layers(ours), _layers(theirs), strict=True):
        own: dict[str, Tensor] = dict(mine.state_dict())
        if is_parametrized(mine):
            original = own.pop("parametrizations.weight.original")
            own["weight_orig"] = original
            own |= {f"weight_{x}": own.pop(f"parametrizations.weight.0._{x}") for x in "uv"}
        other.load_state_dict(own)
        weights += [getattr(other, name) for name in ("weight_orig", "weight", "bias") if _learns(other, name)]
    return weights


def _learns(layer: nn.Module, name: str) -> bool:
    return name in dict(layer.named_parameters(recurse=False))


def _layers(heads: nn.Module) -> list[nn.Module]:
    """Convolutions and norms."""
    names = ("LocalBatchNorm", "BatchNormLocal")  # ours and theirs
    return [m for m in heads.modules() if isinstance(m, _ConvNd | _BatchNorm) or type(m).__name__ in names]


def _played(ours: nn.Module, side: int) -> Tensors:
    heads = cast(nn.Module, ours.heads)
    weights: list[Tensor] = []
    for layer in _layers(heads):
        weights += [layer.parametrizations.weight.original] if is_parametrized(layer) else [layer.weight]  # type: ignore
        weights += [cast(Tensor, layer.bias)] if layer.bias is not None else []
    adversary = AdversarialLoss(ours, "hinge")
    fake, real = _images(side)
    losses = {"generator": adversary(fake), "discriminator": adversary.discriminator_loss(fake, real)}
    return _figures(losses, fake, weights, _joined(cast(Any, ours)(real)))


def _of(judge: Judge, weights: list[Tensor], side: int) -> Tensors:
    fake, real = _images(side)
    losses = {"generator": -judge(fake).mean()}
    told = (1 + judge(fake.detach())).relu().mean()
    losses["discriminator"] = told + (1 - judge(real)).relu().mean()
    return _figures(losses, fake, weights, judge(real))


def _figures(losses: dict[str, Tensor], fake: Tensor, weights: list[Tensor], logits: Tensor) -> Tensors:
    (in_image,) = torch.autograd.grad(losses["generator"], fake)
    in_heads = torch.autograd.grad(losses["discriminator"], weights)
    return {
        "logits": logits.detach(),
        **{f"loss of the {name}": loss.detach() for name, loss in losses.items()},
        "gradient in the image": in_image,
        "gradient in the heads": torch.cat([each.flatten() for each in in_heads]),
    }


def _joined(logits: list[Tensor]) -> Tensor:
    return torch.cat([each.flatten(1) for each in logits], 1)
