"""An iteration by hand: fake = g a, a critic x -> w x, sgd with rate 0.1, g = w = 1 at first. Both executors."""

import pytest

from advloss.core.clock import Schedule
from advloss.recipe.terms import Term
from advloss.training.executor import Executor
from tests.training.games import CPU, EXECUTORS, Critic, Offset, Symmetric, batch, game

GENERATOR_FIRST = {"generator": 1, "discriminator": 1}
DISCRIMINATOR_FIRST = {"discriminator": 1, "generator": 1}


@pytest.fixture(params=sorted(EXECUTORS))
def kind(request: pytest.FixtureRequest) -> type[Executor]:
    return EXECUTORS[request.param]


def played(kind: type[Executor], terms: dict[str, Term], *pairs: tuple[float, float], **settings) -> Executor:
    """An executor after one iteration on batches of (a, b)."""
    executor = kind(game(terms, **settings), CPU)
    executor.losses = executor.play([batch(*pair) for pair in pairs], 0)  # type: ignore[attr-defined]
    return executor


def adversary(**options) -> dict[str, Term]:
    return {"adversarial": Term(Critic(options.pop("clip", None)), ["fake", "real"], **options)}


def numbers(executor: Executor) -> tuple[float, float]:
    return executor.method.g.item(), executor.by_name["adversarial"].loss.w.item()


def losses(executor: Executor) -> dict[str, float]:
    return {name: value.item() for name, value in executor.losses.items()}


def test_the_generator_first(kind: type[Executor]):
    """Its loss is -w g a = -2, dg = -2; the critic then sees the fake of before: 2 - 5 = -3, dw = -3."""
    executor = played(kind, adversary(), (2, 5), steps=GENERATOR_FIRST)
    assert losses(executor) == {"adversarial": -2, "adversarial.discriminator": -3}
    assert numbers(executor) == pytest.approx((1.2, 1.3))


def test_the_discriminator_first(kind: type[Executor]):
    """w = 1.3 before the generator's loss, -1.3 * 2."""
    executor = played(kind, adversary(), (2, 5), steps=DISCRIMINATOR_FIRST)
    assert losses(executor) == pytest.approx({"adversarial.discriminator": -3, "adversarial": -2.6})
    assert numbers(executor) == pytest.approx((1.26, 1.3))


@pytest.mark.parametrize("steps", [GENERATOR_FIRST, DISCRIMINATOR_FIRST])
def test_accumulated_batches_are_averaged(kind: type[Executor], steps: dict[str, int]):
    """dg = -w (2 + 4) / 2 = -3 w; dw = ((2 - 5) + (4 - 5)) / 2 = -2."""
    executor = played(kind, adversary(), (2, 5), (4, 5), steps=steps, accumulate=2)
    assert losses(executor)["adversarial.discriminator"] == -2
    w = 1.0 if steps is GENERATOR_FIRST else 1.2
    assert losses(executor)["adversarial"] == pytest.approx(-3 * w)
    assert numbers(executor) == pytest.approx((1 + 0.3 * w, 1.2))


def test_wgans_loop(kind: type[Executor]):
    """Two steps of the critic, w = 1.3 and 1.4, then one of the generator on the second batch: dg = -1.4 * 4."""
    executor = played(kind, adversary(), (2, 5), (4, 5), steps={"discriminator": 2, "generator": 1})
    assert losses(executor) == pytest.approx({"adversarial.discriminator": -1.3, "adversarial": -5.6})
    assert numbers(executor) == pytest.approx((1.56, 1.4))


def test_more_steps_of_the_generator(kind: type[Executor]):
    """g = 1.2, then 1.6; the critic sees the second batch as it was between the two: 1.2 * 4 - 5 = -0.2."""
    executor = played(kind, adversary(), (2, 5), (4, 5), steps={"generator": 2, "discriminator": 1})
    assert losses(executor) == pytest.approx({"adversarial": -4.8, "adversarial.discriminator": -0.2})
    assert numbers(executor) == pytest.approx((1.6, 1.02))


def test_in_a_symmetric_game_the_gradient_reaches_both_tensors(kind: type[Executor]):
    """-w (g a) + w (g b) = 3, dg = 3; the critic's w moves by the opposite, and no gradient of it reaches g."""
    terms = {"adversarial": Term(Symmetric(), ["fake", "other"])}
    executor = played(kind, terms, (2, 5), steps=GENERATOR_FIRST)
    assert losses(executor) == {"adversarial": 3, "adversarial.discriminator": -3}
    assert numbers(executor) == pytest.approx((0.7, 1.3))


def test_weights_of_both_sides(kind: type[Executor]):
    """The generator's gradient doubled, the critic's halved; losses are reported without the generator's weight."""
    executor = played(kind, adversary(weight=2.0, discriminator_weight=0.5), (2, 5), steps=GENERATOR_FIRST)
    assert losses(executor) == {"adversarial": -2, "adversarial.discriminator": -1.5}
    assert numbers(executor) == pytest.approx((1.4, 1.15))


def test_clipped_gradients_clipped_weights_and_the_average(kind: type[Executor]):
    executor = played(kind, adversary(clip=1.05), (2, 5), steps=GENERATOR_FIRST, clip=1.0, average=0.75)
    assert numbers(executor) == pytest.approx((1.1, 1.05))
    assert executor.average.module.g.item() == pytest.approx(0.75 + 0.25 * 1.1)


def test_a_plain_loss_with_a_parameter(kind: type[Executor]):
    """(g a + p)^2 = 9 at g a = 2, p = 1: dp = 6, dg = 12, times the weight 0.5."""
    executor = played(kind, {"offset": Term(Offset(), ["fake"], weight=0.5)}, (2, 5), steps={"generator": 1})
    assert losses(executor) == {"offset": 9}
    assert executor.method.g.item() == pytest.approx(1 - 0.6)
    assert executor.by_name["offset"].loss.p.item() == pytest.approx(1 - 0.3)


@pytest.mark.parametrize("player", ["discriminator", "probe"])
def test_a_plain_term_of_another_player_leaves_the_generator_alone(kind: type[Executor], player: str):
    """(b + p)^2 = 36 at b = 5 and 0.5 (g a + p)^2: dp = 12 + 3; the generator learns from its own term alone."""
    terms = {
        "mine": Term(Offset(), ["real"], player=player),
        "theirs": Term(Offset(), ["fake"], player=player, weight=0.5),
        "own": Term(Offset(), ["fake"]),
    }
    executor = played(kind, terms, (2, 5), steps={"generator": 1, player: 1})
    assert losses(executor) == {"mine": 36, "theirs": 9, "own": 9}
    assert executor.by_name["mine"].loss.p.item() == pytest.approx(1 - 1.2)
    assert executor.by_name["theirs"].loss.p.item() == pytest.approx(1 - 0.3)
    assert executor.method.g.item() == pytest.approx(1 - 1.2)


def test_what_is_off_is_not_computed_and_not_stepped(kind: type[Executor]):
    terms = {**adversary(start=1), "own": Term(Offset(), ["fake"], weight=Schedule.steps({0: 1.0, 2: 0.0}))}
    executor = kind(game(terms, steps=GENERATOR_FIRST), CPU)
    names = [set(executor.play([batch(2, 5)], number)) for number in range(3)]
    both = {"adversarial", "adversarial.discriminator"}
    assert names == [{"own"}, {"own", *both}, both]


def test_gradient_shares_sum_up_to_one(kind: type[Executor]):
    """Norms over g and p: |d own| = |(12, 6)|, |d adversarial| = |(-2, 0)|; the next iteration has none."""
    terms = {**adversary(), "own": Term(Offset(), ["fake"])}
    executor = played(kind, terms, (2, 5), steps=GENERATOR_FIRST, gradient_shares_every=2)
    assert executor.gradient_shares == {}
    own, g = executor.by_name["own"].loss.p.item(), executor.method.g.item()
    w = executor.by_name["adversarial"].loss.w.item()
    executor.play([batch(2, 5)], 1)
    slope = 2 * (2 * g + own)
    parts = {"adversarial": 2 * w, "own": (4 * slope**2 + slope**2) ** 0.5}
    expected = {name: part / sum(parts.values()) for name, part in parts.items()}
    assert {name: share.item() for name, share in executor.gradient_shares.items()} == pytest.approx(expected)
