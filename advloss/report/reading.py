"""A run read from its folder, at any time: also while it trains."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError, safe_open

from advloss.core.errors import InputError
from advloss.core.storage.files import closed_named
from advloss.core.storage.json_lines import entries
from advloss.core.storage.locks import holder
from advloss.core.storage.reading import read_file
from advloss.recipe.text.flat import flat
from advloss.recipe.text.yaml_text import BYTES_MOST, read_yaml
from advloss.training.run.paths import RunPaths

SPOKEN = ("doctor", "changed")
"""Groups of the log that are words."""
NO_CURVES = ("iteration", "epoch", *SPOKEN)


@dataclass(frozen=True)
class Event:
    """Something that was said at an iteration. kind: `doctor` or `changed`. remedy: what to do, if there is one."""

    iteration: int
    kind: str
    sentence: str
    remedy: str = ""


@dataclass
class Curve:
    """A number over the iterations, in the order in which it was logged."""

    iterations: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)


@dataclass
class Run:
    """A run. recipe: resolved, as plain values. sessions: the lines of sessions.jsonl. curves: by `group/name`.

    notes: what could not be read.
    """

    paths: RunPaths
    recipe: dict[str, Any]
    sessions: list[dict[str, Any]]
    curves: dict[str, Curve] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    iteration: int = 0

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.paths.path.absolute().name


def check_run(path: Path) -> RunPaths:
    """The paths of a run. Raises InputError if none has begun in that folder."""
    paths = RunPaths(path)
    with closed_named():
        if not path.exists():
            raise InputError(f"{path}: no such folder; `advloss runs` lists the runs")
        if not paths.recipe.is_file():
            raise InputError(f"{path}: is no run's folder: there is no recipe.yaml in it; name one, runs/NAME")
    return paths


def read_run(path: Path) -> Run:
    """The run in a folder. Lines that can't be read are passed over and noted. Raises InputError for another folder."""
    paths = check_run(path)
    notes: list[str] = []
    run = Run(paths, recipe_of(paths), list(entries(paths.sessions, notes)), notes=notes)
    for entry in entries(paths.log, notes):
        iteration = entry.get("iteration")
        if not isinstance(iteration, int):
            continue
        run.iteration = max(run.iteration, iteration)
        run.events += _events(iteration, entry)
        for name, value in _numbers(entry):
            curve = run.curves.setdefault(name, Curve())
            curve.iterations.append(iteration)
            curve.values.append(value)
    if not run.curves:
        notes.append(f"{paths.log.name}: nothing has been logged yet")
    return run


def recipe_of(paths: RunPaths) -> dict[str, Any]:
    """A run's resolved recipe as plain values. Raises InputError if it can't be read."""
    text = read_file(paths.recipe, BYTES_MOST).decode(errors="replace")
    values = read_yaml(text, lambda line, why: InputError(f"{paths.recipe}:{line or 1}: {why}"))
    if not isinstance(values, dict):
        raise InputError(f"{paths.recipe}: is no recipe")
    return values


def recipe_text(recipe: Mapping[str, Any]) -> str:
    """A recipe to read."""
    return yaml.safe_dump(dict(recipe), sort_keys=False, allow_unicode=True, width=100)


def _numbers(entry: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """`losses/l1` and its value, of every number in an entry."""
    for group, values in entry.items():
        if group not in NO_CURVES:
            for name, value in flat(values).items():
                if isinstance(value, int | float) and not isinstance(value, bool):
                    yield f"{group}/{name}" if name else group, float(value)


def _events(iteration: int, entry: Mapping[str, Any]) -> list[Event]:
    said = entry.get("doctor")
    found = []
    if isinstance(said, dict) and said.get("sentence"):
        found.append(Event(iteration, "doctor", str(said["sentence"]), str(said.get("remedy") or "")))
    if isinstance(changed := entry.get("changed"), list):
        found += [Event(iteration, "changed", str(line)) for line in changed]
    return found


def state_of(paths: RunPaths, sessions: list[dict[str, Any]]) -> str:
    """`running`, `finished`, `stopped` (its time was over), `interrupted`, `failed` or `killed`; `ended` where older
    versions trained it."""
    if holder(paths.lock):
        return "running"
    if not sessions:
        return "ended"
    return str(sessions[-1].get("ended", "killed"))


def total_of(recipe: Mapping[str, Any], sessions: list[dict[str, Any]]) -> int | None:
    """How many iterations the run has in the end, if that is known."""
    totals = [session["total"] for session in sessions if isinstance(session.get("total"), int)]
    train = recipe.get("train")
    return totals[-1] if totals else train.get("iterations") if isinstance(train, dict) else None


def asked_for(sessions: list[dict[str, Any]], recipe: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The recipe's name, and the words that asked for the run. The method's name where they are not known."""
    asked = [[str(word) for word in session.get("words", [])] for session in sessions]
    words = next((words for words in asked if any(word.startswith("recipe=") for word in words)), [])
    named = next((Path(word.partition("=")[2]).stem for word in words if word.startswith("recipe=")), None)
    method = recipe.get("method")
    return named or str(method.get("name") if isinstance(method, dict) else method), words


@dataclass(frozen=True)
class Best:
    """The first metric's value at the best iteration, or at the last one if no model was the best."""

    metric: str
    value: float
    iteration: int


def best_of(paths: RunPaths, validated: list[dict[str, Any]]) -> Best | None:
    """What was measured of a run's best model. validated: the entries of the log that have `validation`."""
    measured = [entry for entry in validated if isinstance(entry.get("validation"), dict) and entry["validation"]]
    if not measured:
        return None
    at = _iteration_of(paths.best)
    entry = next((entry for entry in reversed(measured) if entry.get("iteration") == at), measured[-1])
    name, value = next(iter(entry["validation"].items()))
    return Best(name, float(value), int(entry.get("iteration", 0))) if math.isfinite(value) else None


def _iteration_of(model: Path) -> int | None:
    """The iteration of a model file, read from its header alone."""
    try:
        with safe_open(model, framework="np") as file:
            about = json.loads((file.metadata() or {}).get("advloss", "{}"))
        return about.get("iteration")
    except (OSError, SafetensorError, ValueError):
        return None
