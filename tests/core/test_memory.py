"""Free memory, within the limit of a container."""

from pathlib import Path

import pytest

from advloss.core.memory import available_memory

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
