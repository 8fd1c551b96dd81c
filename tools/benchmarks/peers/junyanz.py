"""pytorch-CycleGAN-and-pix2pix: `optimize_parameters` of its CycleGAN and of its pix2pix."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from advloss.core.errors import InputError
from advloss.interop.junyanz import discriminator_from, generator_from
from advloss.recipe.build import Built
from advloss.recipe.schema import Recipe
from tools.benchmarks.peers import base
from tools.benchmarks.peers.base import Batch, Peer


class _Junyanz(Peer):
    project = "pytorch-CycleGAN-and-pix2pix"
    overrides = ()
    model_name: str

    def make(self, path: Path, recipe: Recipe) -> None:
        options = Namespace(**common_options(recipe, self.device), **self.options(recipe))
        with base.imported_from(path, {}):
            self.model = base.module("models").create_model(options)
        names = [name for name in self.model.model_names if isinstance(name, str)]
        self.networks = [getattr(self.model, f"net{name}") for name in names]

    def options(self, recipe: Recipe) -> dict[str, Any]:
        """The options of this model."""
        raise NotImplementedError

    def network(self, name: str) -> nn.Module:
        """The network, without its DataParallel if it has one."""
        network = getattr(self.model, f"net{name}")
        return network.module if isinstance(network, nn.DataParallel) else network

    def converted(self, batch: Batch) -> dict[str, Any]:
        return {"A": batch["a"], "B": batch["b"], "A_paths": [], "B_paths": []}

    def play(self, batch: Any) -> None:
        self.model.set_input(batch)
        self.model.optimize_parameters()


class CycleGAN(_Junyanz):
    recipe = "cyclegan"
    marks = ("models/cycle_gan_model.py", "models/pix2pix_model.py", "models/networks.py")
    order = "generators first, then the discriminators on pooled fakes"
    notes = ("both fill a pool of 50 past fakes in the same way; from a full pool they draw different fakes",)

    def options(self, recipe: Recipe) -> dict[str, Any]:
        generator, cycle = recipe.networks["generator"].parameters, base.weight(recipe, "cycle_a")
        if generator["blocks"] not in (6, 9):
            raise InputError(f"--peer: {self.project} has generators of 6 and 9 blocks, not {generator['blocks']}")
        return {
            "model": "cycle_gan",
            "netG": f"resnet_{generator['blocks']}blocks",
            "ndf": base.discriminator_options(recipe, "adversarial_a")["width"],
            "norm": "instance",
            "no_dropout": True,
            "no_lsgan": False,
            "gan_mode": "lsgan",
            "pool_size": 50,
            "lambda_A": cycle,
            "lambda_B": base.weight(recipe, "cycle_b"),
            "lambda_identity": base.weight(recipe, "identity_a") / cycle,
        }

    def load_into(self, built: Built) -> None:
        for ours, theirs in (("g_ab", "G_A"), ("g_ba", "G_B")):
            getattr(built.method, ours).load_state_dict(generator_from(self.network(theirs).state_dict())[1])
        for side, theirs in (("b", "D_A"), ("a", "D_B")):
            state = discriminator_from(self.network(theirs).state_dict())[1]
            base.adversary(built, f"adversarial_{side}").load_state_dict(state)

    def losses(self) -> dict[str, float]:
        model, options = self.model, self.model.opt
        identity = options.lambda_identity
        values = {
            "adversarial_b": model.loss_G_A,
            "adversarial_a": model.loss_G_B,
            "adversarial_b.discriminator": model.loss_D_A,
            "adversarial_a.discriminator": model.loss_D_B,
            "cycle_a": model.loss_cycle_A / options.lambda_A,
            "cycle_b": model.loss_cycle_B / options.lambda_B,
            "identity_b": model.loss_idt_A / (options.lambda_B * identity),
            "identity_a": model.loss_idt_B / (options.lambda_A * identity),
        }
        return {name: base.number(value) for name, value in values.items()}


class Pix2Pix(_Junyanz):
    recipe = "pix2pix"
    marks = CycleGAN.marks
    order = "discriminator first, then the generator"
    notes = ("its loss is BCE after a sigmoid, ours the same function of logits",)

    def options(self, recipe: Recipe) -> dict[str, Any]:
        levels = recipe.networks["generator"].parameters["levels"]
        if levels not in (7, 8):
            raise InputError(f"--peer: {self.project} has U-Nets of 7 and 8 levels, not {levels}")
        return {
            "model": "pix2pix",
            "netG": f"unet_{2**levels}",
            "ndf": base.discriminator_options(recipe, "adversarial")["width"],
            "norm": "batch",
            "no_dropout": False,
            "no_lsgan": True,
            "gan_mode": "vanilla",
            "pool_size": 0,
            "lambda_L1": base.weight(recipe, "l1"),
        }

    def load_into(self, built: Built) -> None:
        built.method.generator.load_state_dict(generator_from(self.network("G").state_dict())[1])
        base.adversary(built, "adversarial").load_state_dict(discriminator_from(self.network("D").state_dict())[1])

    def losses(self) -> dict[str, float]:
        model = self.model
        values = {
            "adversarial": model.loss_G_GAN,
            "adversarial.discriminator": (model.loss_D_fake + model.loss_D_real) / 2,
            "l1": model.loss_G_L1 / model.opt.lambda_L1,
        }
        return {name: base.number(value) for name, value in values.items()}


def common_options(recipe: Recipe, device: torch.device) -> dict[str, Any]:
    """What its option parser gives to every model, with our widths and rates; for its older and its newer versions."""
    optimizer = recipe.optimizer.parameters
    return {
        "isTrain": True,
        "gpu_ids": [0] if device.type == "cuda" else [],
        "device": device,
        "checkpoints_dir": "checkpoints",  # nothing is written there
        "name": "benchmark",
        "resize_or_crop": "resize_and_crop",
        "preprocess": "resize_and_crop",
        "direction": "AtoB",
        "input_nc": 3,
        "output_nc": 3,
        "ngf": recipe.networks["generator"].parameters["width"],
        "netD": "basic",
        "n_layers_D": 3,
        "init_type": "normal",
        "init_gain": 0.02,
        "lr": optimizer["lr"],
        "beta1": optimizer["betas"][0],
    }
