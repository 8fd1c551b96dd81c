"""How many threads a training computes with on a CPU."""

from collections.abc import Callable

import torch

from advloss.core.threads import SharedCores, chosen_by_user
from advloss.recipe.schema import Recipe
from advloss.training.processes import Processes


class Threads:
    """Sets the threads to `train.threads`, or else leaves the cores that other programs keep busy to them.

    The number changes the rounding of sums. So it changes at a checkpoint alone, which holds the number that counts
    from there on, and is taken from the checkpoint by `--resume`: a killed run plays the same iterations again.
    Nothing is set where the user has set `OMP_NUM_THREADS`, which torchrun does for several processes.

    saved: the number in the checkpoint that a run is resumed from.
    """

    def __init__(self, recipe: Recipe, saved: int | None, processes: Processes, say: Callable[[str], None]) -> None:
        self._shared: SharedCores | None = None
        fixed, threads = recipe.train.threads, torch.get_num_threads()
        if chosen_by_user():
            if fixed not in (None, threads):
                say(f"OMP_NUM_THREADS counts: {threads} threads, not train.threads={fixed}; sums may round otherwise")
        elif fixed is not None:
            torch.set_num_threads(fixed)
        elif processes.device.type == "cpu" and processes.world == 1:
            self._shared = SharedCores(say, saved)
            if saved is None:
                self._shared.look()

    @property
    def count(self) -> int | None:
        """The number to write into a checkpoint; None where it is not chosen here."""
        return self._shared.count if self._shared else None

    def look(self) -> str | None:
        """Chooses anew, before a checkpoint is written. Gives the change in words, if there is one."""
        before = self.count
        if self._shared is None or not self._shared.look():
            return None
        return f"threads: {before} then, {self.count} now"


def same_threads(recipe: Recipe, before: Recipe) -> Recipe:
    """The recipe with the threads of `before`, where it does not say them."""
    if recipe.train.threads is not None:
        return recipe
    return recipe.model_copy(update={"train": recipe.train.model_copy(update={"threads": before.train.threads})})
