"""Runs of tokenizer recipes: what they log, the adversary's start, half precision, resumption, several processes."""

import math
import statistics
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from advloss.core.devices import native_bf16
from tests.data.pictures import fill
from tests.training.started import done, log, refused, succeed
from tools.benchmarks.measuring.emulated import EmulatedBF16

TINY = [
    "networks.encoder.width=8",
    "networks.decoder.width=8",
    "networks.bottleneck.codes=16",
    "losses.adversarial.discriminator.width=4",
    "losses.adversarial.discriminator.layers=1",
    "data.crop=16",
    "data.batch=2",
    "train.log_every=1",
    "train.checkpoint_every=2",
    "train.validate_every=4",
    "train.sample_every=4",
]
NOW = ["losses.adversarial.start=2", "losses.adversarial.discriminator_start=1", "losses.adversarial.ramp=2"]
WORDS = ["train", "recipe=vqgan-small", *TINY, *NOW]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "photos/train", 4, 0, 24, 30)
    fill(tmp_path / "photos/val", 2, 9, 20, 24)
    return tmp_path / "photos"


def entries(run: str, key: str) -> list[dict]:
    return [entry[key] for entry in log(Path(), run) if key in entry]


def test_codes_factors_and_gradient_shares_are_logged(photos: Path):
    done(*WORDS, photos, "train.gradient_shares_every=2", "--iterations", "6", "--run", "r")
    watched = entries("r", "watched")
    assert len(watched) == 6 and all(0 < w["usage"] <= 1 and 1 <= w["perplexity"] <= 16 for w in watched)
    gradient_shares = entries("r", "gradient_shares")
    assert [sorted(one) for one in gradient_shares] == [
        ["bottleneck", "pixel"],
        *[["adversarial", "bottleneck", "pixel"]] * 2,
    ]
    assert all(math.isclose(sum(one.values()), 1, rel_tol=1e-5) and min(one.values()) > 0 for one in gradient_shares)
    factors = entries("r", "factors")
    assert all(0 < one["adversarial"] <= 1e4 for one in factors[2:])
    assert entries("r", "validation")[0].keys() == {"psnr", "ssim", "usage", "perplexity", "tokens"}


def test_samples_and_validation_are_not_counted_as_training(photos: Path):
    """Each choice of training once: 2 images of 4 x 4 places an iteration."""
    words = ["train.log_every=4", "train.sample_every=3", "train.validate_every=5", "train.checkpoint_every=100"]
    done(*WORDS, photos, *words, "--iterations", "8", "--run", "r")
    watched = [(entry["iteration"], entry["watched"]["tokens"]) for entry in log(Path(), "r") if "watched" in entry]
    assert watched == [(1, 32), (3, 64), (4, 32), (5, 32), (6, 32), (8, 64)]


def test_a_bottleneck_without_losses_has_no_share_of_the_gradient(photos: Path):
    words = ["networks.bottleneck={name: fsq, levels: [5, 5]}", "train.gradient_shares_every=2"]
    done(
        "train",
        "recipe=vqgan-small",
        *(word for word in TINY if "codes" not in word),
        *NOW,
        *words,
        photos,
        "--iterations",
        "4",
        "--run",
        "r",
    )
    assert all(one["bottleneck"] == 0 < one["pixel"] for one in entries("r", "gradient_shares"))


def test_revival_can_be_turned_on_for_a_model_that_was_trained_without(photos: Path):
    plain = "networks.bottleneck={name: vq, codes: 16, channels: 8}"
    done(*WORDS, plain, photos, "--iterations", "2", "--run", "plain")
    initial = "initial=runs/plain/model.safetensors"
    revived = "networks.bottleneck={name: vq, codes: 16, channels: 8, ema: true, kmeans: true, revive: 0.1}"
    done(*WORDS, revived, initial, photos, "--iterations", "2", "--run", "revived")
    done(*WORDS, plain, "initial=runs/revived/model.safetensors", photos, "--iterations", "1", "--run", "again")


def test_the_kl_autoencoder(photos: Path):
    small = [word for word in TINY if "codes" not in word]
    done("train", "recipe=klvae-small", *small, *NOW, photos, "--iterations", "4", "--run", "r")
    assert entries("r", "watched") == [] and entries("r", "validation")[0].keys() == {"psnr", "ssim"}


@pytest.mark.parametrize(
    "bottleneck",
    [
        "residual_vq, codes: 8, channels: 4, kmeans: true, revive: 0.05",
        "vq, codes: 16, channels: 4, ema: true, revive: 0.1",
    ],
)
def test_a_resumed_run_ends_with_the_same_weights(photos: Path, bottleneck: str):
    words = [*WORDS, f"networks.bottleneck={{name: {bottleneck}}}", photos, "--run"]
    done(*words, "whole", "--iterations", "6")
    done(*words, "cut", "--iterations", "3")
    done(*words, "cut", "--iterations", "6", "--resume")
    whole, cut = ((Path("runs") / name / "model.safetensors").read_bytes() for name in ("whole", "cut"))
    assert whole == cut


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["losses.bottleneck.between=[kl]"], "VQ has no loss 'kl'"),
        (["networks.bottleneck={name: fsq, levels: [5, 5], codes: 24}"], "levels=[5, 5] make 25 codes, not codes=24"),
        (["networks.decoder.multipliers=[1, 2]"], "the encoder makes images 4 times smaller and the decoder 2"),
        (["networks.bottleneck.name=vqq"], "unknown bottleneck 'vqq'; did you mean 'vq'?"),
        (["losses.bottleneck.between=[reconstruction]"], "'value' takes a scalar"),
        (["samples=[image,bottleneck]"], "samples: bottleneck is no picture"),
        (["samples=[image,kl]"], "VQ has no loss 'kl'"),
        (["networks.bottleneck={name: lfq, codes: 1099511627776}"], "1099511627776 codes; at most 67108864"),
    ],
)
def test_bad_input(photos: Path, words: list[str], message: str):
    assert message in refused(*WORDS, *words, photos, "--iterations", "1", "--run", "r")
    assert not Path("runs/r").exists()


def test_an_adaptive_weight_needs_a_last_layer(photos: Path):
    adaptive = "weighting={name: last_layer, adversarial: adversarial_a}"
    said = refused("train", "recipe=cyclegan-small", adaptive, "stripes", "--iterations", "1")
    assert "compares gradients at the generator's last layer" in said


@pytest.mark.slow
def test_two_processes_train_one_codebook(photos: Path, tmp_path: Path):
    ema = "networks.bottleneck={name: vq, codes: 16, channels: 4, ema: true, kmeans: true, revive: 0.1}"
    off = "losses.adversarial=null"
    words = ["train", "recipe=vqgan-small", *TINY[:2], *TINY[5:], ema, off, "weighting=fixed", str(photos)]
    words += ["train.precision=fp64", "--iterations", "5", "--run"]
    succeed(tmp_path, *words, "one", "data.batch=4")
    succeed(tmp_path, *words, "two", "data.batch=2", processes=2)
    one, two = (load_file(tmp_path / "runs" / name / "model.safetensors") for name in ("one", "two"))
    for key, value in one.items():
        assert np.allclose(two[key], value, rtol=1e-6, atol=1e-9), key


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_adversarys_start_does_not_ruin_the_reconstruction(
    tmp_path: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch, precision: str
):
    """500 iterations on photographs, the adversary counting from 250 on: PSNR drops by less than 1 dB, and comes back.

    By the median of three validations in a row: with no adversary a single one drops by as much (1.08 dB, seed 1).
    """
    monkeypatch.chdir(tmp_path)
    emulated = precision == "bf16" and not native_bf16()  # torch's own would take hours there
    words = [
        "train",
        "recipe=vqgan-small",
        str(photographs / "train/photo"),
        f"data.val={photographs}/val/photo",
        "networks.encoder.width=16",
        "networks.decoder.width=16",
        "networks.bottleneck.codes=64",
        "losses.adversarial.start=250",
        "losses.adversarial.discriminator_start=200",
        "losses.adversarial.ramp=50",
        "losses.adversarial.discriminator.width=16",
        "data.crop=32",
        # warmed up as the recipe's: else the codebook may collapse
        "schedule={name: constant, warmup: 100, unit: iterations}",
        f"train.precision={precision}",
        "train.log_every=1",
        "train.validate_every=25",
        "--iterations",
        "500",
        "--run",
        "r",
    ]
    with EmulatedBF16() if emulated else nullcontext():
        done(*words)
    psnr = [entry["psnr"] for entry in entries("r", "validation")]
    before, after = max(psnr[6:10]), psnr[10:]
    assert min(statistics.median(after[i : i + 3]) for i in range(len(after) - 2)) > before - 1, psnr
    assert max(after[-3:]) > before - 0.3, psnr
    for entry in entries("r", "losses"):
        assert all(math.isfinite(value) for value in entry.values())
    factors = [entry["adversarial"] for entry in entries("r", "factors") if "adversarial" in entry]
    assert len(factors) == 250 and all(0 <= factor <= 1e4 for factor in factors)
