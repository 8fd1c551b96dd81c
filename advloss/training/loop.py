"""Training from a recipe to a model file: iterations, logs, samples, validation, checkpoints."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from advloss.core.errors import InputError, Interrupted, NotFinite, TrainingError
from advloss.data import DataSet
from advloss.methods.base import Method
from advloss.recipe import components
from advloss.recipe.build import Built
from advloss.recipe.model_file import save_model
from advloss.recipe.schedules import Schedule
from advloss.recipe.schema import Recipe
from advloss.recipe.terms import GENERATOR
from advloss.training.data_wait import DataWait
from advloss.training.device_batches import DeviceBatches
from advloss.training.doctor.doctor import Doctor
from advloss.training.executor import Batch
from advloss.training.executors import make_executor
from advloss.training.processes import Processes
from advloss.training.run.checkpoint import restore, unwritten, write_checkpoint
from advloss.training.run.folder import RunFolder
from advloss.training.run.interrupt import Interrupt
from advloss.training.run.items import items_of
from advloss.training.run.log import RunLog, in_number, in_words
from advloss.training.run.pace import Pace
from advloss.training.run.progress import Progress, new_length, resumed
from advloss.training.run.rollback import agree, can_go_back, last_good
from advloss.training.run.threads import Threads
from advloss.training.training_data import make_loader
from advloss.training.validation import Validation


class Trainer:
    """One run. Call `prepare`, then `run`, which plays the remaining iterations and writes a model file.

    built: a recipe's objects, still on the CPU. data: its data set. folder: where the run is written. say: shows a line
    to the user. threads: of the CPU; as they are if not given.

    minutes: after which `run` ends, if it has not before; None for no such end.
    """

    def __init__(
        self,
        built: Built,
        data: DataSet,
        folder: RunFolder,
        processes: Processes,
        say: Callable[[str], None],
        threads: Threads | None = None,
    ) -> None:
        self.built = built
        self.recipe = built.recipe
        self.folder = folder
        self.processes = processes
        self.say = say
        self.threads = threads
        self.minutes: float | None = None
        self.loader = make_loader(built, data, processes, say)
        train = self.recipe.train
        for part in (built.method, built.terms, built.weighting):
            part.to(processes.device).train()
        self.executor = make_executor(built, processes.device, say)
        self.iterations_per_epoch = max(1, self.loader.per_epoch // self.executor.batches_per_iteration)
        self.total = train.iterations or (train.epochs or 0) * self.iterations_per_epoch
        parameters = self.recipe.schedule.parameters
        self.schedule: Schedule = components.SCHEDULES[self.recipe.schedule.name](**parameters)
        self.executor.rate_factor = lambda iteration: self.schedule(iteration, self.iterations_per_epoch)
        self.device_batches = DeviceBatches(built, processes.device)
        self.waiting = DataWait(processes.device)
        self.validation = Validation(built, data, processes, say)
        agree(self.executor, self.recipe, processes)
        self.doctor = Doctor(built, self.executor, data, processes, folder)
        self.done = 0
        self.best: float | None = None
        self.history: list[dict[str, Any]] = []
        self.items = items_of(data)
        self.changed = False  # whether this process goes on with another recipe or other items than the checkpoint's
        self.batches: Iterator[Batch] | None = None
        # each process draws its own dropout and pool; what they start from is the same
        torch.manual_seed(self.recipe.seed + 1 + processes.rank)

    @property
    def averaged(self) -> Method:
        """The method that is saved and validated: its moving average if the recipe asks for one, else the method."""
        return self.executor.average.module if self.executor.average else self.built.method  # type: ignore[return-value]

    def resume(self, saved: dict[str, Any], change: bool = False, because: str | None = None) -> None:
        """Goes on from the content of the run's checkpoint. change: whether the recipe and the data set may be others
        than the run had. because: see `resumed`. Raises InputError if they are others, and may not be."""
        progress, said = resumed(saved, self.recipe, self.items, change, because)
        restore(saved, self.executor, self.processes)
        self.done, self.best, self.history = progress.iteration, progress.best, progress.history
        self.changed = len(self.history) > len(saved["history"])
        before = Recipe.model_validate(saved["recipe"]).train
        length = new_length(before, self.recipe.train, self.done, self.total)
        for sentence in [*said, *([length] if length else [])]:
            self.say(sentence)
        if self.changed and self.done >= self.total:
            raise InputError(f"--change: all {self.total} iterations are done; say for how many more, --iterations N")

    def prepare(self) -> None:
        """Reads the first batch, so that pictures that can't be used stop the run before a file is written."""
        if self.done < self.total:
            batches = self._batches()
            self.batches = itertools.chain([next(batches)], batches)

    def run(self) -> Path:
        """Plays the remaining iterations. Gives the model file's path.

        Raises Interrupted after a signal, when the checkpoint is written; TrainingError if training can't go on, and
        NotFinite if it can from the last checkpoint, with `train.on_nan=rollback`.
        """
        try:
            return self._run()
        except NotFinite as error:
            if can_go_back(self.recipe, self.history, self.folder):
                raise
            raise TrainingError(f"{error}\n{last_good(self.recipe, self.history, self.folder)}") from None
        except OSError as error:
            if not self.folder.path.is_dir():
                raise unwritten(self.folder.checkpoint, error) from None
            raise TrainingError(f"{self.folder.path}: could not be written to ({error}); --resume goes on") from None

    def _run(self) -> Path:
        run_log = RunLog(self.folder, self.recipe, self.done, self.total, self.processes, self.history)
        try:
            self.doctor.open(run_log)
            if self.changed:
                self._checkpoint(run_log)
            if self.done >= self.total:  # a kill can come between the last checkpoint and its model file
                self.say(
                    f"nothing is left to train: all {self.total} iterations are done; to go on, --resume --iterations N"
                )
                self._save_model(self.folder.model)
            with Interrupt() as interrupt:
                self._play(run_log, interrupt)
            self._finish(run_log)
        finally:
            run_log.close()
        return self.folder.model

    def _batches(self) -> Iterator[Batch]:
        """The batches of the remaining iterations."""
        return self.device_batches.batches(self.loader, self.done * self.executor.batches_per_iteration)

    def _play(self, run_log: RunLog, interrupt: Interrupt) -> None:
        batches = self.batches or self._batches()
        pace = Pace(self.processes.device, self.total, self.done, self.minutes)
        while self.done < self.total:
            group, waited = self._taken(batches, run_log)
            self.doctor.begin(self.done)
            losses = self._played(group)
            self.waiting.played()
            self.doctor.end(self.done, group)
            self.done += 1
            run_log.add(losses, images=len(group) * self.recipe.data.batch, waited=waited)
            if parts := self.executor.gradient_shares:
                run_log.write({"iteration": self.done, "gradient_shares": {n: float(s) for n, s in parts.items()}})
            if plan := pace.plan(self.done):
                run_log.say(plan)
            over = self.processes.any(pace.over())
            stop = self.processes.any(interrupt.requested)
            pace.pause()
            self._keep(run_log, over or stop, over)
            pace.resume()
            if (over or stop) and self.done < self.total:
                ended = f"after iteration {self.done} of {self.total}; go on with --resume"
                if stop:
                    raise Interrupted(f"stopped {ended}")
                run_log.say(f"the {self.minutes:g} minutes are over {ended}")
                return

    def _keep(self, run_log: RunLog, stop: bool, over: bool) -> None:
        """Logs, draws, validates and saves what is due after an iteration. stop: whether it is the last one for now;
        over: because its time is over."""
        train, first, last = self.recipe.train, self.done == 1, self.done == self.total
        logs = stop or last or self._due(train.log_every) or self._due(train.checkpoint_every)
        if logs:
            self._log(run_log)
        if logs or first or self._due(train.sample_every) or self._due(train.validate_every):
            self._log_watched(run_log)  # the following clear what it measured
        if logs:
            self.doctor.conclude(run_log, self.done)
        run_log.pause()
        if last or first or over or self._due(train.sample_every):
            self.validation.draw(self.averaged, self.done, self.folder, run_log)
        if last or self._due(train.validate_every):
            self._validate(run_log)
        if stop or last or self._due(train.checkpoint_every):
            self._checkpoint(run_log)
        run_log.resume()

    def _taken(self, batches: Iterator[Batch], run_log: RunLog) -> tuple[list[Batch], float]:
        """The batches of the next iteration, and the seconds waited for them. If they can't be read any more, what is
        trained is kept."""
        try:
            return self.waiting.take(batches, self.executor.batches_per_iteration)
        except (InputError, TrainingError) as error:
            if self.done == 0 or self.processes.world > 1:  # to write, several must act together
                raise
            self._log(run_log)
            self._checkpoint(run_log)
            raise type(error)(f"{error}\nall until iteration {self.done} is kept: --resume goes on") from None

    def _played(self, group: list[Batch]) -> dict[str, Tensor]:
        """The losses of the next iteration. After the first one, a term that can't be computed is no bad input: the
        training has failed."""
        try:
            return self.executor.play(group, self.done)
        except InputError as error:
            if self.done == 0:
                raise
            raise NotFinite(f"{error} (in iteration {self.done + 1})") from None

    def _log(self, run_log: RunLog) -> None:
        """Logs the losses since the last time, and warns where much of the time was spent waiting for data."""
        epoch = (self.done - 1) // self.iterations_per_epoch
        players = self.executor.players
        rate = players.get(GENERATOR, next(iter(players.values()))).rate or 0.0
        health = self.doctor.measures()
        share = run_log.flush(self.done, epoch, rate, self.executor.factors, health)
        if warning := self.waiting.warning(share, self.loader.faster):
            run_log.say(f"iteration {self.done}: {warning}")

    def _due(self, every: int) -> bool:
        return self.done % every == 0

    def _log_watched(self, run_log: RunLog) -> None:
        """Logs what the method measured of its batches since the last time."""
        watched = {name: float(value) for name, value in self.built.method.watched().items()}
        if watched:
            run_log.write({"iteration": self.done, "watched": watched})

    def _validate(self, run_log: RunLog) -> None:
        measured = self.validation.measure(self.averaged)
        if not measured:
            return
        run_log.write({"iteration": self.done, "validation": measured})
        run_log.say(f"validation after iteration {self.done}: {in_words(measured)}")
        if self.validation.better(measured, self.best):
            self.best = measured[str(self.validation.first)]
            self._save_model(self.folder.best)

    def _checkpoint(self, run_log: RunLog) -> None:
        self._check_weights()
        if self.threads is not None and self.done < self.total and (changed := self.threads.look()):
            self.history.append({"iteration": self.done, "changed": [changed]})
            run_log.changed(self.history[-1])
        count = self.threads.count if self.threads else None
        state = Progress(self.items, self.done, self.best, self.history, count).plain()
        write_checkpoint(self.folder.checkpoint, self.executor, self.recipe, state, self.processes)
        self._save_model(self.folder.model)

    def _check_weights(self) -> None:
        """Raises NotFinite if a weight is not finite, before a good checkpoint is replaced.

        The loss may be finite: its gradient can still be infinite or NaN.
        """
        states = {**self.executor.method.state_dict(), **self.executor.terms.state_dict()}
        bad = [name for name, x in states.items() if x.is_floating_point() and not x.isfinite().all()]
        if self.processes.any(bool(bad)):  # running statistics are each process's own
            name = bad[0] if bad else "a tensor of another process"
            raise NotFinite(f"{name}: not finite after iteration {self.done}, so no checkpoint was written")

    def _save_model(self, path: Path) -> None:
        if not self.processes.first:
            return
        try:
            about = {"iteration": self.done} | ({"history": self.history} if self.history else {})
            save_model(path, self.recipe, self.averaged.state_dict(), about)
        except Exception as error:  # safetensors and the file system each raise their own
            raise unwritten(path, error) from None

    def _finish(self, run_log: RunLog) -> None:
        if self.loader.skipped:
            run_log.say(in_number(len(self.loader.skipped)))
        test = self.validation.test
        apart = test is not None and test is not self.validation.held_out and self.done >= self.total
        if apart and not self.processes.any(run_log.has("test", self.done)):
            measured = self.validation.measure(self.averaged, test)
            if measured:
                run_log.write({"iteration": self.done, "test": measured})
                run_log.say(f"test: {in_words(measured)}")
        self.processes.wait()
