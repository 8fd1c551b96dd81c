"""One side of the game: its parameters and how they take a step."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from advloss.distributed import average_gradients


class Player:
    """The generator's networks, or all discriminators, with their optimizer.

    clip: largest norm of the whole gradient, or None; scaler: on for fp16 only.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        clip: float | None = None,
    ) -> None:
        self.parameters = list(parameters)
        self.optimizer = optimizer
        self.scaler = scaler
        self.clip = clip
        self.rates = [group["lr"] for group in optimizer.param_groups]

    def set_rate(self, factor: float) -> None:
        """Sets the learning rate to `factor` of the recipe's."""
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor

    @property
    def scale(self) -> Tensor:
        """What the loss is multiplied by before its backward: 1 but for fp16. Does not wait for the device."""
        return self.scaler.scale(torch.ones((), device=self.parameters[0].device))

    def backward(self, loss: Tensor) -> None:
        """Adds the loss's gradient to the parameters'."""
        self.scaler.scale(loss).backward()

    def step(self) -> None:
        """One step along the gradient: the mean over all processes, clipped."""
        # which parameters have a gradient follows from the recipe and the round, so the processes agree on it; one that
        # has none (its term has not started) is not stepped, as in a single process
        average_gradients(parameter for parameter in self.parameters if parameter.grad is not None)
        if self.clip is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, object]:
        """What the next step depends on, besides the parameters."""
        return {"optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict()}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Takes `state_dict`'s result back."""
        self.optimizer.load_state_dict(state["optimizer"])  # type: ignore[arg-type]
        self.scaler.load_state_dict(state["scaler"])  # type: ignore[arg-type]
