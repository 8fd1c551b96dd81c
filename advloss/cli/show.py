"""Looking: `advloss show`, `advloss recipes`, `advloss theory`."""

from pathlib import Path
from typing import Annotated

import typer

from advloss.cli.app import app, exit_codes, give, say, table
from advloss.cli.common.options import Words
from advloss.cli.common.wanted import asked_recipe


@app.command(epilog="Example: `advloss show recipe=cyclegan losses.cycle_a.weight=5`")
@exit_codes
def show(words: Words = None) -> None:
    """Show a recipe with every value resolved, and where each came from."""
    from advloss.recipe.text.show import rows

    recipe, source, _ = asked_recipe(words or [])
    table(["key", "value", "from"], rows(recipe, source))


@app.command()
@exit_codes
def recipes() -> None:
    """List the recipes that can be asked for by name."""
    from advloss.recipe.text.show import headline
    from advloss.recipe.text.source import known_recipes

    table(["recipe", "what it is", "file"], [[n, headline(path), str(path)] for n, path in known_recipes().items()])


@app.command(epilog="Example: `advloss theory pages`")
@exit_codes
def theory(
    folder: Annotated[Path, typer.Argument(help="Where theory.png and theory.html go.")] = Path("theory"),
) -> None:
    """Draw what theory says of adversarial losses, measured with this package: one page, PNG and HTML."""
    from advloss.theory.page import draw

    for file in draw(folder, say):
        give(file)
