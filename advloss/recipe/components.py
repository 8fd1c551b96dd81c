"""Every component that a recipe can name: a plain dict for each kind. A new one is a class and one entry here."""

from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any, cast

from torch import nn

from advloss.data.degradations import DEGRADATIONS
from advloss.losses.adversarial import AdversarialLoss
from advloss.losses.adversarial.augmentations import AUGMENTATIONS
from advloss.losses.adversarial.gradient_reversal import GradientReversal
from advloss.losses.adversarial.objectives import OBJECTIVES, Halves
from advloss.losses.adversarial.penalties import PENALTIES
from advloss.losses.adversarial.shared_specific import SharedSpecific
from advloss.losses.adversarial.stabilisers.topk import TopK
from advloss.losses.adversarial.stabilisers.unroll import Unroll
from advloss.losses.adversarial.weighting import WEIGHTINGS
from advloss.losses.classes import Accuracy, CrossEntropy
from advloss.losses.k_plus_one import KPlusOne
from advloss.losses.metrics import METRICS as IMAGE_METRICS
from advloss.losses.mmd import MMD
from advloss.losses.patch_nce import PatchNCE
from advloss.losses.perceptual.lpips import LPIPS
from advloss.losses.perceptual.vgg import Style, VGGFeatures
from advloss.losses.pixel import L1, L2, Charbonnier
from advloss.losses.sets.measures import SET_METRICS
from advloss.losses.structural import MSSSIM, SSIM, TotalVariation
from advloss.losses.value import Value
from advloss.methods.base import Method
from advloss.methods.classification import Classification
from advloss.methods.context_encoder import ContextEncoder
from advloss.methods.cut import CUT
from advloss.methods.cyclegan import CycleGAN
from advloss.methods.domain_adaptation import DomainAdaptation
from advloss.methods.generation import Generation
from advloss.methods.latent_autoencoder import LatentAutoencoder
from advloss.methods.pix2pix import Pix2Pix
from advloss.methods.points import Points
from advloss.methods.semi_supervised import SemiSupervised
from advloss.methods.super_resolution import SuperResolution
from advloss.methods.tokenizer import Tokenizer
from advloss.networks.autoencoders.vqgan import Decoder, Encoder
from advloss.networks.bottlenecks import BOTTLENECKS
from advloss.networks.discriminators.autoencoder import AutoencoderDiscriminator
from advloss.networks.discriminators.dcgan import DCGANDiscriminator
from advloss.networks.discriminators.mlp import MLPDiscriminator
from advloss.networks.discriminators.multi_scale import MultiScale
from advloss.networks.discriminators.on_features.dino import DINODiscriminator
from advloss.networks.discriminators.on_features.projected import ProjectedDiscriminator
from advloss.networks.discriminators.patchgan import PatchGAN
from advloss.networks.discriminators.pixel import PixelDiscriminator
from advloss.networks.discriminators.progan import ProGANDiscriminator
from advloss.networks.discriminators.r3gan import R3GANDiscriminator
from advloss.networks.discriminators.residual import ResidualDiscriminator
from advloss.networks.discriminators.stylegan2 import StyleGAN2Discriminator
from advloss.networks.discriminators.unet import UNetDiscriminator
from advloss.networks.discriminators.vgg_style import VGGStyleDiscriminator
from advloss.networks.encoders.convolutional import ConvolutionalFeatures
from advloss.networks.encoders.dcgan import DCGANEncoder
from advloss.networks.encoders.mlp import DenseClassifier, MLPEncoder
from advloss.networks.generators.context_encoder import ContextEncoderGenerator
from advloss.networks.generators.dcgan import DCGAN
from advloss.networks.generators.label_maps.pix2pixhd import Pix2PixHDGenerator
from advloss.networks.generators.label_maps.spade import SPADEGenerator
from advloss.networks.generators.mlp import MLPGenerator
from advloss.networks.generators.msrresnet import MSRResNet
from advloss.networks.generators.progan import ProGANGenerator
from advloss.networks.generators.r3gan import R3GANGenerator
from advloss.networks.generators.residual import ResidualGenerator
from advloss.networks.generators.resnet import ResNetGenerator
from advloss.networks.generators.rrdbnet import RRDBNet
from advloss.networks.generators.srresnet import SRResNet
from advloss.networks.generators.srvgg import SRVGG
from advloss.networks.generators.unet import UNetGenerator
from advloss.networks.generators.vector_mlp import VectorMLP
from advloss.recipe.optimizers import OPTIMIZERS
from advloss.recipe.schedules import SCHEDULES

__all__ = [
    "AUGMENTATIONS",
    "DEGRADATIONS",
    "DISCRIMINATORS",
    "GENERATORS",
    "LOSSES",
    "METHODS",
    "METRICS",
    "NETWORKS",
    "OBJECTIVES",
    "OPTIMIZERS",
    "PARTS",
    "PENALTIES",
    "SCHEDULES",
    "WEIGHTINGS",
]

METHODS: dict[str, type[Method]] = {
    "classification": Classification,
    "context_encoder": ContextEncoder,
    "cut": CUT,
    "cyclegan": CycleGAN,
    "domain_adaptation": DomainAdaptation,
    "generation": Generation,
    "latent_autoencoder": LatentAutoencoder,
    "pix2pix": Pix2Pix,
    "points": Points,
    "semi_supervised": SemiSupervised,
    "super_resolution": SuperResolution,
    "tokenizer": Tokenizer,
}

GENERATORS: dict[str, Callable[..., nn.Module]] = {
    "resnet": ResNetGenerator,
    "unet": UNetGenerator,
    "pix2pixhd": Pix2PixHDGenerator,
    "spade": SPADEGenerator,
    "srresnet": SRResNet,
    "msrresnet": MSRResNet,
    "rrdbnet": RRDBNet,
    "srvgg": SRVGG,
    "dcgan": DCGAN,
    "residual": ResidualGenerator,
    "r3gan": R3GANGenerator,
    "progan": ProGANGenerator,
    "mlp": MLPGenerator,
    "context_encoder": ContextEncoderGenerator,
    "vector_mlp": VectorMLP,
}

NETWORKS: dict[str, Mapping[str, Callable[..., nn.Module]]] = {
    "generator": GENERATORS,
    "encoder": {"vqgan": Encoder, "dcgan": DCGANEncoder, "mlp": MLPEncoder},
    "bottleneck": BOTTLENECKS,
    "decoder": {"vqgan": Decoder, "dcgan": DCGAN, "residual": ResidualGenerator, "mlp": MLPGenerator},
    "features": {"convolutional": ConvolutionalFeatures},
    "classifier": {
        "dcgan": DCGANDiscriminator,
        "dense": DenseClassifier,
        "mlp": MLPDiscriminator,
        "residual": ResidualDiscriminator,
    },
}
"""The components of each kind of network that is not a plain generator; see `networks_of`."""

DISCRIMINATORS: dict[str, Callable[..., nn.Module]] = {
    "patchgan": PatchGAN,
    "pixel": PixelDiscriminator,
    "multi_scale": MultiScale,
    "vgg_style": VGGStyleDiscriminator,
    "unet": UNetDiscriminator,
    "stylegan2": StyleGAN2Discriminator,
    "autoencoder": AutoencoderDiscriminator,
    "dcgan": DCGANDiscriminator,
    "residual": ResidualDiscriminator,
    "r3gan": R3GANDiscriminator,
    "progan": ProGANDiscriminator,
    "mlp": MLPDiscriminator,
    "projected": ProjectedDiscriminator,
    "dino": DINODiscriminator,
}

LOSSES: dict[str, type[nn.Module]] = {
    "adversarial": AdversarialLoss,
    "gradient_reversal": GradientReversal,
    "shared_specific": SharedSpecific,
    "l1": L1,
    "l2": L2,
    "charbonnier": Charbonnier,
    "ssim": SSIM,
    "ms_ssim": MSSSIM,
    "total_variation": TotalVariation,
    "lpips": LPIPS,
    "vgg": VGGFeatures,
    "style": Style,
    "value": Value,
    "cross_entropy": CrossEntropy,
    "k_plus_one": KPlusOne,
    "mmd": MMD,
    "patch_nce": PatchNCE,
}

METRICS: dict[str, type[nn.Module]] = {**IMAGE_METRICS, "accuracy": Accuracy, **SET_METRICS}

_OBJECTIVES: ChainMap[str, Callable[..., Any]] = ChainMap(cast(dict[str, Any], OBJECTIVES), {"halves": Halves})
"""The objectives, those of users too, and what a recipe's {generator: ..., discriminator: ...} is."""

PARTS: dict[str, Mapping[str, Callable[..., Any]]] = {
    "discriminator": DISCRIMINATORS,
    "objective": _OBJECTIVES,
    "penalty": PENALTIES,
    "augmentation": AUGMENTATIONS,
    "top_k": {"top_k": TopK},
    "unroll": {"unroll": Unroll},
}
"""The components of each kind of `Part` in a component's signature."""


def networks_of(key: str) -> Mapping[str, Callable[..., nn.Module]]:
    """The components that a recipe's `networks.KEY` can name: those of that kind, or else all generators."""
    return NETWORKS.get(key, GENERATORS)
