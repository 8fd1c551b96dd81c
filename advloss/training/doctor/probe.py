"""The probe: one more evaluation of a batch, for measures that an iteration does not compute. It changes nothing."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from advloss.losses.adversarial import AdversarialLoss
from advloss.losses.adversarial.logits import scales
from advloss.recipe.tensors import flattened, taken
from advloss.recipe.terms import GENERATOR, Term
from advloss.training.doctor.pictures import checkerboard, distance_among, of_real, saturated, thumbnails
from advloss.training.doctor.untouched import untouched
from advloss.training.executor import Batch, Executor

FEW = 4
"""With fewer fakes in a batch, their distances are taken over the batches of the last probes."""
REMEMBERED = 8
"""Batches of thumbnails that are kept for that."""


class Probe:
    """Measures an executor's method and terms on a batch, as they are after an iteration.

    For each term that the generator minimises, `gradient.TERM`: the norm of its weighted gradient at the tensors that
    the method made; that is what the term sends back into the generator. For each adversary the measures of `pictures`
    and, with real images that nobody trains on, `ADVERSARY.overfit`: see `_overfit`.

    The method runs once, without a graph; of the terms only the half of the generator runs, down to the method's
    tensors. Nothing waits for the device.
    """

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.adversaries = {n: term for n, term in executor.by_name.items() if isinstance(term.loss, AdversarialLoss)}
        self.seen: dict[str, list[Tensor]] = {}  # thumbnails of the last batches, by `ADVERSARY.fake`

    def __call__(self, batch: Batch, held_out: Batch | None = None) -> dict[str, Tensor]:
        """batch: one that the last iteration had. held_out: a batch of other items, or None. Gives scalars by name."""
        executor = self.executor
        minimised = [name for name in executor.weights if executor.by_name[name].player == GENERATOR]
        playing = [name for name in self.adversaries if name in executor.learning or name in minimised]
        wanted = {needed for name in (*minimised, *playing) for needed in executor.by_name[name].needs}
        measured: dict[str, Tensor | None] = {}
        with untouched([executor.method, executor.terms], executor.device), executor.precision.settings():
            made = self._made(batch, wanted)
            for name in minimised:
                measured[f"gradient.{name}"] = self._gradient(name, made, batch)
            for name in playing:
                measured |= {f"{name}.{key}": value for key, value in self._of_adversary(name, made).items()}
                if held_out is not None:
                    measured[f"{name}.overfit"] = self._overfit(name, made, held_out)
        return {name: value for name, value in measured.items() if value is not None}

    def _made(self, batch: Batch, wanted: set[str]) -> dict[str, Tensor]:
        """The method's tensors in float32 (float64 stays), without a graph."""
        with torch.no_grad(), self.executor.precision.autocast():
            tensors = flattened(self.executor.method(batch, wanted))
        return {name: t.float() if t.dtype in (torch.float16, torch.bfloat16) else t for name, t in tensors.items()}

    def _gradient(self, name: str, made: Mapping[str, Tensor], batch: Batch) -> Tensor | None:
        """The norm of a term's weighted gradient at what the method made of the batch; None for a term that takes no
        such tensor, only numbers."""
        executor, term = self.executor, self.executor.by_name[name]
        inputs = {key: value for key, value in made.items() if _is_of(key, term)}
        leaves = {
            key: value.detach().requires_grad_()
            for key, value in inputs.items()
            if value.is_floating_point() and value.ndim > 1 and value is not batch.get(key)
        }
        if not leaves:
            return None
        scale = executor.players[GENERATOR].scale
        with torch.enable_grad(), executor.precision.autocast():
            loss = executor.loss(name, {**inputs, **leaves})
        if not loss.requires_grad:
            return loss.new_zeros(())
        found = torch.autograd.grad(scale * loss, [*leaves.values()], allow_unused=True)
        norms = [gradient.float().norm() for gradient in found if gradient is not None]
        weight = executor.weighting.latest.get(name, executor.weights[name])
        return weight * torch.stack(norms).norm() / scale if norms else loss.new_zeros(())

    @torch.no_grad()
    def _of_adversary(self, name: str, made: Mapping[str, Tensor]) -> dict[str, Tensor | None]:
        """The measures of an adversary's fakes and real images."""
        fake, real = (made[each] for each in self.adversaries[name].between)
        found: dict[str, Tensor | None] = {
            f"distance_{which}": self._distance(f"{name}.{which}", x) for which, x in (("fake", fake), ("real", real))
        }
        if fake.ndim == 4:
            for which, x in (("fake", fake), ("real", real)):
                found |= {f"saturated_{which}": saturated(x), f"checkerboard_{which}": checkerboard(x)}
            found |= of_real(real)
        return found

    def _distance(self, name: str, x: Tensor) -> Tensor | None:
        """The distance of a batch's items among themselves; None before enough have been seen."""
        vectors = thumbnails(x)
        if len(vectors) >= FEW:
            return distance_among(vectors)
        kept = self.seen.setdefault(name, [])
        if kept and kept[-1].shape[1] != vectors.shape[1]:
            kept.clear()  # a crop of another size
        kept.append(vectors)
        del kept[:-REMEMBERED]
        together = torch.cat(kept)
        return distance_among(together) if len(together) >= FEW else None

    @torch.no_grad()
    def _overfit(self, name: str, made: Mapping[str, Tensor], held_out: Batch) -> Tensor | None:
        """(r - h) / (r - f) of the mean logits of real images (r), of fakes (f), and of real images that nobody trains
        on (h): 0 if the discriminator takes them for real, 1 if for fakes. None in a symmetric game."""
        term = self.adversaries[name]
        loss: Any = term.loss
        if loss.symmetric:
            return None
        _, real = term.between
        others = self._made(held_out, {real, *term.given.values()})
        r, f, h = (
            self._mean_logit(term, tensors, which)
            for tensors, which in ((made, real), (made, term.between[0]), (others, real))
        )
        gap = r - f
        return (r - h) / torch.where(gap.abs() < 1e-6, torch.full_like(gap, torch.inf), gap)

    def _mean_logit(self, term: Term, tensors: Mapping[str, Tensor], name: str) -> Tensor:
        loss: Any = term.loss
        given = {key: taken(tensors, each) for key, each in term.given.items()}
        with self.executor.precision.autocast():
            (seen,) = loss.seen(tensors[name], given=given.get("given"), label=given.get("label"))
            logits = scales(loss.discriminator(*seen))
        return torch.cat([each.float().flatten() for each in logits]).mean()


def _is_of(key: str, term: Term) -> bool:
    """Whether a tensor is one that the term names, or one of a tuple that it names: `maps.0`."""
    return key in term.needs or key.rpartition(".")[0] in term.needs
