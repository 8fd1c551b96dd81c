"""Where pictures are kept: on a GPU if they take little of it, else in memory, else nowhere."""

from typing import Any

import pytest
import torch

from advloss.core.errors import InputError
from advloss.data.loading.cache_place import Memory, faster, place

CPU, GPU = torch.device("cpu"), torch.device("cuda", 1)
HOST = 1000  # bytes free
DEVICE = 400


@pytest.fixture(autouse=True)
def memories(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": HOST}))

    def free(device: torch.device) -> tuple[int, int]:
        assert device == GPU
        return DEVICE, 10 * DEVICE

    monkeypatch.setattr("torch.cuda.mem_get_info", free)


@pytest.mark.parametrize(
    ("asked", "needed", "device", "copies", "on_host", "where"),
    [
        ("auto", 100, GPU, 1, None, "device"),
        ("auto", 101, GPU, 1, None, "on"),
        ("auto", 100, GPU, 1, "data.augment", "on"),
        ("auto", 100, CPU, 1, None, "on"),
        ("auto", 500, CPU, 1, None, "on"),
        ("auto", 501, CPU, 1, None, "off"),
        ("auto", 100, GPU, 6, None, "off"),  # each process decodes them into the host's memory first
        ("device", 400, GPU, 9, None, "device"),
        ("on", 9999, GPU, 1, None, "on"),
        ("off", 1, GPU, 1, None, "off"),
    ],
)
def test_the_first_place_that_serves(
    asked: Memory, needed: int, device: torch.device, copies: int, on_host: str | None, where: str
) -> None:
    assert place(asked, needed, device, copies, on_host) == where


def test_what_is_asked_for_and_does_not_fit() -> None:
    with pytest.raises(InputError, match=r"data\.memory=device: the pictures take 5 MB, and cuda:1 has 0 MB free"):
        place("device", 5_000_000, GPU, 1, None)
    with pytest.raises(InputError, match=r"data\.memory=device: data\.augment works in the host's memory"):
        place("device", 5, GPU, 1, "data.augment")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("off", 0, CPU, None), "data.workers=4 decodes the pictures in so many processes, data.memory=on keeps"),
        (("off", 3, CPU, "data.augment"), "data.workers=6 decodes"),
        (("on", 0, GPU, "data.augment"), "data.memory=off data.workers=4 has data.augment done in so many processes"),
        (("on", 0, GPU, "data.degradation"), "data.workers=4 has data.degradation done in so many processes"),
        (("on", 0, GPU, None), "data.memory=device keeps the pictures on the GPU"),
        (("on", 0, CPU, None), "the pictures are kept already"),
        (("device", 0, GPU, None), "the pictures are kept already"),
    ],
)
def test_what_would_be_faster(monkeypatch: pytest.MonkeyPatch, options: Any, says: str) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert faster(*options).startswith(says)
