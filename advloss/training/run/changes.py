"""What may change when a run is resumed: freely, with --change, or not at all."""

from typing import Any

from advloss.core.errors import InputError
from advloss.recipe.schema import Data, Recipe
from advloss.recipe.text.flat import flat

FREE = {
    "train": {
        *("epochs", "iterations", "executor", "compile", "graphs"),
        *("doctor", "on_nan", "rollbacks"),
        *("log_every", "gradient_shares_every", "sample_every", "validate_every", "checkpoint_every", "tracker"),
    },
    "data": {"name", "workers", "memory"},
}
"""Keys that change how long, how often, how fast and from where, and not what is learned. Where the data lies is free
too: `items.py` compares what lies there."""
FIXED = (
    *("method", "networks", "optimizer.name", "initial", "train.freeze"),
    *("data.channels", "data.depth", "data.range", "data.classes", "data.sizes"),
)
"""Keys that decide what the weights in a checkpoint mean."""
FIXED_OF_TERM = ("loss", "discriminator", "player")
"""The same for a term."""

Changes = dict[str, tuple[Any, Any]]
"""The values of before and of now, by key. An absent one is None."""


def changes(before: Recipe, now: Recipe) -> Changes:
    """The differences between a run's recipe and the one that resumes it, without those that are free."""
    then, today = flat(before.plain()), flat(now.plain())
    return {
        key: (then.get(key), today.get(key))
        for key in sorted(then.keys() | today.keys())
        if then.get(key) != today.get(key) and not _is_free(key)
    }


def lines_of(changed: Changes) -> list[str]:
    """Each change in words: `losses.l1.weight: 100 then, 10 now`."""
    said = {key: ["absent" if value is None else value for value in values] for key, values in changed.items()}
    return [f"{key}: {then} then, {now} now" for key, (then, now) in said.items()]


def in_words(changed: Changes) -> str:
    """The changes, each on a line of its own."""
    return "\n".join(f"  {line}" for line in lines_of(changed))


def check_changes(run: str, changed: Changes, allowed: bool) -> None:
    """Raises InputError for changes that a run can't go on with, and for others unless --change allows them."""
    fixed = {key: values for key, values in changed.items() if _is_fixed(key)}
    if fixed:
        raise InputError(
            f"--resume: {run} was trained with another recipe:\n{in_words(fixed)}\n"
            "its weights belong to the recipe it had: resume with that (--run alone is enough), or start another run "
            f"from them, --run OTHER initial={run}/checkpoint.pt"
        )
    if changed and not allowed:
        raise InputError(
            f"--resume: {run} was trained with another recipe:\n{in_words(changed)}\n"
            "resume with the recipe it had (--run alone is enough); or add --change, to train on with this one and "
            "have the change written into the run's history"
        )


def _is_free(key: str) -> bool:
    section, _, name = key.partition(".")
    is_path = section == "data" and (name.startswith("val") or name.partition(".")[0] not in Data.model_fields)
    return is_path or name in FREE.get(section, ())


def _is_fixed(key: str) -> bool:
    if any(key == fixed or key.startswith(f"{fixed}.") for fixed in FIXED):
        return True
    section, *rest = key.split(".")
    return section == "losses" and len(rest) > 1 and rest[1] in FIXED_OF_TERM
