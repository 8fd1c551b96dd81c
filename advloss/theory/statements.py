"""The statements of theory: each with its source, its experiment, and the numbers to be measured."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from advloss.losses.adversarial.penalties import PENALTIES
from advloss.theory import plots
from advloss.theory.critics import Critic, clipped_critic, estimate_in_theory, penalised_critic, w1
from advloss.theory.lines import LineDistances, LineGradients, line_distances, line_gradients
from advloss.theory.optimal import OptimalDiscriminator, optimal_discriminator
from advloss.theory.piles import Piles, piles
from advloss.theory.ring import Ring, rings
from advloss.theory.saturation import Saturation, saturation
from advloss.theory.spiral import LAGS, SHOWN_RATE, START, Optimizer, Path, circle, optimizer_spirals, spiral

CLIPS = (0.01, 0.03, 0.1)


@dataclass(frozen=True)
class Statement:
    """One plot of the page.

    claim: a sentence that says what it shows. source: the citation. run: the experiment. measured: lines with the
    numbers of its result. draw: draws its result on matplotlib axes.
    """

    title: str
    claim: str
    source: str
    run: Callable[[], Any]
    measured: Callable[[Any], list[str]]
    draw: Callable[[Any, Any], None]


def critics() -> tuple[float, list[Critic]]:
    """W1, and the critics that estimate it: first the one with a penalty."""
    return w1(), [penalised_critic(), *map(clipped_critic, CLIPS)]


def spirals() -> dict[str, Path]:
    """The game xy played in three ways."""
    return {
        "simultaneous": spiral("simultaneous"),
        "alternating": spiral("alternating"),
        "simultaneous, with r1": spiral("simultaneous", penalties=[PENALTIES["r1"](weight=1.0)]),
    }


def _of_optimal(found: OptimalDiscriminator) -> list[str]:
    return [
        f"largest |D - p / (p + q)| where p + q > 0.02: {found.error:.4f}",
        f"value of the game: {found.value:.4f}; 2 JS - 2 log 2 = {found.value_in_theory:.4f}"
        f" ({found.value / found.value_in_theory - 1:+.2%}); JS = {found.js:.4f}",
    ]


def _of_distances(found: LineDistances) -> list[str]:
    apart = found.theta != 0
    return [
        f"theta = 0: KL = {found.kl[~apart][0]:g}, JS = {found.js[~apart][0]:g}, W1 = {found.w1[~apart][0]:g}",
        f"else: KL = {found.kl[apart].min():g}, JS = {found.js[apart].min():.4f} to {found.js[apart].max():.4f}"
        f" (log 2 = 0.6931), |W1 - |theta|| <= {np.abs(found.w1 - np.abs(found.theta)).max():.0e}",
    ]


def _of_gradients(found: LineGradients) -> list[str]:
    return [
        f"theta = 1, after {found.steps[-1]:.0f} steps: minimax {abs(found.minimax[-1]):.1e}, "
        f"non-saturating {abs(found.non_saturating[-1]):.3g}, {abs(found.ratio):.1e} times as much",
        f"norm of the critic's gradient at fakes: {found.critic_norms.mean():.3f} "
        "(1 + theta / (2 * 10) = 1.05, since a penalty of weight 10 is no constraint)",
    ]


def _of_piles(found: Piles) -> list[str]:
    return [f"work by cumulative differences: {found.work:g}; by linear programming: {found.work_of_plan:g}"]


def _of_critics(found: tuple[float, list[Critic]]) -> list[str]:
    truth, (penalised, *clipped) = found
    return [
        f"W1 = {truth:.4f}; wgan_gp: {penalised.estimate:.4f} ({penalised.estimate / truth - 1:+.1%}; in theory "
        f"{estimate_in_theory(10):.4f}, the penalty being no constraint)",
        *(
            f"{critic.name}: {critic.estimate:.2g}, {critic.estimate / truth:.2g} times W1; by its largest slope, "
            f"{critic.slope:.2g}: {critic.normalised:.3f} ({critic.normalised / truth - 1:+.0%})"
            for critic in clipped
        ),
    ]


def _of_spirals(found: dict[str, Path]) -> list[str]:
    outwards, around, inwards = found.values()
    low, high = around.bounds
    return [
        f"simultaneous: the radius grows by {outwards.growth.min():.6f} to {outwards.growth.max():.6f} a step "
        f"(sqrt(1 + lr^2) = {(1 + outwards.lr**2) ** 0.5:.6f}), to {outwards.radius[-1]:.3f} after 200",
        f"alternating: from {around.radius.min():.4f} to {around.radius.max():.4f} (bounds {low:.4f}, {high:.4f})",
        f"simultaneous with r1 (weight 1): {inwards.radius[-1]:.1e} after 200",
    ]


def _of_optimizers(found: dict[Optimizer, dict[float, Path]]) -> list[str]:
    start = float(np.hypot(*START))
    ends = [
        f"{name}: radius {start:.3f} to "
        + ", ".join(f"{path.radius[-1]:.3g} (rate {lr:g})" for lr, path in paths.items())
        for name, paths in found.items()
    ]
    circles = {name: circle(name, 1.0) for name in LAGS}
    return [
        *ends,
        *(
            f"{name}'s circle in theory: {r:.1f} times the rate; inwards below {start / r:.2g}"
            for name, r in circles.items()
        ),
    ]


def _of_saturation(found: Saturation) -> list[str]:
    return [
        *(
            f"logit {found.logit[at]:g}: minimax {found.minimax[at]:.2g}, "
            f"non-saturating {found.non_saturating[at]:.2g}, ratio {found.ratio[at]:.4g}"
            for at in (int(np.abs(found.logit - wanted).argmin()) for wanted in (0, -5, -10, -20))
        ),
        f"ratio beside exp(-logit): within {np.abs(found.ratio / np.exp(-found.logit) - 1).max():.0e}",
    ]


def _of_rings(found: list[Ring]) -> list[str]:
    return [
        f"{without.objective}: {without.modes} modes ({without.quality:.0%} near one) without, "
        f"{within.modes} ({within.quality:.0%}) with"
        for without, within in zip(found[::2], found[1::2], strict=True)
    ]


STATEMENTS = [
    Statement(
        "The best discriminator",
        "Trained to convergence on two known densities, D is p / (p + q); the game's value is 2 JS(p, q) - 2 log 2.",
        "Goodfellow et al. 2014, arXiv:1406.2661, proposition 1 and theorem 1",
        optimal_discriminator,
        _of_optimal,
        plots.draw_optimal,
    ),
    Statement(
        "Two lines: distances",
        "Only W1 tells how far apart two parallel lines are: unless they coincide, KL is infinite and JS is log 2.",
        "Arjovsky et al. 2017, arXiv:1701.07875, example 1",
        line_distances,
        _of_distances,
        plots.draw_distances,
    ),
    Statement(
        "Two lines: gradients",
        "As the discriminator converges, the minimax generator's gradient vanishes; a Wasserstein critic's has norm 1 "
        "and goes on pointing at the real line.",
        "Arjovsky and Bottou 2017, arXiv:1701.04862, theorem 2.4; Arjovsky et al. 2017, arXiv:1701.07875, section 3",
        line_gradients,
        _of_gradients,
        plots.draw_gradients,
    ),
    Statement(
        "Four piles of earth",
        "Moving piles of 3, 2, 1, 4 into 1, 2, 4, 3 takes a work of 5: W1 by cumulative differences and by linear "
        "programming, whose plan the arrows show.",
        "The earth mover's distance: Rubner et al. 2000; Vallender 1974 for the line",
        piles,
        _of_piles,
        plots.draw_piles,
    ),
    Statement(
        "Penalty and clipping",
        "A critic with a gradient penalty gives W1 of two shifted Gaussians. A clipped one gives W1 times a constant "
        "that depends on its limit, over orders of magnitude; divided by its largest slope it gives W1 only where the "
        "limit keeps it linear.",
        "Gulrajani et al. 2017, arXiv:1704.00028, section 3 and eq. 3; Arjovsky et al. 2017, arXiv:1701.07875, eq. 2",
        critics,
        _of_critics,
        plots.draw_critics,
    ),
    Statement(
        "The game xy",
        "With simultaneous steps the players spiral out, by sqrt(1 + lr^2) a step; with alternating steps they circle "
        "for ever; with r1 they reach the equilibrium.",
        "Mescheder et al. 2018, arXiv:1801.04406, sections 2 and 4 (the Dirac-GAN)",
        spirals,
        _of_spirals,
        plots.draw_spiral,
    ),
    Statement(
        "The game xy, by three optimizers",
        f"From x = 1, y = 2, at a rate of {SHOWN_RATE:g}, gradient descent and Adam spiral out, and only RMSProp "
        "spirals in: not to the equilibrium, but to a circle of 28 times the rate. Adam has such a circle too, of 393 "
        "times the rate, so that it spirals in at smaller rates; at larger ones RMSProp spirals out.",
        "The game: Mescheder et al. 2018, arXiv:1801.04406, section 2; Adam: Kingma and Ba 2015, arXiv:1412.6980",
        optimizer_spirals,
        _of_optimizers,
        plots.draw_optimizers,
    ),
    Statement(
        "Saturation",
        "Where the discriminator is sure of a fake, minimax's gradient sigmoid(logit) is almost 0, and the "
        "non-saturating one, sigmoid(-logit), almost 1: exp(-logit) times as much.",
        "Goodfellow et al. 2014, arXiv:1406.2661, end of section 3",
        saturation,
        _of_saturation,
        plots.draw_saturation,
    ),
    Statement(
        "A ring of 8 Gaussians",
        "How many modes a small generator finds, objective by objective, without and with minibatch discrimination. "
        "This one is an observation of one seed and one setting, not a theorem, and no ranking of objectives.",
        "Metz et al. 2017, arXiv:1611.02163, section 3.2.1; Salimans et al. 2016, arXiv:1606.03498, section 3.2",
        rings,
        _of_rings,
        plots.draw_modes,
    ),
]
