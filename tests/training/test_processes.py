"""Two processes train as one with the doubled batch does."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.training.started import TINY, log, succeed

POOLS = ["losses.adversarial_a.pool=0", "losses.adversarial_b.pool=0"]
WORDS = [
    "train",
    "recipe=cyclegan-small",
    "stripes",
    *TINY,
    *POOLS,
    "train.precision=fp64",
    "--iterations",
    "6",
    "--run",
]


@pytest.mark.slow
def test_two_processes_give_the_losses_and_weights_of_one_with_the_doubled_batch(tmp_path: Path):
    late = "losses.adversarial_b.start=3"  # what has not started must not be stepped
    succeed(tmp_path, *WORDS, "one", "data.batch=2", late)
    said = succeed(tmp_path, *WORDS, "two", "data.batch=1", late, processes=2)
    assert said.stdout.count("runs/two/model.safetensors") == 1
    ours, theirs = ([e for e in log(tmp_path, name) if "losses" in e] for name in ("two", "one"))
    assert [e["iteration"] for e in ours] == [1, 2, 3, 4, 5, 6]
    for two, one in zip(ours, theirs, strict=True):
        assert two["losses"] == pytest.approx(one["losses"], rel=1e-8)
    one, two = (load_file(tmp_path / "runs" / name / "model.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    for name, value in one.items():
        if name.endswith(".bias") and "last" not in name:
            # a bias that an instance norm takes out again has no gradient but rounding, which Adam makes a step of lr
            assert (two[name] - value).abs().max() <= 2 * 6 * 4e-4, name
        else:
            torch.testing.assert_close(two[name], value, rtol=1e-8, atol=1e-12, msg=name)
    measured = [
        [e.get("validation") or e.get("test") for e in log(tmp_path, n) if "losses" not in e] for n in ("one", "two")
    ]
    for mine, other in zip(*measured, strict=True):
        assert mine == pytest.approx(other, rel=1e-6)


@pytest.mark.slow
def test_batch_norm_discriminators_and_pools_in_two_processes_and_their_resumption(tmp_path: Path):
    norms = [f"losses.adversarial_{side}.discriminator.norm=batch" for side in "ab"]
    words = ["train", "recipe=cyclegan-small", "stripes", *TINY, *norms, "data.batch=2", "--run"]
    succeed(tmp_path, *words, "whole", "--iterations", "8", processes=2)
    succeed(tmp_path, *words, "cut", "--iterations", "4", processes=2)
    succeed(tmp_path, *words, "cut", "--iterations", "8", "--resume", processes=2)
    whole, cut = ((tmp_path / "runs" / name / "model.safetensors").read_bytes() for name in ("whole", "cut"))
    assert len(whole) == len(cut)
    one, two = (load_file(tmp_path / "runs" / name / "model.safetensors") for name in ("whole", "cut"))
    for name, value in one.items():
        assert torch.equal(value, two[name]), name


UNROLLED = (
    "losses.adversarial={loss: adversarial, between: [fake, image], objective: minimax, unroll: {steps: 2}, "
    "discriminator: {name: r3gan, widths: [16, 16, 16], blocks: 1}}"
)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["losses.adversarial.penalties=[r1, r2]", UNROLLED])
def test_games_from_noise_in_two_processes_are_those_of_one(tmp_path: Path, change: str):
    """R3GAN's game, and one that is unrolled: nothing in them takes statistics of a batch."""
    widths = ["networks.generator.widths=[16, 16, 16]", "losses.adversarial.discriminator.widths=[16, 16, 16]"]
    small = [*widths, "data.load=16", "data.crop=16", "train.precision=fp64", "train.log_every=1", "--iterations", "4"]
    words = ["train", "recipe=r3gan-small", "digits", *small, change, "--run"]
    succeed(tmp_path, *words, "one", "data.batch=8")
    succeed(tmp_path, *words, "two", "data.batch=4", processes=2)
    ours, theirs = ([e["losses"] for e in log(tmp_path, name) if "losses" in e] for name in ("two", "one"))
    assert len(ours) == 4
    for two, one in zip(ours, theirs, strict=True):
        assert two == pytest.approx(one, rel=1e-8)
    one, two = (load_file(tmp_path / "runs" / name / "model.safetensors") for name in ("one", "two"))
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-8, atol=1e-10, msg=name)


ON_FEATURES = {
    "projected": "backbone: test_efficientnet, width: 2, size: 128, norm: none",
    "dino": "backbone: test_vit, depths: [1, 3], size: 32, kernel: 3, norm: none",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ON_FEATURES)
def test_discriminators_on_frozen_networks_in_two_processes_are_those_of_one(tmp_path: Path, name: str):
    pytest.importorskip("timm")
    discriminator = f"{{name: {name}, {ON_FEATURES[name]}, pretrained: false}}"
    sides = [f"losses.adversarial_{side}.discriminator={discriminator}" for side in "ab"]
    tiny = [word for word in TINY if "discriminator" not in word]
    words = ["train", "recipe=cyclegan-small", "stripes", *tiny, *sides, *POOLS, "train.precision=fp64"]
    words += ["--iterations", "4", "--run"]
    succeed(tmp_path, *words, "one", "data.batch=2")
    succeed(tmp_path, *words, "two", "data.batch=1", processes=2)
    ours, theirs = ([e["losses"] for e in log(tmp_path, run) if "losses" in e] for run in ("two", "one"))
    assert len(ours) == 4
    for two, one in zip(ours, theirs, strict=True):
        assert two == pytest.approx(one, rel=1e-8)
