"""How far a run is, beside the state of its executor, and how a resumed run begins."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from advloss.core.errors import InputError
from advloss.recipe.schema import Recipe, Train
from advloss.training.run.changes import changes, lines_of
from advloss.training.run.items import Items, differences


@dataclass(frozen=True)
class Progress:
    """items: what the run trains on, see `items.py`. iteration: how many are over. best: the first metric's best value
    so far. history: `{iteration: N, changed: [...]}` for each change with which the run was resumed, and of the
    threads. threads: with how many it goes on, where neither the recipe nor the user says."""

    items: Items
    iteration: int = 0
    best: float | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    threads: int | None = None

    def plain(self) -> dict[str, Any]:
        """What a checkpoint holds of it."""
        return asdict(self)


def resumed(
    saved: dict[str, Any], recipe: Recipe, items: Items, allowed: bool, because: str | None = None
) -> tuple[Progress, list[str]]:
    """The progress with which a run goes on, and sentences for the user.

    saved: the checkpoint's content. recipe, items: those of now. allowed: whether there may be changes (--change).
    because: why there are changes, if it was not the user who made them; it stands before them in the history.
    Raises InputError if the items to train on are others, and may not be.
    """
    others = differences(saved["items"], items, "train")
    if others and not allowed:
        raise InputError(
            "--resume: the data set has other items than the run was trained on:\n  " + "\n  ".join(others) + "\n"
            "name the folder where they lie now; or add --change, to train on with these and have the change written "
            "into the run's history"
        )
    progress = Progress(items, saved["iteration"], saved["best"], list(saved["history"]))
    said = []
    if progress.best is not None and any(differences(saved["items"], items, split) for split in ("val", "test")):
        said.append("the pictures to validate on are others than before: the best model is chosen anew")
        progress = replace(progress, best=None)
    changed = [
        *([because] if because else []),
        *lines_of(changes(Recipe.model_validate(saved["recipe"]), recipe)),
        *others,
    ]
    if changed:
        said.append(f"changed after iteration {progress.iteration}: {'; '.join(changed)}")
        progress = replace(progress, history=[*progress.history, {"iteration": progress.iteration, "changed": changed}])
    return progress, said


def new_length(before: Train, now: Train, done: int, total: int) -> str | None:
    """A sentence if a run is resumed with another length. Raises InputError if the run is longer already.

    done: how many iterations are over. total: how many there are to be.
    """
    if (before.epochs, before.iterations) == (now.epochs, now.iterations):
        return None
    if total < done:
        raise InputError(f"--resume: the run has {done} iterations already, and is to end after {total}; name more")
    was = f"{before.iterations} iterations" if before.iterations else f"{before.epochs} epochs"
    return f"the run's length is {total} iterations from now on, also when it is resumed again; it was {was}"
