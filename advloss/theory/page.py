"""The page of plots, each with its sentence, source and numbers: theory.png, one sheet, and theory.html."""

import base64
import html
import io
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from advloss.core.errors import InputError
from advloss.core.storage.files import check_result, make_folder, write_whole
from advloss.theory import plots
from advloss.theory.statements import STATEMENTS, Statement

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Found = Sequence[tuple[Statement, Any]]
"""Each statement with its experiment's result."""
RING = "A ring of 8 Gaussians"
SAMPLES_CLAIM = """Samples (blue) of the objective that gained most by minibatch discrimination,
and the centres of the modes (red)."""
COLUMNS = 3
NAMES = ("theory.png", "theory.html")

STYLE = """
body {max-width: 54rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; color: #222}
img {max-width: 100%; height: auto} h2 {margin-top: 3rem} .source {color: #666} li {font-family: monospace}"""


def draw(folder: str | Path, say: Callable[[str], None] = lambda sentence: None) -> tuple[Path, Path]:
    """Runs every experiment (about two minutes), and writes folder/theory.png and folder/theory.html; returns them.

    say: called with the measured numbers of each experiment, as soon as it is over. Raises InputError where matplotlib
    is missing or the folder is a file.
    """
    _need_matplotlib()
    folder = Path(folder)
    for name in NAMES:
        check_result(folder / name)
    make_folder(folder)
    found = []
    for statement in STATEMENTS:
        result = statement.run()
        found.append((statement, result))
        say("\n  ".join([statement.title, *statement.measured(result)]))
    return write(found, folder)


def write(found: Found, folder: Path) -> tuple[Path, Path]:
    """Writes theory.png and theory.html of these results into an existing folder; returns their paths."""
    picture, page = (folder / name for name in NAMES)
    write_whole(picture, _png(sheet(found), dpi=110))
    write_whole(page, text(found).encode())
    return picture, page


def sheet(found: Found) -> "Figure":
    """All plots on one sheet, three a row, each with its sentence, numbers and source; the ring's samples come last."""
    from matplotlib.figure import Figure

    cells = [(statement.title, _caption(statement, result), statement.draw, result) for statement, result in found]
    rings = [result for statement, result in found if statement.title == RING]
    cells += [("The ring's samples", SAMPLES_CLAIM, plots.draw_samples, result) for result in rings]
    rows = -(-len(cells) // COLUMNS)
    figure = Figure(figsize=(6.4 * COLUMNS, 7.2 * rows))
    places = figure.subfigures(rows, COLUMNS, squeeze=False).flat
    for place, (title, caption, paint, result) in zip(places, cells, strict=False):
        place.text(0.04, 0.965, title, fontweight="bold", fontsize=15, va="top")
        place.text(0.04, 0.325, caption, fontsize=9.5, va="top", linespacing=1.35)
        paint(place.add_axes((0.155, 0.41, 0.815, 0.5)), result)
    return figure


def _caption(statement: Statement, result: Any) -> str:
    numbers = [line for number in statement.measured(result) for line in _wrapped(f"- {number}", "   ")]
    return "\n".join([*_wrapped(statement.claim), *numbers, *_wrapped(f"[{statement.source}]")])


def _wrapped(sentence: str, indent: str = "") -> list[str]:
    return textwrap.wrap(sentence, 82, subsequent_indent=indent)


def text(found: Found) -> str:
    """The page in HTML, with its plots embedded."""
    sections = "\n".join(_section(statement, result) for statement, result in found)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>advloss theory</title><style>{STYLE}</style></head><body>
<h1>What theory says, measured</h1>
<p>Every plot comes from the losses, penalties and networks of advloss itself;
<code>tests/theory/</code> pins the numbers.</p>
{sections}
</body></html>
"""


def _section(statement: Statement, result: Any) -> str:
    paints = [statement.draw, plots.draw_samples] if statement.title == RING else [statement.draw]
    images = "\n".join(
        f'<img alt="{html.escape(statement.title)}" src="{_embedded(paint, result)}">' for paint in paints
    )
    numbers = "".join(f"<li>{html.escape(line)}</li>" for line in statement.measured(result))
    return f"""<h2>{html.escape(statement.title)}</h2>
<p>{html.escape(statement.claim)}</p>
{images}
<ul>{numbers}</ul>
<p class="source">{html.escape(statement.source)}</p>"""


def _embedded(paint: Callable[[Any, Any], None], result: Any) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    paint(figure.subplots(), result)
    return "data:image/png;base64," + base64.b64encode(_png(figure, dpi=110)).decode()


def _png(figure: "Figure", dpi: int) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    return file.getvalue()


def _need_matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise InputError('the plots need matplotlib: pip install "advloss[theory]"') from None
