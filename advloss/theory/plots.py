"""A plot of each experiment: functions of (matplotlib axes, the experiment's result)."""

from typing import TYPE_CHECKING

import numpy as np

from advloss.theory.critics import Critic
from advloss.theory.lines import LineDistances, LineGradients
from advloss.theory.optimal import OptimalDiscriminator
from advloss.theory.piles import Piles
from advloss.theory.ring import MODES, Ring, centres
from advloss.theory.saturation import Saturation
from advloss.theory.spiral import SHOWN_RATE, START, Optimizer, Path, circle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, ORANGE, GREEN, RED, GREY = "#3366aa", "#dd7722", "#228855", "#bb3344", "#888888"


def draw_optimal(axes: "Axes", found: OptimalDiscriminator) -> None:
    """Densities, and D compared with p / (p + q)."""
    axes.fill_between(found.x, found.real, color=GREEN, alpha=0.25, label="p, real")
    axes.fill_between(found.x, found.fake, color=ORANGE, alpha=0.25, label="q, fake")
    axes.plot(found.x, found.theory, color="black", lw=4, alpha=0.3, label="p / (p + q)")
    axes.plot(found.x, found.found, color=BLUE, label="D, trained")
    axes.set(xlabel="x", ylim=(0, 1.35), yticks=np.linspace(0, 1, 6))
    axes.legend(ncols=2, loc="upper center")


def draw_distances(axes: "Axes", found: LineDistances) -> None:
    """KL, JS and W1 over theta; infinite values are drawn at the top."""
    top = 1.15
    infinite = np.isinf(found.kl)
    axes.plot(found.theta, found.w1, "o-", color=GREEN, label="W1")
    axes.plot(found.theta, found.js, "s", color=BLUE, label="JS")
    axes.plot(found.theta[~infinite], found.kl[~infinite], "^", color=RED, label="KL")
    axes.plot(found.theta[infinite], np.full(infinite.sum(), top), "^", color=RED, clip_on=False)
    axes.axhline(np.log(2), color=BLUE, lw=0.8, ls=":")
    axes.annotate("log 2", (-0.06, np.log(2) + 0.03), color=BLUE)
    axes.annotate("KL is infinite", (-0.95, top - 0.09), color=RED)
    axes.set(xlabel="theta, between the lines", ylim=(-0.04, top), xlim=(-1.1, 1.1))
    axes.legend(loc="lower right")


def draw_gradients(axes: "Axes", found: LineGradients) -> None:
    """The generator's gradient under each objective, while the discriminator learns."""
    axes.semilogy(found.steps, np.abs(found.non_saturating), color=ORANGE, label="non-saturating")
    axes.semilogy(found.steps, np.abs(found.wasserstein), color=GREEN, label="Wasserstein, wgan_gp")
    axes.semilogy(found.steps, np.abs(found.minimax), color=RED, label="minimax")
    axes.axhline(1, color=GREY, lw=0.8, ls=":")
    axes.set(xlabel="steps of the discriminator", ylabel="|d loss / d theta|")
    axes.legend(loc="center right")


def draw_piles(axes: "Axes", found: Piles) -> None:
    """The piles before and after, and an arrow for each move of the plan."""
    places = np.arange(len(found.before))
    axes.bar(places - 0.2, found.before, 0.38, color=ORANGE, alpha=0.7, label="before")
    axes.bar(places + 0.2, found.after, 0.38, color=GREEN, alpha=0.7, label="after")
    height = float(max(found.before.max(), found.after.max())) + 0.35
    for i, j in zip(*np.nonzero(found.plan * (places[:, None] != places)), strict=True):
        axes.annotate(
            "", (j, height), (i, height), arrowprops={"arrowstyle": "->", "connectionstyle": "arc3,rad=-0.35"}
        )
        text = f"{found.plan[i, j]:.0f} by {abs(i - j)}"
        axes.annotate(text, ((i + j) / 2, height + 0.25 + 0.2 * abs(i - j)), ha="center")
    axes.set(xlabel="pile", ylabel="shovels", ylim=(0, height + 1.6), xticks=places, xticklabels=places + 1)
    axes.legend(loc="upper right", ncols=2)


def draw_critics(axes: "Axes", found: tuple[float, list[Critic]]) -> None:
    """The critics' estimates, and the same divided by the critic's slope."""
    truth, critics = found
    places = np.arange(len(critics))
    axes.bar(places - 0.2, [critic.estimate for critic in critics], 0.38, color=BLUE, label="as it is")
    axes.bar(places + 0.2, [critic.normalised for critic in critics], 0.38, color=GREY, label="by its slope")
    for place, critic in zip(places, critics, strict=True):
        for number, shift in ((critic.estimate, -0.2), (critic.normalised, 0.2)):
            axes.annotate(f"{number:.2g}", (place + shift, number * 1.15), ha="center")
    axes.axhline(truth, color="black", lw=0.8, ls=":")
    axes.set(yscale="log", ylim=(2e-4, 200), xticks=places, ylabel="estimate of W1 (dotted: W1)")
    axes.set_xticklabels(
        [critic.name.replace("within", "within\n").replace("penalty", "\npenalty") for critic in critics]
    )
    axes.legend(loc="upper left", ncols=2)


def draw_spiral(axes: "Axes", found: dict[str, Path]) -> None:
    """The players' paths in the plane."""
    for (name, path), color in zip(found.items(), (RED, BLUE, GREEN), strict=True):
        axes.plot(path.x, path.y, color=color, lw=1, label=name)
    axes.plot(1, 0, "o", color="black", ms=5)
    axes.plot(0, 0, "+", color="black", ms=9)
    axes.set(xlabel="x, the generator", ylabel="y, the discriminator", aspect="equal", xlim=(-3, 6), ylim=(-2.9, 2.9))
    axes.legend(loc="upper right")


def draw_optimizers(axes: "Axes", found: dict[Optimizer, dict[float, Path]]) -> None:
    """The players' paths in the plane, at one rate, and the circles of theory."""
    for (name, paths), color in zip(found.items(), (RED, BLUE, GREEN), strict=True):
        path = paths[SHOWN_RATE]
        axes.plot(path.x, path.y, color=color, lw=1, label=name)
        if name != "sgd":
            angles = np.linspace(0, 2 * np.pi, 200)
            radius = circle(name, SHOWN_RATE)
            axes.plot(radius * np.cos(angles), radius * np.sin(angles), color=color, lw=0.8, ls=":")
    axes.plot(*START, "o", color="black", ms=5)
    axes.plot(0, 0, "+", color="black", ms=9)
    axes.set(
        xlabel="x, the generator", ylabel="y, the discriminator", aspect="equal", xlim=(-6.5, 8.5), ylim=(-4.3, 4.3)
    )
    axes.legend(loc="upper right", title="dotted: where it ends")


def draw_saturation(axes: "Axes", found: Saturation) -> None:
    """Both gradients over the logit."""
    axes.semilogy(found.logit, found.non_saturating, color=ORANGE, label="non-saturating")
    axes.semilogy(found.logit, found.minimax, color=RED, label="minimax")
    axes.set(xlabel="logit of a fake (left: surely fake)", ylabel="|d loss / d logit|")
    axes.legend(loc="lower right")


def draw_modes(axes: "Axes", found: list[Ring]) -> None:
    """Modes covered, with the share of good samples written on each bar."""
    names = list(dict.fromkeys(ring.objective for ring in found))
    for minibatch, color, shift in ((False, GREY, -0.2), (True, BLUE, 0.2)):
        rings = {ring.objective: ring for ring in found if ring.minibatch == minibatch}
        places = np.arange(len(names))[::-1] - shift
        label = "with minibatch discrimination" if minibatch else "without"
        axes.barh(places, [rings[name].modes for name in names], 0.38, color=color, label=label)
        for place, name in zip(places, names, strict=True):
            axes.annotate(f"{rings[name].quality:.0%}", (rings[name].modes + 0.1, place), va="center", fontsize=8)
    axes.set(
        xlabel="modes covered, and the share of samples near one", xlim=(0, MODES + 1.2), ylim=(-0.6, len(names) + 0.6)
    )
    axes.set_yticks(np.arange(len(names))[::-1], names)
    axes.legend(loc="upper center", ncols=2, fontsize=8)


def draw_samples(axes: "Axes", found: list[Ring]) -> None:
    """Samples of the objective that gained most by minibatch discrimination, without it and with it."""
    pairs = list(zip(found[::2], found[1::2], strict=True))
    before, after = max(pairs, key=lambda pair: (pair[1].modes - pair[0].modes, pair[1].quality - pair[0].quality))
    for ring, shift, name in ((before, -2.8, "without"), (after, 2.8, "with")):
        axes.plot(ring.samples[:, 0] + shift, ring.samples[:, 1], ".", color=BLUE, ms=2, alpha=0.4)
        axes.plot(centres()[:, 0] + shift, centres()[:, 1], "+", color=RED, ms=8)
        axes.annotate(f"{name}: {ring.modes} modes, {ring.quality:.0%}", (shift, 3.1), ha="center")
    axes.set(xlabel=f"{after.objective}, without and with minibatch discrimination", aspect="equal")
    axes.set(xticks=[], yticks=[], xlim=(-5.6, 5.6), ylim=(-3.0, 3.7))
