"""The runs in a folder, as `advloss runs` lists them."""

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from advloss.core.errors import InputError
from advloss.core.storage.files import closed_named
from advloss.core.storage.json_lines import entries
from advloss.core.words import duration
from advloss.report.reading import Best, asked_for, best_of, recipe_of, state_of, total_of
from advloss.training.run.paths import RunPaths

COLUMNS = ["run", "state", "recipe", "iteration", "metric", "size", "time"]


@dataclass(frozen=True)
class Line:
    """A run in the list. size: bytes on the disk. seconds: that it has trained."""

    run: str
    state: str
    recipe: str
    iteration: int
    total: int | None
    best: Best | None
    size: int
    seconds: float | None

    def cells(self) -> list[str]:
        """The line's cells, in the order of `COLUMNS`."""
        best = f"{self.best.metric} {self.best.value:.4g} at {self.best.iteration}" if self.best else "-"
        iteration = f"{self.iteration} of {self.total}" if self.total else str(self.iteration)
        time = duration(self.seconds) if self.seconds is not None else "-"
        return [self.run, self.state, self.recipe, iteration, best, in_bytes(self.size), time]


def list_runs(folder: Path) -> list[Line]:
    """The runs in a folder and the folders in it, by name. Raises InputError if there is no such folder."""
    with closed_named():
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder; name the one in which the runs lie")
        found = sorted(path.parent for path in folder.rglob("recipe.yaml") if not _hidden(path.relative_to(folder)))
    return [_line(folder, RunPaths(path)) for path in found]


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _line(folder: Path, paths: RunPaths) -> Line:
    sessions = list(entries(paths.sessions, []))
    try:
        recipe: dict[str, Any] = recipe_of(paths)
    except InputError:
        recipe = {}
    last = _last(paths.log)
    return Line(
        run=str(paths.path.relative_to(folder)),
        state=state_of(paths, sessions),
        recipe=asked_for(sessions, recipe)[0],
        iteration=max((entry["iteration"] for entry in last), default=0),
        total=total_of(recipe, sessions),
        best=best_of(paths, list(entries(paths.log, [], holding=b'"validation"'))),
        size=sum(file.lstat().st_size for file in paths.path.rglob("*") if file.is_file()),
        seconds=max((entry["seconds"] for entry in last if "seconds" in entry), default=None),
    )


def _last(log: Path, most: int = 50) -> list[dict[str, Any]]:
    """The last entries of a log."""
    if not log.is_file():
        return []
    found = []
    with log.open("rb") as file:
        for line in deque(file, most):
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict) and isinstance(entry.get("iteration"), int):
                found.append(entry)
    return found


def in_bytes(size: float) -> str:
    """`812 B`, `3.4 MB`, `1.2 GB`."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def plain(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """The list as JSON values."""
    return [asdict(line) for line in lines]
