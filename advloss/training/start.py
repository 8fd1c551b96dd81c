"""From a checked recipe to a running one: data, objects, folder."""

from collections.abc import Callable
from pathlib import Path

import torch

from advloss.core.distributed import broadcast
from advloss.recipe.build import Built, build
from advloss.recipe.model_file import load_initial
from advloss.recipe.schema import Recipe
from advloss.training.loop import Trainer
from advloss.training.processes import Processes
from advloss.training.run_folder import RunFolder
from advloss.training.training_data import checked_data, recipe_with_formats

Say = Callable[[str], None]


def train(recipe: Recipe, path: Path, *, resume: bool, device: str | None, say: Say) -> Path | None:
    """Trains `recipe` in the run folder `path`; gives its model file (in the first process).

    say: shows a line to the person who waits.

    Raises InputError before the first iteration, TrainingError and Interrupted during training.
    """
    folder = RunFolder(path)
    recipe = folder.check(recipe, resume)
    processes = Processes(device)
    try:
        say = say if processes.first else lambda sentence: None
        data = checked_data(recipe, processes, say)
        recipe = recipe_with_formats(recipe, data)
        built = build(recipe)
        if not (resume and folder.checkpoint.exists()):
            load_initial(built.method, recipe)
        broadcast(built.method)
        broadcast(built.terms)
        trainer = Trainer(built, data, folder, processes, say)
        if resume:
            trainer.resume()
        for line in plan(trainer):
            say(line)
        trainer.prepare()
        if processes.first:
            folder.create(recipe)
        processes.wait()
        model = trainer.run()
        return model if processes.first else None
    finally:
        processes.stop()


def rehearse(recipe: Recipe, device: str | None, say: Say) -> tuple[Built, list[str]]:
    """All of the checks that `train` makes, without a folder or an iteration; gives the objects and the plan in
    words."""
    processes = Processes(device)
    try:
        data = checked_data(recipe, processes, say)
        built = build(recipe_with_formats(recipe, data))
        load_initial(built.method, recipe)
        trainer = Trainer(built, data, RunFolder(Path()), processes, say)
        trainer.prepare()
        return built, plan(trainer)
    finally:
        processes.stop()


def _idle(trainer: Trainer) -> list[str]:
    """A sentence where the schedule ends long before the training does."""
    last = trainer.total - max(1, trainer.total // 10)
    if trainer.schedule(last, trainer.iterations_per_epoch) > 0:
        return []
    return ["the schedule's learning rate is 0 in the last tenth of these iterations: make it as long as the training"]


def plan(trainer: Trainer) -> list[str]:
    """What is about to happen, in words."""
    generator = sum(p.numel() for p in trainer.built.method.parameters())
    adversaries = sum(p.numel() for p in trainer.built.terms.parameters() if p.requires_grad)
    threads = f", {torch.get_num_threads()} threads" if trainer.processes.device.type == "cpu" else ""
    epochs = trainer.total / trainer.iterations_per_epoch
    begun = f", from iteration {trainer.done + 1}" if trainer.done else ""
    return [
        f"{trainer.total} iterations ({epochs:.4g} epochs of {trainer.iterations_per_epoch}){begun}",
        f"generators {generator / 1e6:.2f} M parameters, discriminators {adversaries / 1e6:.2f} M, "
        f"{trainer.executor.words} on {trainer.processes.device}{threads}",
        *_idle(trainer),
    ]
