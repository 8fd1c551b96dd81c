"""Small forms of the recipes whose fast paths are compared with the plain one, in float64."""

from collections.abc import Callable

import torch
from torch import Tensor

from advloss.recipe.build import Built, build
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read

SIZE = 32
NARROW = "discriminator={name: patchgan, width: 4, layers: 1, norm: batch}"
INSTANCE = NARROW.replace("batch", "instance")
LATENTS = {"cgan-small": 64, "ebgan-small": 100, "improved-gan-small": 100, "improved-gan-semi-small": 100}
"""The recipes that make images of noise, with its length."""
RECIPES: dict[str, tuple[str, list[str]]] = {
    "cyclegan": (
        "cyclegan",
        [
            "networks.generator={name: resnet, width: 4, blocks: 1}",
            *(f"losses.adversarial_{side}.{INSTANCE}" for side in "ab"),
            *(f"losses.adversarial_{side}.pool=3" for side in "ab"),
            "train.average=0.9",
        ],
    ),
    "pix2pix": (
        "pix2pix",
        ["networks.generator={name: unet, width: 4, levels: 3, dropout: 0}", f"losses.adversarial.{NARROW}"],
    ),
    "pix2pixhd": (  # several scales with feature matching, the generator first
        "pix2pixhd-small",
        [
            "networks.generator={name: pix2pixhd, width: 4, downs: 1, blocks: 1, enhancers: 1, enhancer_blocks: 1}",
            *(f"losses.adversarial.discriminator.{key}" for key in ("width=4", "layers=1")),
        ],
    ),
    "srgan": (
        "srgan-small",
        ["networks.generator={name: srresnet, width: 4, blocks: 1}", f"losses.adversarial.{NARROW}", "initial=null"],
    ),
    "vqgan": (
        "vqgan-small",
        [
            *(f"networks.{side}.width=8" for side in ("encoder", "decoder")),
            "networks.bottleneck={name: vq, codes: 16, channels: 4}",
            f"losses.adversarial.{NARROW}",
            *(f"losses.adversarial.{key}" for key in ("start=4", "ramp=3", "discriminator_start=2")),
        ],
    ),
    "relativistic": (  # a discriminator that changes at each call, in another order
        "srgan-small",
        [
            "networks.generator={name: srresnet, width: 4, blocks: 1}",
            "losses.adversarial.objective={name: ragan, detached_mean: true}",
            "losses.adversarial.discriminator={name: unet, width: 2, unit_range: true}",
            "losses.adversarial.real_first=true",
            "initial=null",
        ],
    ),
    "halves": (  # the generator's half reads the real logits, the discriminator's does not
        "pix2pix",
        [
            "networks.generator={name: unet, width: 4, levels: 3, dropout: 0}",
            f"losses.adversarial.{NARROW}",
            "losses.adversarial.objective={generator: ragan, discriminator: hinge}",
        ],
    ),
    "unrolled": (
        "pix2pix",
        [
            "networks.generator={name: unet, width: 4, levels: 3, dropout: 0}",
            f"losses.adversarial.{NARROW}",
            "losses.adversarial.objective=minimax",
            "losses.adversarial.unroll={steps: 2, rate: 0.05}",
        ],
    ),
    "conditional": (  # projection discriminator, conditional batch norm, a penalty and a pool of no size
        "cgan-small",
        [
            "networks.generator={name: residual, width: 4}",
            "losses.adversarial.discriminator={name: residual, width: 4, layers: 2, plain: 1}",
            "losses.adversarial.penalties=[{name: r1, weight: 1, interval: 3}]",
            "data.classes={label: [zero, one, two]}",
        ],
    ),
    "conditional pool": (
        "cgan-small",
        [
            "networks.generator={name: dcgan, width: 2, norm: virtual}",
            "losses.adversarial.discriminator={name: dcgan, width: 2, layers: 3}",
            "losses.adversarial.pool=3",
            "data.classes={label: [zero, one, two]}",
        ],
    ),
    "ebgan": (
        "ebgan-small",
        ["networks.generator.width=2", "losses.adversarial.discriminator.width=2"],
    ),
    "means": (
        "improved-gan-small",
        [
            "networks.generator.width=2",
            "losses.adversarial.discriminator={name: dcgan, width: 2, layers: 3, minibatch: 4}",
            "losses.adversarial.feature_matching=1",
            "losses.adversarial.matching=means",
        ],
    ),
    "semi-supervised": (
        "improved-gan-semi-small",
        [
            "networks.generator.width=8",
            "networks.classifier={name: mlp, width: 8, layers: 2}",
            "data.classes={label: [zero, one, two]}",
            "train.average=0.9",
        ],
    ),
    "lazy penalty": (
        "pix2pix",
        [
            "networks.generator={name: unet, width: 4, levels: 3, dropout: 0, norm: instance}",
            f"losses.adversarial.{INSTANCE}",
            "losses.adversarial.penalties=[{name: r1, weight: 1, interval: 4}]",
            "train.steps={generator: 1, discriminator: 1}",
        ],
    ),
}


def made(name: str, *overrides: str) -> Built:
    """A recipe's objects, the same each time, in float64 unless the overrides say otherwise."""
    recipe, small = RECIPES[name]
    source = read(recipe)
    batch = ["data.batch=2", f"data.load={SIZE}", f"data.crop={SIZE}", "train.precision=fp64"]
    for override in (*small, *batch, *overrides):
        source.override(override)
    built = build(resolve(source))
    torch.manual_seed(1)  # what is drawn from now on
    return built


def batches(name: str, dtype: torch.dtype = torch.float64) -> Callable[[int], dict[str, Tensor]]:
    """Batch number n of a recipe."""
    if RECIPES[name][0] in LATENTS:
        return noise_batches(LATENTS[RECIPES[name][0]], dtype)
    small = SIZE // 4 if RECIPES[name][0] == "srgan-small" else SIZE

    def batch(number: int) -> dict[str, Tensor]:
        draw = torch.Generator().manual_seed(number)
        sides = {"a": small, "image" if name == "vqgan" else "b": SIZE}
        return {s: torch.rand(2, 3, side, side, generator=draw, dtype=dtype) * 2 - 1 for s, side in sides.items()}

    return batch


def noise_batches(latent: int, dtype: torch.dtype) -> Callable[[int], dict[str, Tensor]]:
    """Batch number n of a recipe that makes grey images of noise; with labels, and unlabelled images."""

    def batch(number: int) -> dict[str, Tensor]:
        draw = torch.Generator().manual_seed(number)
        images, more = torch.rand(2, 2, 1, SIZE, SIZE, generator=draw, dtype=dtype) * 2 - 1
        label = torch.randint(3, (2,), generator=draw)
        noise = torch.randn(2, latent, generator=draw, dtype=dtype)
        return {"image": images, "label": label, "unlabelled": more, "noise": noise}

    return batch


def weights(built: Built) -> dict[str, Tensor]:
    """All that is learned, without the running statistics of discriminators, which nothing reads."""
    of_method = {f"method.{name}": value for name, value in built.method.state_dict().items()}
    return of_method | {f"terms.{name}": parameter.detach() for name, parameter in built.terms.named_parameters()}
