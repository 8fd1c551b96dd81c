"""The Inception network of 2015, whose features and classes papers measure FID, KID and the Inception score with.

It is torch-fidelity's (an extra), with TensorFlow's resize and pooling. The user must download its weights.
"""

import importlib.util
import io
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError

FILE = "weights-inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{FILE}"
FEATURES = 2048
EXTRA = "pip install 'advloss[fid]'"
OUTPUTS = [str(FEATURES), "logits_unbiased"]
"""torch-fidelity's names of the features, and of the logits that the Inception score is of."""


class Inception(nn.Module):
    """uint8 [B, 3, H, W] of any size -> its 2048 features, [B, 2048] in float32.

    Raises InputError if something is missing, or if the weights can't be read. No code in their file is run: the
    library would unpickle it, so it gets a copy of tensors that were read with `weights_only`.
    """

    def __init__(self) -> None:
        super().__init__()
        if lacks := missing():
            raise InputError(lacks)
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        copy = io.BytesIO()
        try:
            torch.save(torch.load(weights_path(), map_location="cpu", weights_only=True), copy)
            copy.seek(0)
            with torch.random.fork_rng(devices=[]):
                self.network: nn.Module = FeatureExtractorInceptionV3("inception", OUTPUTS, copy)
        except Exception as error:  # a damaged file can raise many types
            raise InputError(
                f"the Inception network's weights {weights_path()} can't be read ({type(error).__name__}); delete the "
                f"file and get it anew from {URL}"
            ) from error
        self.protocol = (
            f"the {FEATURES} features of {FILE}, by torch-fidelity {version('torch-fidelity')}, of the 8-bit pictures "
            "resized to 299 x 299 as TensorFlow does (bilinear, no antialias)"
        )

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.network(x)[0]
        return features

    def logits(self, x: Tensor) -> Tensor:
        """Those of its 1008 classes, without the last layer's bias, as in the first measurements: [B, 1008]."""
        logits: Tensor = self.network(x)[1]
        return logits


def missing() -> str | None:
    """What is missing for the Inception network, and how to get it; None if nothing is."""
    if importlib.util.find_spec("torch_fidelity") is None:
        return f"torch-fidelity is not installed: {EXTRA}"
    path = weights_path()
    if not path.is_file():
        return f"the Inception network's weights {path.name} are not in {path.parent}: put the file from {URL} there"
    return None


def weights_path() -> Path:
    """Where torch.hub keeps the Inception network's weights."""
    return Path(torch.hub.get_dir()) / "checkpoints" / FILE
