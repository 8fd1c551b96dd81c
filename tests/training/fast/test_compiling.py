"""Compiled networks give the plain ones' iterations; what can't be compiled runs as it is written."""

import pytest
import torch

from advloss.core.call_batching import compiled
from advloss.core.errors import InputError
from advloss.networks.layers.padding import apply_padded
from advloss.training.fast import compiling
from advloss.training.fast.iteration import FastStep
from advloss.training.validation import at_inference
from tests.training.fast.helpers import batches, made

CPU = torch.device("cpu")


@pytest.mark.slow  # a minute: the compiler
@pytest.mark.parametrize("name", ["vqgan", "lazy penalty"])
def test_compiled_rounds_are_the_plain_ones(name: str) -> None:
    """In float64, with lazy penalties, the last layer's adaptive weight and an iteration whose gradient is
    shared out."""
    batch = batches(name)
    iterations = [FastStep(made(name, f"train.compile={switch}"), CPU) for switch in ("on", "off")]
    assert [executor.compiled for executor in iterations] == [True, False]
    for number in range(8):
        for executor in iterations:
            executor.shares = {} if number == 6 else None
        ours, theirs = (executor.play([batch(number)], number) for executor in iterations)
        assert ours.keys() == theirs.keys()
        for key, value in ours.items():
            torch.testing.assert_close(value, theirs[key], rtol=1e-8, atol=1e-9, msg=f"{key} of iteration {number}")


def test_a_compiled_method_is_validated_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of many sizes would be compiled for one by one."""
    method = made("pix2pix", "train.compile=on").method
    method.generator.compile(dynamic=False)
    assert compiled(method)
    monkeypatch.setattr(torch._dynamo.convert_frame.ConvertFrame, "__call__", lambda *_, **__: pytest.fail("compiled"))
    with at_inference(method):
        image = apply_padded(method.generator, torch.zeros(1, 3, 32, 40, dtype=torch.float64))
    assert image.shape == (1, 3, 32, 40) and method.training


def test_without_a_compiler_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "_missing", lambda device: "there is no C++ compiler (g++) here")
    with pytest.raises(InputError, match=r"train.compile=on: there is no C\+\+ compiler \(g\+\+\) here; use off"):
        FastStep(made("pix2pix", "train.compile=on"), CPU)
    assert not FastStep(made("pix2pix"), CPU).compiled  # auto: not on a CPU
