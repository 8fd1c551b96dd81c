"""A player: parameters, their optimizer, and how they take a step."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from advloss.core.clock import Schedule
from advloss.core.distributed import average_gradients
from advloss.recipe import components
from advloss.recipe.optimizers import settings_of, value_at
from advloss.recipe.schema import Recipe


class Player:
    """A set of parameters with an optimizer.

    name: the recipe's name for it. parameters: what it trains, at least one; all on one device. optimizer: of these
    parameters. steps: how many steps it takes in an iteration. settings: the optimizer's, some of which may be
    schedules. clip: the largest norm of the whole gradient, or None. scaler: of the loss, enabled for fp16 only.
    """

    def __init__(
        self,
        name: str,
        parameters: Iterable[nn.Parameter],
        optimizer: torch.optim.Optimizer,
        *,
        steps: int = 1,
        settings: Mapping[str, Any] | None = None,
        clip: float | None = None,
        scaler: torch.amp.GradScaler | None = None,
    ) -> None:
        self.name = name
        self.parameters = list(parameters)
        self.optimizer = optimizer
        self.steps = steps
        self.settings = {"lr": float(optimizer.param_groups[0]["lr"]), **(settings or {})}
        self.clip = clip
        self.scaler = scaler or torch.amp.GradScaler("cpu", enabled=False)
        self.rate: float | None = None  # of the current iteration
        self.changing_betas = any(isinstance(beta, Schedule) for beta in self.settings.get("betas", ()))

    @classmethod
    def of(cls, recipe: Recipe, name: str, parameters: list[nn.Parameter], fp16: bool) -> "Player":
        """The recipe's player of that name. fp16: whether gradients need a scaler."""
        settings = settings_of(name, recipe.optimizer.name, recipe.optimizer.parameters)
        return cls(
            name,
            parameters,
            components.OPTIMIZERS[recipe.optimizer.name](parameters, **settings),
            steps=(recipe.train.steps or {})[name],
            settings=settings,
            clip=recipe.train.clip,
            scaler=torch.amp.GradScaler(parameters[0].device.type, enabled=fp16),
        )

    def begin(self, iteration: int, factor: float = 1.0) -> None:
        """Sets the rate and the betas of an iteration (from 0). factor: of the rate."""
        rate = value_at(self.settings["lr"], iteration) * factor
        for group in self.optimizer.param_groups:
            if self.changing_betas:
                group["betas"] = value_at(self.settings["betas"], iteration)
            if not isinstance(group["lr"], Tensor):
                group["lr"] = rate
            elif rate != self.rate:  # stays in its place, where a CUDA graph reads it
                group["lr"].fill_(rate)
        self.rate = rate

    @property
    def phase(self) -> tuple[float, ...]:
        """The settings that a CUDA graph contains as constants. The rate is not one of them: it is a tensor."""
        return tuple(self.optimizer.param_groups[0]["betas"]) if self.changing_betas else ()

    @property
    def scale(self) -> Tensor | float:
        """The factor of the loss before its backward: 1, or with fp16 the scaler's. Does not wait for the device."""
        if not self.scaler.is_enabled():
            return 1.0
        return self.scaler.scale(torch.ones((), device=self.parameters[0].device))

    def backward(self, tensors: Sequence[Tensor], gradients: Sequence[Tensor] | None = None) -> None:
        """Runs backward from `tensors` and adds to the gradients of this player's parameters alone.

        tensors: scalars that are already multiplied by `scale`. gradients: of the loss at the tensors, if these are not
        scalars.
        """
        torch.autograd.backward(tensors, gradients, inputs=self.parameters)

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
        """All that the next step depends on, except the parameters and the iteration."""
        return {"optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict()}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Restores a result of `state_dict`."""
        ours = [{name: value for name, value in g.items() if name != "params"} for g in self.optimizer.param_groups]
        self.optimizer.load_state_dict(state["optimizer"])  # type: ignore[arg-type]
        for group, settings in zip(self.optimizer.param_groups, ours, strict=True):
            group.update(settings)  # the recipe's and this device's, not those in the state
        for parameter, kept in self.optimizer.state.items():
            for name, value in kept.items():
                # fused steps need the memory layout of the parameter
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    kept[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
        if state["scaler"]:  # empty where the precision was another than fp16
            self.scaler.load_state_dict(state["scaler"])  # type: ignore[arg-type]
