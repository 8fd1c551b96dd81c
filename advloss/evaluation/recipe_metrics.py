"""A recipe's metrics over a data set's images."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.data.sources.base import Split
from advloss.losses.sets.measures import SetMeasure
from advloss.methods.base import Method
from advloss.recipe.build import BuiltMetric

Fields = Mapping[str, Tensor]
"""A method's batch, by field."""
Seen = tuple[tuple[str, str], str]
"""What a measure of sets reads (`SetMeasure.reads`), and the tensor of which it reads that."""


def named_tensors(method: Method, item: Fields, paired: bool, wanted: Iterable[str]) -> dict[str, Tensor]:
    """The method's tensors for one item, and its true partners, if the data has them.

    item: a batch of one. paired: whether its images belong together. The global random state stays as it is.
    """
    wanted = set(wanted)
    first = next(iter(item.values()))
    devices = [first.device] if first.device.type == "cuda" else []
    with torch.no_grad(), torch.random.fork_rng(devices=devices):
        torch.manual_seed(0)  # so that dropout that is on at inference gives the same picture each time
        made = method(item, wanted)
    if paired:
        made |= {f"partner_{name}": values for name, values in item.items()}
    return {name: tensor for name, tensor in made.items() if name in wanted}


def computable(metrics: Mapping[str, BuiltMetric], split: Split) -> dict[str, BuiltMetric]:
    """The metrics that can be computed: without those of an optional field that the split lacks, and if its images have
    no partners, without those that need a partner."""
    known = split.images.keys() | split.rows.keys()
    lacking = {name for name, field in split.declared.items() if field.optional and name not in known}
    return {
        name: metric
        for name, metric in metrics.items()
        if lacking.isdisjoint(metric.between)
        and (split.paired or not any(side.startswith("partner_") for side in metric.between))
    }


@dataclass(frozen=True)
class Measured:
    """Of one item: the value of each metric of images, and what the measures of sets see of it."""

    values: dict[str, float]
    seen: dict[Seen, Tensor]


def measured(method: Method, item: Fields, paired: bool, metrics: Mapping[str, BuiltMetric]) -> Measured:
    """Each metric of one item."""
    made = named_tensors(method, item, paired, {side for metric in metrics.values() for side in metric.between})
    made = {name: tensor.float() for name, tensor in made.items()}
    values: dict[str, float] = {}
    seen: dict[Seen, Tensor] = {}
    with torch.no_grad():
        for name, metric in metrics.items():
            if metric.sets is None:
                values[name] = float(metric.measure(*(made[side] for side in metric.between)).sum())
                continue
            for key in sides_of(metric.sets, metric.between):
                seen[key] = seen[key] if key in seen else metric.sets.seen(made[key[1]])
    return Measured(values, seen)


def sides_of(measure: SetMeasure, between: Iterable[str]) -> list[Seen]:
    """What a measure of sets compares."""
    return [(measure.reads, side) for side in between]


class SetMetrics:
    """The measures of sets among a recipe's metrics: collects what they see of each item, on its device."""

    def __init__(self, metrics: Mapping[str, BuiltMetric]) -> None:
        self.metrics = {name: (m.sets, m.between) for name, m in metrics.items() if m.sets is not None}
        self.collected: dict[Seen, dict[int, Tensor]] = {}

    def add(self, index: int, seen: Mapping[Seen, Tensor]) -> None:
        """index: the item's number in its split; seen: `Measured.seen` of it."""
        for key, features in seen.items():
            self.collected.setdefault(key, {})[index] = features

    def join(self, shares: Iterable[Mapping[Seen, Mapping[int, Tensor]]]) -> None:
        """Takes what all processes have collected."""
        joined: dict[Seen, dict[int, Tensor]] = {}
        for share in shares:
            for key, rows in share.items():
                joined.setdefault(key, {}).update(rows)
        self.collected = joined

    def values(self, say: Callable[[str], None]) -> dict[str, float]:
        """Each measure and, as NAME_error, its standard error. NaN where it can't be computed; `say` tells why."""
        found: dict[str, float] = {}
        for name, (measure, between) in self.metrics.items():
            try:
                sides = [self._rows(key, measure.most) for key in sides_of(measure, between)]
                made = measure.forward(*sides)
                found |= {name: made.value, f"{name}_error": made.error}
                if warning := measure.warning(min(map(len, sides)), sides[0].shape[1]):
                    say(f"metrics.{name}: {warning}")
            except (InputError, RuntimeError) as error:
                found |= {name: math.nan, f"{name}_error": math.nan}
                say(f"metrics.{name} can't be computed: {str(error).partition(chr(10))[0]}")
        return found

    def _rows(self, key: Seen, most: int) -> Tensor:
        """The features of the items, in their order: [N, D]."""
        rows = self.collected.get(key, {})
        return torch.cat([rows[index] for index in sorted(rows)[:most]]) if rows else torch.empty(0, 0)
