"""Writes the lab's page: recorded games in quantised form, and the script that plays them."""

import base64
import html
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from advloss.core.errors import InputError
from advloss.core.storage.files import check_result, make_folder, write_whole
from advloss.theory.distances import Array, sliced_w1
from advloss.theory.lab.record import (
    MODES,
    NUMBERS,
    REACH,
    Frame,
    check_data,
    frames_at,
    real_points,
    record,
    settings_of,
)

FRAMES = 91
"""Frames of a game, if it has as many iterations."""
HOLD = 4.0
"""Coordinates are kept within [-HOLD, HOLD]: outside the plane that is shown."""
MOST_OBJECTIVES, MOST_SEEDS, MOST_ITERATIONS = 6, 10, 100_000
Say = Callable[[str], None]


def draw(out: Path, data: str, objectives: Sequence[str], seeds: int, iterations: int, say: Say) -> Path:
    """Plays each objective with seeds 0, 1, ... on a set of points, and writes the page; returns its path.

    say: called with a line after each game. Raises InputError for an unknown set, objective or penalty, for numbers out
    of range, and for a path that can't be written; nothing is written then.
    """
    check_data(data)
    _check_numbers(objectives, seeds, iterations)
    for objective in objectives:
        settings_of(objective)
    check_result(out)
    make_folder(out.parent)
    games = []
    for objective in objectives:
        for seed in range(seeds):
            played = list(record(data, objective, seed, iterations, FRAMES))
            games.append({"objective": objective, "seed": seed, **packed(played)})
            say(f"{data}, {objective}, seed {seed}: {_outcome(played[-1], data)}")
    at = frames_at(iterations, FRAMES)
    write_whole(out, text(data, list(objectives), list(range(seeds)), at, games).encode())
    return out


def _check_numbers(objectives: Sequence[str], seeds: int, iterations: int) -> None:
    if not objectives or len(objectives) > MOST_OBJECTIVES:
        raise InputError(f"--objective: names {len(objectives)} objectives; a page shows 1 to {MOST_OBJECTIVES}")
    for objective in objectives:
        if objectives.count(objective) > 1:
            raise InputError(f"--objective: {objective} is named twice")
    for option, value, most in (("seeds", seeds, MOST_SEEDS), ("iterations", iterations, MOST_ITERATIONS)):
        if not 1 <= value <= most:
            raise InputError(f"--{option} {value}: is a whole number from 1 to {most:,}")


def _outcome(last: Frame, data: str) -> str:
    modes = f"{last.modes:.0f} of {len(MODES[data][0])} modes ({last.near:.0%} near one), " if data in MODES else ""
    return f"{modes}sliced W1 {last.distance:.3f}"


def packed(frames: Sequence[Frame]) -> dict[str, Any]:
    """A game's frames as the script reads them. Arrays are little-endian, in base64, all frames after each other.

    fakes: uint16 of [-HOLD, HOLD]. surface: uint8 of each frame's own range. pushes: int8 of each frame's longest.
    numbers: float32, of each frame NUMBERS, the surface's range, and the length of the longest push.
    """
    surfaces = np.stack([frame.surface for frame in frames])  # [F, CELLS, CELLS]
    low, high = surfaces.min((1, 2)), surfaces.max((1, 2))
    levels = (surfaces - low[:, None, None]) / np.maximum(high - low, 1e-12)[:, None, None]
    pushes = np.stack([frame.pushes for frame in frames])  # [F, ARROWS, 2]
    longest = np.linalg.norm(pushes, axis=2).max(1)
    arrows = pushes / np.maximum(longest, 1e-30)[:, None, None]
    rows = [[getattr(frame, name) for name in NUMBERS] for frame in frames]
    numbers = np.column_stack([rows, low, high, longest])
    return {
        "fakes": coordinates(np.stack([frame.fakes for frame in frames])),
        "surface": _base64(np.rint(levels * 255), "u1"),
        "pushes": _base64(np.rint(arrows * 127), "i1"),
        "numbers": _base64(numbers, "<f4"),
    }


def coordinates(points: Array) -> str:
    """Points as uint16 of [-HOLD, HOLD], in base64."""
    return _base64(np.rint((points.clip(-HOLD, HOLD) / HOLD + 1) / 2 * 65535), "<u2")


def _base64(values: Array, dtype: str) -> str:
    return base64.b64encode(values.astype(dtype).tobytes()).decode()


def text(data: str, objectives: list[str], seeds: list[int], at: list[int], games: list[dict[str, Any]]) -> str:
    """The page in HTML: it asks for nothing else."""
    recorded = {
        "data": data,
        "objectives": objectives,
        "seeds": seeds,
        "iterations": at,
        "reach": REACH,
        "hold": HOLD,
        "names": [*NUMBERS, "low", "high", "longest"],
        "modes": len(MODES[data][0]) if data in MODES else 0,
        "floor": sliced_w1(*real_points(data)),
        "real": coordinates(real_points(data)[0]),
        "games": games,
    }
    here = Path(__file__).parent
    page = (here / "lab.html").read_text(encoding="utf-8")
    for name in ("lab.css", "drawing.js", "player.js"):
        page = page.replace(f"/* {name} */", (here / name).read_text(encoding="utf-8"))
    said = json.dumps(recorded, allow_nan=False).replace("<", "\\u003c")
    return page.replace("{{data}}", html.escape(data)).replace("{{recorded}}", said)
