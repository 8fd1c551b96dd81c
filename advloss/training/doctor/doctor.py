"""The doctor of a training: when it measures, what it logs, and what it says."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from advloss.core.storage.json_lines import entries
from advloss.data import DataSet
from advloss.data.loading.evaluation_items import evaluation_items
from advloss.data.random_streams import DEGRADE_EVALUATION, random
from advloss.losses.adversarial import AdversarialLoss
from advloss.losses.adversarial.last_steps import LOGITS, in_numbers
from advloss.recipe.build import Built
from advloss.recipe.build_method import crop_sides
from advloss.recipe.formats import formats_of
from advloss.training.device_batches import DeviceBatches
from advloss.training.doctor.history import Finding, History
from advloss.training.doctor.probe import Probe
from advloss.training.doctor.rules import findings
from advloss.training.doctor.weights import copied, moved, typically_moved
from advloss.training.executor import Batch, Executor
from advloss.training.processes import Processes
from advloss.training.run.folder import RunFolder
from advloss.training.run.log import RunLog

PROBED_FIRST = (10, 25, 50)
PROBED_EVERY = 100
"""The probe is one more pass of the method and of the generator's losses, so it is rare."""
STEPS_FIRST = (1, 2, 3)
"""Iterations in which the step alone is measured: with a rate that is far too high these are the largest ones."""


class Doctor:
    """Measures a training, logs the measures, and says what its rules find, each rule once.

    In each iteration the adversaries write down their logits (`LastSteps`). In few ones (`PROBED_FIRST`, then each
    `PROBED_EVERY`) the step is compared with the weights, and `Probe` measures the batch once more. All this stays on
    the device until the losses are logged. The training does the same with it and without it, to the bit.

    built, executor: of the training. data: from whose val or test split the held-out real images come.
    """

    def __init__(
        self, built: Built, executor: Executor, data: DataSet, processes: Processes, folder: RunFolder
    ) -> None:
        self.on = built.recipe.train.doctor
        self.executor, self.processes, self.folder = executor, processes, folder
        self.probe = Probe(executor)
        self.adversaries = {
            name: next(part for part in term.loss.modules() if isinstance(part, AdversarialLoss))
            for name, term in executor.by_name.items()
            if any(isinstance(part, AdversarialLoss) for part in term.loss.modules())
        }
        self.held_out = HeldOutBatch(built, data, processes.device)
        self.before: dict[str, list[Tensor]] = {}
        self.measured: dict[str, Tensor] = {}  # since the last log, on the device
        self.history = History()

    def open(self, run_log: RunLog) -> None:
        """Reads what the run has logged so far, and from then on each line that is logged. Call it before `begin`."""
        if not (self.on and self.processes.first):
            return
        for entry in entries(self.folder.log, []):
            self.history.add(entry)
        run_log.reader = self.history.add

    def begin(self, iteration: int) -> None:
        """Call it before iteration number `iteration` (from 0)."""
        if self.on and (iteration + 1 in STEPS_FIRST or _probed(iteration + 1)):
            self.before = {name: copied(player.parameters) for name, player in self.executor.players.items()}

    def end(self, iteration: int, group: Sequence[Batch]) -> None:
        """Call it after that iteration. group: its batches."""
        for name, weights in self.before.items():
            step = typically_moved(self.executor.players[name].parameters, weights)
            largest = self.measured.get(f"step.{name}", step)  # since the last log
            self.measured[f"step.{name}"] = torch.maximum(step, largest)
        self.before = {}
        if not (self.on and _probed(iteration + 1)):
            return
        if (average := self.executor.average) is not None:
            self.measured["average"] = moved(average.averaged, average.present)
        self.measured |= self.probe(group[-1], self.held_out())

    def measures(self) -> dict[str, float]:
        """The measures since the last time, for the log. All processes must call it."""
        if not self.on:
            return {}
        numbers: dict[str, float] = {}
        for name, adversary in self.adversaries.items():
            numbers |= {f"{name}.{key}": value for key, value in _of_steps(adversary).items()}
        if self.measured:
            values = torch.stack([value.double() for value in self.measured.values()]).tolist()
            numbers |= dict(zip(self.measured, values, strict=True))
        self.measured = {}
        if numbers and (codes := getattr(self.executor.method, "codes", None)) is not None:
            numbers["codes"] = float(codes)  # beside what the method watches: how many of them are used
        means = [total / self.processes.world for total in self.processes.sum([*numbers.values()])]
        return {name: mean for name, mean in zip(numbers, means, strict=True) if math.isfinite(mean)}

    def conclude(self, run_log: RunLog, iteration: int) -> None:
        """Says and logs what the rules find in all that has been logged, in the first process."""
        if not (self.on and self.processes.first):
            return
        for finding in findings(self.history):
            tell(finding, iteration, run_log)


def tell(finding: Finding, iteration: int, run_log: RunLog) -> None:
    """Shows a finding to the user, and writes it into the log."""
    run_log.say(f"doctor, iteration {iteration}: {finding.sentence}\n  what helps: {finding.remedy}")
    run_log.found({"iteration": iteration, "doctor": finding.plain()})


class HeldOutBatch:
    """Real images that nobody trains on, as many as a batch, read at the first call and kept on the device.

    They are the first ones of the val split, else of test, cut as for training. A call gives None where there are none,
    or where the training's images differ in size.
    """

    def __init__(self, built: Built, data: DataSet, device: torch.device) -> None:
        self.built, self.split = built, data.splits.get("val") or data.splits.get("test")
        self.side = crop_sides(built.method, built.recipe)
        self.batches = DeviceBatches(built, device)
        self.batch: Batch | None = None
        self.read = False

    def __call__(self) -> Batch | None:
        if not self.read:
            self.read, self.batch = True, self._read()
        return self.batch

    def _read(self) -> Batch | None:
        data, seed = self.built.recipe.data, self.built.recipe.seed
        split = self.split
        if split is None or not split.images or self.side.ends[0] != self.side.ends[1]:
            return None
        formats = formats_of(data, split.declared)
        items = evaluation_items(split, self.side.ends[1], resize=data.resize, say=_silent, formats=formats, seed=seed)
        made = []
        for item in items:  # a picture that can't be read is named by the validation
            made.append(self.batches(item.fields, [random(DEGRADE_EVALUATION, seed, 0, item.index)]))
            if len(made) == data.batch:
                break
        return {name: torch.cat([each[name] for each in made]) for name in made[0]} if made else None


def _silent(sentence: str) -> None:
    """Says nothing."""


def _probed(done: int) -> bool:
    """Whether the probe measures after so many iterations."""
    return done in PROBED_FIRST or done % PROBED_EVERY == 0


def _of_steps(adversary: AdversarialLoss) -> dict[str, Any]:
    """The means over an adversary's steps since the last time; `swing`: the standard deviation of its loss over these
    steps."""
    record = adversary.last_steps
    rows = record.new()
    numbers = in_numbers(record.names, rows, adversary.objective.at(adversary.clock.iteration))
    if len(rows) > 1:
        numbers["swing"] = float(rows[:, LOGITS.index("loss")].double().std())
    return numbers
