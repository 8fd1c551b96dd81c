"""Writes the report of runs: one page, which needs no network and no other file."""

import html
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from advloss.core.errors import InputError
from advloss.core.storage.files import Inputs, check_result, make_folder, write_whole
from advloss.core.words import duration
from advloss.recipe.text.flat import flat
from advloss.report.curves import charts_of, figures_of, packed
from advloss.report.pictures import BYTES, sample_grids
from advloss.report.reading import Run, asked_for, best_of, check_run, read_run, recipe_text, state_of, total_of

MOST = 6
"""Runs on a page."""
PARTS = ("page.css", "charts.js", "page.js")


def write(folders: Sequence[Path], out: Path) -> Path:
    """Writes the report of the runs in these folders, and returns its path. A report that is there is replaced.

    Raises InputError for a folder of no run, for too many runs, without bokeh, and for a path that can't be written;
    nothing is written then.
    """
    if len(folders) > MOST:
        raise InputError(f"{len(folders)} runs: a report shows at most {MOST}")
    for place, folder in enumerate(folders):
        if folder.absolute() in [other.absolute() for other in folders[:place]]:
            raise InputError(f"{folder}: is named twice")
    known = [check_run(folder) for folder in folders]
    check_out(out, Inputs(file for paths in known for file in paths.path.rglob("*")))
    library = plotting()
    text = page([read_run(folder) for folder in folders], library)
    make_folder(out.parent)
    write_whole(out, text.encode())
    return out


def check_out(out: Path, inputs: Inputs) -> None:
    """Raises InputError if a page can't be written there, or would replace a file that is no page."""
    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{out}: the report is an .html file")
    check_result(out, inputs)
    if out.exists():
        with out.open("rb") as file:
            if not file.read(15).lower().startswith((b"<!doctype html", b"<html")):
                raise InputError(f"{out}: is there, and no HTML page; name another file")


def plotting() -> str:
    """BokehJS, which draws the charts. Raises InputError if bokeh is not installed."""
    try:
        from bokeh.resources import Resources
    except ImportError:
        raise InputError('the report\'s charts need bokeh: pip install "advloss[report]"') from None
    return "\n".join(Resources(mode="inline", components=["bokeh", "bokeh-api"]).js_raw)


def page(runs: Sequence[Run], library: str) -> str:
    """The page in HTML. library: the script of BokehJS."""
    names = _names(runs)
    content = {
        "runs": [_about(run, name, BYTES // len(runs)) for run, name in zip(runs, names, strict=True)],
        "differences": _differences(runs),
        "charts": [packed(chart) for chart in charts_of(runs)],
    }
    here = Path(__file__).parent
    text = (here / "page.html").read_text(encoding="utf-8")
    for name in PARTS:
        text = text.replace(f"/* {name} */", (here / name).read_text(encoding="utf-8"))
    said = json.dumps(content, allow_nan=False).replace("<", "\\u003c")
    text = text.replace("{{title}}", html.escape(", ".join(names))).replace("{{content}}", said)
    return text.replace("/* bokeh */", library)


def _names(runs: Sequence[Run]) -> list[str]:
    """The runs' names; their whole paths where two are alike."""
    names = [run.name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.paths.path) for run in runs]


def _differences(runs: Sequence[Run]) -> list[list[str]]:
    """Each key of the recipes of which the runs have different values, with each run's value."""
    recipes = [flat(run.recipe) for run in runs]
    keys = dict.fromkeys(key for recipe in recipes for key in recipe)
    rows = [[key, *("absent" if key not in one else _plain(one[key]) for one in recipes)] for key in keys]
    return [row for row in rows if len(set(row[1:])) > 1]


def _plain(value: object) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _about(run: Run, name: str, most_bytes: int) -> dict[str, Any]:
    """All of a run that is no curve."""
    grids = sample_grids(run.paths.samples, run.notes, most_bytes)
    events = sorted(run.events, key=lambda event: event.iteration)
    began: dict[str, Any] = next((session for session in reversed(run.sessions) if "plan" in session), {})
    return {
        "name": name,
        "state": state_of(run.paths, run.sessions),
        "facts": _facts(run, began),
        "plan": [str(line) for line in began.get("plan", [])],
        "data": [str(line) for line in began.get("data", [])],
        "recipe": recipe_text(run.recipe),
        "notes": run.notes,
        "events": [vars(event) for event in events],
        "samples": grids,
    }


def _facts(run: Run, began: dict[str, Any]) -> dict[str, str]:
    recipe, words = asked_for(run.sessions, run.recipe)
    total, figures = total_of(run.recipe, run.sessions), figures_of(run)
    facts = {
        "recipe": recipe,
        "asked for": f"advloss train {' '.join(words)}" if words else "",
        "iterations": f"{run.iteration:,} of {total:,}" if total else f"{run.iteration:,}",
        "time": _time(run),
        "memory": _largest(run, "memory", " GiB"),
        "speed": _middle(run, "images_per_second", " images/s"),
        "best": _best(run),
        **{name.replace("/", " "): f"{value:.5g}" for name, value in figures.items() if name.startswith("test/")},
        "began": str(next((session["time"] for session in run.sessions if "time" in session), "")),
        "device": str(began.get("device", "")),
        "versions": ", ".join(f"{name} {version}" for name, version in dict(began.get("versions", {})).items()),
    }
    last = run.sessions[-1] if run.sessions else {}
    return {name: said for name, said in {**facts, "why it ended": str(last.get("why", ""))}.items() if said}


def _time(run: Run) -> str:
    seconds = run.curves.get("seconds")
    return duration(max(seconds.values)) if seconds else ""


def _largest(run: Run, name: str, unit: str) -> str:
    curve = run.curves.get(name)
    return f"{max(curve.values):.3g}{unit}" if curve else ""


def _middle(run: Run, name: str, unit: str) -> str:
    curve = run.curves.get(name)
    return f"{sorted(curve.values)[len(curve.values) // 2]:.3g}{unit}" if curve else ""


def _best(run: Run) -> str:
    names = [name for name in run.curves if name.startswith("validation/")]
    rows: dict[int, dict[str, Any]] = {}
    for name in names:
        curve = run.curves[name]
        for iteration, value in zip(curve.iterations, curve.values, strict=True):
            if math.isfinite(value):
                row = rows.setdefault(iteration, {"iteration": iteration, "validation": {}})
                row["validation"][name.partition("/")[2]] = value
    best = best_of(run.paths, [rows[iteration] for iteration in sorted(rows)])
    return f"{best.metric} {best.value:.5g} at iteration {best.iteration:,}" if best else ""
