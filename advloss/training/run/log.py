"""The run log: a progress bar, log.jsonl and a tracker, written while a run trains."""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from advloss.core.console.output import printable
from advloss.core.errors import NotFinite
from advloss.core.memory import memory_taken
from advloss.core.storage.files import replacing
from advloss.recipe.schema import Recipe
from advloss.training.processes import Processes
from advloss.training.run.folder import RunFolder
from advloss.training.run.pace import GIB, time_left
from advloss.training.run.trackers import numbers_of, open_tracker

LINE_EVERY = 10.0  # seconds between lines where there is no terminal for a progress bar


class RunLog:
    """Sums losses on the device and reads them back only when they are logged. Only the first process writes.

    recipe: names the tracker. done: how many iterations are over. total: how many there are in the end. history: the
    changes with which the run was resumed, see `Progress`; the log has a line for each.
    """

    def __init__(
        self,
        folder: RunFolder,
        recipe: Recipe,
        done: int,
        total: int,
        processes: Processes,
        history: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.processes = processes
        self.first, self.total = done, total
        self.sums: dict[str, Tensor] = {}
        self.counts: Counter[str] = Counter()
        self.count = 0
        self.images = 0
        self.waited = 0.0
        self.began = self.since = self.said = time.perf_counter()
        self.before = 0.0  # seconds that the run has taken before this process
        self.file = self.tracker = self.bar = None
        self.known: list[dict[str, Any]] = []  # lines of before: changes and test figures
        self.reader: Callable[[dict[str, Any]], None] | None = None  # of each entry that is written
        if processes.first:
            kept = _cut(folder, done, self.say)
            self.known = [entry for entry in kept if "test" in entry or "changed" in entry]
            self.before = max((entry.get("seconds", 0.0) for entry in kept), default=0.0)
            self.file = folder.log.open("a", encoding="utf-8")
            for change in history:
                if change not in self.known:
                    self._line(change)
            self.tracker = open_tracker(folder, recipe, done)
            self.bar = tqdm(total=total, initial=done, unit="iteration", disable=None, dynamic_ncols=True)

    def add(self, losses: Mapping[str, Tensor], images: int, waited: float) -> None:
        """Adds the losses of one iteration, without reading them.

        losses: scalars by name. images: how many the iteration used. waited: seconds that the device waited for them.
        """
        for name, value in losses.items():
            now = value.to(torch.float64, copy=True)  # a CUDA graph writes the next loss to the same memory
            self.sums[name] = self.sums[name] + now if name in self.sums else now
            self.counts[name] += 1  # a term may start in the middle
        self.count += 1
        self.images += images
        self.waited += waited
        if self.bar is not None:
            self.bar.update()

    def flush(
        self,
        iteration: int,
        epoch: int,
        rate: float,
        factors: Mapping[str, Tensor | float],
        health: Mapping[str, float] = MappingProxyType({}),
    ) -> float:
        """Logs the mean losses since the last call. Gives the fraction of that time that the devices waited for images,
        averaged over the processes.

        rate: the learning rate of the last iteration. factors: each term's factor in the last iteration, if a weighting
        computes factors. health: the doctor's measures. Raises NotFinite, with the term's name, for a loss that
        is infinite or NaN.
        """
        if not self.count:
            return 0.0
        sums = torch.stack([self.sums[name] for name in self.sums]).tolist()
        means = [total / self.counts[name] for name, total in zip(self.sums, sums, strict=True)]
        now = time.perf_counter()
        *summed, waits = self.processes.sum([*means, self.waited / (now - self.since)])
        share = waits / self.processes.world
        losses = {name: value / self.processes.world for name, value in zip(self.sums, summed, strict=True)}
        self._check_finite(losses, iteration)
        speed = self.images * self.processes.world / (now - self.since)
        rates = {"lr": rate, "images_per_second": round_to(speed), "data_wait": round_to(share)}
        rates |= {
            "seconds": round(self.before + now - self.began, 3),
            "memory": round_to(memory_taken(self.processes.device) / GIB),
        }
        entry = {"iteration": iteration, "epoch": epoch, "losses": losses} | rates
        if factors:
            entry["factors"] = {name: float(factor) for name, factor in factors.items()}
        if health:
            entry["health"] = dict(health)
        self.write(entry)
        self._show(iteration, losses, speed, now)
        self.sums, self.count, self.images, self.waited, self.since = {}, 0, 0, 0.0, now
        self.counts.clear()
        return share

    def _check_finite(self, losses: Mapping[str, float], iteration: int) -> None:
        for name, value in losses.items():
            if value - value == 0.0:  # neither infinite nor NaN
                continue
            place = f"losses.{name.removesuffix('.discriminator')}"
            whose = " (the discriminator's)" if name.endswith(".discriminator") else ""
            first = iteration - self.count + 1
            iterations = f"iteration {iteration}" if self.count == 1 else f"iterations {first} to {iteration}"
            raise NotFinite(f"{place}: its loss{whose} is {value} in {iterations}")

    def write(self, entry: dict[str, Any]) -> None:
        """Adds a line to log.jsonl, and its numbers to the tracker."""
        if self.tracker is None:
            return
        self._line(entry)
        self.tracker.scalars(numbers_of(entry), entry["iteration"])

    def has(self, group: str, iteration: int) -> bool:
        """Whether the log had an entry of that group, `test` or `changed`, for that iteration when this process began;
        in the first process, the one with the log."""
        return any(group in entry and entry["iteration"] == iteration for entry in self.known)

    def changed(self, entry: dict[str, Any]) -> None:
        """Adds a line to log.jsonl about a change of the run."""
        self._line(entry)

    def found(self, entry: dict[str, Any]) -> None:
        """Adds a line to log.jsonl about what a rule has found, and its sentence to the tracker."""
        self._line(entry)
        if self.tracker is not None:
            found = entry["doctor"]
            self.tracker.text(
                f"doctor/{found['rule']}", f"{found['sentence']}\n\n{found['remedy']}", entry["iteration"]
            )

    def _line(self, entry: dict[str, Any]) -> None:
        if self.file is not None:
            self.file.write(json.dumps(entry) + "\n")
            self.file.flush()
            if self.reader is not None:
                self.reader(entry)

    def picture(self, name: str, image: Tensor, iteration: int) -> None:
        """Shows a picture in the tracker: uint8 [3, H, W]."""
        if self.tracker is not None:
            self.tracker.picture(name, image, iteration)

    def say(self, sentence: str) -> None:
        """Shows a line to the user."""
        if self.processes.first:
            tqdm.write(printable(sentence), file=sys.stderr)

    def pause(self) -> None:
        """Stops the clock of images/s until `resume` is called."""
        self.paused = time.perf_counter()

    def resume(self) -> None:
        """Starts the clock of images/s again, after `pause`."""
        self.since += time.perf_counter() - self.paused

    def close(self) -> None:
        """Ends the bar and closes the files."""
        for part in (self.bar, self.file, self.tracker):
            if part is not None:
                with suppress(OSError):  # a full disk has been reported already
                    part.close()

    def _show(self, iteration: int, losses: Mapping[str, float], speed: float, now: float) -> None:
        shown = {name: f"{value:.3g}" for name, value in losses.items() if not name.endswith(".discriminator")}
        if self.bar is None:
            return
        self.bar.set_postfix({**shown, "images/s": f"{speed:.1f}"}, refresh=False)
        if self.bar.disable and (now - self.said > LINE_EVERY or iteration == self.total):
            self.said = now
            words = [f"{name} {value}" for name, value in shown.items()] + [f"{speed:.1f} images/s"]
            words += time_left(self.began, now, iteration - self.first, self.total - iteration)
            self.say("  ".join([f"iteration {iteration}/{self.total}", *words]))


def in_number(skipped: int) -> str:
    """`skipped 2 pictures that can't be read; they are named above`."""
    what, which = ("picture", "it is") if skipped == 1 else ("pictures", "they are")
    return f"skipped {skipped} {what} that can't be read; {which} named above"


def in_words(measured: dict[str, float]) -> str:
    """`psnr 21.35, ssim 0.712`."""
    return ", ".join(f"{name} {value:.4g}" for name, value in measured.items())


def round_to(value: float) -> float:
    """The value rounded to four significant digits."""
    return float(f"{value:.4g}")


def _cut(folder: RunFolder, done: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Removes the lines of iterations after `done`, which a resumed run plays again. Gives the others."""
    if not folder.log.exists():
        return []
    kept, lost = [], 0
    lines = folder.log.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            if entry["iteration"] <= done:
                kept.append(entry)
        except (ValueError, KeyError, TypeError, RecursionError):
            lost += number < len(lines)  # the last line was cut off when the process was killed
    if lost:
        say(f"{folder.log}: {lost} lines could not be read and are left out")
    with replacing(folder.log) as temporary:
        temporary.write_text("".join(f"{json.dumps(entry)}\n" for entry in kept), encoding="utf-8")
    return kept
