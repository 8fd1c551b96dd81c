"""A run that is stopped at any instant and resumed ends with the same bytes as one that was not."""

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.training.started import ENVIRONMENT, TINY, advloss, command, log, succeed

WORDS = ["train", "recipe=cyclegan-small", "stripes", *TINY, "train.average=0.9", "--iterations", "40", "--run"]


def killed(folder: Path, words: list[str], after: int, sign: signal.Signals, wait: float = 0.0) -> int:
    """Starts a run, sends it a signal once its log has reached iteration `after`, gives its exit code."""
    process = subprocess.Popen(
        command(*words), cwd=folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if any(entry["iteration"] >= after for entry in log(folder, words[-1])):
            break
        time.sleep(0.005)
    assert process.poll() is None, "the run ended before it could be killed"
    time.sleep(wait)
    process.send_signal(sign)
    return process.wait(timeout=120)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_three_kills_change_no_byte_of_the_model(tmp_path: Path, workers: int):
    data = [f"data.workers={workers}", f"data.memory={'off' if workers else 'on'}"]
    succeed(tmp_path, *WORDS, "whole", *data)
    draw = random.Random(workers)
    words = [*WORDS[:-1], *data, "--run", "cut"]
    for number, after in enumerate(sorted(draw.sample(range(3, 36), 3))):
        resume = ["--resume"] if number else []
        assert (
            killed(tmp_path, [words[0], *resume, *words[1:]], after, signal.SIGKILL, draw.random() * 0.05)
            == -signal.SIGKILL
        )
    succeed(tmp_path, *words, "--resume")
    whole, cut = (tmp_path / "runs" / name for name in ("whole", "cut"))
    assert (whole / "model.safetensors").read_bytes() == (cut / "model.safetensors").read_bytes()
    assert (whole / "best.safetensors").read_bytes() == (cut / "best.safetensors").read_bytes()
    ours, theirs = ([(e["iteration"], e.get("losses")) for e in log(tmp_path, name)] for name in ("whole", "cut"))
    assert ours == theirs
    assert not list(cut.glob(".advloss*"))


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_finishes_the_iteration_and_writes_a_checkpoint(tmp_path: Path, sign: signal.Signals):
    words = [*WORDS[:-1], "train.checkpoint_every=1000", "--iterations", "1000", "--run", "run"]
    assert killed(tmp_path, words, 3, sign) == 130
    done = log(tmp_path, "run")[-1]["iteration"]
    assert (tmp_path / "runs/run/checkpoint.pt").exists()
    again = advloss(tmp_path, "train", "--run", "run", "--resume", "--iterations", str(done + 2))
    assert again.returncode == 0, again.stderr
    assert f"from iteration {done + 1}" in again.stderr
    assert [entry["iteration"] for entry in log(tmp_path, "run") if "losses" in entry] == list(range(1, done + 3))
