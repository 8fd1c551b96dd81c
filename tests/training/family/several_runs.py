"""Plays several trainings one after the other in each process of torchrun, since starting takes longer than they do.

torchrun --nproc-per-node=2 several_runs.py WORDS.json        # a list of command lines, each a list of words
"""

import json
import sys
from pathlib import Path

import torch.distributed as dist
from typer.testing import CliRunner

from advloss.cli.app import app


def main() -> None:
    """Ends with exit code 1 and its messages at the first that fails."""
    dist.init_process_group("gloo")
    for words in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
        result = CliRunner().invoke(app, words)
        if result.exit_code:
            sys.exit(f"advloss {' '.join(words)}: {result.output}{result.exception!r}")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
