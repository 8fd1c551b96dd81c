"""What a device computes fast."""

import pytest
import torch

from advloss.core import devices


@pytest.mark.parametrize(("capability", "fast"), [((7, 5), False), ((8, 0), True), ((9, 0), True), ((12, 0), True)])
def test_gpus_from_ampere_on(monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], fast: bool) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert devices.fast_bf16(torch.device("cuda")) is fast


@pytest.mark.parametrize(("avx512", "amx"), [(False, False), (True, False), (False, True)])
def test_cpus_with_instructions_for_it(monkeypatch: pytest.MonkeyPatch, avx512: bool, amx: bool) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert devices.fast_bf16(torch.device("cpu")) is (avx512 or amx)
    assert not devices.fast_bf16(torch.device("meta"))
