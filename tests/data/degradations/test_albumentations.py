"""Degradation in the loader's workers."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from advloss.core.errors import InputError
from advloss.data.degradations import Albumentations, Bicubic

from ..pictures import picture

NOISE = [
    {"name": "GaussNoise", "std_range": [0.05, 0.1], "p": 1.0},
    {"name": "ImageCompression", "quality_range": [20, 60], "p": 0.5},
]


def large() -> np.ndarray:
    return picture(3, 48, 32)


def test_without_transforms_it_is_the_bicubic() -> None:
    x = torch.from_numpy(large()).permute(2, 0, 1)[None].float() / 127.5 - 1
    rng = np.random.default_rng(0)
    expected = ((Bicubic(4)(x, [rng]) + 1) * 127.5).round()[0].permute(1, 2, 0).byte().numpy()
    small = Albumentations(4, []).small(large(), rng)
    assert small.dtype == np.uint8 and small.shape == (large().shape[0] // 4, large().shape[1] // 4, 3)
    assert np.array_equal(small, expected)


def test_a_picture_depends_on_its_own_generator_alone() -> None:
    degrade = Albumentations(4, NOISE)
    rngs = [np.random.default_rng([7, index]) for index in range(3)]
    small = [degrade.small(large(), rng) for rng in rngs]
    other = pickle.loads(pickle.dumps(degrade))  # as in another worker
    again = [other.small(large(), np.random.default_rng([7, index])) for index in (2, 0, 1)]
    assert np.array_equal(small[2], again[0]) and np.array_equal(small[0], again[1])
    assert not np.array_equal(small[0], small[1])
    x = torch.from_numpy(large()).permute(2, 0, 1).expand(3, -1, -1, -1).float() / 127.5 - 1
    images = degrade(x, [np.random.default_rng([7, index]) for index in range(3)])
    levels = ((images + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    assert np.array_equal(levels, np.stack(small))
    assert degrade(x[:0], []).shape == (0, 3, x.shape[2] // 4, x.shape[3] // 4)


@pytest.mark.parametrize(
    ("transforms", "message"),
    [
        ([{"name": "GausNoise"}], r"data\.degradation\.transforms\[0\].*GaussNoise"),
        ([*NOISE, {"p": 1}], r"data\.degradation\.transforms\[2\] has no name"),
        (
            [{"name": "RandomCrop", "height": 8, "width": 8}],
            r"data\.degradation\.transforms: RandomCrop .*keep type and size",
        ),
    ],
)
def test_wrong_transforms(transforms: list, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Albumentations(4, transforms)


def test_data_stays_light() -> None:
    code = "import sys, advloss.data; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "albumentations", None)
    with pytest.raises(InputError, match=r"need the albumentations library: pip install 'advloss\[augment\]'"):
        Albumentations(2, [{"name": "GaussNoise"}])
