"""Rules about the game: the discriminator's logits, losses and steps."""

from itertools import pairwise

from advloss.training.doctor.history import History

LONG = 100
"""In iterations, how long a state must last before a rule speaks of it."""


def discriminator_wins(history: History) -> str | None:
    """Its loss is below a thousandth of that of an undecided one, and it judges 99.5% right, for 100 iterations.

    Healthy DCGANs of digits were seen at 0.4% so long."""
    for part in history.parts("undecided"):
        level = history.now(f"health.{part}.undecided") or 0.0
        losses = history.lasting(f"health.{part}.loss", LONG)
        rights = [r for side in ("fake", "real") for r in history.lasting(f"health.{part}.right_{side}", LONG)]
        if losses and max(losses) < 1e-3 * level and min(rights) > 0.995:
            return (
                f"losses.{part}: the discriminator wins: it judges {min(rights):.1%} right and its loss is "
                f"{losses[-1]:.2g}, where an undecided one has {level:.3g}; what it could tell the generator is gone"
            )
    return None


def generator_wins(history: History) -> str | None:
    """The loss is above that of an undecided discriminator, and it takes nine tenths of the fakes for real, for 100
    iterations."""
    for part in history.parts("undecided"):
        level = history.now(f"health.{part}.undecided") or 0.0
        losses = history.lasting(f"health.{part}.loss", LONG)
        rights = history.lasting(f"health.{part}.right_fake", LONG)
        if losses and min(losses) > 1.02 * level and max(rights) < 0.1:
            return (
                f"losses.{part}: the generator wins: the discriminator takes {1 - max(rights):.0%} of the fakes for "
                "real, so what it says about them teaches nothing"
            )
    return None


def dead_start(history: History) -> str | None:
    """From its start on, for 100 iterations, its loss is within 1% of that of an undecided one, and the mean logits of
    fakes and real images differ by less than 0.05."""
    for part in history.parts("undecided"):
        level = history.now(f"health.{part}.undecided") or 0.0
        name = f"health.{part}.loss"
        losses = history.lasting(name, LONG)
        if not losses or history.iteration > history.first[name] + 2 * LONG:
            continue
        every = history.last(name, 3 * LONG)
        pairs = zip(
            history.last(f"health.{part}.fake", 3 * LONG), history.last(f"health.{part}.real", 3 * LONG), strict=True
        )
        if all(abs(loss - level) < 0.01 * level for loss in every) and all(abs(f - r) < 0.05 for f, r in pairs):
            return (
                f"losses.{part}: a dead start: the discriminator's loss is {losses[-1]:.4g} since it began, and "
                f"{level:.4g} is that of one that can't tell fake from real at all"
            )
    return None


def oscillation(history: History) -> str | None:
    """The players win by turns: within 300 iterations the loss is three times or more above and below, first 10% above
    that of an undecided discriminator, then 30% below it, and so on; or it swings so within the logged windows."""
    for part in history.parts("undecided"):
        level = history.now(f"health.{part}.undecided") or 0.0
        losses = history.last(f"health.{part}.loss", 3 * LONG)
        sides = [loss > level for loss in losses if not 0.7 * level < loss < 1.1 * level]
        turns = sum(one != other for one, other in pairwise(sides))
        swings = history.lasting(f"health.{part}.swing", LONG)
        if turns >= 3 or (swings and min(swings) > 0.5 * level):
            return (
                f"losses.{part}: the players go round each other: the discriminator's loss goes from {min(losses):.2g} "
                f"to {max(losses):.2g} and back, and that of an undecided one is {level:.3g}"
            )
    return None


def rate_too_high(history: History) -> str | None:
    """A step moves the weights by more than half of their size, or by more than a tenth in two measures."""
    for name in history.names("health.step."):
        steps = history.values(name, 2)
        if max(steps) > 0.5 or (len(steps) == 2 and min(steps) > 0.1):
            player = name.removeprefix("health.step.")
            return (
                f"the rate of the player {player} is too high: a step moves its weights by {max(steps):.0%} of their "
                "size; 0.1% to 1% is usual"
            )
    return None


def unbounded_critic(history: History) -> str | None:
    """A critic without a boundary whose logits grow without an end."""
    for part in history.parts("real"):
        if f"health.{part}.undecided" in history.series:
            continue
        reals, fakes = (history.lasting(f"health.{part}.{side}", LONG) for side in ("real", "fake"))
        gaps = [abs(real - fake) for real, fake in zip(reals, fakes, strict=True)]
        if gaps and gaps[-1] > 100 and gaps[-1] > 2 * gaps[0]:
            return (
                f"losses.{part}: nothing holds the critic's slope: the distance of its logits grew from {gaps[0]:.3g} "
                f"to {gaps[-1]:.3g} in {LONG} iterations"
            )
    return None


def overfitted(history: History) -> str | None:
    """The discriminator judges the training's images right, and takes real images that it has not seen rather for
    fakes."""
    for part in history.parts("overfit"):
        measured = history.values(f"health.{part}.overfit", 2)
        right = history.now(f"health.{part}.right_real") or 0.0
        if len(measured) == 2 and min(measured) > 0.5 and right > 0.9:
            return (
                f"losses.{part}: the discriminator knows its images by heart: it judges {right:.0%} of them right, and "
                f"real images that it does not train on lie {measured[-1]:.0%} of the way from these to the fakes"
            )
    return None
