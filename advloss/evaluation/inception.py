"""FID: the Fréchet distance of pictures' features in the Inception network of 2015, the one that papers use.

The network is torch-fidelity's (an extra), with TensorFlow's resize and pooling. The user must download its weights.
"""

import importlib.util
import io
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError
from advloss.evaluation.frechet import frechet_distance
from advloss.losses.metrics import to_8_bit

FILE = "weights-inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILE}"
FEATURES = 2048
EXTRA = "pip install 'advloss[fid]'"


class FID:
    """Collects the features of results and truths, and then compares them.

    Heusel et al. 2017, arXiv:1706.08500. Raises InputError where `missing` names something.
    """

    def __init__(self, device: torch.device) -> None:
        self._network = inception().to(device)
        self._results: list[Tensor] = []
        self._truths: list[Tensor] = []

    @property
    def count(self) -> int:
        """Pictures on each side so far."""
        return len(self._results)

    def add(self, result: Tensor, truth: Tensor) -> None:
        """Adds a result and its truth, float [1, 3, H, W] in [-1, 1] of any size."""
        both = self._features(result), self._features(truth)  # both or none: memory may run out
        self._results.append(both[0])
        self._truths.append(both[1])

    def value(self) -> float:
        """The distance. InputError for fewer than two pictures."""
        if self.count < 2:
            raise InputError(f"FID needs at least 2 pictures, not {self.count}")
        return frechet_distance(torch.cat(self._results), torch.cat(self._truths))

    def words(self) -> str:
        """The definition of the figure, for the protocol."""
        what = (
            "Heusel et al. 2017: |m - n|^2 + trace(C + D - 2 (C D)^1/2), of means and covariances (N - 1) of the "
            f"{FEATURES} features of {FILE}, by torch-fidelity {version('torch-fidelity')}, of the 8-bit pictures "
            "without their border, resized to 299 x 299 as TensorFlow does (bilinear, no antialias)"
        )
        return f"{what}; {few}" if (few := self.warning()) else what

    def warning(self) -> str | None:
        """A sentence for the user if there are too few pictures, else None."""
        if self.count >= FEATURES:
            return None
        return (
            f"{self.count} pictures are fewer than the {FEATURES} features, so that FID is unreliable and too large: "
            "compare it only with that of the same pictures"
        )

    @torch.no_grad()
    def _features(self, image: Tensor) -> Tensor:
        device = next(self._network.parameters()).device
        (features,) = self._network(to_8_bit(image).to(device, torch.uint8))
        return features.float().cpu()  # [1, 2048]


def missing() -> str | None:
    """What is missing to measure FID, and how to get it; None if nothing is."""
    if importlib.util.find_spec("torch_fidelity") is None:
        return f"torch-fidelity is not installed: {EXTRA}"
    path = weights_path()
    if not path.is_file():
        return f"the Inception network's weights {path.name} are not in {path.parent}: put the file from {URL} there"
    return None


def weights_path() -> Path:
    """Where torch.hub keeps the Inception network's weights."""
    return Path(torch.hub.get_dir()) / "checkpoints" / FILE


def inception() -> nn.Module:
    """The network, frozen: uint8 [B, 3, H, W] of any size -> a tuple of its 2048 features, [B, 2048] in float32.

    Raises InputError if something is missing, or if the weights can't be read. No code in their file is run: the
    library would unpickle it, so it gets a copy of tensors that were read with `weights_only`.
    """
    if lacks := missing():
        raise InputError(f"FID: {lacks}")
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    copy = io.BytesIO()
    try:
        torch.save(torch.load(weights_path(), map_location="cpu", weights_only=True), copy)
        copy.seek(0)
        with torch.random.fork_rng(devices=[]):
            network: nn.Module = FeatureExtractorInceptionV3("inception", [str(FEATURES)], copy)
    except Exception as error:  # a damaged file can raise many types
        raise InputError(
            f"FID can't read the Inception network's weights {weights_path()} ({type(error).__name__}); "
            f"delete the file and get it anew from {URL}, or leave FID out: --no-fid"
        ) from error
    return network.requires_grad_(False).eval()
