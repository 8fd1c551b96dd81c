"""The pool: a history of fakes, so that the discriminator does not forget what it has learnt about old ones."""

from typing import Annotated, Any

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.limits import at_least, check_limits


class Pool(nn.Module):
    """The last fakes, mixed into what the discriminator sees. Shrivastava et al. 2017, arXiv:1612.07828, section 2.3.

    size: how many images are kept (CycleGAN: 50); with 0 there is no pool.

    Images are taken one after the other. While the pool is not full, an image is stored and returned. When it is full,
    with probability 1/2 an image is stored in the place of a random one, which is returned; else it is returned itself.
    Tensors of one call, such as a fake and its condition, are treated alike.

    No call waits for the device. The places are computed there for the whole batch at once, with the same result as one
    image after the other. A call draws 2 B random numbers from the device's global generator, also if the pool is not
    full. In eval mode images are returned as they are, and none is stored.

    The images are buffers, made at the first call (zeros until filled); a state dict restores them in a new Pool too.
    """

    filled: Tensor | None  # how many images are stored, int64, on the images' device

    def __init__(self, size: Annotated[int, at_least(0)]) -> None:
        super().__init__()
        check_limits(self, size=size)
        self.size = size
        self.register_buffer("filled", None)

    @torch.no_grad()
    def forward(self, *images: Tensor) -> tuple[Tensor, ...]:
        """images: one or more tensors [B, ...] of one batch. Returns as many, of the same shapes, without gradient.

        Raises InputError if a shape, batch axis aside, or the number of tensors is not what the pool stores.
        """
        images = tuple(image.detach() for image in images)
        if self.size == 0 or not self.training or images[0].is_meta:
            return images
        stored = self._stored(images)
        slot, returned, kept = self._places(images[0].shape[0], images[0].device)
        results = []
        for store, image in zip(stored, images, strict=True):
            candidates = torch.cat([store.index_select(0, slot).to(image.dtype), image])  # [2 B, ...]
            # if a slot occurs twice, both writes have the same value, so their order has no effect
            store.index_copy_(0, slot, candidates.index_select(0, kept).to(store.dtype))
            results.append(candidates.index_select(0, returned))
        return tuple(results)

    def of_several(self, given: Tensor | None, fake: Tensor, label: Tensor | None) -> tuple[Any, Tensor, Any]:
        """The fakes that the pool returns, each with its own condition and label, where there are any."""
        returned = iter(self(*(each for each in (given, fake, label) if each is not None)))
        given = None if given is None else next(returned)
        return given, next(returned), None if label is None else next(returned)

    def _places(self, batch: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Each image's slot in the pool; and, among [stored images of these slots, new images], which one
        is returned for it, and which one its slot holds after the whole batch. Each [B]."""
        assert self.filled is not None
        swap = torch.rand(batch, device=device) < 0.5
        slot = torch.randint(self.size, (batch,), device=device)
        order = torch.arange(batch, device=device)
        filling = self.filled + order < self.size
        slot = torch.where(filling, self.filled + order, slot)
        writes = (slot[:, None] == slot) & (filling | swap)  # [B, B]: image j writes to the slot of image i
        earlier = torch.where(writes & (order < order[:, None]), order, -1).amax(1)  # the last to do so before i
        last = torch.where(writes, order, -1).amax(1)
        returned = torch.where(swap & ~filling, torch.where(earlier < 0, order, batch + earlier), batch + order)
        kept = torch.where(last < 0, order, batch + last)
        self.filled.add_(batch).clamp_(max=self.size)
        return slot, returned, kept

    def _stored(self, images: tuple[Tensor, ...]) -> list[Tensor]:
        device = images[0].device
        if self.filled is None:
            self.register_buffer("filled", torch.zeros((), dtype=torch.int64, device=device))
            for index, image in enumerate(images):
                self.register_buffer(f"stored_{index}", image.new_zeros(self.size, *image.shape[1:]))
        elif self.filled.device != device:
            self.to(device)
        stored = [buffer for name, buffer in self.named_buffers() if name != "filled"]
        held, given = [tuple(store.shape[1:]) for store in stored], [tuple(image.shape[1:]) for image in images]
        if held != given:
            raise InputError(f"the pool of past fakes holds images of shape {held}, these have {given}")
        return stored

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        """Makes the buffers that the state has, since a new pool does not know their shapes."""
        for name in [name for name in self._buffers if name != "filled"]:
            delattr(self, name)
        self.filled = None
        for key, value in state_dict.items():
            name = key.removeprefix(prefix)
            if key.startswith(prefix) and self.size and (name == "filled" or name.startswith("stored_")):
                shape = () if name == "filled" else (self.size, *value.shape[1:])
                self.register_buffer(name, value.new_zeros(shape))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def extra_repr(self) -> str:
        return f"size={self.size}"
