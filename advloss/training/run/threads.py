"""How many threads a training computes with on a CPU."""

from collections.abc import Callable

import torch

from advloss.core.threads import STARTED, chosen_by_user, load, shared, threads_beside
from advloss.recipe.schema import Recipe
from advloss.training.processes import Processes


def with_threads(recipe: Recipe, resume: bool, processes: Processes, say: Callable[[str], None]) -> Recipe:
    """Sets the threads to `train.threads`, and gives the recipe with their number where it was chosen here.

    A new run that starts while other programs keep cores busy takes the rest of them. The number changes the rounding
    of sums, so it is written into the run's recipe, stays the same to the run's end, and is taken by `--resume`: a
    killed run goes on to the same bytes, whatever the load is then. Nothing is set where the user has set
    `OMP_NUM_THREADS`, which torchrun does for several processes.
    """
    count, threads = recipe.train.threads, torch.get_num_threads()
    if chosen_by_user():
        if count not in (None, threads):
            say(f"OMP_NUM_THREADS counts: {threads} threads, not train.threads={count}; sums may round otherwise")
        return recipe
    if count is None and not resume and processes.device.type == "cpu":
        count = threads_beside(threads, STARTED, load())
        if count == threads:
            return recipe
        say(shared(count, threads))
        recipe = recipe.model_copy(update={"train": recipe.train.model_copy(update={"threads": count})})
    if count is not None:
        torch.set_num_threads(count)
    return recipe


def same_threads(recipe: Recipe, before: Recipe) -> Recipe:
    """The recipe with the threads of `before`, where it does not say them."""
    if recipe.train.threads is not None:
        return recipe
    return recipe.model_copy(update={"train": recipe.train.model_copy(update={"threads": before.train.threads})})
