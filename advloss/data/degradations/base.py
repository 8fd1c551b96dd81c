"""Degradations: each makes a small, worse picture from a large one."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from torch import Tensor

from advloss.core.errors import InputError
from advloss.images.picture import Depth

Scale = Annotated[int, Field(ge=1)]


class Degradation(ABC):
    """Makes a network's input, the small picture, from its target, the large picture.

    scale: the side of the large picture over that of the small one.
    in_workers: whether it works on arrays, in the processes that decode, instead of on the device.
    any_form: whether it takes images of any channels and depth; if not, it takes 8-bit RGB. depth: that of the files.

        class Nearest(Degradation):
            def __call__(self, large, rngs):
                self.check(large, rngs)
                return large[:, :, :: self.scale, :: self.scale]
    """

    in_workers: ClassVar[bool] = False
    any_form: ClassVar[bool] = False
    depth: Depth = 8

    def __init__(self, scale: Scale) -> None:
        if scale < 1:
            raise InputError(f"a degradation's scale is {scale}; it is a number of pixels, at least 1")
        self.scale = scale

    @abstractmethod
    def __call__(self, large: Tensor, rngs: Sequence[np.random.Generator]) -> Tensor:
        """float [B, C, H, W] in [-1, 1], sides multiples of `scale` -> [B, C, H / scale, W / scale] in [-1, 1],
        rounded to the levels of the files. rngs: a generator for each image; the result for an image depends on the
        image and its generator alone. Must not wait for the device. Raises `InputError`."""

    def check(self, large: Tensor, rngs: Sequence[np.random.Generator]) -> None:
        """Raises `InputError` unless these are images that can be made smaller by `scale`, with a generator each."""
        name = type(self).__name__
        if large.ndim != 4 or (large.shape[1] != 3 and not self.any_form) or not large.is_floating_point():
            raise InputError(f"{name} takes float images [B, 3, H, W], not {large.dtype} {tuple(large.shape)}")
        if len(rngs) != large.shape[0]:
            raise InputError(f"{name} needs a generator for each of {large.shape[0]} images; there are {len(rngs)}")
        height, width = large.shape[2:]
        if min(height, width) < 1 or height % self.scale or width % self.scale:
            raise InputError(
                f"{name}: images of {width}x{height} pixels can't be made {self.scale} times smaller; "
                f"their sides must be multiples of {self.scale}"
            )
