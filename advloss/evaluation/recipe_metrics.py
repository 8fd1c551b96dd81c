"""A recipe's metrics over a data set's images."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from advloss.data.sources.base import Split
from advloss.methods.base import Method
from advloss.recipe.build import BuiltMetric

Fields = Mapping[str, Tensor]
"""A method's batch, by field."""


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


def measured(method: Method, item: Fields, paired: bool, metrics: Mapping[str, BuiltMetric]) -> dict[str, float]:
    """Each metric of one item."""
    made = named_tensors(method, item, paired, {side for metric in metrics.values() for side in metric.between})
    with torch.no_grad():
        return {
            name: float(metric.measure(*(made[side].float() for side in metric.between)).sum())
            for name, metric in metrics.items()
        }
