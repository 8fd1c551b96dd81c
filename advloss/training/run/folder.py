"""The run folder `runs/NAME/`: its files, and the checks that no run is overwritten."""

from pathlib import Path

import yaml

from advloss.core.errors import InputError
from advloss.core.files import replacing, sweep
from advloss.recipe.build_method import declared_fields
from advloss.recipe.formats import formats_of, same_formats, with_formats
from advloss.recipe.resolve import resolve
from advloss.recipe.schema import Recipe
from advloss.recipe.text.source import read

# keys that may change when a run is resumed: they change how long, how often and how fast, not what is learned
FREE = {
    "train": {
        *(
            "epochs",
            "iterations",
            "log_every",
            "gradient_shares_every",
            "sample_every",
            "validate_every",
            "checkpoint_every",
        ),
        *("executor", "compile", "graphs"),
    },
    "data": {"workers", "memory"},
}


class RunFolder:
    """The paths of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe = path / "recipe.yaml"
        self.checkpoint = path / "checkpoint.pt"
        self.model = path / "model.safetensors"
        self.best = path / "best.safetensors"
        self.log = path / "log.jsonl"
        self.samples = path / "samples"
        self.events = path / "tensorboard"

    def check(self, recipe: Recipe, resume: bool) -> Recipe:
        """The recipe to train. If a run is resumed, it has the formats in which that run read its files.

        Raises InputError if a new run would overwrite this one, if there is no run to resume, or if the run to resume
        has another recipe.
        """
        if not resume and self.path.exists() and any(self.path.iterdir()):
            raise InputError(f"{self.path} exists: go on with it by --resume, or name another with --run NAME")
        if not resume:
            return recipe
        if not self.recipe.is_file():
            raise InputError(f"--resume: there is no run in {self.path}")
        check_age(self.recipe)
        before = resolve(read(str(self.recipe)))
        before = with_formats(before, declared_fields(before), formats_of(before.data, declared_fields(before)))
        recipe = same_threads(same_formats(recipe, before), before)
        different = changes(before, recipe)
        if different:
            raise InputError(
                f"--resume: {self.path} was trained with another recipe:\n  "
                + "\n  ".join(different)
                + "\nresume with the recipe it had (--run alone is enough), or start anew with --run OTHER"
            )
        return recipe

    def create(self, recipe: Recipe) -> None:
        """Makes the folder, with the resolved recipe in it, and removes what a killed process left half-written."""
        try:
            self.samples.mkdir(parents=True, exist_ok=True)
            sweep(self.path)
            sweep(self.samples)
            with replacing(self.recipe) as temporary:
                temporary.write_text(yaml.safe_dump(recipe.plain(), sort_keys=False), encoding="utf-8")
        except OSError as error:
            raise InputError(f"{self.path}: can't be written ({error.strerror or error})") from None


def same_threads(recipe: Recipe, before: Recipe) -> Recipe:
    """The recipe with the threads of `before`, where it does not say them."""
    if recipe.train.threads is not None:
        return recipe
    return recipe.model_copy(update={"train": recipe.train.model_copy(update={"threads": before.train.threads})})


def check_age(recipe: Path) -> None:
    """Raises InputError for the recipe.yaml of a run that an older version trained: its checkpoint can't be read."""
    try:
        values = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return  # the reader of recipes says what is wrong
    train = values.get("train") if isinstance(values, dict) else None
    if isinstance(train, dict) and "iterations" not in train:
        raise InputError(
            f"--resume: {recipe.parent} was trained by an older version of advloss, whose checkpoints this one can't "
            f"read; train anew from its model, with another --run and initial={recipe.parent / 'model.safetensors'}"
        )


def changes(before: Recipe, now: Recipe) -> list[str]:
    """The differences between a run's recipe and the one that resumes it: `losses.l1.weight: 100 then, 10 now`."""
    then, today = _flat(before.plain()), _flat(now.plain())
    return [
        f"{key}: {then.get(key, 'absent')} then, {today.get(key, 'absent')} now"
        for key in sorted(then.keys() | today.keys())
        if then.get(key) != today.get(key) and not _is_free(key)
    ]


def _is_free(key: str) -> bool:
    section, _, name = key.partition(".")
    return name in FREE.get(section, ())


def _flat(values: object, key: str = "") -> dict[str, object]:
    if not isinstance(values, dict):
        return {key: values}
    if key == "train.steps":  # their order counts
        return {key: ", ".join(f"{name} {count}" for name, count in values.items())}
    flat: dict[str, object] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{key}.{name}" if key else str(name))
    return flat
