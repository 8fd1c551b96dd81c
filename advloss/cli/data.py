"""Data sets: `advloss data list`, `advloss data check`."""

from typing import Annotated

import typer

from advloss.cli.app import app, exit_codes, give, say, table
from advloss.cli.common.options import Device

data = typer.Typer(invoke_without_command=True, help="List the data sets known by name, or check one.")
app.add_typer(data, name="data")


@data.callback()
def data_alone(context: typer.Context) -> None:
    """List the data sets known by name (also without `list`), or check one."""
    if context.invoked_subcommand is None:
        data_list()


@data.command("list")
@exit_codes
def data_list() -> None:
    """List the data sets that can be asked for by name."""
    from advloss.data import known

    table(["name", "kind", "what it is"], [list(row) for row in known()])


@data.command("check", epilog="Example: `advloss data check datasets/horse2zebra`")
@exit_codes
def data_check(
    path: Annotated[str, typer.Argument(help="A folder, or a set's name.")],
    device: Device = None,
) -> None:
    """Read every file of a data set: counts, sizes, modes, unreadable files, partners, duplicates, leaks. Then propose
    a recipe and a size, and say how long it takes: each is trained for a few iterations here."""
    from advloss.data import open_any
    from advloss.data.check import check

    dataset = open_any(path)
    report = check(dataset, full=True)
    table(report.columns, report.rows)
    for line in report.words():
        give(line)

    from advloss.training.proposing.proposal import COLUMNS, in_words, propose, reasons, shown_name

    say("trying recipes for a few iterations each")
    proposals = propose(dataset, path, device)
    table(COLUMNS, [one.row() for one in proposals])
    for line in reasons(proposals):
        say(line)
    for line in in_words(proposals, shown_name(path)):
        give(line)
