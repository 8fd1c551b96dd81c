"""Small runs of the command line, for tests."""

import json
import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner, Result

from advloss.cli.app import app
from tests.data.pictures import fill

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
TINY_PAIRS = [
    "networks.generator.width=2",
    "losses.adversarial.discriminator.width=4",
    "losses.adversarial.discriminator.layers=1",
    "data.load=64",
    "data.crop=64",
    "train.log_every=1",
    "train.checkpoint_every=2",
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


def invoke(*words: str | Path) -> Result:
    """`advloss WORDS` in this process and the present folder; what is not an exit code is raised."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    return result


def done(*words: str | Path) -> Result:
    """The same, and it must end well."""
    result = invoke(*words)
    assert result.exit_code == 0, result.output
    return result


def refused(*words: str | Path, code: int = 2) -> str:
    """The same, and it must end with this exit code and one message of ours on standard error, which is given."""
    result = invoke(*words)
    assert result.exit_code == code, result.output
    said = result.stderr.partition("advloss: ")[2]
    assert said and "advloss: " not in said, result.stderr
    assert result.stdout == ""
    return said


def two_sides(folder: Path, count: int = 4, height: int = 40, width: int = 44) -> Path:
    """A folder of unpaired pictures: trainA and trainB."""
    for first, side in ((0, "trainA"), (count, "trainB")):
        fill(folder / side, count, first, height, width)
    return folder


def pairs(folder: Path, count: int = 4, height: int = 40, width: int = 44) -> Path:
    """A folder of paired pictures: left and right."""
    for first, side in ((0, "left"), (count, "right")):
        fill(folder / side, count, first, height, width)
    return folder
