"""Networks and losses of systems that make images from noise, beside their authors' code: ours, and theirs.

Both sides give the same tensors by the same names, in float64: what a network makes of drawn numbers, the losses, and
their gradients in all of the network's weights, which are drawn for ours and copied over.
"""

import ast
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import packaging.version
import torch
from torch import Tensor, nn

from advloss.networks.layers.minibatch import MinibatchStdDev
from advloss.recipe.build import Built, build
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from tools.authors.loaded import code_of
from tools.authors.scene import drawn, fill

Tensors = dict[str, Tensor]
BATCH = 4
WIDTHS = (32, 16, 16)
R3GAN = (
    f"networks.generator.widths={list(WIDTHS)}",
    f"losses.adversarial.discriminator.widths={list(WIDTHS)}",
    "losses.adversarial.augment=[]",
    "data.crop=16",
    "data.load=16",
)
DCGAN = ("networks.generator.width=4", "losses.adversarial.discriminator.width=4")
UNKNOWN_TO_THEM = ("last.bias", "body.0.conv.bias")
"""Shifts that PyTorch's example has not: of the last layers, and of the discriminator's first."""


class Game:
    """A recipe's generator and adversarial term, with drawn weights, noise [B, latent] and real images [B, 3, S, S]."""

    def __init__(self, recipe: str, overrides: Iterable[str]) -> None:
        source = read(recipe)
        for override in (*overrides, "train.precision=fp64"):
            source.override(override)
        self.built: Built = build(resolve(source))
        self.generator: nn.Module = self.built.method.get_submodule("generator")
        self.adversary: Any = self.built.adversaries["adversarial"].loss
        fill(self.generator, "generator")
        fill(self.adversary.discriminator, "discriminator")
        with torch.no_grad():  # else both losses would be where they are flat
            self.generator.last.weight *= 0.1  # type: ignore[operator, union-attr]
            getattr(self.adversary.discriminator.last, "dense", self.adversary.discriminator.last).weight *= 0.01
        side = self.built.recipe.data.crop
        self.noise = drawn("noise", BATCH, self.built.method.declared_fields(self.parameters)["noise"].size)
        self.real = drawn("image", BATCH, 3, side, side).tanh()

    @property
    def parameters(self) -> dict[str, Any]:
        """The method's, as the recipe has them."""
        return self.built.recipe.method.parameters

    def learnt(self, network: nn.Module, without: Sequence[str] = ()) -> list[nn.Parameter]:
        """A network's weights in order; those named in `without` become 0, and are left out."""
        for name in without:
            if name in dict(network.named_parameters()):
                nn.init.zeros_(network.get_parameter(name))
        return [parameter for name, parameter in network.named_parameters() if name not in without]

    def played(self, generator: list[nn.Parameter], discriminator: list[nn.Parameter]) -> Tensors:
        """Images, logits, both losses and their gradients."""
        fake = self.generator(self.noise)
        losses = {"generator": self.adversary(fake, self.real)}
        losses["discriminator"] = self.adversary.discriminator_loss(fake, self.real)
        weights = {"generator": generator, "discriminator": discriminator}
        return {
            "images": fake.detach(),
            "logits": self.adversary.discriminator(self.real).detach().flatten(),
            **{f"loss of the {name}": loss.detach() for name, loss in losses.items()},
            **{f"gradient of the {name}": gradient(losses[name], weights[name]) for name in losses},
        }


def gradient(loss: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """The loss's gradient in all weights, as one vector."""
    found = torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True, materialize_grads=True)
    return torch.cat([each.flatten() for each in found])


@torch.no_grad()
def copied(ours: Sequence[Tensor], theirs: nn.Module) -> list[nn.Parameter]:
    """Their weights, in their order, which become ours."""
    weights = list(theirs.double().parameters())
    for mine, other in zip(ours, weights, strict=True):
        other.copy_(mine)
    return weights


def stand_ins() -> dict[str, ModuleType]:
    """For what StyleGAN's code imports and does not need here, or finds under a name that is gone."""
    versions = ModuleType("pkg_resources")
    versions.parse_version = packaging.version.parse  # type: ignore[attr-defined]
    return {"requests": ModuleType("requests"), "pkg_resources": versions}


def our_r3gan() -> Tensors:
    """Ours, with the recipe's objective and penalties, as in iteration 0."""
    game = Game("r3gan", R3GAN)
    return game.played(game.learnt(game.generator), game.learnt(game.adversary.discriminator))


def r3gan(checkout: Path) -> Tensors:
    """R3GAN's `Networks` and its `Trainer`, with our recipe's numbers."""
    game = Game("r3gan", R3GAN)
    chosen = game.built.recipe.networks["generator"].parameters
    gamma = game.adversary.penalties[0].weight.at(0)
    with code_of(checkout, stand_ins()) as module:
        networks, trainer = module("R3GAN.Networks"), module("R3GAN.Trainer").AdversarialTraining
        cardinality = [width * chosen["expansion"] // chosen["group"] for width in WIDTHS]
        blocks = [chosen["blocks"]] * len(WIDTHS)
        generator = networks.Generator(game.noise.shape[1], [*WIDTHS], cardinality, blocks, chosen["expansion"])
        back = ([*reversed(each)] for each in (WIDTHS, cardinality, blocks))
        discriminator = networks.Discriminator(*back, chosen["expansion"])
        weights = {
            "generator": copied(game.learnt(game.generator), generator),
            "discriminator": copied(game.learnt(game.adversary.discriminator), discriminator),
        }
        for part in (*generator.MainLayers, *discriminator.MainLayers):
            part.DataType = torch.float64  # each stage casts what it gets
            for filtering in part.modules():
                if hasattr(filtering, "Kernel"):
                    filtering.Kernel = filtering.Kernel.float()  # its own code asks for that, and casts it
        theirs = trainer(generator, discriminator)
        fooled, _ = theirs.AccumulateGeneratorGradients(game.noise, game.real, None)
        found = {"gradient of the generator": taken(weights["generator"])}
        taken(weights["discriminator"])
        told, _, on_real, on_fake = theirs.AccumulateDiscriminatorGradients(game.noise, game.real, None, gamma)
        found["gradient of the discriminator"] = taken(weights["discriminator"])
        return found | {
            "images": generator(game.noise).detach(),
            "logits": discriminator(game.real).detach(),
            "loss of the generator": fooled.mean(),
            "loss of the discriminator": (told + gamma / 2 * (on_real + on_fake)).mean(),
        }


def taken(weights: Sequence[nn.Parameter]) -> Tensor:
    """The gradients that a backward left, as one vector; they are removed."""
    found = torch.cat([torch.zeros_like(w).flatten() if w.grad is None else w.grad.flatten() for w in weights])
    for weight in weights:
        weight.grad = None
    return found


def our_dcgan() -> Tensors:
    """Ours, without the shifts that PyTorch's example has not."""
    game = Game("dcgan", DCGAN)
    return game.played(*(game.learnt(each, UNKNOWN_TO_THEM) for each in (game.generator, game.adversary.discriminator)))


def dcgan(checkout: Path) -> Tensors:
    """The two networks of PyTorch's example dcgan/main.py, a script, with its criterion."""
    game = Game("dcgan", DCGAN)
    text = (checkout / "dcgan/main.py").read_text(encoding="utf-8")
    classes = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    scope: dict[str, Any] = {"nn": nn, "nz": game.noise.shape[1], "ngf": 4, "ndf": 4, "nc": 3}
    exec(compile(ast.Module(classes, []), "main.py", "exec"), scope)  # the user's checkout, as running it would
    generator, discriminator = scope["Generator"](1), scope["Discriminator"](1)
    sides = ((game.generator, generator), (game.adversary.discriminator, discriminator))
    weights = [copied(game.learnt(mine, UNKNOWN_TO_THEM), other) for mine, other in sides]
    fake = generator(game.noise[:, :, None, None])
    judged, seen = discriminator(fake), discriminator(game.real)
    criterion, ones = nn.BCELoss(), torch.ones(BATCH, dtype=torch.float64)
    fooled = criterion(judged, ones)
    told = criterion(seen, ones) + criterion(judged, 0 * ones)
    return {
        "images": fake.detach(),
        "logits": seen.detach().logit(),
        "loss of the generator": fooled.detach(),
        "loss of the discriminator": told.detach(),
        "gradient of the generator": gradient(fooled, weights[0]),
        "gradient of the discriminator": gradient(told, weights[1]),
    }


def _maps() -> Tensor:
    return drawn("maps", 8, 6, 4, 4)


def our_deviation() -> Tensors:
    """Ours, on eight maps in groups of four."""
    return {"maps": MinibatchStdDev(4)(_maps())}


def deviation(checkout: Path) -> Tensors:
    """The layer of StyleGAN2-ADA's discriminator."""
    with code_of(checkout, stand_ins()) as module:
        return {"maps": module("training.networks").MinibatchStdLayer(4)(_maps())}
