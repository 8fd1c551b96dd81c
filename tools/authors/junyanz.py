"""pytorch-CycleGAN-and-pix2pix: `backward_G` and `backward_D` of its two models, with the options' own defaults."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from advloss.interop.junyanz import discriminator_from
from tools.authors.loaded import Figures, code_of, gradients, hollow, like_ours
from tools.authors.scene import LAST_LAYER, Scene, norm

PROJECT = "pytorch-CycleGAN-and-pix2pix"
SIDES = (("b", "A"), ("a", "B"))
"""The domain that a discriminator of ours judges, and the letter of theirs."""
DEFAULTS = {"gan_mode": "lsgan", "pool_size": 50}
"""Of its options/train_options.py; a model may set others."""


def options(model: type[Any]) -> argparse.Namespace:
    """The options of a model, as its own function declares them."""
    parser = argparse.ArgumentParser()
    for name, value in DEFAULTS.items():
        parser.add_argument(f"--{name}", default=value)
    return model.modify_commandline_options(parser, True).parse_args([])  # type: ignore[no-any-return]


def cyclegan(checkout: Path, scene: Scene) -> Figures:
    """Its letters are our domains: D_A judges images of b."""
    with code_of(checkout) as module:
        model_class, networks = module("models.cycle_gan_model").CycleGANModel, module("models.networks")
        pool = module("util.image_pool").ImagePool
    opt = options(model_class)
    norm_layer = partial(nn.InstanceNorm2d, affine=False, track_running_stats=False)
    model = hollow(
        model_class,
        opt=opt,
        real_A=scene.given("a"),
        real_B=scene.given("b"),
        fake_A=scene.made("fake_a"),
        fake_B=scene.made("fake_b"),
        rec_A=scene.made("cycle_a"),
        rec_B=scene.made("cycle_b"),
        netG_A=lambda image: scene.made("same_b"),
        netG_B=lambda image: scene.made("same_a"),
        fake_A_pool=pool(opt.pool_size),
        fake_B_pool=pool(opt.pool_size),
        criterionGAN=networks.GANLoss(opt.gan_mode).double(),
        criterionCycle=nn.L1Loss(),
        criterionIdt=nn.L1Loss(),
    )
    for side, theirs in SIDES:
        ours = scene.terms[f"adversarial_{side}"].loss.discriminator
        made = networks.NLayerDiscriminator(3, 4, n_layers=3, norm_layer=norm_layer)
        setattr(model, f"netD_{theirs}", like_ours(made, ours, discriminator_from))
    return of_cyclegan(model, scene)


def of_cyclegan(model: Any, scene: Scene) -> Figures:
    """The figures of its model."""
    model.backward_G()
    found = {
        "adversarial_b": float(model.loss_G_A),
        "adversarial_a": float(model.loss_G_B),
        "cycle_a": float(model.loss_cycle_A),
        "cycle_b": float(model.loss_cycle_B),
        "identity_b": float(model.loss_idt_A),
        "identity_a": float(model.loss_idt_B),
        LAST_LAYER: norm([scene.layer.grad]),
    }
    for side, theirs in SIDES:
        network, name = getattr(model, f"netD_{theirs}"), f"adversarial_{side}.discriminator"
        network.zero_grad()
        getattr(model, f"backward_D_{theirs}")()
        found[name] = float(getattr(model, f"loss_D_{theirs}"))
        found[f"gradient of {name}"] = norm(gradients(network.parameters()))
        found[f"adversarial_{side}.start"] = 0.0
    return found


def pix2pix(checkout: Path, scene: Scene) -> Figures:
    """Its discriminator sees cat([a, image])."""
    with code_of(checkout) as module:
        model_class, networks = module("models.pix2pix_model").Pix2PixModel, module("models.networks")
        pool = module("util.image_pool").ImagePool
    opt = options(model_class)
    network = networks.NLayerDiscriminator(6, 4, n_layers=3, norm_layer=partial(nn.BatchNorm2d, affine=True))
    model = hollow(
        model_class,
        opt=opt,
        real_A=scene.given("a"),
        real_B=scene.given("b"),
        fake_B=scene.made("fake_b"),
        netD=like_ours(network, scene.terms["adversarial"].loss.discriminator, discriminator_from),
        fake_AB_pool=pool(opt.pool_size),
        criterionGAN=networks.GANLoss(opt.gan_mode).double(),
        criterionL1=torch.nn.L1Loss(),
    )
    model.backward_G()
    found = {"adversarial": float(model.loss_G_GAN), "l1": float(model.loss_G_L1), LAST_LAYER: norm([scene.layer.grad])}
    network.zero_grad()
    model.backward_D()
    found["adversarial.discriminator"] = float(model.loss_D)
    found["gradient of adversarial.discriminator"] = norm(gradients(network.parameters()))
    return found | {"adversarial.start": 0.0}
