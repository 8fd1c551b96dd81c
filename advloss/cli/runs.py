"""Runs that have been trained or still train: `advloss runs`, `advloss report`, `advloss doctor`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from advloss.cli.app import app, exit_codes, give, say, table
from advloss.cli.train import RUNS, run_name


@app.command(epilog="Examples: `advloss runs` · `advloss runs --json`")
@exit_codes
def runs(
    folder: Annotated[Path, typer.Argument(help="Where the runs lie.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """List runs: their state, how far they are, the first metric, size on the disk, time."""
    from advloss.report.listing import COLUMNS, list_runs, plain

    found = list_runs(folder)
    if as_json:
        give(json.dumps(plain(found), indent=2))
    else:
        table(COLUMNS, [line.cells() for line in found])


@app.command(epilog="Examples: `advloss report runs/NAME` · `advloss report runs/ONE runs/OTHER -o comparison.html`")
@exit_codes
def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page to write (.html).")] = Path("report.html"),
) -> None:
    """Write a page on runs: recipe, curves, samples, what was said. It needs no network, and no other file.

    A run that trains can be reported too.
    """
    from advloss.report.page import write

    give(write(runs, out))


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
