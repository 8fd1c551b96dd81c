"""Generators of pictures from label maps, and their losses, beside their authors' code: ours, and theirs.

In float64: what a network makes of drawn numbers, and the gradient, in all of its weights, of a weighted sum of it.
"""

from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from advloss.interop.pix2pixhd import generator_from
from advloss.networks.generators.label_maps.pix2pixhd import Pix2PixHDGenerator
from advloss.networks.generators.label_maps.spade import SPADEGenerator
from tools.authors.loaded import Figures, Made, code_of, gradients, hollow, like_ours
from tools.authors.networks import Tensors, gradient
from tools.authors.scene import LAST_LAYER, Scene, drawn, fill, frozen, norm

PROJECT = "pix2pixHD"
LABELS = 5
GLOBAL: dict[str, Any] = {"width": 4, "downs": 3, "blocks": 2}
LOCAL: dict[str, Any] = {"width": 16, "downs": 2, "blocks": 1, "enhancers": 2, "enhancer_blocks": 2}
"""Two of the authors' local enhancers, each within the next."""
KINDS = {"global": GLOBAL, "local": LOCAL}


def _generator(kind: str) -> Pix2PixHDGenerator:
    network = Pix2PixHDGenerator(LABELS, **KINDS[kind]).double()
    fill(network, f"pix2pixhd {kind}")
    return network


def _made(network: nn.Module, parameters: list[Tensor], kind: str) -> Tensors:
    images = network(drawn("labels", 2, LABELS, 32, 48))
    weighted = (images * drawn("weights", *images.shape)).sum()
    return {f"images, {kind}": images.detach(), f"gradient, {kind}": gradient(weighted, parameters)}


def our_pix2pixhd() -> Tensors:
    """Ours, with and without enhancers."""
    found: Tensors = {}
    for kind in KINDS:
        network = _generator(kind)
        found |= _made(network, list(network.parameters()), kind)
    return found


def pix2pixhd_networks(checkout: Path) -> Tensors:
    """`GlobalGenerator` and `LocalEnhancer`, with our weights by the reader of their checkpoints."""
    found: Tensors = {}
    with code_of(checkout) as module:
        networks = module("models.networks")
        norm_layer = partial(nn.InstanceNorm2d, affine=False)
        sizes = GLOBAL["width"], GLOBAL["downs"], GLOBAL["blocks"]
        made = {"global": networks.GlobalGenerator(LABELS, 3, *sizes, norm_layer)}
        enhancers = LOCAL["enhancers"]
        sizes = LOCAL["width"] // 2**enhancers, LOCAL["downs"], LOCAL["blocks"], enhancers, LOCAL["enhancer_blocks"]
        made["local"] = networks.LocalEnhancer(LABELS, 3, *sizes, norm_layer)
        for kind, theirs in made.items():
            ours = _generator(kind)
            like_ours(theirs, ours, generator_from)
            by_name = dict(generator_from(dict(theirs.named_parameters()))[1])
            found |= _made(theirs, [by_name[name] for name, _ in ours.named_parameters()], kind)
    return found


class _Scales(nn.Module):
    """Our discriminator as theirs returns: for each scale the maps of its layers, and its logits last."""

    def __init__(self, ours: nn.Module) -> None:
        super().__init__()
        self.ours = ours

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        logits, maps = self.ours(x, features=True)
        each = len(maps) // len(logits)
        return [[*maps[i * each : (i + 1) * each], of_scale] for i, of_scale in enumerate(logits)]


class _Features(nn.Module):
    """Our VGG in the place of theirs, which is made on a GPU: the maps of the layers in order."""

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self.term = scene.terms["perceptual"]

    def cuda(self, device: Any = None) -> "_Features":
        return self

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = frozen(self.term)(x)
        return [maps[name] for name in self.term.loss.layers]  # type: ignore[union-attr]


def pix2pixhd(checkout: Path, scene: Scene) -> Figures:
    """`Pix2PixHDModel.forward` with its options' defaults, and the sums of its train.py, on our discriminators."""
    with code_of(checkout) as module:
        options = module("options.train_options").TrainOptions()
        options.initialize()
        opt = options.parser.parse_args([])
        model_class, networks = module("models.pix2pixHD_model").Pix2PixHDModel, module("models.networks")
        pool = module("util.image_pool").ImagePool(opt.pool_size)
        networks.Vgg19 = lambda: _Features(scene)
        vgg = networks.VGGLoss(None)
    judge = scene.terms["adversarial"].loss.discriminator
    model = hollow(
        model_class,
        opt=opt,
        use_features=False,
        encode_input=lambda *_: (scene.given("a"), None, scene.given("b"), None),
        netG=Made(scene.layer, lambda: scene.made("fake_b")),
        netD=_Scales(judge),
        fake_pool=pool,
        criterionGAN=networks.GANLoss(not opt.no_lsgan, tensor=torch.DoubleTensor),
        criterionFeat=nn.L1Loss(),
        criterionVGG=vgg,
        loss_filter=model_class.init_loss_filter(None, not opt.no_ganFeat_loss, not opt.no_vgg_loss),
    )
    fooled, matched, seen, on_real, on_fake = model_class.forward(model, None, None, None, None)[0]
    (fooled + matched + seen).backward()
    found = {
        "adversarial": float((fooled + matched).detach()),
        "perceptual": float(seen.detach()),
        LAST_LAYER: norm([scene.layer.grad]),
    }
    judge.zero_grad()
    loss = 0.5 * (on_fake + on_real)
    loss.backward()
    found["adversarial.discriminator"] = float(loss.detach())
    found["gradient of adversarial.discriminator"] = norm(gradients(judge.parameters()))
    return found | {"adversarial.start": 0.0}


SPADES: dict[str, dict[str, Any]] = {
    "batch, 5 doublings": {"width": 2, "norm": "batch", "doublings": 5},
    "instance, 7 doublings": {"width": 2, "norm": "instance", "doublings": 7},
}
LAYERS = {5: "normal", 6: "more", 7: "most"}
"""What they call the number of doublings."""


def _spade(kind: str) -> SPADEGenerator:
    network = SPADEGenerator(LABELS, **SPADES[kind]).double()
    fill(network, f"spade {kind}")
    return network


def _painted(network: nn.Module, block: nn.Module, side: int, kind: str) -> Tensors:
    """What a block and the generator make of drawn label maps, and the block's gradient in what it gets."""
    labels = (drawn("labels", 2, LABELS, side, side) > 0).double()
    x = drawn("maps", 2, 4, 8, 8).requires_grad_()
    maps = block(x, labels[..., :16, :16])
    slope = gradient((maps * drawn("weights of maps", *maps.shape)).sum(), [x])
    images = network(labels)
    return {
        f"maps of a block, {kind}": maps.detach(),
        f"gradient of a block, {kind}": slope,
        f"images, {kind}": images.detach(),
    }


def our_spade() -> Tensors:
    """Ours, in training mode. The block is their `up_3`, from 4 to 2 channels."""
    found: Tensors = {}
    for kind, sizes in SPADES.items():
        network = _spade(kind)
        found |= _painted(network, network.blocks[6], 2 ** (sizes["doublings"] + 1), kind)
    return found


def _renamed(name: str) -> str:
    """Our tensor's name for theirs: `up_0.conv_0.weight_orig`, `G_middle_1.norm_s.mlp_shared.0.bias`."""
    blocks = ("head_0", "G_middle_0", "G_middle_1", "up_0", "up_1", "up_2", "up_3", "up_4")
    for number, block in enumerate(blocks):
        name = name.replace(f"{block}.", f"blocks.{number}.")
    spectral = {"weight_orig": "parametrizations.weight.original", "weight_u": "parametrizations.weight.0._u"}
    spectral["weight_v"] = "parametrizations.weight.0._v"
    parts = {"mlp_shared.0": "shared", "mlp_gamma": "gamma", "mlp_beta": "beta", "param_free_norm": "norm"}
    outer = {"norm_s": "shortcut_norm", "conv_s": "shortcut", "norm_": "norm", "conv_img": "last", "conv_": "conv"}
    for theirs, ours in {**spectral, **parts, **outer}.items():
        name = name.replace(theirs, ours)
    return name.replace("fc.", "first.")


def spade(checkout: Path) -> Tensors:
    """`SPADEGenerator` and its `SPADEResnetBlock`, with our weights. Its batch norm over several GPUs is not there."""
    several = ModuleType("models.networks.sync_batchnorm")
    several.SynchronizedBatchNorm2d = nn.BatchNorm2d  # type: ignore[attr-defined]
    stand_ins = {several.__name__: several, "dill": ModuleType("dill")}
    found: Tensors = {}
    with code_of(checkout, stand_ins) as module:
        generators = module("models.networks.generator")
        for kind, sizes in SPADES.items():
            side = 2 ** (sizes["doublings"] + 1)
            opt = SimpleNamespace(
                ngf=sizes["width"],
                semantic_nc=LABELS,
                norm_G=f"spectralspade{sizes['norm']}3x3",
                num_upsampling_layers=LAYERS[sizes["doublings"]],
                crop_size=side,
                aspect_ratio=1.0,
                use_vae=False,
            )
            theirs = generators.SPADEGenerator(opt).double()
            ours = _spade(kind).state_dict()
            with torch.no_grad():
                for name, tensor in theirs.state_dict().items():
                    tensor.copy_(ours[_renamed(name)])
            found |= _painted(theirs, theirs.up_3, side, kind)
    return found
