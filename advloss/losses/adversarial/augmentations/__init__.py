"""Augmentations of the discriminator's input by name: `AdversarialLoss(..., augment=[...])`."""

from advloss.losses.adversarial.augmentations.ada import ADA
from advloss.losses.adversarial.augmentations.base import Augmentation
from advloss.losses.adversarial.augmentations.diffaugment import DiffAugment
from advloss.losses.adversarial.augmentations.noise import InstanceNoise

__all__ = ["ADA", "AUGMENTATIONS", "Augmentation", "DiffAugment", "InstanceNoise"]

AUGMENTATIONS: dict[str, type[Augmentation]] = {"diffaugment": DiffAugment, "ada": ADA, "noise": InstanceNoise}
