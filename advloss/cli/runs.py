"""Runs that have been trained or still train: what went wrong in one."""

from pathlib import Path
from typing import Annotated

import typer

from advloss.cli.app import app, exit_codes, give, say
from advloss.cli.train import RUNS, run_name


@app.command(epilog="Examples: `advloss doctor cyclegan-stripes` · `advloss doctor runs/cyclegan-stripes`")
@exit_codes
def doctor(run: Annotated[str, typer.Argument(help="A run's name, or its folder.")]) -> None:
    """Read a run's log again and say what goes wrong in it, with the iteration and what helps."""
    from advloss.training.doctor.rereading import diagnosis

    folder = Path(run) if Path(run).is_dir() else RUNS / run_name(run)
    found = diagnosis(folder)
    for sentence in found.notes:
        say(sentence)
    for line in found.lines:
        give(line)
