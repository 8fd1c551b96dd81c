"""Images of any size for a network that needs multiples: mirrored at the right and bottom edge, then cropped."""

from torch import Tensor, nn

from advloss.core.reflection import reflected


def padded_side(network: nn.Module, side: int) -> int:
    """The smallest side, in pixels, that the network takes and that is at least `side`.

    A multiple of `network.multiple`, and at least `network.smallest` (1 where a network has no such attribute).
    """
    multiple, smallest = (int(getattr(network, name, 1)) for name in ("multiple", "smallest"))
    return -(-max(side, smallest) // multiple) * multiple


def pad(network: nn.Module, image: Tensor) -> Tensor:
    """[B, C, H, W], with both sides mirrored at the right and bottom edge up to `padded_side`."""
    for axis in (-2, -1):
        side = image.shape[axis]
        padded = padded_side(network, side)
        if padded != side:
            image = reflected(image, axis, 0, padded - side)
    return image


def apply_padded(network: nn.Module, image: Tensor) -> Tensor:
    """The network's output for an image of any size: the image is padded for it, and the output is cropped.

    image: [B, C, H, W]. Gives [B, C', H * scale, W * scale], where scale is `network.scale` (output pixels per input
    pixel along an axis; 1 where a network has no such attribute).
    """
    scale = int(getattr(network, "scale", 1))
    height, width = image.shape[-2:]
    output: Tensor = network(pad(network, image))
    return output[..., : height * scale, : width * scale]
