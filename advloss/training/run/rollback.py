"""Back to the last good checkpoint with a smaller rate, after a loss or a weight has become infinite or NaN."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from advloss.core.clock import Schedule, timed
from advloss.core.errors import InputError
from advloss.losses.adversarial.logit_checks import LogitChecks
from advloss.recipe.schema import Recipe
from advloss.training.executor import Executor
from advloss.training.processes import Processes
from advloss.training.run.checkpoint import read_checkpoint
from advloss.training.run.folder import RunFolder

FACTOR = 0.5
"""Of all learning rates, each time."""
MARK = "train.on_nan=rollback"
"""How the line of the history begins that tells of it."""


def can_go_back(recipe: Recipe, history: Sequence[dict[str, Any]], folder: RunFolder) -> bool:
    """Whether a training that has failed is to go on from its last checkpoint: the recipe says so, there is one, and it
    has not been done as often as it may be. The same in all processes."""
    train = recipe.train
    return train.on_nan == "rollback" and times(history) < train.rollbacks and folder.checkpoint.exists()


def times(history: Sequence[dict[str, Any]]) -> int:
    """How often a run has gone back."""
    return sum(str(line).startswith(MARK) for entry in history for line in entry["changed"])


def reason(error: Exception, history: Sequence[dict[str, Any]], recipe: Recipe) -> str:
    """The line of the history that tells why a run goes back."""
    return f"{MARK} ({times(history) + 1} of at most {recipe.train.rollbacks}): {error}"


def last_good(recipe: Recipe, history: Sequence[dict[str, Any]], folder: RunFolder) -> str:
    """Where a training that has failed can go on, and the command for it."""
    rate = recipe.optimizer.parameters.get("lr")
    lower = f"optimizer.lr={rate * FACTOR:g}" if isinstance(rate, float) else "optimizer.lr=LOWER"
    again = f"advloss train --run {folder.path.name} --resume"
    if not folder.checkpoint.exists():
        return f"There is no checkpoint yet. A lower rate or train.clip often helps: {again} {lower}"
    try:
        iteration = read_checkpoint(folder.checkpoint)["iteration"]
    except InputError as error:
        return str(error)
    been = f"It went back {times(history)} times already (train.rollbacks). " if times(history) else ""
    return (
        f"{been}The last good checkpoint is {folder.checkpoint}, after iteration {iteration}. With the same recipe "
        f"it comes to the same end; a lower rate often helps: {again} --change {lower}"
    )


def lowered(recipe: Recipe) -> Recipe:
    """The recipe with half of each learning rate, also of those that a player has of its own."""
    ours = {
        name: _halved(value) if name == "lr" else {**value, "lr": _halved(value["lr"])}
        for name, value in recipe.optimizer.parameters.items()
        if name == "lr" or (isinstance(value, dict) and "lr" in value)
    }
    return recipe.model_copy(update={"optimizer": recipe.optimizer.model_copy(update=ours)})


def agree(executor: Executor, recipe: Recipe, processes: Processes) -> None:
    """With several processes that may go back, leaves NaN to the log's sum of the losses, which all see at the same
    iteration: a check of one process's logits would end that process alone, while the others wait for it."""
    if recipe.train.on_nan == "rollback" and processes.world > 1:
        for part in timed(executor.terms):
            if isinstance(part, LogitChecks):
                part.raises = False


def _halved(rate: Any) -> Any:
    if isinstance(rate, Schedule):
        values = tuple((place, FACTOR * value) for place, value in rate.values)
        return replace(rate, first=FACTOR * rate.first, last=FACTOR * rate.last, values=values)
    return FACTOR * rate
