"""The checkpoint: all that the next iteration depends on, except the recipe. The file is always whole."""

from pathlib import Path
from typing import Any

import torch
from torch import nn

from advloss.core.errors import InputError, TrainingError
from advloss.core.files import replacing
from advloss.recipe.schema import Recipe
from advloss.training.executor import Executor
from advloss.training.processes import Processes

FORMAT = 2


def write_checkpoint(
    path: Path, executor: Executor, recipe: Recipe, state: dict[str, Any], processes: Processes
) -> None:
    """Writes the state of an executor. All processes must call it; the first one writes.

    state: the trainer's own numbers (`iteration`, `best`).
    Raises TrainingError if the file can't be written (a full disk); the checkpoint before it stays whole.
    """
    local = processes.gather(_local(executor, processes))
    failed: TrainingError | None = None
    if processes.first:
        content = {
            "format": FORMAT,
            "recipe": recipe.plain(),
            **state,
            "method": executor.method.state_dict(),
            "terms": executor.terms.state_dict(),
            "weighting": executor.weighting.state_dict(),
            "players": {name: player.state_dict() for name, player in executor.players.items()},
            "average": executor.average.module.state_dict() if executor.average else None,
            "processes": local,
        }
        try:
            with replacing(path) as temporary:
                torch.save(content, temporary)
        except (OSError, RuntimeError) as error:
            failed = unwritten(path, error)
    if processes.any(failed is not None):
        raise failed or TrainingError("another process could not write the checkpoint")


def unwritten(path: Path, error: Exception) -> TrainingError:
    """The error for a file of the run that can't be written. The file before it, if there is one, is whole."""
    if not path.parent.is_dir():
        return TrainingError(f"{path.parent}: was removed during the training, so nothing of it can be kept")
    kept = "the one before it is whole; " if path.exists() else ""
    why = str(error).splitlines()[0]
    return TrainingError(f"{path}: could not be written ({why}); is the disk full? {kept}make room, then --resume")


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint. Raises InputError if the file is not whole, or of another version."""
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load's zip and pickle readers raise many types
        raise InputError(f"{path}: not a whole checkpoint ({str(error).splitlines()[0]})") from None
    if content.get("format") != FORMAT:
        raise InputError(
            f"{path}: is not a checkpoint of this version of advloss, so its run can't be resumed; start a new one "
            f"from its networks, initial={path.parent / 'model.safetensors'}"
        )
    return content


def restore(content: dict[str, Any], executor: Executor, processes: Processes) -> None:
    """Puts an executor of the same recipe into the state that `write_checkpoint` saved."""
    alike = len(content["processes"]) == processes.world
    # if the number of processes changed, each takes the first one's pool, and random numbers of its own
    local = content["processes"][processes.rank] if alike else {"method": {}, "terms": {}}
    # in one call: a pool that is loaded from a state without images would be emptied
    executor.method.load_state_dict(content["method"] | local["method"])
    executor.terms.load_state_dict(content["terms"] | local["terms"])
    executor.weighting.load_state_dict(content["weighting"])
    for name, player in executor.players.items():
        player.load_state_dict(content["players"][name])
    if executor.average:
        executor.average.module.load_state_dict(content["average"])
    if not alike:
        return
    torch.set_rng_state(local["random"])
    if processes.device.type == "cuda" and "random_cuda" in local:
        torch.cuda.set_rng_state(local["random_cuda"], processes.device)


def _local(executor: Executor, processes: Processes) -> dict[str, Any]:
    """The state that differs between processes: random numbers and, with several, pools and batch statistics."""
    alone = processes.world == 1
    local: dict[str, Any] = {
        "random": torch.get_rng_state(),
        "method": {} if alone else _buffers(executor.method),
        "terms": {} if alone else _buffers(executor.terms),
    }
    if processes.device.type == "cuda":
        local["random_cuda"] = torch.cuda.get_rng_state(processes.device)
    return local


def _buffers(module: nn.Module) -> dict[str, torch.Tensor]:
    parameters = dict(module.named_parameters())
    return {name: value.cpu() for name, value in module.state_dict().items() if name not in parameters}
