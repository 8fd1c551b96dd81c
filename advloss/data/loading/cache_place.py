"""Chooses where the cache of a training set's resized pictures is, and advises how to load faster."""

import os
from typing import Literal

import torch

from advloss.core.errors import InputError
from advloss.core.memory import available_memory

Memory = Literal["auto", "device", "on", "off"]
Place = Literal["device", "on", "off"]
"""In the memory of the device that trains; in the host's memory; or no cache, so that each use decodes."""

SHARE_OF_DEVICE = 1 / 4
"""The part of a GPU's free memory that the cache may take. It is chosen when the networks are on the GPU, and the
optimizers' state and the iterations' tensors are not yet."""
SHARE_OF_HOST = 1 / 2


def place(asked: Memory, needed: int, device: torch.device, copies: int, on_host: str | None) -> Place:
    """Where pictures of `needed` bytes are kept.

    "auto" takes the GPU if the pictures take at most a quarter of its free memory, else the host if they take at most
    half of its free memory, else "off".

    copies: how many processes on this host keep the pictures, if only for a while. on_host: the option that changes
    each batch on the host, with which the cache can't be on the device; or None. Raises InputError if `asked` is not
    possible.
    """
    if asked == "device":
        _check_device(needed, device, on_host)
    if asked != "auto":
        return asked
    if needed > available_memory() * SHARE_OF_HOST / copies:
        return "off"
    fits = device.type == "cuda" and needed <= free(device) * SHARE_OF_DEVICE
    return "device" if fits and on_host is None else "on"


def free(device: torch.device) -> int:
    """The free bytes of a device's memory."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else available_memory()


def _check_device(needed: int, device: torch.device, on_host: str | None) -> None:
    if on_host is not None:
        raise InputError(f"data.memory=device: {on_host} works in the host's memory; use on, or leave it out")
    if needed > free(device):
        raise InputError(
            f"data.memory=device: the pictures take {in_mb(needed)}, and {device} has {in_mb(free(device))} free; "
            "use on or off, or a smaller data.load"
        )


def faster(where: Place, workers: int, device: torch.device, on_host: str | None) -> str:
    """What a user can do when training waits for data, as the end of a sentence."""
    more = f"data.workers={max(2 * workers, min(8, os.cpu_count() or 1))}"
    if where == "off":
        return f"{more} decodes the pictures in so many processes, data.memory=on keeps them decoded, if they fit"
    if on_host is not None:
        off = "" if on_host == "data.degradation" else "data.memory=off "
        return f"{off}{more} has {on_host} done in so many processes"
    if where == "on" and device.type == "cuda":
        return "data.memory=device keeps the pictures on the GPU, if they fit"
    return "the pictures are kept already; something else may keep this machine's processors busy"


def in_mb(count: int) -> str:
    """`295 MB`."""
    return f"{count / 1e6:.0f} MB"
