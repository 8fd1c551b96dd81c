"""The adversarial loss: a discriminator, an objective, penalties, augmentations, as one loss module."""

from advloss.losses.adversarial.loss import AdversarialLoss

__all__ = ["AdversarialLoss"]
