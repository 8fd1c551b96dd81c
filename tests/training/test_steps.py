"""The steps of an iteration: accumulation, more steps of a player, clipping, averages, rates."""

import pytest
import torch
from torch import Tensor, nn

from advloss.core.clock import Schedule
from advloss.recipe.build import build
from advloss.recipe.resolve import resolve
from advloss.recipe.schema import Train
from advloss.recipe.text.source import read
from advloss.training.average import Average
from advloss.training.fast.step import FastStep, detached
from advloss.training.player import Player
from tests.training.started import TINY

EXACT = [  # sgd does not blow rounding up as Adam does; without a pool the discriminators see this iteration's fakes
    *TINY,
    "losses.adversarial_a.pool=0",
    "losses.adversarial_b.pool=0",
    "optimizer={name: sgd, lr: 0.1, momentum: 0.9}",
    "train.precision=fp64",
]


def make_executor(*overrides: str, recipe: str = "cyclegan-small") -> FastStep:
    source = read(recipe)
    for override in overrides:
        source.override(override)
    return FastStep(build(resolve(source)), torch.device("cpu"))


def batch(number: int, size: int = 1, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(number)
    return {side: torch.rand(size, 3, 32, 32, generator=draw, dtype=dtype) * 2 - 1 for side in "ab"}


def joined(*batches: dict[str, Tensor]) -> dict[str, Tensor]:
    return {side: torch.cat([each[side] for each in batches]) for side in "ab"}


def weights(executor: FastStep) -> dict[str, Tensor]:
    found = {**executor.method.state_dict(), **executor.terms.state_dict()}
    return {name: value for name, value in found.items() if not name.endswith(".iteration")}  # of the losses' clocks


def equal(one: FastStep, two: FastStep) -> None:
    ours, theirs = weights(one), weights(two)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], rtol=1e-8, atol=1e-12, msg=name)


@pytest.mark.parametrize("steps", ["{generator: 1, discriminator: 1}", "{discriminator: 1, generator: 1}"])
def test_two_accumulated_batches_are_one_of_twice_the_size(steps: str):
    both = make_executor(*EXACT, "data.batch=2", f"train.steps={steps}")
    parts = make_executor(*EXACT, "train.accumulate=2", f"train.steps={steps}")
    start = {name: value.clone() for name, value in weights(parts).items()}
    for number in (0, 2):
        one, two = batch(number), batch(number + 1)
        ours, theirs = parts.play([one, two], 0), both.play([joined(one, two)], 0)
        assert ours.keys() == theirs.keys()
        for name, value in ours.items():
            assert value.item() == pytest.approx(theirs[name].item(), rel=1e-8), name
    equal(parts, both)
    moved = [name for name, value in weights(parts).items() if not torch.equal(value, start[name])]
    assert any(name.startswith("g_ab") for name in moved) and any(name.startswith("adversarial_a") for name in moved)


def test_the_discriminator_may_take_more_steps():
    """Two steps, then the generator's: the first on a batch of its own, the second on the generator's."""
    steps = "train.steps={discriminator: %d, generator: 1}"
    several, plain = make_executor(*EXACT, steps % 2), make_executor(*EXACT, steps % 1)
    discriminator = plain.players["discriminator"]
    plain.discriminator_step(discriminator, plain.without_graph([batch(0)], [discriminator]), {})
    expected = plain.play([batch(1)], 0)
    for name, value in several.play([batch(0), batch(1)], 0).items():
        torch.testing.assert_close(value, expected[name], rtol=1e-12, atol=0)
    equal(several, plain)


def test_every_step_has_its_accumulated_batches():
    executor = make_executor(*EXACT, "train.steps={discriminator: 3, generator: 1}", "train.accumulate=2")
    steps = {"generator": 0, "discriminator": 0}
    for name, player in executor.players.items():
        player.optimizer.register_step_post_hook(lambda *_, n=name: steps.update({n: steps[n] + 1}))
    seen = []
    executor.method.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]["a"]))
    batches = [batch(number) for number in range(6)]
    executor.play(batches, 0)
    assert steps == {"generator": 1, "discriminator": 3}
    # the generator's graphs of two batches would not fit together with the discriminator's, so these fakes are made
    # twice
    numbers = [next(n for n, each in enumerate(batches) if each["a"] is image) for image in seen]
    assert numbers == [0, 1, 2, 3, 4, 5, 4, 5]


def test_generator_first_shows_the_discriminators_fakes_of_before_its_step():
    executor = make_executor(*EXACT)
    before = executor.forward(batch(0), [*executor.players.values()])
    losses = executor.play([batch(0)], 0)
    fresh = make_executor(*EXACT)
    term = fresh.by_name["adversarial_b"]
    torch.testing.assert_close(losses["adversarial_b.discriminator"], term.discriminator_loss(before).detach())
    torch.testing.assert_close(losses["adversarial_b"], term(before).detach())


def test_discriminator_first_shows_the_generator_the_new_discriminators():
    first_discriminator = "train.steps={discriminator: 1, generator: 1}"
    executor, other = make_executor(*EXACT, first_discriminator), make_executor(*EXACT)
    losses = executor.play([batch(0)], 0)
    tensors, term = other.forward(batch(0), [*other.players.values()]), other.by_name["adversarial_b"]
    first = term(tensors).item()
    other.discriminator_step(other.players["discriminator"], [detached(tensors)], {})
    assert losses["adversarial_b"].item() == pytest.approx(term(tensors).item(), rel=1e-9)
    assert losses["adversarial_b"].item() != pytest.approx(first, rel=1e-6)


def test_no_gradient_is_left_behind():
    executor = make_executor(*EXACT)
    executor.play([batch(0)], 0)
    assert all(p.grad is None for p in [*executor.method.parameters(), *executor.terms.parameters()])


def test_the_weights_of_terms_and_the_discriminators_own():
    """The generator learns from weight * loss; `discriminator_weight` halves the discriminators' alone."""
    plain, weighted = (make_executor(*EXACT, f"losses.adversarial_a.weight={weight}") for weight in (1, 2))
    one, two = plain.play([batch(0)], 0), weighted.play([batch(0)], 0)
    assert one["adversarial_a"] == two["adversarial_a"]  # reported without its weight
    assert not torch.equal(weights(plain)["g_ba.last.weight"], weights(weighted)["g_ba.last.weight"])
    halved = make_executor(*EXACT, "losses.adversarial_a.discriminator_weight=1")
    assert halved.play([batch(0)], 0)["adversarial_a.discriminator"].item() == pytest.approx(
        2 * one["adversarial_a.discriminator"].item()
    )


def step_of(executor: FastStep, side: str) -> Tensor:
    """How far one iteration moves a side's weights, which for sgd at rate 1 is the gradient's norm."""
    parameters = executor.players[side].parameters
    before = [parameter.detach().clone() for parameter in parameters]
    executor.play([batch(0)], 0)
    return torch.cat([(p.detach() - b).flatten() for p, b in zip(parameters, before, strict=True)])


def test_clipping_bounds_the_norm_of_the_whole_gradient():
    sgd = [*EXACT, "optimizer={name: sgd, lr: 1}"]
    free, clipped = (step_of(make_executor(*sgd, *clip), "generator") for clip in ([], ["train.clip=0.01"]))
    assert free.norm() > 0.1 and clipped.norm().item() == pytest.approx(0.01, rel=1e-4)
    torch.testing.assert_close(clipped / clipped.norm(), free / free.norm(), rtol=1e-6, atol=1e-9)
    wide = step_of(make_executor(*sgd, "train.clip=1000"), "generator")
    torch.testing.assert_close(wide, free, rtol=1e-12, atol=0)
    assert step_of(make_executor(*sgd, "train.clip=0.01"), "discriminator").norm().item() == pytest.approx(
        0.01, rel=1e-4
    )


def test_the_discriminators_have_rates_of_their_own():
    words = ["optimizer.discriminator.lr=1e-3", "optimizer.discriminator.betas=[0, 0.9]"]
    executor = make_executor(*TINY, "optimizer.lr=2e-4", *words)
    generator, discriminator = executor.players.values()
    assert (generator.rate, discriminator.rate) == (2e-4, 1e-3)
    assert generator.optimizer.defaults["betas"] == (0.5, 0.999)
    assert discriminator.optimizer.defaults["betas"] == (0, 0.9)
    for factor in (0.5, 0.25):  # of the recipe's rate, not of the last one
        executor.rate_factor = lambda iteration, factor=factor: factor
        executor.begin(0)
    rates = [player.optimizer.param_groups[0]["lr"] for player in executor.players.values()]
    assert rates == pytest.approx([0.5e-4, 2.5e-4])


def test_the_average_is_the_recursion_of_its_docstring():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).double()
    average = Average(model, 0.9)
    expected = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for _ in range(5):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))
        model(torch.randn(4, 3, dtype=torch.float64))
        average.update()
        for name, parameter in model.named_parameters():
            expected[name] = 0.9 * expected[name] + 0.1 * parameter.detach()
    for name, parameter in average.module.named_parameters():
        torch.testing.assert_close(parameter.detach(), expected[name], rtol=1e-12, atol=1e-12)
        assert not parameter.requires_grad
    for name, buffer in average.module.named_buffers():
        assert torch.equal(buffer, dict(model.named_buffers())[name]), name
    assert average.module[1].num_batches_tracked == 5


def test_a_half_life_is_the_time_in_which_a_part_of_the_average_halves():
    average = Average.of(nn.Linear(1, 1), Train(iterations=1, average_half_life=4.0))
    assert average is not None
    assert average.decay_at(0) ** 4 == pytest.approx(0.5)
    growing = Average(nn.Linear(1, 1), half_life=Schedule(0, 8, over=10))
    assert [growing.decay_at(number) for number in (0, 5, 10)] == pytest.approx([0, 0.5**0.25, 0.5**0.125])
    assert Average.of(nn.Linear(1, 1), Train(iterations=1)) is None
    with pytest.raises(ValueError, match="average and average_half_life say the same in two ways"):
        Train(iterations=1, average=0.9, average_half_life=4.0)


def test_an_iteration_keeps_the_average():
    executor = make_executor(*EXACT, "train.average=0.75")
    before = {name: value.clone() for name, value in executor.method.state_dict().items()}
    executor.play([batch(0)], 0)
    for name, value in executor.average.module.state_dict().items():
        expected = 0.75 * before[name] + 0.25 * executor.method.state_dict()[name]
        torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-14)


def test_fp16_skips_a_step_whose_gradient_overflows():
    parameter = nn.Parameter(torch.ones(2))
    optimizer, scaler = torch.optim.SGD([parameter], lr=1.0), torch.amp.GradScaler("cpu")
    player = Player("generator", [parameter], optimizer, scaler=scaler, clip=1.0)
    player.backward([player.scale * (parameter * torch.tensor([1.0, float("inf")])).sum()])
    player.step()
    assert parameter.tolist() == [1, 1] and parameter.grad is None
    player.backward([player.scale * parameter.sum() * 0.5])
    player.step()
    assert parameter.tolist() == pytest.approx([0.5, 0.5])  # unscaled before it is clipped


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_low_precision_reaches_the_losses_as_float32(precision: str):
    executor = make_executor(*TINY, f"train.precision={precision}")
    tensors = executor.forward(batch(0, dtype=torch.float32), [*executor.players.values()])
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    kinds = {torch.float16: "fp16", torch.bfloat16: "bf16"}
    seen = set()
    executor.method.g_ab.blocks[0].conv1.register_forward_hook(lambda m, x, y: seen.add(kinds[y.dtype]))
    losses = executor.play([batch(0, dtype=torch.float32)], 0)
    assert seen == {precision}
    assert all(value.dtype == torch.float32 and value.isfinite() for value in losses.values())


def test_without_adversaries_there_is_one_player():
    alone = ["networks.generator.width=2", "losses.adversarial=null", "train.steps={generator: 1}"]
    executor = make_executor(*alone, recipe="pix2pix-small")
    assert executor.players.keys() == {"generator"}
    assert executor.play([{side: torch.zeros(1, 3, 64, 64) for side in "ab"}], 0).keys() == {"l1"}
