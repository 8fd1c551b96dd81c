"""Tells the classes of images of all kinds and sizes."""

from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.data.formats import FieldFormat
from advloss.data.sampling.crops import Resize, check_crop_fits, middle_crop, resized
from advloss.images.reading import list_images
from advloss.inference.formats import to_pixels, to_tensor
from advloss.inference.kinds import ImageLike, given

BATCH = 32
"""How many images go through the network at once."""


class Classifier:
    """Images to logits. classify: images [B, C, S, S] in [-1, 1] to logits [B, K]. takes: the format of its images.

    resize, side: how images are brought to the size of the training, in pixels; side None: they stay as they are.
    """

    def __init__(
        self, classify: Callable[[Tensor], Tensor], takes: FieldFormat, resize: Resize, side: int | None
    ) -> None:
        self.classify, self.takes, self.resize, self.side = classify, takes, resize, side
        self.batch = 1 if side is None else BATCH

    def logits_of(self, images: ImageLike | Sequence[ImageLike]) -> Tensor:
        """The logits of an image, of several, or of the pictures in a folder: [N, K]. Raises InputError for one that
        can't be taken, and for none."""
        if isinstance(images, str | Path) and Path(images).is_dir():
            images = list_images(Path(images))
        several = iter(images if isinstance(images, list | tuple) else [images])
        logits = []
        while group := list(islice(several, self.batch)):
            prepared = torch.cat([self.prepared(image) for image in group])
            logits += [self.classify(part) for part in prepared.split(self.batch)]
        if not logits:
            raise InputError("classify: there is no image")
        return torch.cat(logits)

    def prepared(self, image: ImageLike) -> Tensor:
        """An image of any kind as the network takes it: [B, C, S, S]; B is 1 but for a tensor of several images."""
        taken = given("classify", image, self.takes)
        if self.side is None:
            return taken.tensor
        name = str(image) if isinstance(image, str | Path) else "classify: the image"
        if taken.kind == "tensor":
            arrays = [one.permute(1, 2, 0).cpu().numpy() for one in taken.tensor]  # [H, W, C]
            made = np.stack([self._brought(name, array) for array in arrays])
            return torch.from_numpy(made).permute(0, 3, 1, 2)
        return to_tensor(self._brought(name, to_pixels(taken.tensor, taken.dtype, self.takes)), self.takes)

    def _brought(self, name: str, pixels: np.ndarray) -> np.ndarray:
        """[H, W, C] resized and cut as validation does it: [side, side, C]."""
        assert self.side is not None
        made = resized(pixels, self.resize, self.side)
        check_crop_fits(name, (made.shape[0], made.shape[1]), self.side)
        return middle_crop(made, self.side)
