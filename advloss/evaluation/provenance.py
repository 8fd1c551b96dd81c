"""With what figures were made: versions, the device, files' digests, for the protocol of a report."""

import hashlib
from pathlib import Path

import numpy
import torch

from advloss.core.version import __version__


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def made_with(device: torch.device) -> dict[str, str]:
    """The versions and the device with which the figures are computed."""
    name = f" ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else ""
    versions = {"advloss": __version__, "torch": torch.__version__, "numpy": numpy.__version__}
    return {"device": f"{device}{name}", **versions}
