"""The probe and the weights' measures: what they give, and that they leave a training as it was, to the bit."""

from typing import Any

import pytest
import torch

from advloss.training.doctor.probe import Probe
from advloss.training.executor import Executor
from advloss.training.executors import EXECUTORS
from tests.training.games import images, small

DROPOUT = "networks.generator={name: unet, levels: 2, width: 2, norm: batch, dropout: 0.5}"
KINDS = {
    "dropout and batch norm": [DROPOUT],
    "spectral norm": ["losses.adversarial.discriminator={name: patchgan, width: 4, spectral_norm: true, layers: 1}"],
    "augmentations": ["losses.adversarial.augment=[{name: ada, p: 0.5, interval: 1}]"],
    "a pool": ["losses.adversarial.pool=2"],
    "a penalty": ["losses.adversarial.penalties=[{name: lecam}]"],
}


def state(executor: Executor) -> dict[str, Any]:
    """All that the next iteration depends on."""
    parts = {"method": executor.method, "terms": executor.terms, "weighting": executor.weighting}
    found = {f"{n}.{key}": v for n, part in parts.items() for key, v in part.state_dict().items()}
    found |= {f"{n}.buffer.{key}": v for n, part in parts.items() for key, v in part.named_buffers()}
    for name, player in executor.players.items():
        for number, kept in enumerate(player.optimizer.state.values()):
            found |= {f"{name}.{number}.{key}": value for key, value in kept.items()}
    return {**found, "random": torch.get_rng_state()}


def played(executor: Executor, each: Any, probe: bool) -> dict[str, Any]:
    """The state after three iterations, with a probe after each or without."""
    torch.manual_seed(3)
    probed = Probe(executor)
    for number in range(3):
        executor.play([each(number)], number)
        if probe:
            assert probed(each(number), each(9))
    return {key: value.clone() for key, value in state(executor).items()}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_training_with_the_probe_has_the_bits_of_one_without(kind: str, executor: str) -> None:
    kinds = [EXECUTORS[executor](small(*KINDS[kind]), torch.device("cpu"), print) for _ in range(2)]
    without, with_it = (played(each, images, probe) for each, probe in zip(kinds, (False, True), strict=True))
    assert without.keys() == with_it.keys()
    assert [key for key in without if not torch.equal(without[key], with_it[key])] == []
