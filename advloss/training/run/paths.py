"""Where the files of a run lie. Light to import: reading a run needs no torch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advloss.core.errors import InputError


class RunPaths:
    """The paths of one run, `runs/NAME/`.

    sessions: a line for each time that the run was begun or resumed, and for each time that it ended, see `start.py`.
    log: a line for each entry of the log.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe = path / "recipe.yaml"
        self.checkpoint = path / "checkpoint.pt"
        self.model = path / "model.safetensors"
        self.best = path / "best.safetensors"
        self.log = path / "log.jsonl"
        self.sessions = path / "sessions.jsonl"
        self.samples = path / "samples"
        self.events = path / "tensorboard"
        self.tracked = path / "wandb"
        self.lock = path / ".lock"

    def begun(self) -> bool:
        """Whether a run has begun in the folder: it has its recipe. What a process that was killed before that left
        behind is no run."""
        return self.recipe.is_file() or self.checkpoint.is_file()

    def note(self, facts: Mapping[str, Any]) -> None:
        """Adds a line to sessions.jsonl. InputError if it can't be written."""
        try:
            with self.sessions.open("a", encoding="utf-8") as file:
                file.write(json.dumps(facts) + "\n")
        except OSError as error:
            raise InputError(f"{self.sessions}: can't be written ({error.strerror or error})") from None
