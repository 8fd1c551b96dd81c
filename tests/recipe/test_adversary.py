"""Everything that an adversarial term and a weighting may say in a recipe reaches the objects, and trains."""

import warnings

import pytest
import torch

from advloss.core.errors import InputError
from advloss.losses.adversarial.augmentations import AUGMENTATIONS
from advloss.losses.adversarial.objectives import OBJECTIVES
from advloss.losses.adversarial.penalties import PENALTIES
from advloss.recipe import components
from advloss.recipe.build import build
from advloss.recipe.resolve import complete_recipe, resolve
from advloss.recipe.schema import Recipe
from advloss.recipe.text.source import read
from advloss.training.executor import COMPARED
from advloss.training.fast.step import FastStep

TINY = [
    "networks.generator={name: unet, levels: 2, width: 2, norm: instance, dropout: 0}",
    "losses.adversarial.discriminator={name: patchgan, width: 4, layers: 1, norm: instance}",
    "data.load=32",
    "data.crop=32",
]


def made(*overrides: str) -> FastStep:
    source = read("pix2pix-small")
    for override in (*TINY, *overrides):
        source.override(override)
    return FastStep(build(resolve(source)), torch.device("cpu"))


def played(executor: FastStep, number: int = 0) -> dict[str, float]:
    batch = {side: torch.rand(2, 3, 32, 32) * 2 - 1 for side in "ab"}
    losses = executor.play([batch], number)
    assert all(value.isfinite() for value in losses.values())
    return {name: value.item() for name, value in losses.items()}


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_every_objective_plays(name: str):
    held = {
        "wasserstein": ["losses.adversarial.penalties=[wgan_gp]"],
        "ebgan": ["losses.adversarial.discriminator={name: autoencoder, width: 4, layers: 2}"],
    }
    played(made(f"losses.adversarial.objective={name}", *held.get(name, [])))


@pytest.mark.parametrize("name", sorted(PENALTIES))
def test_every_penalty_plays(name: str):
    with_it, without = made(f"losses.adversarial.penalties=[{{name: {name}, weight: 100}}]"), made()
    batches = [{side: torch.rand(2, 3, 32, 32) * 2 - 1 for side in "ab"} for _ in range(2)]
    losses = [
        [executor.play([batch], 0)["adversarial.discriminator"] for batch in batches] for executor in (with_it, without)
    ]
    assert losses[0] != losses[1]  # historical averaging has no past in the first iteration
    assert all(loss.isfinite() for loss in losses[0])


def test_a_misspelt_penalty_or_augmentation_is_named():
    for word, said in (("penalties=[wgan_gpp]", "'wgan_gp'"), ("augment=[diffaugmnt]", "'diffaugment'")):
        with pytest.raises(InputError, match=f"did you mean {said}"):
            made(f"losses.adversarial.{word}")


@pytest.mark.parametrize("held", ["penalties=[wgan_lp]", "clip_weights=0.01", "discriminator.spectral_norm=true"])
def test_a_wasserstein_critic_that_nothing_holds_is_warned_of(held: str):
    with pytest.warns(UserWarning, match="nothing here holds the slope of the wasserstein critic"):
        made("losses.adversarial.objective=wasserstein")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made("losses.adversarial.objective=wasserstein", f"losses.adversarial.{held}")


@pytest.mark.parametrize("name", sorted(AUGMENTATIONS))
def test_every_augmentation_plays(name: str):
    played(made(f"losses.adversarial.augment=[{name}]"))


# a small form of each that takes 32 px
DISCRIMINATORS = {
    "patchgan": "width: 4, layers: 1, spectral_norm: true",
    "pixel": "width: 4",
    "multi_scale": "width: 4, layers: 1, scales: 2",
    "vgg_style": "width: 4, levels: 2, hidden: 4",
    "unet": "width: 4",
    "stylegan2": "width: 4, levels: 2",
    "autoencoder": "width: 4, layers: 2",
    "dcgan": "width: 4, layers: 2",
    "residual": "width: 4, layers: 1",
    "r3gan": "widths: [4, 4, 4, 4], group: 2",
    "progan": "widths: [4, 4, 4, 4], hold: 1, fade: 2",
    "projected": "backbone: test_efficientnet, width: 2, size: 128, norm: none, pretrained: false",
    "dino": "backbone: test_vit, depths: [0, 2], size: 32, kernel: 3, pretrained: false",
}


def test_no_discriminator_is_forgotten_here():
    assert DISCRIMINATORS.keys() == components.DISCRIMINATORS.keys() - {"mlp"}


def test_a_discriminator_of_vectors_is_given_all_values_of_an_image_and_its_condition():
    executor = made("losses.adversarial.discriminator={name: mlp, width: 4}")
    assert executor.by_name["adversarial"].loss.discriminator.in_features == (3 + 3) * 32 * 32
    played(executor)


def test_energies_and_logits_do_not_mix():
    with pytest.raises(InputError, match="AutoencoderDiscriminator gives energies"):
        made("losses.adversarial.discriminator={name: autoencoder, width: 4, layers: 2}")
    with pytest.warns(UserWarning, match="EBGAN takes energies"):
        made("losses.adversarial.objective=ebgan")


@pytest.mark.parametrize("name", sorted(DISCRIMINATORS))
def test_every_discriminator_plays_with_feature_matching(name: str):
    setting = f"losses.adversarial.discriminator={{name: {name}, {DISCRIMINATORS[name]}}}"
    objective = ["losses.adversarial.objective=ebgan"] if name == "autoencoder" else []
    played(made(setting, "losses.adversarial.feature_matching=10", *objective))


def test_parameters_reach_the_objective_the_penalty_and_top_k():
    executor = made(
        "losses.adversarial.objective={name: lsgan, a: -1, c: 0}",
        "losses.adversarial.penalties=[{name: r1, weight: 3, interval: 16}, lecam]",
        "losses.adversarial.augment=[{name: noise, std: 0.3}]",
        "losses.adversarial.top_k={fraction: 0.25}",
    )
    loss = executor.by_name["adversarial"].loss
    assert (loss.objective.a, loss.objective.b, loss.objective.c) == (-1, 1, 0)
    assert (loss.penalties[0].weight, loss.penalties[0].interval) == (3, 16)
    assert loss.augment[0].std == 0.3 and loss.top_k.fraction == 0.25
    played(executor)


def test_weights_are_clipped_after_the_discriminators_step():
    executor = made("losses.adversarial.objective=wasserstein", "losses.adversarial.clip_weights=0.01")
    played(executor)
    parameters = list(executor.by_name["adversarial"].parameters())
    assert max(parameter.abs().max().item() for parameter in parameters) == pytest.approx(0.01)


def test_the_adaptive_weight_is_the_ratio_of_the_gradients_at_the_last_layer():
    adaptive = ["weighting={name: last_layer, delta: 1e-30}", "losses.l1.weight=1", "losses.adversarial.weight=0.5"]
    executor = made(*adaptive, "train.precision=fp64", "losses.adversarial.start=1")
    batch = {side: torch.rand(1, 3, 32, 32, dtype=torch.float64) * 2 - 1 for side in "ab"}
    executor.play([batch], 0)
    assert executor.factors == {"l1": 1.0}  # not computed while the adversary is off
    executor.begin(1)
    tensors = executor.forward(batch, [*executor.players.values()])
    last = executor.method.generator.last_layer
    norms = [
        torch.autograd.grad(executor.by_name[name](tensors), last, retain_graph=True)[0].norm()
        for name in ("l1", "adversarial")
    ]
    executor.generator_step(executor.players["generator"], [tensors])
    assert float(executor.factors["adversarial"]) == pytest.approx(0.5 * float(norms[0] / norms[1]), rel=1e-9)


def test_the_balancer_compares_at_a_tensor_and_its_state_is_in_the_iteration():
    executor = made("weighting={name: balancer, at: fake_b}")
    played(executor)
    assert executor.factors.keys() == {"l1", "adversarial"} and executor.weighting.state_dict()["seen"].min() > 0


def test_the_balancer_compares_where_another_network_goes_on_in_half_precision():
    source = read("cyclegan-small")
    for name in ("adversarial_a", "cycle_b", "identity_a", "identity_b"):
        source.override(f"losses.{name}=null")
    small = "networks.generator={name: resnet, blocks: 1, width: 4, norm: instance}"
    for change in (small, "weighting={name: balancer, at: fake_b}", "train.precision=bf16"):
        source.override(change)
    executor = FastStep(build(resolve(source)), torch.device("cpu"))
    tensors = executor.forward({side: torch.rand(2, 3, 32, 32) * 2 - 1 for side in "ab"}, [*executor.players.values()])
    assert tensors[COMPARED].dtype == torch.bfloat16 and tensors["fake_b"].dtype == torch.float32
    with executor.precision.autocast():
        cycle = executor.by_name["cycle_a"](tensors)
    norm = torch.autograd.grad(cycle, tensors[COMPARED], retain_graph=True)[0].float().flatten(1).norm(dim=1).mean()
    executor.generator_step(executor.players["generator"], [tensors])
    assert executor.factors.keys() == {"adversarial_b", "cycle_a"}
    assert float(executor.factors["cycle_a"]) == pytest.approx(10 / 11 / float(norm), rel=1e-5)  # weights 1 and 10


def test_weightings_that_can_not_work_are_named():
    for words, said in (
        (["weighting=balancer"], "weighting.at: name the tensor"),
        (["weighting={name: balancer, at: fake_c}"], "weighting.at: unknown tensor 'fake_c'"),
        (["weighting={name: last_layer, adversarial: adversary}"], "did you mean 'adversarial'"),
        (["weighting=last_leyer"], "did you mean 'last_layer'"),
        (["weighting={name: fixed, at: b}"], "weighting.at: unknown parameter"),
        (["weighting={name: balancer, at: a}"], "l1 do not depend on a"),
    ):
        with pytest.raises(InputError, match=said):
            made(*words)
    source = read("cyclegan-small")
    source.override("weighting={name: last_layer, adversarial: adversarial_a}")
    with pytest.raises(InputError, match="cyclegan with these networks has none"):
        build(resolve(source))
    source.override("weighting={name: balancer, at: fake_b}")
    with pytest.raises(InputError, match="adversarial_a, cycle_b, identity_a, identity_b do not depend on fake_b"):
        build(resolve(source))


HALVES = "losses.adversarial.objective={generator: non_saturating, discriminator: hinge}"


@pytest.mark.parametrize(
    ("settings", "generator", "discriminator"),
    [
        ([HALVES], "non_saturating", "hinge"),
        (["losses.adversarial.objective.generator=hinge"], "hinge", "non_saturating"),  # the recipe's other half
        (
            [
                "losses.adversarial.objective={name: lsgan, b: 0.9}",
                "losses.adversarial.objective.generator=wasserstein",
            ],
            "wasserstein",
            "lsgan",
        ),
        ([HALVES, "losses.adversarial.objective.discriminator={name: lsgan, a: -1}"], "non_saturating", "lsgan"),
    ],
)
def test_a_recipe_says_the_halves(settings: list[str], generator: str, discriminator: str):
    source = read("pix2pix-small")
    for override in (*TINY, *settings):
        source.override(override)
    recipe = resolve(source)
    objective = recipe.losses["adversarial"].parameters["objective"]
    assert objective.name == "halves"
    again = complete_recipe(Recipe.model_validate(recipe.plain()))  # as a model file has it
    for each in (recipe, again):
        halves = build(each).adversaries["adversarial"].loss.objective
        assert type(halves.of_generator) is OBJECTIVES[generator]
        assert type(halves.of_discriminator) is OBJECTIVES[discriminator]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("objective={generator: hinge}", "losses.adversarial.objective.discriminator: Field required"),
        ("objective.generator=hing", "objective.generator.name: unknown objective 'hing'; did you mean 'hinge'"),
        ("objective={generator: lsgan, discriminator: rpgan}", "losses.adversarial.objective: the discriminator of Rp"),
        ("objective={generator: {generator: hinge}, discriminator: hinge}", "objective.generator"),
    ],
)
def test_halves_that_are_wrong_are_named(setting: str, said: str):
    with pytest.raises(InputError, match=said):
        made(f"losses.adversarial.{setting}")
