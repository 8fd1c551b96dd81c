"""One side of the game: its parameters and how they take a step."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from advloss.core.distributed import average_gradients


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
        self.rates = [float(group["lr"]) for group in optimizer.param_groups]

    def set_rate(self, factor: float) -> None:
        """Sets the learning rate to `factor` of the recipe's."""
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            if isinstance(group["lr"], Tensor):  # stays in its place, where a recorded step reads it
                group["lr"].fill_(rate * factor)
            else:
                group["lr"] = rate * factor

    @property
    def scale(self) -> Tensor | float:
        """What the loss is multiplied by before its backward: 1 but for fp16. Does not wait for the device."""
        if not self.scaler.is_enabled():
            return 1.0
        return self.scaler.scale(torch.ones((), device=self.parameters[0].device))

    def backward(self, tensors: Sequence[Tensor], gradients: Sequence[Tensor] | None = None) -> None:
        """Adds to the parameters' gradients what reaches them from `tensors`, scalars already multiplied by `scale`.

        gradients: where the tensors are no scalars, those of the loss at them.
        """
        learning = [parameter for parameter in self.parameters if parameter.requires_grad]
        torch.autograd.backward(tensors, gradients, inputs=learning)

    def step(self) -> None:
        """One step along the gradient: the mean over all processes, clipped."""
        # which parameters have a gradient follows from the recipe and the iteration, so the processes agree on it;
        # one that has none (its term has not started) is not stepped, as in a single process
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
        ours = [{name: value for name, value in g.items() if name != "params"} for g in self.optimizer.param_groups]
        self.optimizer.load_state_dict(state["optimizer"])  # type: ignore[arg-type]
        for group, settings in zip(self.optimizer.param_groups, ours, strict=True):
            group.update(settings)  # what the recipe and this device ask for, whatever device the state comes from
        for parameter, kept in self.optimizer.state.items():
            for name, value in kept.items():
                if isinstance(value, Tensor) and value.shape == parameter.shape:  # fused steps read memory, not places
                    kept[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
        self.scaler.load_state_dict(state["scaler"])  # type: ignore[arg-type]
