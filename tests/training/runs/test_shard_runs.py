"""Runs on shards from the command line."""

import re
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.data.pictures import fill
from tests.data.sources.test_shards import encoded, packed, picture
from tests.training.started import done, invoke, log, refused, succeed

SHARDS = "shards/set-{000..002}.tar"
NARROW = "{name: vqgan, width: 4, multipliers: [1, 2], blocks: 1, attention: [], z_channels: 4, groups: 2}"
WORDS = [
    "train",
    "recipe=vqgan-small",
    f"networks.encoder={NARROW}",
    f"networks.decoder={NARROW}",
    "networks.bottleneck.codes=8",
    "networks.bottleneck.channels=4",
    "losses.adversarial={loss: adversarial, between: [reconstruction, image], start: 1, discriminator: "
    "{name: patchgan, width: 2, layers: 1, norm: none}}",
    "data.crop=16",
    "data.batch=4",
    "data.memory=off",
    "train.log_every=1",
    "train.checkpoint_every=2",
    "train.validate_every=4",
    "train.sample_every=4",
]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three shards of seven pictures, and a folder to validate on; all paths are relative."""
    pytest.importorskip("webdataset")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ADVLOSS_DATA", str(tmp_path / "cache"))
    for shard in range(3):
        numbers = range(7 * shard, 7 * shard + 7)
        members = {f"{n}.png": encoded(picture(n)) for n in numbers} | {f"{n}.cls": b"1" for n in numbers}
        packed(Path(SHARDS.replace("{000..002}", f"{shard:03d}")), members)
    fill(Path("val"), 2, 50, 20, 28)


def weights(run: str) -> dict[str, bytes]:
    return {key: value.numpy().tobytes() for key, value in load_file(f"runs/{run}/model.safetensors").items()}


def test_a_resumed_run_ends_with_the_same_bytes():
    words = [*WORDS, f"data.name={SHARDS}", "data.val=val"]
    result = done(*words, "--iterations", "7")  # 5 iterations an epoch
    assert "set: train 21 of image (pictures); val 2 of image (pictures)" in result.stderr
    run = "vqgan-small-set"
    assert any("psnr" in entry.get("validation", {}) for entry in log(Path(), run))
    done(*words, "--iterations", "3", "--run", "cut")
    done("train", "--iterations", "7", "--run", "cut", "--resume", "data.workers=2")
    assert weights("cut") == weights(run)
    done(*WORDS, "shards", "--iterations", "7", "--run", "folder", "data.memory=on")
    assert weights("folder") == weights(run)
    done(*words, "seed=1", "--iterations", "7", "--run", "other")
    assert weights("other") != weights(run)


def test_bad_shards_are_refused_before_a_run_is_made():
    assert "1 of 4 shards are missing" in refused(
        *WORDS, "shards/set-{000..003}.tar", "--iterations", "1", "--run", "r"
    )
    assert "set-000.tar/0.png: 24x24 pixels" in refused(
        *WORDS, SHARDS, "data.crop=32", "--iterations", "1", "--run", "r"
    )
    assert "needs two" in refused("train", "recipe=cyclegan-small", SHARDS, "--iterations", "1", "--run", "r")
    assert not Path("runs/r").exists()


def test_a_set_is_checked():
    result = invoke("data", "check", SHARDS)
    assert result.exit_code == 0
    assert re.search(r"train +.*21 +.*24x24", result.stdout) and "no problems found" in result.stdout


@pytest.mark.slow
def test_two_processes_see_what_one_with_the_doubled_batch_sees(tmp_path: Path):
    words = [*WORDS, SHARDS, "train.precision=fp64", "networks.bottleneck.kmeans=false", "--iterations", "4", "--run"]
    succeed(tmp_path, *words, "one", "data.batch=4")
    succeed(tmp_path, *words, "two", "data.batch=2", processes=2)
    ours, theirs = ([e for e in log(tmp_path, name) if "losses" in e] for name in ("two", "one"))
    for two, one in zip(ours, theirs, strict=True):
        assert two["losses"] == pytest.approx(one["losses"], rel=1e-3)  # the bottleneck computes in float32
    assert ours[0]["losses"] == pytest.approx(theirs[0]["losses"], rel=1e-6)
