"""The run folder `runs/NAME/`: its files, and the checks that no run is overwritten."""

from pathlib import Path
from typing import Any

import yaml

from advloss.core.errors import InputError
from advloss.core.storage.files import replacing, sweep
from advloss.core.storage.reading import read_file
from advloss.recipe.schema import Recipe
from advloss.recipe.text.yaml_text import BYTES_MOST, read_yaml
from advloss.training.run.checkpoint import read_checkpoint
from advloss.training.run.paths import RunPaths

LEFT_BEHIND = ("samples", "tensorboard")
"""Folders that a run makes before its first file."""


class RunFolder(RunPaths):
    """A run's folder while it trains."""

    def check_begun(self) -> None:
        """Raises InputError if there is no run to resume."""
        if not self.begun():
            raise InputError(f"--resume: there is no run in {self.path} yet; start it without --resume")

    def saved(self, resume: bool) -> dict[str, Any] | None:
        """The checkpoint's content, if a run is resumed that has one; else None.

        Raises InputError if a new run would overwrite something, if there is no run to resume, or if its checkpoint
        can't be read.
        """
        if resume:
            self.check_begun()
            check_age(self.recipe)
            return read_checkpoint(self.checkpoint) if self.checkpoint.exists() else None
        if self.begun():
            raise InputError(f"{self.path} exists: go on with it by --resume, or name another with --run NAME")
        for other in sorted(self.path.glob("*")) if self.path.is_dir() else ():
            if not _is_left_behind(other):
                raise InputError(f"{self.path} exists, and is no run (it holds {other.name}): name another, --run NAME")
        return None

    def create(self, recipe: Recipe) -> None:
        """Makes the folder, with the resolved recipe in it, and removes what a killed process left half-written."""
        try:
            self.samples.mkdir(parents=True, exist_ok=True)
            sweep(self.path)
            sweep(self.samples)
            with replacing(self.recipe) as temporary:
                temporary.write_text(yaml.safe_dump(recipe.plain(), sort_keys=False), encoding="utf-8")
        except OSError as error:
            raise InputError(f"{self.path}: can't be written ({error.strerror or error})") from None


def check_age(recipe: Path) -> None:
    """Raises InputError for the recipe.yaml of a run that an older version trained: its checkpoint can't be read."""
    try:
        values = read_yaml(read_file(recipe, BYTES_MOST).decode(), lambda line, why: InputError(why))
    except ValueError:
        return  # the reader of recipes says what is wrong
    train = values.get("train") if isinstance(values, dict) else None
    if isinstance(train, dict) and "iterations" not in train:
        raise InputError(
            f"--resume: {recipe.parent} was trained by an older version of advloss, whose checkpoints this one can't "
            f"read; train anew from its model, with another --run and initial={recipe.parent / 'model.safetensors'}"
        )


def _is_left_behind(path: Path) -> bool:
    """Whether a killed process may have left this in a run's folder before the run had begun."""
    return path.name.startswith(".") or (path.name in LEFT_BEHIND and path.is_dir() and not any(path.glob("*.png")))
