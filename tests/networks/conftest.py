"""What the networks' tests share: reading a recorded pass of a reference network."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

Recorded = tuple[dict[str, Tensor], Tensor, Tensor]


@pytest.fixture(autouse=True)
def seeded() -> None:
    """The same random weights whatever ran before, on one thread: the networks here are tiny."""
    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.fixture
def recorded(golden: Path) -> Callable[[str], Recorded]:
    """(weights under the reference's keys, input, output) of a golden file."""

    def read(name: str) -> Recorded:
        tensors = load_file(golden / f"{name}.safetensors")
        weights = {key.removeprefix("weights."): tensors[key] for key in tensors if key.startswith("weights.")}
        return weights, tensors["input"], tensors["output"]

    return read
