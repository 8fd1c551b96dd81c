"""Free memory, within the limit of a container; errors that say that there is none."""

from pathlib import Path

import pytest
import torch

from advloss.core.errors import InputError
from advloss.core.memory import available_memory, fitting, out_of_memory

FREE = 8 << 30


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": FREE})())


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, FREE),
        ({"memory.max": "max", "memory.current": "5", "memory.stat": ""}, FREE),
        ({"memory.max": f"{3 << 30}", "memory.current": f"{1 << 30}", "memory.stat": "anon 7\n"}, 2 << 30),
        (
            {"memory.max": "1000", "memory.current": "900", "memory.stat": "anon 1\ninactive_file 300\nslab 1\n"},
            400,
        ),
        ({"memory.max": "1000", "memory.current": "1200", "memory.stat": ""}, 0),
        ({"memory.max": f"{1 << 40}", "memory.current": "1", "memory.stat": ""}, FREE),
        (
            {
                "memory/memory.limit_in_bytes": "5000",
                "memory/memory.usage_in_bytes": "4000",
                "memory/memory.stat": "inactive_file 1\ntotal_inactive_file 500\n",
            },
            1500,
        ),
        ({"memory.max": "what is this", "memory.current": "1", "memory.stat": ""}, FREE),
        ({"memory.max": "1000"}, FREE),
    ],
)
def test_the_smaller_of_the_host_s_and_the_group_s(files: dict[str, str], expected: int, tmp_path: Path):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert available_memory(tmp_path) == expected


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes."), True),
        (RuntimeError("std::bad_alloc"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_which_errors_are_memory(error: Exception, is_memory: bool):
    assert out_of_memory(error) is is_memory


def test_what_does_not_fit_is_bad_input_and_other_errors_stay():
    with pytest.raises(InputError, match="networks: the weights take more memory than there is"), fitting("networks"):
        torch.empty(1 << 50)
    with pytest.raises(RuntimeError, match="invalid"), fitting("networks"):
        torch.zeros(2).view(3)
