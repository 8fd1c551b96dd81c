"""What to train on a data set: recipes for what it holds, at sizes that its pictures have, with their measured time."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from advloss.core.errors import InputError
from advloss.core.words import duration
from advloss.data import DataSet, open_data
from advloss.data.fields import Image, Label
from advloss.data.found_formats import found_formats
from advloss.data.sources.base import Split
from advloss.data.sources.shards import looked_at
from advloss.images.reading import UnreadableImage
from advloss.recipe.text.source import read
from advloss.training.proposing.measuring import Measured, measured

HOUR = 3600.0
"""Seconds: a translator's size is proposed as large as the pictures allow, if its training is measured to take no
longer. The time is a choice of ours: so long a first try may take."""
LARGER = 2
"""Each size that is tried is so many times the one before it."""
LARGEST = 256
"""Pixels: the size of the papers, and the largest that is tried."""


@dataclass(frozen=True)
class Aim:
    """What a recipe is for. sized: whether it may be trained at other sizes than its own."""

    words: str
    recipe: str
    sized: bool = False


AIMS = {
    "pairs": (Aim("translate the first side into the second", "pix2pix-small", sized=True),),
    "domains": (Aim("translate between the sides, without pairs", "cyclegan-small", sized=True),),
    "classes": (Aim("tell the classes", "classifier-small"),),
    "pictures": (
        Aim("enlarge pictures four times", "srresnet-small"),
        Aim("make codes of pictures, and pictures of codes", "vqgan-small"),
    ),
    "points": (Aim("make points of noise", "points"),),
}
"""For each kind of data what can be trained on it, the likeliest first."""


@dataclass(frozen=True)
class Proposal:
    """A recipe at one size. why: instead of a measurement, why it can't be trained on the data."""

    aim: Aim
    words: Sequence[str]
    size: int
    measured: Measured | None = None
    why: str = ""

    @property
    def seconds(self) -> float:
        """Of the whole training, without validation and samples."""
        return self.measured.seconds * self.measured.total if self.measured else np.inf

    def row(self) -> list[str]:
        """What it is for, recipe, pixels, iterations, passes over the data, time."""
        if self.measured is None:
            return [self.aim.words, self.aim.recipe, str(self.size), "-", "-", "-"]
        passes = f"{self.measured.total / self.measured.per_epoch:.3g}"
        return [
            self.aim.words,
            self.aim.recipe,
            str(self.size),
            str(self.measured.total),
            passes,
            duration(self.seconds),
        ]


COLUMNS = ["to", "recipe", "pixels", "iterations", "passes", "time here"]


def kind_of_data(dataset: DataSet, where: str) -> str:
    """`pairs`, `domains`, `classes`, `pictures` or `points`."""
    images = len(dataset.train.images)
    if not images:
        return "points"
    if images > 1:
        return "pairs" if dataset.train.paired else "domains"
    with suppress(InputError):
        fields = {"image": Image("images"), "label": Label("images")}
        found = open_data(where, fields, size=LARGEST, seed=0).train.rows["label"]
        return "classes" if len(found.classes or ()) > 1 else "pictures"
    return "pictures"


def propose(dataset: DataSet, where: str, device: str | None) -> list[Proposal]:
    """Recipes for a data set, each at the sizes that were tried, from small to large; each is trained for a few
    iterations, so that its time is known.

    where: the set's name or path. device: as for a training.
    """
    return [one for aim in AIMS[kind_of_data(dataset, where)] for one in _of_aim(aim, dataset, where, device)]


def chosen(proposals: Sequence[Proposal]) -> Proposal | None:
    """Of the likeliest recipe that can be trained the largest size that takes at most an hour, else its smallest."""
    possible = [one for one in proposals if one.measured is not None]
    first = [one for one in possible if one.aim == possible[0].aim]
    return max([one for one in first if one.seconds <= HOUR] or first[:1], key=lambda one: one.size, default=None)


def reasons(proposals: Sequence[Proposal]) -> list[str]:
    """A sentence on each recipe that can't be trained on the data."""
    wrong = [one for one in proposals if one.why]
    return [f"{one.aim.recipe} at {one.size} pixels can't be trained on this: {one.why}" for one in wrong]


def in_words(proposals: Sequence[Proposal], where: str) -> list[str]:
    """The proposal as sentences: the command, and how it was measured. Empty if nothing can be trained."""
    best = chosen(proposals)
    if best is None or best.measured is None:
        return []
    each = f"{best.measured.seconds:.3g} s an iteration, measured over {best.measured.iterations}"
    return [
        f"proposed: advloss train {' '.join(best.words)} {where}",
        f"which takes about {duration(best.seconds)} {best.measured.device} ({each}), without validation",
    ]


def _of_aim(aim: Aim, dataset: DataSet, where: str, device: str | None) -> Iterator[Proposal]:
    data = read(aim.recipe).values.get("data", {})
    own = int(data.get("crop") or 0)
    side, channels = _shorter_side(dataset.train), _channels(dataset)
    colours = [f"data.channels={channels}"] if data.get("channels") not in (None, channels) and channels else []
    size, made = own, 0.0
    while size == own or (aim.sized and size <= min(side, LARGEST) and made <= HOUR):
        load = round(size * int(data.get("load", own)) / own) if own else 0
        sides = [f"data.load={load}", f"data.crop={size}"] if size != own else []
        words = [f"recipe={aim.recipe}", *sides, *colours]
        proposal = _tried(aim, words, size, where, device)
        yield proposal
        made = proposal.seconds
        size *= LARGER
        if not own:
            return


def _tried(aim: Aim, words: list[str], size: int, where: str, device: str | None) -> Proposal:
    try:
        return Proposal(aim, words, size, measured(words, where, device))
    except InputError as error:
        return Proposal(aim, words, size, why=str(error).splitlines()[0])


def _shorter_side(split: Split) -> int:
    """The median of the pictures' shorter sides, of the field whose pictures are smallest; 0 without pictures."""
    medians = []
    for values in split.images.values():
        sides = []
        for index in looked_at(values):
            with suppress(UnreadableImage):
                sides.append(min(values.header(index).size))
        medians.append(int(np.median(sides)) if sides else 0)
    return min(medians, default=0)


def _channels(dataset: DataSet) -> int | None:
    """The channels of the pictures, where all fields have as many."""
    with suppress(InputError):
        found = {one.channels for one in found_formats(dataset.train, lambda option, name: None).values()}
        return found.pop() if len(found) == 1 else None
    return None


def shown_name(where: str) -> str:
    """The set as a word of a command line."""
    return shlex.quote(where)
