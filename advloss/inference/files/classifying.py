"""Tells the classes of picture files, as lines of a table: CSV, or JSON lines."""

import csv
import io
import json
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from advloss.core.errors import InputError
from advloss.core.storage.files import Inputs, check_result, closed_named, make_folder, replacing
from advloss.core.words import counted
from advloss.images.listing import Passed, is_image, list_images
from advloss.inference.classifying import Classifier
from advloss.inference.files.summary import Say, Skipped
from advloss.inference.model import Model

COLUMNS = ("file", "class", "probability")
AHEAD = 2
"""How many batches are read in advance."""


@dataclass(frozen=True)
class Told:
    """A picture's most likely class. file: its path below the folder."""

    file: str
    name: str
    probability: float


class Results:
    """What a folder's pictures show: how many of each class, and why others were left out."""

    def __init__(self, classes: Sequence[str]) -> None:
        self.counts: Counter[str] = Counter(dict.fromkeys(classes, 0))
        self.failed: list[str] = []

    def words(self) -> str:
        """`12 pictures classified, 1 could not be read`."""
        left = f", {len(self.failed)} could not be classified" if self.failed else ""
        return f"{counted(self.counts.total(), 'picture')} classified{left}"

    def check(self) -> None:
        """Raises InputError with the names of all files that failed, if any did."""
        if self.failed:
            raise InputError("\n".join(["these could not be classified:", *self.failed]))


def classify_files(
    model: Model, source: Path, out: Path | None, *, overwrite: bool = False, say: Say, give: Say
) -> Results:
    """Tells the class of a picture, or of every picture below a folder, and its probability.

    The lines are given to `give` as CSV; or written to `out`, whose name ends in .csv or .jsonl (JSON lines). A picture
    that can't be read is named and left out. Raises InputError if there is no picture, and if `out` can't be written.
    """
    classifier, classes = model.classifier(), model.classes()
    with closed_named():
        paths = _pictures(source, say)
        if out is not None:
            _check_out(out, Inputs([model.file, *paths]), overwrite)
    results = Results(classes or ())

    def skipped(why: object) -> None:
        results.failed.append(str(why))
        say(f"skipped: {why}")

    root = source if source.is_dir() else source.parent
    with ExitStack() as stack:
        write = give
        if out is not None:
            make_folder(out.parent)
            file = stack.enter_context(replacing(out))
            opened = stack.enter_context(file.open("w", encoding="utf-8", errors="surrogateescape", newline=""))
            write = lambda line: print(line, file=opened)  # noqa: E731
        as_json = out is not None and out.suffix.lower() == ".jsonl"
        if not as_json:
            write(_csv(COLUMNS))
        for told in _told(classifier, paths, root, classes, skipped):
            results.counts[told.name] += 1
            values = (told.file, told.name, round(told.probability, 6))
            write(json.dumps(dict(zip(COLUMNS, values, strict=True))) if as_json else _csv(values))
    return results


def _told(
    classifier: Classifier, paths: Sequence[Path], root: Path, classes: Sequence[str] | None, skipped: Skipped
) -> Iterator[Told]:
    for group in _batches(classifier, paths, skipped):
        logits = classifier.classify(torch.cat([image for _, image in group])).float().cpu()
        if classes is not None and len(classes) != logits.shape[1]:
            raise InputError(f"the model gives {logits.shape[1]} logits, and it was trained on {len(classes)} classes")
        if not logits.isfinite().all():
            raise InputError("the network's output is not a number in places")
        for (path, _), probabilities in zip(group, logits.softmax(1), strict=True):
            number = int(probabilities.argmax())
            name = str(number) if classes is None else classes[number]
            yield Told(path.relative_to(root).as_posix(), name, float(probabilities[number]))


def _batches(classifier: Classifier, paths: Sequence[Path], skipped: Skipped) -> Iterator[list[tuple[Path, Tensor]]]:
    """The pictures that can be read, in batches of the classifier's size; threads read some in advance."""
    waiting: deque[tuple[Path, Future[Tensor]]] = deque()
    group: list[tuple[Path, Tensor]] = []
    with ThreadPoolExecutor(2) as pool:
        coming = iter(paths)
        for _ in tqdm(range(len(paths)), unit="picture", disable=None if len(paths) > 1 else True):
            while len(waiting) < AHEAD * classifier.batch and (path := next(coming, None)) is not None:
                waiting.append((path, pool.submit(classifier.prepared, path)))
            path, future = waiting.popleft()
            try:
                group.append((path, future.result()))
            except InputError as error:
                skipped(error)
            if len(group) == classifier.batch:
                yield group
                group = []
    if group:
        yield group


def _pictures(source: Path, say: Say) -> list[Path]:
    if not source.is_dir():
        if not source.is_file():
            raise InputError(f"{source}: no such file or folder")
        if not is_image(source):
            raise InputError(f"{source}: is not named as a picture; rename it if it is one")
        return [source]
    passed = Passed()
    paths = list_images(source, passed=passed)
    for sentence in passed.words():
        say(f"{source}: {sentence}")
    if not paths:
        raise InputError(f"{source}: holds no picture")
    return paths


def _check_out(out: Path, inputs: Inputs, overwrite: bool) -> None:
    if out.suffix.lower() not in (".csv", ".jsonl"):
        raise InputError(f"{out}: name a .csv, or a .jsonl for JSON lines")
    check_result(out, inputs)
    if out.exists() and not overwrite:
        raise InputError(f"{out} exists; --overwrite replaces it")


def _csv(values: Sequence[object]) -> str:
    """A line of CSV without its end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(values)
    return line.getvalue()
