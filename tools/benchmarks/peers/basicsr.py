"""BasicSR: `optimize_parameters` of its SRGANModel, and its networks as they are called to enlarge an image."""

from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import torch
import torchvision
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.interop.basicsr import discriminator_from, generator_from
from advloss.networks.layers.unit_range import to_unit
from advloss.recipe.build import Built
from advloss.recipe.schema import Recipe
from tools.benchmarks.peers import base
from tools.benchmarks.peers.base import Batch, Peer

PIXEL, ADVERSARIAL, AVERAGE = 1e-2, 5e-3, 0.999
"""Of its options/train/SRResNet_SRGAN/train_MSRGAN_x4.yml."""
DISCRIMINATOR = "{name: vgg_style, width: 64, levels: 5, grid: 4, hidden: 100, unit_range: true}"


class BasicSR(Peer):
    """Its images are in [0, 1]. Ours are in [-1, 1], and our networks convert them."""

    project = "BasicSR"
    recipe = "srgan"
    marks = ("basicsr/models/srgan_model.py", "basicsr/archs/srresnet_arch.py")
    order = "generator first, then the discriminator on the same fakes"
    overrides = (
        "networks.generator={name: msrresnet, blocks: 16, width: 64}",
        "losses.content={loss: vgg, between: [sr, hr], layers: {conv5_4: 1}, distance: l1, pretrained: false}",
        f"losses.pixel={{loss: l1, between: [sr, hr], weight: {PIXEL / 2}}}",  # of [-1, 1], twice as far apart
        f"losses.adversarial={{loss: adversarial, between: [sr, hr], weight: {ADVERSARIAL}, "
        f"objective: non_saturating, discriminator: {DISCRIMINATOR}}}",
        "optimizer={name: adam, lr: 1e-4, betas: [0.9, 0.99]}",
        "train.steps={generator: 1, discriminator: 1}",
        f"train.average={AVERAGE}",
        "initial=null",
    )
    notes = (
        "its published settings of MSRGAN x4: L1, VGG19 before the last ReLU, logistic GAN loss, moving average",
        "VGG19 has random weights, the same on both sides",
    )

    def make(self, path: Path, recipe: Recipe) -> None:
        random_vgg = lambda pretrained: torchvision.models.vgg19(weights=None, init_weights=False)  # noqa: E731
        with base.imported_from(path, stand_ins(path)), patch.object(torchvision.models.vgg, "vgg19", random_vgg):
            self.model = base.module("basicsr.models").build_model(options(recipe, self.device))
        if self.device.type == "cuda":
            torch.backends.cudnn.benchmark = True  # as its train.py sets it
        self.networks = [self.model.net_g, self.model.net_d]
        self.done = 0

    def load_into(self, built: Built) -> None:
        built.method.generator.load_state_dict(generator_from(self.model.net_g.state_dict())[1])
        discriminator = base.adversary(built, "adversarial")
        discriminator.load_state_dict(discriminator_from(self.model.net_d.state_dict())[1])
        ours = [layer for layer in base.frozen(built, "content").modules() if isinstance(layer, nn.Conv2d)]
        theirs = [layer for layer in self.model.cri_perceptual.modules() if isinstance(layer, nn.Conv2d)]
        for mine, other in zip(ours, theirs, strict=True):
            other.load_state_dict(mine.state_dict())

    def converted(self, batch: Batch) -> dict[str, Tensor]:
        return {"lq": to_unit(batch["a"]), "gt": to_unit(batch["b"])}

    def play(self, batch: Any) -> None:
        self.done += 1
        self.model.update_learning_rate(self.done, warmup_iter=-1)
        self.model.feed_data(batch)
        self.model.optimize_parameters(self.done)

    def losses(self) -> dict[str, float]:
        log = self.model.get_current_log()
        return {
            "pixel": 2 * log["l_g_pix"] / PIXEL,
            "content": log["l_g_percep"],
            "adversarial": log["l_g_gan"] / ADVERSARIAL,
            "adversarial.discriminator": log["l_d_real"] + log["l_d_fake"],
        }


def stand_ins(path: Path) -> dict[str, ModuleType]:
    """The package without its `__init__`, which needs a file that only an installation writes; and a module that older
    versions need and torchvision no longer has."""
    package = ModuleType("basicsr")
    package.__path__ = [str(path / "basicsr")]
    moved = ModuleType("torchvision.transforms.functional_tensor")
    moved.rgb_to_grayscale = torchvision.transforms.functional.rgb_to_grayscale  # type: ignore[attr-defined]
    return {"basicsr": package, moved.__name__: moved}


def options(recipe: Recipe, device: torch.device) -> dict[str, Any]:
    """Its options file, with our widths and rates."""
    generator, discriminator = (
        recipe.networks["generator"].parameters,
        base.discriminator_options(recipe, "adversarial"),
    )
    if recipe.data.crop not in (128, 256):
        raise InputError(f"--peer: BasicSR's discriminator is for 128 and 256 pixels, not {recipe.data.crop}")
    rates = recipe.optimizer.parameters
    adam = {"type": "Adam", "lr": rates["lr"], "weight_decay": 0, "betas": list(rates["betas"])}
    pixel = {"type": "L1Loss", "loss_weight": PIXEL, "reduction": "mean"}
    perceptual = {"type": "PerceptualLoss", "layer_weights": {"conv5_4": 1}, "vgg_type": "vgg19"}
    perceptual |= {"use_input_norm": True, "range_norm": False, "criterion": "l1"}
    return {
        "model_type": "SRGANModel",
        "num_gpu": 1 if device.type == "cuda" else 0,
        "dist": False,
        "is_train": True,
        "network_g": {"type": "MSRResNet", "num_feat": generator["width"], "num_block": generator["blocks"]},
        "network_d": {
            "type": "VGGStyleDiscriminator",
            "num_in_ch": 3,
            "num_feat": discriminator["width"],
            "input_size": recipe.data.crop,
        },
        "path": {},
        "train": {
            "ema_decay": AVERAGE,
            "optim_g": adam,
            "optim_d": dict(adam),
            "scheduler": {"type": "MultiStepLR", "milestones": [10**9], "gamma": 0.5},
            "pixel_opt": pixel,
            "perceptual_opt": perceptual,
            "gan_opt": {"type": "GANLoss", "gan_type": "vanilla", "loss_weight": ADVERSARIAL},
        },
    }


def enlarging(path: Path, name: str, scale: int) -> nn.Module:
    """Its network for images in [0, 1], with its defaults; name: ours."""
    classes = {"msrresnet": ("srresnet_arch", "MSRResNet"), "rrdbnet": ("rrdbnet_arch", "RRDBNet")}
    if name not in classes:
        raise InputError(f"--peer: BasicSR is a peer for --network {' or '.join(classes)}, not for {name}")
    file, network = classes[name]
    factor = {"upscale": scale} if name == "msrresnet" else {"scale": scale}
    with base.imported_from(path, stand_ins(path)):
        made: nn.Module = getattr(base.module(f"basicsr.archs.{file}"), network)(num_in_ch=3, num_out_ch=3, **factor)
    return made
