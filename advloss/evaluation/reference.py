"""Files of a reference set's statistics: our own, with each picture's features, and those of other projects."""

import hashlib
import zipfile
from collections.abc import Iterable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.core.storage.files import replacing
from advloss.evaluation.sets import Reference
from advloss.losses.sets import Normal
from advloss.pretrained.features import FeatureNetwork

FILES = (".npz", ".pt")


def write_reference(path: Path, features: Tensor, network: FeatureNetwork, digest: str) -> None:
    """Writes features [N, D] with the network's protocol and fingerprint, and the pictures' digest. InputError if it
    can't be written."""
    try:
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                features=features.numpy(),
                protocol=np.array(network.protocol),
                network=np.array(network.fingerprint()),
                pictures=np.array(digest),
            )
    except OSError as error:
        raise InputError(f"{path}: can't be written ({error.strerror or error})") from None


def read_reference(path: Path, network: FeatureNetwork) -> Reference:
    """Our own file; `mu` and `sigma` of pytorch-fid or torch-fidelity (.npz, .pt); or features [N, D] (.pt).

    Raises InputError for another file, and for our own of another network.
    """
    held = _held(path)
    if "protocol" in held:
        if str(held["network"]) != network.fingerprint():
            raise InputError(
                f"{path}: holds features of another network ({held['protocol']}); measure with that one, or write the "
                "file anew: --real FOLDER --save-real FILE.npz"
            )
        about = {"real": str(path), "real_sha256": str(held["pictures"])}
        return Reference(about, features=torch.from_numpy(np.asarray(held["features"])))
    about = {"real": str(path), "real_sha256": "not known: the file of another project"}
    try:
        if "features" in held:
            return Reference(about, features=torch.as_tensor(held["features"]).float())
        mean, covariance = (torch.as_tensor(held[name]) for name in ("mu", "sigma"))
        return Reference(about, normal=Normal.of_moments(mean, covariance))
    except (KeyError, TypeError, InputError) as error:
        why = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{path}: {why}; a file of a reference set holds mu and sigma, or features") from None


def digest_of(paths: Iterable[Path], folder: Path) -> str:
    """SHA-256 over the names and bytes of the pictures in a folder, in their order."""
    whole = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            whole.update(f"{path.relative_to(folder)}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()


def _held(path: Path) -> dict[str, Any]:
    """A file's arrays by name; no code in it is run."""
    if not path.is_file():
        raise InputError(
            f"{path}: no such file; --real is a folder of pictures, or a file of a set's statistics (.npz)"
        )
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as held:
                return {name: held[name] for name in held.files}
        with torch.serialization.safe_globals(_numpys()):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, ValueError, zipfile.BadZipFile, RuntimeError, EOFError, KeyError, UnpicklingError) as error:
        raise InputError(f"{path}: can't be read as {path.suffix} ({type(error).__name__})") from None
    return dict(loaded) if isinstance(loaded, dict) else {"features": loaded}


def _numpys() -> list[Any]:
    """What a pickled array of floats is made of."""
    reconstruct = np.zeros(1).__reduce__()[0]
    return [reconstruct, np.ndarray, np.dtype, type(np.dtype(np.float64)), type(np.dtype(np.float32))]
