"""Shared by the tests of measures: an empty place to work in, and a cache of weights for them alone."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from advloss.pretrained import features

INCEPTION = "weights-inception-2015-12-05-6726825d.pth"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """torch.hub's cache, empty, and no feature network in memory."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    folder = tmp_path / "torch/hub/checkpoints"
    folder.mkdir(parents=True)
    features._named.cache_clear()
    yield folder
    features._named.cache_clear()


@pytest.fixture(scope="session")
def made_up_inception(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the keys and shapes of Inception's weights and random values that keep the signal's strength."""
    fidelity = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    empty = io.BytesIO()
    torch.save({}, empty)
    empty.seek(0)
    bare = type("Bare", (fidelity.FeatureExtractorInceptionV3,), {"load_state_dict": lambda self, state: None})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = bare("bare", ["2048"], empty)
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
    path = tmp_path_factory.mktemp("inception") / INCEPTION
    torch.save(network.state_dict(), path)
    return path


@pytest.fixture
def inception(cache: Path, made_up_inception: Path) -> Path:
    """Those weights in the cache."""
    path = cache / INCEPTION
    path.hardlink_to(made_up_inception)
    return path
