"""Rules about what the generator makes and what it learns from."""

import math
from collections.abc import Iterator

from advloss.training.doctor.history import History

BEFORE, AFTER = 200, 60
"""In iterations, before and after an adversary begins to count, where the losses of the other terms are compared."""
COLLAPSED = 0.05
"""The share of the codes that as many uniform choices would use."""


def no_effect(history: History) -> str | None:
    """The adversary's gradient is below 1% of the largest of the other terms', in two measures."""
    for part in adversaries(history):
        mine = history.values(f"health.gradient.{part}", 2)
        others = [
            history.values(name, 2) for name in history.names("health.gradient.") if not name.endswith(f".{part}")
        ]
        largest = max((min(values) for values in others if len(values) == 2), default=0.0)
        if len(mine) == 2 and max(mine) < 0.01 * largest:
            return (
                f"losses.{part}: the adversary has no effect: {max(mine) / largest:.2%} of the gradient of the "
                "strongest other term reach the generator from it"
            )
    return None


def ruins_reconstruction(history: History) -> str | None:
    """Since an adversary counts, the loss of another term is half as large again as before, for 60 iterations."""
    for part in adversaries(history):
        start = history.first.get(f"losses.{part}", 0)
        for name in history.names("health.gradient."):
            term = name.removeprefix("health.gradient.")
            loss = f"losses.{term}"
            before = history.between(loss, start - BEFORE, start)
            if term in adversaries(history) or len(before) < 2 or history.iteration < start + AFTER:
                continue
            now = history.lasting(loss, AFTER)
            if now and min(now) > 1.5 * before[-1]:
                return (
                    f"losses.{part}: since the adversary counts, from iteration {start} on, the loss {term} has grown "
                    f"from {before[-1]:.3g} to {now[-1]:.3g}: it ruins what the generator had learnt"
                )
    return None


def mode_collapse(history: History) -> str | None:
    """The fakes differ among themselves by less than 3% of what the real images do, in two measures from
    iteration 100 on."""
    for part in history.parts("distance_fake"):
        fakes = history.values(f"health.{part}.distance_fake", 2)
        reals = history.values(f"health.{part}.distance_real", 2)
        if history.iteration < 200 or min(len(fakes), len(reals)) < 2:
            continue
        shares = [fake / max(real, 1e-12) for fake, real in zip(fakes, reals, strict=True)]
        if max(shares) < 0.03:
            return (
                f"losses.{part}: the generator has collapsed: its results differ from each other by {max(shares):.1%} "
                "of what real ones do"
            )
    return None


def codebook_collapse(history: History) -> str | None:
    """So many tokens use less than a twentieth of the codes that as many uniform choices would use, in two measures."""
    codes = history.now("health.codes")
    usages, tokens = history.values("watched.usage", 2), history.values("watched.tokens", 2)
    if not codes or len(usages) < 2 or history.iteration < 50:
        return None
    expected = [1 - math.exp(-number / codes) for number in tokens]
    if all(usage < COLLAPSED * share for usage, share in zip(usages, expected, strict=True)):
        return (
            f"the codebook has collapsed: {usages[-1]:.1%} of its {codes:.0f} codes are used, where as many uniform "
            f"choices would use {expected[-1]:.0%}"
        )
    return None


def saturated(history: History) -> str | None:
    """Half of the fakes' values more than of the real images' are at the ends of the range, in two measures."""
    for part in history.parts("saturated_fake"):
        fakes = history.values(f"health.{part}.saturated_fake", 2)
        reals = history.values(f"health.{part}.saturated_real", 2)
        if len(fakes) == 2 and min(fake - real for fake, real in zip(fakes, reals, strict=True)) > 0.5:
            return (
                f"losses.{part}: {fakes[-1]:.0%} of the fakes' values are at the ends of the range, {reals[-1]:.0%} of "
                "the real images': there the gradient through a tanh is gone"
            )
    return None


def checkerboard(history: History) -> str | None:
    """More than 70% of the fakes' fine detail is one pattern that repeats, and of the real images' less than a tenth,
    in two measures from iteration 100 on."""
    for part in history.parts("checkerboard_fake"):
        fakes = history.values(f"health.{part}.checkerboard_fake", 2)
        reals = history.values(f"health.{part}.checkerboard_real", 2)
        if history.iteration >= 200 and len(fakes) == 2 and min(fakes) > 0.7 and max(reals) < 0.1:
            return (
                f"losses.{part}: {fakes[-1]:.0%} of the fakes' fine detail is a checkerboard, one pattern at the same "
                "place in each image"
            )
    return None


def not_normalised(history: History) -> str | None:
    """The real images are not spread over [-1, 1], in two measures: beyond it, within [0, 1], or over less than a fifth
    of it."""
    for part in history.parts("contrast"):
        lows, highs, contrasts = (history.values(f"health.{part}.{key}", 2) for key in ("low", "high", "contrast"))
        if len(lows) < 2:
            continue
        low, high, contrast = min(lows), max(highs), max(contrasts)
        if low < -1.5 or high > 1.5 or (low > -0.01 and high <= 1.01) or high - low < 0.4:
            return (
                f"losses.{part}: the real images are not normalised: their values are from {low:.3g} to {high:.3g}, "
                f"with a standard deviation of {contrast:.2g}; images are in [-1, 1] here, and use that range"
            )
    return None


def adversaries(history: History) -> Iterator[str]:
    """The terms whose logits are measured."""
    return iter(history.parts("right_fake"))
