"""Files of other channels and depths from end to end: trained on, then used, with no level lost on the way."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from advloss.images.picture import Picture
from advloss.images.reading import read_picture
from advloss.images.writing import write_picture
from advloss.recipe import components
from tests.training.started import done

SIDE = 32
CASES = {
    "grey to colour": (1, 3, np.uint8, "png"),
    "colour to grey": (3, 1, np.uint8, "png"),
    "4 channels to 1": (4, 1, np.uint8, "tif"),
    "16-bit TIFF": (1, 1, np.uint16, "tif"),
    "16-bit colour PNG": (3, 3, np.uint16, "png"),
    "16-bit TIFF of 5 channels": (5, 5, np.uint16, "tif"),
    "float .npy": (1, 1, np.float32, "npy"),
    "float .npy of 16 channels to 2": (16, 2, np.float32, "npy"),
}


class Same(nn.Module):
    """Gives what it takes; its weight changes nothing."""

    def __init__(self, in_channels: int = 3, out_channels: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, image: Tensor) -> Tensor:
        return image + 0 * self.weight


def pixels(rng: np.random.Generator, channels: int, dtype: type) -> np.ndarray:
    """[H, W, C] of all levels there are: integers, or numbers from -3 to 5."""
    shape = (SIDE, SIDE, channels)
    if dtype is np.float32:
        values = rng.uniform(-3, 5, shape).astype(np.float32)
        values.flat[:2] = -3, 5  # the range that is found
        return values
    most = np.iinfo(dtype).max
    values = rng.integers(0, most, shape, dtype, endpoint=True)
    values.flat[:2] = 0, most
    return values


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> tuple:
    """Two folders of the case's files, of the same names; the case."""
    monkeypatch.chdir(tmp_path)
    case = CASES[request.param]
    takes, gives, dtype, extension = case
    rng = np.random.default_rng(0)
    for folder, channels in (("a", takes), ("b", gives)):
        Path(folder).mkdir()
        for number in range(4):
            write_picture(Path(folder) / f"{number}.{extension}", Picture(pixels(rng, channels, dtype)))
    return case


def trained(network: str, *words: str) -> Path:
    """The model file of 20 iterations on the two folders."""
    size = [f"data.load={SIDE}", f"data.crop={SIDE}", "train.steps={generator: 1}", "metrics={}"]
    game = ["losses={l1: {loss: l1, between: [fake_b, b]}}", f"networks.generator={network}"]
    done(
        "train",
        "recipe=pix2pix-small",
        "data.a=a",
        "data.b=b",
        *game,
        *size,
        *words,
        "--iterations",
        "20",
        "--run",
        "run",
    )
    return Path("runs/run/model.safetensors")


@pytest.mark.parametrize("pairs", CASES, indirect=True)
def test_a_model_reads_and_writes_what_it_was_trained_on(pairs: tuple) -> None:
    takes, gives, dtype, extension = pairs
    alpha_counts = ["data.channels={a: 4, b: 1}"] if takes == 4 else []  # else it is laid over white
    model = trained("{name: unet, levels: 2, width: 4, norm: instance}", *alpha_counts)
    done("translate", model, "a", "out")
    assert sorted(path.name for path in Path("out").iterdir()) == [f"{number}.{extension}" for number in range(4)]
    for number in range(4):
        result = read_picture(Path(f"out/{number}.{extension}"))
        assert result.pixels.shape == (SIDE, SIDE, gives) and result.pixels.dtype == dtype
        assert result.pixels.std() > 0


@pytest.mark.parametrize("pairs", [name for name, (a, b, *_) in CASES.items() if a == b], indirect=True)
def test_no_level_is_lost_by_a_network_that_changes_nothing(pairs: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, dtype, extension = pairs
    monkeypatch.setitem(components.GENERATORS, "same", Same)
    done("translate", trained("{name: same}"), "a", "out", "--precision", "fp32")
    for number in range(4):
        before, after = (read_picture(Path(f"{folder}/{number}.{extension}")).pixels for folder in ("a", "out"))
        if dtype is np.float32:
            np.testing.assert_allclose(after, before, rtol=0, atol=8 * 2**-23)
        else:
            assert np.array_equal(after, before)
