"""Small runs of the command line, for tests."""

import json
import os
import subprocess
import sys
from pathlib import Path

TINY = [
    "networks.generator.width=4",
    "networks.generator.blocks=1",
    "losses.adversarial_a.discriminator.width=4",
    "losses.adversarial_b.discriminator.width=4",
    "losses.adversarial_a.pool=3",
    "losses.adversarial_b.pool=3",
    "data.load=32",
    "data.crop=32",
    "train.log_every=1",
    "train.checkpoint_every=2",
    "train.validate_every=5",
    "train.sample_every=5",
]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def command(*words: str, processes: int = 1) -> list[str]:
    """`advloss WORDS`, in one process or under torchrun."""
    if processes == 1:
        return [sys.executable, "-m", "advloss", *words]
    launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    # the -- keeps torchrun on Python 3.11 from taking --run for its own --run-path
    return [sys.executable, *launch, "-m", "advloss", "--", *words]


def advloss(folder: Path, *words: str, processes: int = 1, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Runs `advloss WORDS` in `folder` to its end."""
    return subprocess.run(
        command(*words, processes=processes),
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def succeed(folder: Path, *words: str, processes: int = 1) -> subprocess.CompletedProcess[str]:
    """The same, and it must end well."""
    done = advloss(folder, *words, processes=processes)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def log(folder: Path, run: str) -> list[dict]:
    """The lines of a run's log.jsonl."""
    path = folder / "runs" / run / "log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
