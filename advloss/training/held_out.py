"""Checks the pictures that a training validates on, before it begins; those that can't be used are left out by name."""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.core.words import some
from advloss.data.fields import Image, made_field, made_from, scale_of
from advloss.data.loading.derived import Derived, batched
from advloss.data.loading.evaluation_items import header_sizes
from advloss.data.sources.base import Split
from advloss.data.sources.pair_checks import called, check_scale, scales
from advloss.data.sources.shards import looked_at
from advloss.data.sources.values import PickedValues
from advloss.evaluation.recipe_metrics import computable, named_tensors
from advloss.recipe.build import Built
from advloss.recipe.checks.trial import compute_once
from advloss.recipe.formats import formats_of

Sizes = tuple[tuple[str, tuple[int, int]], ...]
"""(height, width) of the pictures of an item, by field."""
MOST_TRIALS = 50
"""How many sizes are tried before it is clear that size is not the reason."""


@dataclass(frozen=True)
class HeldOut:
    """A split to validate on. name: val or test. size: in pixels, of the squares; None: pictures stay whole."""

    name: str
    split: Split
    size: int | None


def usable(held: HeldOut, built: Built, say: Callable[[str], None]) -> Split:
    """The split without the items that can't be validated on; `say` names them, with the reason.

    An item is left out if a header can't be read, if the sizes don't fit, or if the method or a metric can't be
    computed on pictures of its sizes. Of very many items a sample is looked at. Raises InputError if none is left.
    """
    split, resize = held.split, built.recipe.data.resize
    if split.paired:
        check_scale(resize if held.size is not None else "none", max(scales(split).values()))
    if not split.images:
        return split
    first = next(iter(split.images.values()))
    numbers = [index for index in looked_at(first) if index < len(split)]
    wrong: dict[int, str] = {}
    sizes: dict[int, Sizes] = {}
    for index in numbers:
        try:
            sizes[index] = tuple(header_sizes(split, index, held.size, resize).items())
        except InputError as error:
            wrong[index] = str(error)
    if held.size is None:
        too_small = _too_small(built, split, set(sizes.values()))
        wrong |= {i: f"{called(first, i)}: {too_small[each]}" for i, each in sizes.items() if each in too_small}
    if not wrong:
        return split
    reasons = some([wrong[index] for index in sorted(wrong)], "; ")
    if len(wrong) == len(numbers):
        raise InputError(f"{held.name}: not one of its {len(numbers)} pictures can be validated on: {reasons}")
    what = "1 picture is" if len(wrong) == 1 else f"{len(wrong)} pictures are"
    say(f"{held.name}: {what} left out of validation: {reasons}")
    return _picked(split, [index for index in range(len(split)) if index not in wrong])


def _picked(split: Split, numbers: list[int]) -> Split:
    """The items of these numbers."""
    sources = {
        name: replace(
            source,
            fields={field: PickedValues(values, numbers) for field, values in source.fields.items()},
            rows={field: rows.taken(numbers) for field, rows in source.rows.items()},
        )
        for name, source in split.sources.items()
    }
    return replace(split, sources=sources)


def _too_small(built: Built, split: Split, found: Iterable[Sizes]) -> dict[Sizes, str]:
    """The sizes on which the method or a metric can't be computed, with the reason: from the smallest on, up to the
    first on which it can."""
    metrics = computable(built.metrics, split)
    wanted = {side for metric in metrics.values() for side in metric.between}
    trial = copy.deepcopy(built.method).to("meta", torch.float32).eval()  # as the pictures, also in fp64
    reasons: dict[Sizes, str] = {}
    ordered = sorted(found, key=lambda sizes: sorted(min(size) for _, size in sizes))
    for sizes in ordered:
        try:
            made = named_tensors(trial, _batch(built, split, dict(sizes)), split.paired, wanted)
            for metric in metrics.values():
                compute_once(metric.measure, [torch.zeros(made[side].shape) for side in metric.between])
            break
        except (InputError, RuntimeError, ValueError) as error:
            reasons[sizes] = str(error).splitlines()[0]
        if len(reasons) == MOST_TRIALS:
            return dict.fromkeys(ordered, reasons[sizes])
    return reasons


def _batch(built: Built, split: Split, sizes: Mapping[str, tuple[int, int]]) -> dict[str, Tensor]:
    """One item on the meta device, with pictures of these sizes."""
    formats = formats_of(built.recipe.data, split.declared)
    sizes = dict(sizes)
    made = made_field(split.declared)
    of = None if made is None else made_from(split.declared[made])
    if made is not None and of is not None and made not in sizes:
        ratio = scale_of(split.declared[made]) / scale_of(split.declared[of])
        height, width = (int(side * ratio) for side in sizes[of])
        sizes[made] = height, width
    largest = max(height for height, _ in sizes.values()), max(width for _, width in sizes.values())
    others = batched([Derived(split, 0, evaluation=True).sample([0] * len(split.sources), 0, 0, largest)])
    batch = {name: torch.from_numpy(array).to("meta") for name, array in others.items()}
    for name, (height, width) in sizes.items():
        channels = formats[name].channels if isinstance(split.declared[name], Image) else 1
        batch[name] = torch.empty(1, channels, height, width, device="meta")
    return {name: each.float() if each.dtype == torch.uint8 else each for name, each in batch.items()}
