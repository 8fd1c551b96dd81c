"""Where a run's numbers and pictures are shown beside log.jsonl: TensorBoard, Weights & Biases, or nowhere."""

import os
import secrets
import threading
from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

from advloss.core.errors import InputError
from advloss.core.storage.files import make_folder, write_whole
from advloss.recipe.schema import Recipe
from advloss.training.run.paths import RunPaths

PROJECT = "advloss"
"""The project of Weights & Biases, if WANDB_PROJECT does not name one."""
NOT_SENT = ("disabled", "dryrun", "offline")
"""Values of WANDB_MODE with which no key is needed."""


class Tracker(Protocol):
    """What shows a run. Only the first process has one."""

    def scalars(self, values: Mapping[str, float], iteration: int) -> None:
        """Shows numbers by name."""

    def picture(self, name: str, image: Tensor, iteration: int) -> None:
        """Shows a picture, uint8 [3, H, W]."""

    def text(self, name: str, text: str, iteration: int) -> None:
        """Shows a text."""

    def close(self) -> None:
        """Writes what is left."""


class Nowhere:
    """A tracker that shows nothing."""

    def scalars(self, values: Mapping[str, float], iteration: int) -> None:
        """Does nothing."""

    def picture(self, name: str, image: Tensor, iteration: int) -> None:
        """Does nothing."""

    def text(self, name: str, text: str, iteration: int) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


class TensorBoard:
    """Events for TensorBoard in `runs/NAME/tensorboard/`; those after iteration `done` are taken back."""

    def __init__(self, folder: RunPaths, done: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # late: a trial writes no events

        self.hook, threading.excepthook = threading.excepthook, self._failed
        try:
            self.events = SummaryWriter(str(folder.events), purge_step=done + 1)
        except BaseException:
            threading.excepthook = self.hook
            raise

    def scalars(self, values: Mapping[str, float], iteration: int) -> None:
        """Each as a scalar of its own."""
        for name, value in values.items():
            self.events.add_scalar(name, value, iteration)

    def picture(self, name: str, image: Tensor, iteration: int) -> None:
        """As an image."""
        self.events.add_image(name, image, iteration)

    def text(self, name: str, text: str, iteration: int) -> None:
        """As text."""
        self.events.add_text(name, text, iteration)

    def close(self) -> None:
        """Closes the file of events."""
        threading.excepthook = self.hook
        self.events.close()

    def _failed(self, failure: threading.ExceptHookArgs) -> None:
        """An error of a thread. TensorBoard's own is raised again at the next call, and needs no traceback here."""
        if not type(failure.thread).__module__.startswith("tensorboard.") or not isinstance(failure.exc_value, OSError):
            self.hook(failure)


class WandB:
    """A run of Weights & Biases, whose id is kept in `runs/NAME/wandb/`, so that a resumed run goes on with it."""

    def __init__(self, folder: RunPaths, recipe: Recipe) -> None:
        import wandb

        self.images = wandb.Image
        make_folder(folder.tracked)
        kept = folder.tracked / "run-id"
        if not kept.exists():
            write_whole(kept, secrets.token_hex(8).encode())
        try:
            self.run = wandb.init(
                id=kept.read_text(encoding="utf-8"),
                resume="allow",
                project=os.environ.get("WANDB_PROJECT", PROJECT),
                name=folder.path.name,
                dir=str(folder.path),
                config=recipe.plain(),
                settings=wandb.Settings(silent=True, console="off"),
            )
        except wandb.Error as error:
            raise InputError(f"train.tracker=wandb: {error}; WANDB_MODE=offline keeps the run here") from None
        self.run.define_metric("*", step_metric="iteration")

    def scalars(self, values: Mapping[str, float], iteration: int) -> None:
        """All together, over the iteration."""
        self.run.log({**values, "iteration": iteration})

    def picture(self, name: str, image: Tensor, iteration: int) -> None:
        """As an image."""
        self.run.log({name: self.images(image.permute(1, 2, 0).numpy()), "iteration": iteration})

    def text(self, name: str, text: str, iteration: int) -> None:
        """As a string."""
        self.run.log({name: text, "iteration": iteration})

    def close(self) -> None:
        """Sends or writes what is left."""
        self.run.finish()


def check_tracker(name: str) -> None:
    """Raises InputError if the tracker of that name can't be used here. Call it before the training begins."""
    if name != "wandb":
        return
    try:
        import wandb
    except ImportError:
        raise InputError('train.tracker=wandb needs wandb: pip install "advloss[wandb]"') from None
    if os.environ.get("WANDB_MODE", "").lower() not in NOT_SENT and not wandb.login(prompt=False, verify=False):
        raise InputError(
            "train.tracker=wandb: this machine has no key of Weights & Biases; get one by `wandb login`, or keep "
            "the run here with WANDB_MODE=offline"
        )


def open_tracker(folder: RunPaths, recipe: Recipe, done: int) -> Tracker:
    """The tracker that the recipe names. done: how many iterations are over. Raises InputError and OSError."""
    if recipe.train.tracker == "none":
        return Nowhere()
    return WandB(folder, recipe) if recipe.train.tracker == "wandb" else TensorBoard(folder, done)


def numbers_of(entry: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of an entry of the log by their names, `losses/l1`, `lr`."""
    found: dict[str, float] = {}
    for name, value in entry.items():
        if isinstance(value, Mapping):
            found |= {f"{name}/{inner}": each for inner, each in numbers_of(value).items()}
        elif isinstance(value, int | float) and not isinstance(value, bool) and name not in ("iteration", "epoch"):
            found[name] = value
    return found
