"""Training: `advloss train`."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from advloss.cli.app import app, exit_codes, give, say, table
from advloss.cli.common.options import Device, Words
from advloss.cli.common.wanted import asked_recipe
from advloss.core.errors import InputError

if TYPE_CHECKING:
    from advloss.recipe.schema import Recipe

RUNS = Path("runs")


@app.command(
    epilog="Examples: `advloss train recipe=cyclegan horse2zebra` ·"
    " `advloss train recipe=pix2pix data.a=labels data.b=photos optimizer.lr=1e-4 losses.l1.weight=50` ·"
    " `advloss train --run cyclegan-horse2zebra --resume` ·"
    " `torchrun --nproc-per-node 2 -m advloss -- train recipe=cyclegan horse2zebra`"
)
@exit_codes
def train(
    words: Words = None,
    run: Annotated[str | None, typer.Option(help="The run's name; RECIPE-DATA if not given.")] = None,
    iterations: Annotated[int | None, typer.Option(min=1, help="Stop after this many iterations in all.")] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Stop after so many minutes of training, with a checkpoint and a model file.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    change: Annotated[
        bool,
        typer.Option(
            "--change", help="With --resume: train on with other settings than before, such as optimizer.lr=1e-5."
        ),
    ] = False,
    device: Device = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, train nothing.")] = False,
) -> None:
    """Train a recipe on a data set; the run's files lie under runs/NAME/."""
    if dry_run:
        say("checking; nothing is trained")  # before the libraries, which take seconds to load
    from advloss.training.start import rehearse
    from advloss.training.start import train as start

    if change and not resume:
        raise InputError("--change goes with --resume: it lets a run that is resumed go on with other settings")
    if minutes is not None and not 0 < minutes < math.inf:
        raise InputError(f"--minutes {minutes:g}: is a number above 0")
    run = None if run is None else run_name(run)
    recipe, name = _wanted(words or [], run, iterations, resume)
    if dry_run:
        built, plan = rehearse(recipe, device, say)
        table(["tensor", "shape"], [[tensor, str(list(shape))] for tensor, shape in sorted(built.shapes.items())])
        table(["term", "loss", "between", "weight"], [_term_row(*item) for item in recipe.losses.items()])
        for line in plan:
            give(line)
        return
    options: dict[str, Any] = {"resume": resume, "change": change, "device": device, "minutes": minutes}
    model = start(recipe, RUNS / (run or name), **options, words=words or [], say=say)
    if model:
        give(model)


def _wanted(words: list[str], run: str | None, iterations: int | None, resume: bool) -> "tuple[Recipe, str]":
    """The recipe to train and its run's name; with --resume and --run alone, the recipe that the run had."""
    if iterations and any(word.startswith("train.iterations=") for word in words):
        raise InputError("--iterations and train.iterations=N say the same: leave one of them out")
    if iterations:
        words = [*words, f"train.iterations={iterations}"]
    if resume and not any(word.startswith("recipe=") for word in words):
        from advloss.training.run.folder import RunFolder, check_age

        if run is None:
            raise InputError("--resume: say which run, --run NAME, or the words that it was started with")
        folder = RunFolder(RUNS / run)
        folder.check_begun()
        before = folder.recipe
        check_age(before)
        words = [f"recipe={before}", *words]
    recipe, _, name = asked_recipe(words)
    return recipe, name


def run_name(run: str) -> str:
    """A run's name, also where its folder is named, `runs/NAME`."""
    parts = Path(run).parts
    return str(Path(*parts[1:])) if len(parts) > 1 and parts[0] == str(RUNS) else run


def _term_row(name: str, term: Any) -> list[str]:
    given = f" given {term.parameters['given']}" if term.parameters.get("given") else ""
    plain = f"{term.weight:g}" if isinstance(term.weight, float) else str(term.weight.plain())
    return [name, term.loss, ", ".join(term.between) + given, plain]
