"""Our side: what each term of a recipe adds to the losses, on tensors and weights that a seed decides.

Everything is in float64, and every number is drawn by numpy's `RandomState`, whose streams do not change between
versions: so the figures of two machines agree to far better than 1e-5.
"""

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from advloss.losses.perceptual.lpips import LPIPS
from advloss.losses.perceptual.vgg import VGGFeatures
from advloss.recipe.build import Built, build
from advloss.recipe.resolve import resolve
from advloss.recipe.terms import Term, by_name
from advloss.recipe.text.source import read

LATE = 10**6
"""An iteration in which every term counts in full."""
BATCH, FEATURES = 2, 4
LAST_LAYER = "gradient of the generator"
LATENT = "gradient of the bottleneck"
NARROW = ("encoder.width=32", "decoder.width=32")
RANDOM = "losses.perceptual.pretrained=false"
CODES = "networks.bottleneck.codes=32"
SIDE = 32


def _sized(side: int) -> tuple[str, ...]:
    return f"data.crop={side}", f"data.load={side}"


_TRANSLATOR = _sized(SIDE)
_TOKENIZER = (*_TRANSLATOR, *(f"networks.{key}" for key in NARROW), RANDOM, "losses.adversarial.discriminator.width=4")
_ENLARGER = (
    "networks.generator={name: rrdbnet, blocks: 1, width: 4, growth: 4}",
    "losses.adversarial.discriminator.width=4",
    RANDOM,
    "initial=null",
)
SMALL: dict[str, tuple[str, ...]] = {
    "cyclegan": (
        *_TRANSLATOR,
        "networks.generator={name: resnet, width: 2, blocks: 0}",
        *(f"losses.adversarial_{side}.discriminator.width=4" for side in "ab"),
    ),
    "pix2pix": (
        *_TRANSLATOR,
        "networks.generator={name: unet, width: 2, levels: 4}",
        "losses.adversarial.discriminator.width=4",
    ),
    "pix2pixhd": (
        *_sized(64),  # of which two scales are made
        "networks.generator={name: pix2pixhd, width: 2, downs: 1, blocks: 0}",
        "losses.adversarial.discriminator.width=4",
        RANDOM,
    ),
    "rrdbnet": (f"data.crop={SIDE}", _ENLARGER[0]),
    "esrgan": ("data.crop=128", *_ENLARGER),  # the authors' discriminator takes nothing smaller
    "realesrgan": (f"data.crop={SIDE}", *_ENLARGER),
    "vqgan-f16": (*_TOKENIZER, CODES),
    "vqgan-f8": (*_TOKENIZER, CODES),
    "klvae-f8": _TOKENIZER,
    "llamagen-vq16": (*_TOKENIZER, CODES),
}
"""Of each recipe that its authors' code can be compared with: smaller networks, which leave the losses as they are."""


class Scene:
    """A recipe's losses, with filled networks, and the tensors that they compare.

    layer: the weight of the last layer, [3, FEATURES, 1, 1]; all that the generator makes is `made(name)`: fixed
    features, this layer. latent: what a tokenizer's bottleneck gets, [B, D, 4, 4].
    """

    def __init__(self, recipe: str) -> None:
        source = read(recipe)
        for override in (*SMALL[recipe], "train.precision=fp64"):
            source.override(override)
        self.built: Built = build(resolve(source))
        self.recipe = self.built.recipe
        self.terms: Mapping[str, Term] = by_name(self.built.terms)
        self.side = self.recipe.data.crop
        self.layer = nn.Parameter(0.1 * drawn("layer", 3, FEATURES, 1, 1))
        for name, term in self.terms.items():
            if term.two_sided:
                fill(term.loss.discriminator, name)
            elif isinstance(term.loss, LPIPS):
                fill(frozen(term).net, name)
            elif isinstance(term.loss, VGGFeatures):
                fill(frozen(term).features, name)
        self.bottleneck: Any = getattr(self.built.method, "bottleneck", None)
        if self.bottleneck is not None:
            fill(self.bottleneck, "bottleneck")
            self.latent = drawn("latent", BATCH, self.bottleneck.in_channels, 4, 4).requires_grad_()

    def features(self, name: str) -> Tensor:
        """What the last layer gets, for a tensor that the generator makes: [B, FEATURES, H, W]."""
        return drawn(f"features of {name}", BATCH, FEATURES, self.side, self.side)

    def made(self, name: str) -> Tensor:
        """A tensor that the generator makes, with its graph: [B, 3, H, W], about in [-1, 1]."""
        return F.conv2d(self.features(name), self.layer)

    def given(self, name: str) -> Tensor:
        """An image of the data: [B, 3, H, W] in [-1, 1]."""
        return drawn(name, BATCH, 3, self.side, self.side).tanh()

    def tensors(self) -> dict[str, Tensor]:
        """All that the recipe's terms name."""
        names = {name for term in self.terms.values() for name in term.needs}
        losses = self.bottleneck(self.latent).losses if self.bottleneck is not None else {}
        known = {**losses, "bottleneck": sum(losses.values(), torch.zeros((), dtype=torch.float64))}
        data = {*self.built.method.declared_fields({}), "hr", "sharp_hr"}
        return {
            name: known[name] if name in known else self.given(name) if name in data else self.made(name)
            for name in sorted(names)
        }


def ours(scene: Scene) -> dict[str, float]:
    """What each term adds to the generator's loss and to the discriminator's; the norms of gradients: of the first in
    the last layer, of the second in all of its parameters, of the bottleneck's losses in what it gets; and the
    iteration from which an adversary counts."""
    tensors = scene.tensors()
    weighting = scene.built.weighting
    weighting.weights.update({name: term.weight_at(LATE) for name, term in scene.terms.items()})
    values = {name: term(tensors) for name, term in scene.terms.items()}
    total = weighting(values, scene.layer)
    factors = weighting.latest
    found = {name: float((factors[name] * value).detach()) for name, value in values.items()}
    (gradient,) = torch.autograd.grad(total, scene.layer, retain_graph=True)
    found[LAST_LAYER] = float(gradient.norm())
    for name in values.keys() & {"bottleneck", "kl"}:
        (gradient,) = torch.autograd.grad(factors[name] * values[name], scene.latent)
        found[LATENT] = float(gradient.norm())
    constants = {name: tensor.detach() for name, tensor in tensors.items()}
    for name, term in scene.built.adversaries.items():
        loss = term.discriminator_loss(constants)
        found[f"{name}.discriminator"] = float(loss.detach())
        gradients = torch.autograd.grad(loss, [*term.loss.discriminator.parameters()])
        found[f"gradient of {name}.discriminator"] = norm(gradients)
        found[f"{name}.start"] = float(term.start)
    return found


def frozen(term: Term) -> Any:
    """The frozen network of a perceptual loss, in float64."""
    return term.loss._network.network.double()  # type: ignore[union-attr]


def norm(gradients: Any) -> float:
    """The norm over all of these tensors; None counts as zero."""
    return float(torch.stack([gradient.norm() for gradient in gradients if gradient is not None]).norm())


def drawn(name: str, *shape: int) -> Tensor:
    """Evenly spread about 0 with a variance of 1, float64; the name decides the numbers."""
    return torch.from_numpy((2 * np.random.RandomState(zlib.crc32(name.encode())).random_sample(shape) - 1) * 3**0.5)


@torch.no_grad()
def fill(module: nn.Module, seed: str) -> None:
    """Draws all that a module learns: kernels of He's size, norms about 1, small biases, vectors of length 1."""
    for key, tensor in module.state_dict().items():
        leaf = key.rpartition(".")[2]
        if not tensor.is_floating_point() or leaf.startswith("running_"):
            continue
        values = drawn(f"{seed} {key}", *tensor.shape)
        if leaf in ("_u", "_v"):
            values /= values.norm()
        elif tensor.ndim > 1:
            values *= (2 / tensor[0].numel()) ** 0.5
        else:
            values = 0.1 * values + (leaf == "weight")
        tensor.copy_(values)
