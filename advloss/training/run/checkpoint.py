"""The checkpoint: all that the next iteration depends on, with a checksum. The file is always whole."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from advloss.core.errors import InputError, TrainingError
from advloss.core.storage.checksums import digest
from advloss.core.storage.files import replacing
from advloss.recipe.schema import Recipe
from advloss.training.executor import Executor
from advloss.training.processes import Processes

FORMAT = 3
PARTS = {
    "recipe": dict,
    "iteration": int,
    "method": dict,
    "terms": dict,
    "weighting": dict,
    "players": dict,
    "processes": list,
}
"""What every checkpoint holds, by type."""


def write_checkpoint(
    path: Path, executor: Executor, recipe: Recipe, state: dict[str, Any], processes: Processes
) -> None:
    """Writes the state of an executor. All processes must call it; the first one writes.

    state: the trainer's own: `iteration`, how many are over; `best`, the first metric's best value or None; `history`,
    the changes of the recipe so far; `items`, see `run/items.py`.
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
                torch.save({**content, "checksum": _checksum(content)}, temporary)
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
    """The content of a checkpoint, which is to the bit what was written.

    Raises InputError if the file is damaged, something else, or of another version.
    """
    model = path.parent / "model.safetensors"
    start = f"start a new run from the networks of its model, initial={model}"
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except PermissionError as error:
        raise InputError(f"{path}: can't be read ({error.strerror})") from None
    except Exception:  # torch.load's zip and pickle readers raise many types, with advice to run what the file holds
        raise InputError(f"{path}: is damaged, or not a checkpoint of advloss, and can't be read; {start}") from None
    version = content.get("format") if isinstance(content, dict) else None
    if isinstance(version, int) and 0 < version < FORMAT:
        raise InputError(f"{path}: was written by an older version of advloss, and can't be gone on with; {start}")
    if not _is_whole(content):
        raise InputError(f"{path}: is damaged: its content is not what was written; {start}")
    return content


def restore(content: dict[str, Any], executor: Executor, processes: Processes) -> None:
    """Puts an executor into the state that `write_checkpoint` saved. Raises InputError if it is a state of other
    networks, terms or players."""
    try:
        _restore(content, executor, processes)
    except (RuntimeError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        why = (str(error).splitlines() or [""])[-1].strip()
        raise InputError(
            f"the run's checkpoint does not fit this recipe ({why}); other networks, terms or players need a run of "
            "their own: --run OTHER"
        ) from None


def _restore(content: dict[str, Any], executor: Executor, processes: Processes) -> None:
    alike = len(content["processes"]) == processes.world
    # if the number of processes changed, each takes the first one's pool, and random numbers of its own
    local = content["processes"][processes.rank] if alike else {"method": {}, "terms": {}}
    # in one call: a pool that is loaded from a state without images would be emptied
    executor.method.load_state_dict(content["method"] | local["method"])
    executor.terms.load_state_dict(content["terms"] | local["terms"])
    executor.weighting.load_state_dict(content["weighting"])
    for name, player in executor.players.items():
        player.load_state_dict(content["players"][name])
    if executor.average:  # which may be new in the recipe
        executor.average.module.load_state_dict(content.get("average") or content["method"])
    if not alike:
        return
    torch.set_rng_state(local["random"])
    if processes.device.type == "cuda" and "random_cuda" in local:
        torch.cuda.set_rng_state(local["random_cuda"], processes.device)


def _is_whole(content: Any) -> bool:
    """Whether this is a checkpoint's content, and all of it what was written."""
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        return False
    if not all(isinstance(content.get(part), kind) for part, kind in PARTS.items()):
        return False
    try:
        return bool(content.get("checksum") == _checksum(content))
    except (TypeError, ValueError, RuntimeError, RecursionError):  # what no checkpoint holds
        return False


def _checksum(content: dict[str, Any]) -> str:
    """The digest of all tensors, and of all else as text."""
    tensors: dict[str, Tensor] = {}
    text: list[str] = []
    for place, value in _leaves({name: value for name, value in content.items() if name != "checksum"}):
        if isinstance(value, Tensor):
            tensors[place] = value
        else:
            text.append(f"{place} {json.dumps(value, default=repr)}")
    return digest({**tensors, "": torch.frombuffer(bytearray("\n".join(text).encode()), dtype=torch.uint8)})


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no collection or an empty one, after its place: `players/'generator'/'optimizer'/...`."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list | tuple):
        inner = list(enumerate(value))
    if not inner:
        yield place, value
    for key, each in inner:
        yield from _leaves(each, f"{place}/{key!r}")


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
