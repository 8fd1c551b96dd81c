"""The lab: `advloss lab`."""

from pathlib import Path
from typing import Annotated

import typer

from advloss.cli.app import app, exit_codes, give, say
from advloss.core.errors import InputError


@app.command(
    epilog="Examples: `advloss lab lab.html` ·"
    " `advloss lab lab.html --data grid --objective non_saturating,non_saturating+r1 --seeds 3`"
)
@exit_codes
def lab(
    out: Annotated[Path, typer.Argument(readable=False, help="The page to write (.html).")],
    data: Annotated[str, typer.Option(help="ring, grid, lines or swiss-roll.")] = "ring",
    objective: Annotated[
        str, typer.Option(help="Objectives, with commas between; each may have penalties: non_saturating+r1.")
    ] = "minimax,non_saturating,wasserstein",
    seeds: Annotated[int, typer.Option(help="How many games of each objective, with seeds 0, 1, ...")] = 2,
    iterations: Annotated[int, typer.Option(help="The length of each game.")] = 1500,
) -> None:
    """Write a page on which games of two-dimensional points play: it needs no network, and no other file.

    The games are trained as `advloss train recipe=points` does, in about half a minute each.
    """
    from advloss.theory.lab.page import draw

    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{out}: the page is an .html file")
    names = [name.strip() for name in objective.split(",") if name.strip()]
    give(draw(out, data, names, seeds, iterations, say))
