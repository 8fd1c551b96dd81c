"""From a checked recipe to a running one: data, objects, folder."""

import platform
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from advloss.core.distributed import broadcast
from advloss.core.errors import InputError, Interrupted, NotFinite, TrainingError
from advloss.core.version import __version__
from advloss.recipe.build import Built, build
from advloss.recipe.formats import same_formats
from advloss.recipe.optimizers import settings_of
from advloss.recipe.schema import Recipe, plain_value
from advloss.recipe.terms import GENERATOR, by_name
from advloss.training.loop import Trainer
from advloss.training.processes import Processes
from advloss.training.run.changes import changes, check_changes
from advloss.training.run.folder import RunFolder
from advloss.training.run.initial import start_from_initial
from advloss.training.run.lock import alone
from advloss.training.run.rollback import lowered, reason
from advloss.training.run.threads import Threads, same_threads
from advloss.training.run.trackers import check_tracker
from advloss.training.training_data import checked_data, recipe_with_formats

Say = Callable[[str], None]


def train(
    recipe: Recipe,
    path: Path,
    *,
    resume: bool,
    device: str | None,
    say: Say,
    change: bool = False,
    minutes: float | None = None,
    words: Sequence[str] = (),
) -> Path | None:
    """Trains `recipe` in the run folder `path`. Gives the model file, in the first process; in the others None.

    resume: whether to go on with the run in that folder. change: whether it may go on with another recipe than it had.
    device: `cpu`, `cuda`, or None for a GPU if there is one. say: shows a line to the user. minutes: after which the
    training ends, if it has not before; it can be resumed. words: that asked for the recipe, for the run's report.

    Raises InputError before the first iteration, TrainingError and Interrupted during training.
    """
    processes = Processes(device)
    try:
        with alone(path, processes):
            folder = RunFolder(path)
            check_tracker(recipe.train.tracker)
            because: str | None = None
            while True:
                said: list[str] = []
                trainer = _trainer(recipe, folder, processes, say, said, resume=resume, change=change, because=because)
                trainer.minutes = minutes
                if processes.first:
                    folder.create(trainer.recipe)
                    folder.note(_facts(trainer, words, said))
                processes.wait()
                since = time.monotonic()
                try:
                    model = _ended(trainer)
                    return model if processes.first else None
                except NotFinite as error:  # only if it can go on, as with --resume --change optimizer.lr=LOWER
                    recipe, because = lowered(trainer.recipe), reason(error, trainer.history, trainer.recipe)
                    resume = change = True
                    minutes = minutes and max(0.01, minutes - (time.monotonic() - since) / 60)
                del trainer  # before the next one takes as much memory
    finally:
        processes.stop()


def _ended(trainer: Trainer) -> Path:
    """Runs it to its end, which stands in the run's sessions; that of a killed process does not."""
    ended, why = "failed", ""
    try:
        model = trainer.run()
        ended = "finished" if trainer.done >= trainer.total else "stopped"
        return model
    except (Interrupted, KeyboardInterrupt):
        ended = "interrupted"
        raise
    except (TrainingError, InputError) as error:
        why = str(error)
        raise
    finally:
        if trainer.processes.first and trainer.folder.path.is_dir():
            with suppress(InputError):  # a full disk has been reported already
                trainer.folder.note({"time": now(), "iteration": trainer.done, "ended": ended, "why": why})


def now() -> str:
    """The local time, as sessions say it."""
    return time.strftime("%Y-%m-%d %H:%M:%S")


def _trainer(
    recipe: Recipe,
    folder: RunFolder,
    processes: Processes,
    say: Say,
    said: list[str],
    *,
    resume: bool,
    change: bool,
    because: str | None = None,
) -> Trainer:
    """The trainer of a recipe, with its first batch and, if a run is resumed, in the state of its checkpoint.

    said: gets what is said of the data.
    """
    say = say if processes.first else lambda sentence: None
    saved = folder.saved(resume)
    if saved is not None:
        before = Recipe.model_validate(saved["recipe"])
        recipe = same_threads(same_formats(recipe, before), before)
        check_changes(str(folder.path), changes(before, recipe), change)
    threads = Threads(recipe, saved.get("threads") if saved else None, processes, say)
    of_data = both(say, said.append)
    data = checked_data(recipe, processes, of_data)
    built = build(recipe_with_formats(recipe, data, of_data))
    if saved is None:
        for line in start_from_initial(built):
            say(line)
    broadcast(built.method)
    broadcast(built.terms)
    trainer = Trainer(built, data, folder, processes, say, threads)
    if saved is not None:
        trainer.resume(saved, change, because)
    for line in plan(trainer):
        say(line)
    trainer.prepare()
    return trainer


def rehearse(recipe: Recipe, device: str | None, say: Say) -> tuple[Built, list[str]]:
    """Makes all checks of `train`, without a run folder and without an iteration. Gives the recipe's objects and the
    plan in words."""
    processes = Processes(device)
    try:
        check_tracker(recipe.train.tracker)
        data = checked_data(recipe, processes, say)
        built = build(recipe_with_formats(recipe, data, say))
        start_from_initial(built)
        trainer = Trainer(built, data, RunFolder(Path()), processes, say)
        trainer.prepare()
        return built, plan(trainer)
    finally:
        processes.stop()


def both(say: Say, also: Say) -> Say:
    """Shows a line in two places."""

    def say_both(sentence: str) -> None:
        say(sentence)
        also(sentence)

    return say_both


def _facts(trainer: Trainer, words: Sequence[str], said: Sequence[str]) -> dict[str, Any]:
    """A line of sessions.jsonl: what is trained, with what, where and since when."""
    device = trainer.processes.device
    return {
        "time": now(),
        "iteration": trainer.done,
        "total": trainer.total,
        "words": list(words),
        "plan": plan(trainer),
        "data": list(said),
        "device": torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else platform.processor() or platform.machine(),
        "processes": trainer.processes.world,
        "versions": {
            "advloss": __version__,
            "torch": str(torch.__version__),
            "python": platform.python_version(),
        },
    }


def _idle(trainer: Trainer) -> list[str]:
    """A warning if the learning rate's schedule ends long before the training does."""
    last = trainer.total - max(1, trainer.total // 10)
    if trainer.schedule(last, trainer.iterations_per_epoch) > 0:
        return []
    return ["the schedule's learning rate is 0 in the last tenth of these iterations: make it as long as the training"]


def plan(trainer: Trainer) -> list[str]:
    """The plan of a training, in lines: iterations and device, a line for each player, warnings."""
    threads = f", {torch.get_num_threads()} threads" if trainer.processes.device.type == "cpu" else ""
    epochs = trainer.total / trainer.iterations_per_epoch
    begun = f", from iteration {trainer.done + 1}" if trainer.done else ""
    return [
        f"{trainer.total} iterations ({epochs:.4g} epochs of {trainer.iterations_per_epoch}){begun}, "
        f"{trainer.executor.words} on {trainer.processes.device}{threads}",
        *(_player(trainer, name) for name in trainer.executor.players),
        *_frozen(trainer.built),
        *_idle(trainer),
    ]


def _frozen(built: Built) -> list[str]:
    """`frozen: encoder 1.20 M parameters; 3.40 M parameters are trained`."""
    if not built.frozen:
        return []
    trained = sum(parameter.numel() for parameters in built.players.values() for parameter in parameters)
    sizes = ", ".join(f"{name} {count / 1e6:.2f} M" for name, count in built.frozen.items())
    return [f"frozen: {sizes} parameters; {trained / 1e6:.2f} M parameters are trained"]


def _player(trainer: Trainer, name: str) -> str:
    """`generator: 1 step, adam lr=0.0002 betas=[0.5, 0.999]; trains g_ab 11.38 M, g_ba 11.38 M parameters`."""
    built, steps = trainer.built, trainer.executor.players[name].steps
    networks = dict(built.method.named_children()) if name == GENERATOR else {}
    own = {id(parameter) for parameter in built.players[name]}
    trained = {part: [p for p in network.parameters() if id(p) in own] for part, network in networks.items()}
    trained |= {f"losses.{part}": term.parameters_of(name) for part, term in by_name(built.terms).items()}
    counts = {part: sum(p.numel() for p in parameters if p.requires_grad) for part, parameters in trained.items()}
    sizes = ", ".join(f"{part} {count / 1e6:.2f} M" for part, count in counts.items() if count)
    optimizer = built.recipe.optimizer
    settings = settings_of(name, optimizer.name, optimizer.parameters)
    said = " ".join(f"{key}={plain_value(settings[key])}" for key in ("lr", "betas") if key in settings)
    return f"{name}: {steps} step{'s' * (steps > 1)}, {optimizer.name} {said}; trains {sizes} parameters"
