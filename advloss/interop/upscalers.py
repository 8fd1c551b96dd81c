"""Enlarging networks from other projects' files: BasicSR's and Real-ESRGAN's by our own reader, others by spandrel.

Files are read with `weights_only=True`, and spandrel is given tensors, so that nothing in a file is run.
"""

import copy
import os
import warnings
import zipfile
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.core.storage.reading import check_plain
from advloss.interop.basicsr import generator_from
from advloss.recipe.components import GENERATORS

TRAINERS = (
    "pytorch_lightning.",
    "lightning.",
    "lightning_fabric.",
    "lightning_utilities.",
    "omegaconf.",
    "argparse.",
    "numpy.",
    "typing.",
    "collections.",
    "pathlib.",
)
"""Packages of objects that trainers save in checkpoints with the weights."""
INSTALL = "pip install 'advloss[spandrel]'"


def foreign_network(file: Path) -> nn.Module:
    """The network in a .pth, .pt, .bin or .safetensors file: takes and gives [B, 3, H, W] in [-1, 1], in eval mode.

    Its attributes `scale`, `multiple` and `smallest` are those of every generator; spandrel's have `tiles_discouraged`
    too: the network's kind, if spandrel says that tiles don't suit it, else empty. Raises InputError for a file that
    can't be read safely, and for networks that neither we nor spandrel know, or that take or give no colours.
    """
    held = read_weights(file)
    try:
        component, state = generator_from(held)
    except InputError as error:
        return _by_spandrel(file, held, error)
    parameters = {key: value for key, value in component.items() if key != "name"}
    check_channels(file, parameters["in_channels"], parameters["out_channels"])
    network = GENERATORS[component["name"]](**parameters)
    network.load_state_dict(state)
    return network.float().eval()


class Foreign(nn.Module):
    """One of spandrel's networks as one of ours: [-1, 1] at both ends, any height and width that its rules allow.

    descriptor: spandrel's `ImageModelDescriptor`, which knows how its network is called.
    """

    def __init__(self, descriptor: Any) -> None:
        super().__init__()
        self.network: nn.Module = descriptor.model
        self.scale = int(descriptor.scale)
        self.multiple = int(descriptor.size_requirements.multiple_of)
        self.smallest = max(int(descriptor.size_requirements.minimum), 1)
        self.tiles_discouraged = "" if descriptor.tiling.name == "SUPPORTED" else str(descriptor.architecture.name)
        halves = {torch.float16: descriptor.supports_half, torch.bfloat16: descriptor.supports_bfloat16}
        self._refused = {dtype for dtype, supported in halves.items() if not supported}
        self._call = descriptor

    def forward(self, x: Tensor) -> Tensor:
        """x: [B, 3, H, W] in [-1, 1] -> [B, 3, scale H, scale W] in [-1, 1]; in float32 where it can't do with less."""
        if x.is_meta:
            return self._tried_out(x)
        with torch.autocast(x.device.type, enabled=False) if self._too_coarse(x.device.type) else nullcontext():
            y: Tensor = self._call((x + 1) / 2)
        return y.clone() * 2 - 1  # spandrel computes in inference mode, whose tensors could not be changed in place

    def _tried_out(self, x: Tensor) -> Tensor:
        """A pass on the meta device, where the engine measures memory: by a copy, since some keep tensors for the next.

        Where a network can't run there, its memory is guessed: that of sixteen layers of 64 channels.
        """
        height, width = x.shape[-2] * self.scale, x.shape[-1] * self.scale
        try:
            y: Tensor = copy.deepcopy(self._call)(x)
        except Exception:  # whatever asks for a value
            y = x.new_empty(len(x), 16 * 64, height, width)[:, :3]
        return y

    def _too_coarse(self, device: str) -> bool:
        """Whether autocast is on with a type that the network is known not to bear."""
        known = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
        return known and torch.get_autocast_dtype(device) in self._refused


def read_weights(file: Path) -> Mapping[str, Any]:
    """What a file of weights holds, read without running anything in it: tensors by name, perhaps in inner mappings.

    Raises InputError for a file that is missing, cut short, or holds more than tensors and plain values.
    """
    try:
        if not file.exists():
            raise InputError(f"{file}: no such file")
        check_plain(file)
        if not os.access(file, os.R_OK):  # safetensors would say that there is none
            raise InputError(f"{file}: can't be read (Permission denied)")
        if file.suffix == ".safetensors":
            return load_file(file)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*TorchScript archive")  # our own error says it
            _check_stored(file)
            held = _loaded(file)
    except InputError:
        raise
    except PermissionError as error:
        raise InputError(f"{file}: can't be read ({error.strerror})") from None
    except SafetensorError as error:
        raise InputError(f"{file}: not a whole .safetensors file ({error}); was its download cut short?") from None
    except Exception as error:  # torch.load raises whatever its zip and pickle readers raise
        raise InputError(f"{file}: not a checkpoint that can be read safely ({_culprit(file, error)})") from None
    if not isinstance(held, Mapping):
        raise InputError(f"{file}: holds a {type(held).__name__}, not the weights of a network")
    return held


def _check_stored(file: Path) -> None:
    """Raises InputError for a zip archive with compressed members: torch.save only stores, and 1 MB could be 1 GB."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            content = sum(info.file_size for info in archive.infolist())
        if content > file.stat().st_size:
            raise InputError(f"{file}: a zip archive whose {content:,} bytes are compressed; torch.save makes none")


class Skipped:
    """Takes the place of an object that a trainer saved with the weights, so that nothing of it is run."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Takes the object's arguments, and does nothing."""

    def __setstate__(self, state: Any) -> None:
        """Takes the object's content, and keeps nothing."""


def _loaded(file: Path) -> Any:
    """torch.load with weights_only; `Skipped` takes the place of known trainers' classes, as in Lightning's files."""
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(file)
    except Exception:  # no zip archive, or a broken one
        names = []
    stubs: list[Any] = [(Skipped, name) for name in names if name.startswith(TRAINERS)]
    with torch.serialization.safe_globals(stubs):
        return torch.load(file, map_location="cpu", weights_only=True)


def _culprit(file: Path, error: Exception) -> str:
    """Why torch.load refused a file; its own message advises to run what the file holds."""
    if "TorchScript" in str(error):
        return "it is a TorchScript archive, which holds code; save the network's state_dict instead"
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(file)
    except Exception:  # no zip archive, or a broken one
        names = []
    unsafe = [name for name in names if not name.startswith(TRAINERS)]
    if not unsafe:
        return "cut short, or no file of torch.save"
    return f"it holds {', '.join(unsafe[:4])} besides tensors, whose code could be run; nothing of it was"


def _by_spandrel(file: Path, held: Mapping[str, Any], ours: InputError) -> nn.Module:
    """The network by spandrel. ours: why our own reader did not take the file."""
    try:
        from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedModelError
    except ImportError:
        raise InputError(f"{file}: {ours}. Many other networks can be read with spandrel: {INSTALL}") from None
    try:
        descriptor = ModelLoader("cpu").load_from_state_dict(dict(held))
    except UnsupportedModelError:
        raise InputError(f"{file}: {ours}; and spandrel knows no network with these weights") from None
    except Exception as error:  # its detectors read hyperparameters off shapes, and fail in as many ways as there are
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{file}: {ours}; and spandrel can't read it: {why}") from None
    name = descriptor.architecture.name
    if not isinstance(descriptor, ImageModelDescriptor) or descriptor.purpose == "FaceSR":
        raise InputError(f"{file}: {name} is for {descriptor.purpose}; it does not convert whole pictures")
    check_channels(file, descriptor.input_channels, descriptor.output_channels)
    return Foreign(descriptor.float().eval())


def check_channels(file: Path, taken: int, given: int) -> None:
    """InputError for a network that is not from colours to colours."""
    if (taken, given) != (3, 3):
        raise InputError(f"{file}: takes {taken} and gives {given} channels; only 3 and 3 (colours) can be used")
