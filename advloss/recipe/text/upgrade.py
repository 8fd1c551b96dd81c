"""Upgrades the resolved recipes of older model files to the format that is written now.

Format 1 said `rounds` for iterations, had two players with `order` and `discriminator_steps` instead of `train.steps`,
and had parts of the adversarial loss that counted their own calls.
"""

from collections.abc import Mapping
from typing import Any

FORMAT = 2
"""The format of the recipes that are written now."""
RENAMED = {
    "statistics_in_use": "statistics_at_inference",
    "dropout_in_use": "dropout_at_inference",
    "rounds": "iterations",
    "shares_every": "gradient_shares_every",
}
"""The new names of keys, at any place."""


def upgraded(recipe: Mapping[str, Any], form: int) -> dict[str, Any]:
    """The recipe of a model file as today's schema has it. form: the file's format."""
    if form >= FORMAT:
        return dict(recipe)
    values: dict[str, Any] = _renamed(recipe)
    games = [term for term in (values.get("losses") or {}).values() if term and term.get("loss") == "adversarial"]
    values["train"] = _steps(values.get("train", {}), bool(games))
    if values.get("schedule", {}).get("unit") == "rounds":
        values["schedule"]["unit"] = "iterations"
    values["data"] = {key: value for key, value in values.get("data", {}).items() if value is not None}
    for term in games:
        _clocked(term)
    return values


def _renamed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {RENAMED.get(key, key): _renamed(each) for key, each in value.items()}
    return [_renamed(each) for each in value] if isinstance(value, list) else value


def _steps(train: Mapping[str, Any], game: bool) -> dict[str, Any]:
    """`order` and `discriminator_steps` as `steps`. game: whether there is a discriminator."""
    rest = {key: value for key, value in train.items() if key not in ("order", "discriminator_steps")}
    steps = {"generator": 1, "discriminator": train.get("discriminator_steps", 1)}
    if train.get("order") == "discriminator_first":
        steps = dict(reversed(steps.items()))
    return {**rest, "steps": steps if game else {"generator": 1}}


def _clocked(term: dict[str, Any]) -> None:
    """Replaces decays that counted their own calls by schedules: the fraction of top-k, the noise of instance noise."""
    top_k = term.get("top_k")
    if top_k and (over := top_k.pop("over", 0)):
        top_k["fraction"] = {"from": 1.0, "to": top_k.get("fraction", 0.5), "over": over}
    for augmentation in term.get("augment") or []:
        decay = augmentation.pop("decay", None) if augmentation.get("name") == "noise" else None
        if decay:
            augmentation["std"] = {"from": augmentation.get("std", 0.1), "to": 0.0, "over": decay}
