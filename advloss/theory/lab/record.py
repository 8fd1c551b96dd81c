"""Records a game of points: what a viewer sees of its iterations."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor, nn

from advloss.core.errors import InputError, unknown
from advloss.data.synthetic.points import (
    GRID_STD,
    POINT_SETS,
    RING_STD,
    grid_centres,
    open_points,
    ring_centres,
)
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.losses.adversarial.objectives import OBJECTIVES, get_objective
from advloss.losses.adversarial.penalties import PENALTIES
from advloss.recipe.build_method import declared_fields
from advloss.recipe.players import batches_per_iteration
from advloss.theory.distances import Array, sliced_w1
from advloss.theory.game import TERM, Energy, Game, points_recipe
from advloss.theory.ring import covered, make_discriminator, shares_of_modes
from advloss.theory.seeds import seeded
from advloss.training.device_batches import DeviceBatches
from advloss.training.processes import Processes
from advloss.training.training_data import make_loader

FAKES = 320
"""Fakes of a frame, made from the same noise in all frames; and real points that they are compared with."""
ARROWS = 96
"""Fakes whose gradient is shown."""
CELLS = 40
"""Cells along each axis on which the discriminator is evaluated."""
REACH = 2.75
"""The plane that is shown is [-REACH, REACH] along both axes."""
CRITIC = ["losses.adversarial.penalties=[{name: wgan_gp, weight: 0.1}]", "train.steps={discriminator: 5, generator: 1}"]
"""The Wasserstein objective's settings: the weight and the steps of the critic in the code of Gulrajani et al. 2017,
arXiv:1704.00028, for points."""
MODES = {"ring": (ring_centres(), RING_STD), "grid": (grid_centres(), GRID_STD)}
"""Centres [M, 2] and standard deviation of the sets that are mixtures."""


@dataclass(frozen=True)
class Frame:
    """An iteration. Losses are means over the iterations since the frame before it.

    fakes: [N, 2]. surface: what the discriminator gives of each cell [CELLS, CELLS], the first row at the bottom; of
    energies minus the energy, so that more is always more real. pushes: minus the gradient of the generator's loss at
    the first fakes, for each fake's own loss [ARROWS, 2]. middle: halfway between the mean of the discriminator at real
    points and at fakes. push: the mean norm over all fakes. modes: covered, and near: the share of fakes within 3
    standard deviations of one, of mixtures.
    """

    iteration: int
    fakes: Array
    surface: Array
    pushes: Array
    middle: float
    push: float
    distance: float
    modes: float
    near: float
    discriminator: float
    generator: float


NUMBERS = [field.name for field in fields(Frame)[4:]]
"""The names of a frame's numbers."""


def settings_of(objective: str) -> list[str]:
    """The recipe's settings for `wasserstein`, or with penalties such as `non_saturating+r1`.

    Raises InputError for an unknown name.
    """
    name, *penalties = objective.split("+")
    if name not in OBJECTIVES:
        raise InputError(f"--objective: {unknown('objective', name, OBJECTIVES)}")
    for penalty in penalties:
        if penalty not in PENALTIES:
            raise InputError(f"--objective {objective}: {unknown('penalty', penalty, PENALTIES)}")
    settings = CRITIC if name == "wasserstein" and not penalties else []
    chosen = [f"losses.adversarial.penalties=[{', '.join(penalties)}]"] if penalties else []
    return [] if get_objective(name).energy else [f"losses.adversarial.objective={name}", *chosen, *settings]


def check_data(name: str) -> None:
    """Raises InputError for an unknown set of points."""
    if name not in POINT_SETS:
        raise InputError(f"--data: {unknown('set of points', name, POINT_SETS)}")


def real_points(data: str) -> tuple[Array, Array]:
    """The real points that are shown, and that fakes are compared with, and other real points: [FAKES, 2]."""
    points = open_points(data, 0).splits["test"].rows["point"].values.astype(np.float64)
    return points[:FAKES], points[FAKES : 2 * FAKES]


def frames_at(iterations: int, frames: int) -> list[int]:
    """The iterations after which a frame is recorded: the first is 0, before any step, the last the end."""
    return sorted({round(iterations * place / (frames - 1)) for place in range(frames)})


def record(data: str, objective: str, seed: int, iterations: int, frames: int) -> Iterator[Frame]:
    """Trains the recipe `points` on a set of points and yields its frames, as they are played.

    It is what `advloss train recipe=points DATA seed=SEED train.executor=plain` trains on a CPU, with the objective's
    settings; but for `ebgan`, whose discriminator is an autoencoder of points.
    """
    wanted = frames_at(iterations, frames)
    with seeded(seed):
        game = _game(objective, seed, iterations)
        batches = _batches(game, data)
        seen = _Seen(game, data)
        random = torch.get_rng_state()
    yield seen.frame(0, [])
    losses: list[dict[str, Tensor]] = []
    for iteration in range(iterations):
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(random)
            played = [next(batches) for _ in range(batches_per_iteration(game.built.recipe.train))]
            losses.append(game.step.play(played, iteration))
            random = torch.get_rng_state()
        if iteration + 1 in wanted:
            yield seen.frame(iteration + 1, losses)
            losses = []


def _game(objective: str, seed: int, iterations: int) -> Game:
    recipe = points_recipe([f"seed={seed}", *settings_of(objective)], iterations)
    name, *penalties = objective.split("+")
    if not get_objective(name).energy:
        return Game(recipe)
    made: dict[str, Callable[..., nn.Module]] = dict(PENALTIES)
    held = [made[penalty]() for penalty in penalties]
    return Game(recipe, AdversarialLoss(Energy(make_discriminator(False, 2)), name, held))


def _batches(game: Game, data: str) -> Iterator[dict[str, Tensor]]:
    """The batches of a training of the game's recipe."""
    recipe, processes = game.built.recipe, Processes("cpu")
    opened = open_points(data, recipe.seed, declared_fields(recipe))
    loader = make_loader(game.built, opened, processes, lambda sentence: None)
    return DeviceBatches(game.built, processes.device).batches(loader)


class _Seen:
    """What a viewer sees of a game, from outside: nothing here changes the training."""

    def __init__(self, game: Game, data: str) -> None:
        self.game = game
        latent = game.built.recipe.method.parameters["latent"]
        self.noise = torch.from_numpy(np.random.default_rng(0).standard_normal((FAKES, latent))).float()
        self.real = torch.from_numpy(real_points(data)[0]).float()
        self.modes = MODES.get(data)
        centres = (torch.arange(CELLS) + 0.5) / CELLS * 2 * REACH - REACH
        self.cells = torch.cartesian_prod(centres, centres).flip(1)  # [CELLS^2, 2], x changes fastest

    def frame(self, iteration: int, losses: list[dict[str, Tensor]]) -> Frame:
        adversary, discriminator = self.game.adversary, self.game.adversary.discriminator
        with torch.no_grad():
            fakes = self.game.generator(self.noise)
            surface, at_fakes, at_real = (self._score(discriminator, x) for x in (self.cells, fakes, self.real))
        pushes = self._pushes(adversary, fakes)
        modes, near = self._covered(fakes)
        means = [_mean([loss[name] for loss in losses]) for name in (f"{TERM}.discriminator", TERM)]
        return Frame(
            iteration,
            fakes.double().numpy(),
            surface.double().view(CELLS, CELLS).numpy(),
            pushes[:ARROWS].double().numpy(),
            float(at_fakes.mean() + at_real.mean()) / 2,
            float(pushes.norm(dim=1).mean()),
            sliced_w1(fakes.numpy(), self.real.numpy()),
            modes,
            near,
            *means,
        )

    @staticmethod
    def _score(discriminator: nn.Module, points: Tensor) -> Tensor:
        score: Tensor = discriminator(points)[:, 0]
        return -score if getattr(discriminator, "energy", False) else score

    def _pushes(self, adversary: AdversarialLoss, fakes: Tensor) -> Tensor:
        points = fakes.clone().requires_grad_()
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(adversary(points, self.real), points)
        return -gradient * len(points)  # of each fake's own loss, of which the loss is the mean

    def _covered(self, fakes: Tensor) -> tuple[float, float]:
        if self.modes is None:
            return float("nan"), float("nan")
        centres, std = self.modes
        shares = shares_of_modes(fakes, torch.from_numpy(centres).float(), std)
        return covered(shares), sum(shares)


def _mean(values: list[Tensor]) -> float:
    return float(torch.stack(values).mean()) if values else float("nan")
