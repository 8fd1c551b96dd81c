"""advloss: adversarial losses as a component, and the image-to-image recipes made of them."""

from typing import TYPE_CHECKING, Any

from advloss.core.version import __version__

__all__ = ["AdversarialLoss", "__version__", "load"]

if TYPE_CHECKING:
    from advloss.inference.model import load
    from advloss.losses.adversarial.loss import AdversarialLoss


def __getattr__(name: str) -> Any:
    """Imported at first use, so that `advloss --help` does not wait for torch."""
    if name == "AdversarialLoss":
        from advloss.losses.adversarial.loss import AdversarialLoss

        return AdversarialLoss
    if name == "load":
        from advloss.inference.model import load

        return load
    raise AttributeError(f"module 'advloss' has no attribute '{name}'")
