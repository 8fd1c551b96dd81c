"""The digest of tensors: equal for equal bits, and for nothing else."""

import random

import pytest
import torch

from advloss.core.storage.checksums import digest

DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.uint8, torch.bool)


def _tensors(seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    kinds = {str(dtype): (torch.randn(3, 4) * 50).to(dtype) for dtype in DTYPES}
    return kinds | {
        "scalar": torch.tensor(3.0),
        "empty": torch.zeros(0, 3),
        "complex": torch.randn(2, dtype=torch.cfloat),
    }


def test_order_layout_and_shared_memory_make_no_difference() -> None:
    tensors = _tensors()
    wanted = digest(tensors)
    assert digest(dict(reversed(tensors.items()))) == wanted
    laid_out = {name: value.t().contiguous().t() if value.dim() == 2 else value for name, value in tensors.items()}
    assert digest(laid_out) == wanted
    both = torch.arange(6.0)
    assert digest({"a": both[:3], "b": both[3:]}) == digest({"a": both[:3].clone(), "b": both[3:].clone()})
    assert digest({"a": torch.zeros(2, dtype=torch.cfloat).conj()}) == digest(
        {"a": torch.tensor([0j, 0j]).conj_physical()}
    )


def test_any_flipped_bit_changes_it() -> None:
    wanted = digest(_tensors())
    chosen = random.Random(0)
    for name, value in _tensors().items():
        if not value.numel() or value.dtype == torch.bool:
            continue
        for _ in range(8):
            flipped = value.clone().reshape(-1)
            raw = flipped.view(torch.uint8)
            raw[chosen.randrange(len(raw))] ^= 1 << chosen.randrange(8)
            assert digest(_tensors() | {name: flipped.reshape(value.shape)}) != wanted, name


@pytest.mark.parametrize(
    "other",
    [
        {"a": torch.zeros(4)},  # another shape
        {"a": torch.zeros(2, 2, dtype=torch.int32)},  # another dtype of the same bytes
        {"b": torch.zeros(2, 2)},  # another name
        {"a": -torch.zeros(2, 2)},  # another sign of zero
        {"a": torch.zeros(2, 2), "b": torch.zeros(0)},  # one more
        {},
    ],
)
def test_names_shapes_and_dtypes_count(other: dict[str, torch.Tensor]) -> None:
    assert digest(other) != digest({"a": torch.zeros(2, 2)})


def test_the_value_is_pinned() -> None:
    """Files that were written keep their checksum."""
    assert (
        digest({"b": torch.arange(3.0), "a": torch.ones(1, dtype=torch.int64)})
        == "6a6ec5e882646338ad2966b261a6a4efdea5b4f647ae83718b4615883bc42f05"
    )
