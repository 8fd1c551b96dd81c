"""advloss: adversarial losses as a component, and the image-to-image recipes made of them.

In a training loop of your own (see `help(advloss.AdversarialLoss)`):

    from advloss import AdversarialLoss, PatchGAN, R1

    adversary = AdversarialLoss(PatchGAN(), objective="hinge", penalties=[R1(10)])

A trained model: `advloss.load("model.safetensors").translate("photo.jpg")`. Components of your own for recipes:
`Method`, `Objective` and `Penalty` to derive from, the modules `fields`, `uses` and `limits` to declare with, and the
tables of `components` (of `images` for file formats) to enter them in. `main` is the command line.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from advloss.core.version import __version__ as __version__

if TYPE_CHECKING:
    from advloss import images as images
    from advloss.cli.main import main as main
    from advloss.core import limits as limits
    from advloss.core.clock import Schedule as Schedule
    from advloss.core.errors import InputError as InputError
    from advloss.core.parts import Part as Part
    from advloss.data import fields as fields
    from advloss.inference.model import Model as Model
    from advloss.inference.model import load as load
    from advloss.losses.adversarial.augmentations.ada import ADA as ADA
    from advloss.losses.adversarial.augmentations.diffaugment import DiffAugment as DiffAugment
    from advloss.losses.adversarial.augmentations.noise import InstanceNoise as InstanceNoise
    from advloss.losses.adversarial.loss import AdversarialLoss as AdversarialLoss
    from advloss.losses.adversarial.objectives.classes import EBGAN as EBGAN
    from advloss.losses.adversarial.objectives.classes import LSGAN as LSGAN
    from advloss.losses.adversarial.objectives.classes import Hinge as Hinge
    from advloss.losses.adversarial.objectives.classes import Minimax as Minimax
    from advloss.losses.adversarial.objectives.classes import NonSaturating as NonSaturating
    from advloss.losses.adversarial.objectives.classes import Objective as Objective
    from advloss.losses.adversarial.objectives.classes import RaGAN as RaGAN
    from advloss.losses.adversarial.objectives.classes import RpGAN as RpGAN
    from advloss.losses.adversarial.objectives.classes import Wasserstein as Wasserstein
    from advloss.losses.adversarial.penalties.base import Penalty as Penalty
    from advloss.losses.adversarial.penalties.consistency import Consistency as Consistency
    from advloss.losses.adversarial.penalties.gradient import DRAGAN as DRAGAN
    from advloss.losses.adversarial.penalties.gradient import R1 as R1
    from advloss.losses.adversarial.penalties.gradient import R2 as R2
    from advloss.losses.adversarial.penalties.gradient import GradientPenalty as GradientPenalty
    from advloss.losses.adversarial.penalties.gradient import LipschitzPenalty as LipschitzPenalty
    from advloss.losses.adversarial.penalties.lecam import LeCam as LeCam
    from advloss.losses.adversarial.stabilisers.topk import TopK as TopK
    from advloss.losses.adversarial.stabilisers.unroll import Unroll as Unroll
    from advloss.losses.adversarial.weighting import Balancer as Balancer
    from advloss.losses.adversarial.weighting import LastLayerAdaptive as LastLayerAdaptive
    from advloss.methods import uses as uses
    from advloss.methods.base import Method as Method
    from advloss.methods.base import NetworkFactory as NetworkFactory
    from advloss.networks.discriminators.dcgan import DCGANDiscriminator as DCGANDiscriminator
    from advloss.networks.discriminators.mlp import MLPDiscriminator as MLPDiscriminator
    from advloss.networks.discriminators.multi_scale import MultiScale as MultiScale
    from advloss.networks.discriminators.patchgan import PatchGAN as PatchGAN
    from advloss.networks.discriminators.stylegan2 import StyleGAN2Discriminator as StyleGAN2Discriminator
    from advloss.networks.discriminators.unet import UNetDiscriminator as UNetDiscriminator
    from advloss.pretrained.weights import Frozen as Frozen
    from advloss.recipe import components as components
    from advloss.training import executors as executors

_WHERE = {
    "losses.adversarial.loss": ("AdversarialLoss",),
    "losses.adversarial.objectives.classes": (
        "EBGAN",
        "Hinge",
        "LSGAN",
        "Minimax",
        "NonSaturating",
        "Objective",
        "RaGAN",
        "RpGAN",
        "Wasserstein",
    ),
    "losses.adversarial.penalties.base": ("Penalty",),
    "losses.adversarial.penalties.consistency": ("Consistency",),
    "losses.adversarial.penalties.gradient": ("DRAGAN", "R1", "R2", "GradientPenalty", "LipschitzPenalty"),
    "losses.adversarial.penalties.lecam": ("LeCam",),
    "losses.adversarial.augmentations.ada": ("ADA",),
    "losses.adversarial.augmentations.diffaugment": ("DiffAugment",),
    "losses.adversarial.augmentations.noise": ("InstanceNoise",),
    "losses.adversarial.stabilisers.topk": ("TopK",),
    "losses.adversarial.stabilisers.unroll": ("Unroll",),
    "losses.adversarial.weighting": ("Balancer", "LastLayerAdaptive"),
    "networks.discriminators.dcgan": ("DCGANDiscriminator",),
    "networks.discriminators.mlp": ("MLPDiscriminator",),
    "networks.discriminators.multi_scale": ("MultiScale",),
    "networks.discriminators.patchgan": ("PatchGAN",),
    "networks.discriminators.stylegan2": ("StyleGAN2Discriminator",),
    "networks.discriminators.unet": ("UNetDiscriminator",),
    "core.clock": ("Schedule",),
    "core.errors": ("InputError",),
    "inference.model": ("Model", "load"),
    "methods.base": ("Method", "NetworkFactory"),
    "core.parts": ("Part",),
    "pretrained.weights": ("Frozen",),
    "cli.main": ("main",),
}
"""The names of each module, imported at first use, so that neither `advloss --help` nor a loss waits for the rest."""
_MODULES = {
    "components": "recipe.components",
    "executors": "training.executors",
    "fields": "data.fields",
    "images": "images",
    "limits": "core.limits",
    "uses": "methods.uses",
}
_NAMES = {name: module for module, names in _WHERE.items() for name in names}
__all__ = ["__version__", *sorted([*_NAMES, *_MODULES])]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        value = import_module(f"advloss.{_MODULES[name]}")
    elif name in _NAMES:
        value = getattr(import_module(f"advloss.{_NAMES[name]}"), name)
    else:
        raise AttributeError(f"module 'advloss' has no attribute '{name}'")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
