"""From recipes to objects: those of the papers to the letter, and nothing computed that no term names."""

from collections import Counter
from itertools import pairwise
from typing import Any, ClassVar

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from advloss.core.errors import InputError
from advloss.data.fields import Image
from advloss.losses.adversarial.loss import AdversarialLoss
from advloss.methods.base import Method
from advloss.recipe import components
from advloss.recipe.build import Built, build
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import known_recipes, read


def built(name: str, *overrides: str) -> Built:
    source = read(name)
    for override in overrides:
        source.override(override)
    return build(resolve(source))


TINY_GAN = [
    "networks.generator.width=2",
    "networks.generator.blocks=1",
    "losses.adversarial_a.discriminator.width=2",
    "losses.adversarial_b.discriminator.width=2",
]


def named(made: Built) -> set[str]:
    """The tensors that some term names."""
    return set().union(*(term.needs for term in made.terms.values()))


@pytest.mark.parametrize("name", sorted(known_recipes()))
def test_every_packaged_recipe_builds(name: str):
    recipe = resolve(read(name))
    downloads = [
        f"losses.{term}.pretrained=false" for term, line in recipe.losses.items() if line.loss in ("vgg", "lpips")
    ]
    made = built(name, *downloads)
    nothing_to_compare = ("generation", "points", "semi_supervised")
    assert named(made) and (made.metrics or recipe.method.name in nothing_to_compare)
    alone = ("srresnet", "rrdbnet", "vae", "wae-mmd", "classifier")
    assert bool(made.adversaries) == (name.removesuffix("-small") not in alone)
    assert {*made.recipe.samples} - {"partner_a", "partner_b"} <= made.method.tensors.keys()


def convolutions(network: nn.Module) -> list[tuple[int, int, int, int]]:
    """(channels in, channels out, kernel, stride) of each, in order."""
    found = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)]
    return [(conv.in_channels, conv.out_channels, conv.kernel_size[0], conv.stride[0]) for conv in found]


PATCHGAN_70 = [(64, 128, 4, 2), (128, 256, 4, 2), (256, 512, 4, 1), (512, 1, 4, 1)]


def test_cyclegan_is_the_papers():
    """Zhu, Park, Isola, Efros 2017, arXiv:1703.10593: section 4 (training) and 7.2 (architectures)."""
    made = built("cyclegan")
    recipe = made.recipe
    # c7s1-64, d128, d256, R256 nine times, u128, u64, c7s1-3
    layers = [(3, 64, 7, 1), (64, 128, 3, 2), (128, 256, 3, 2), *[(256, 256, 3, 1)] * 18]
    layers += [(256, 128, 3, 2), (128, 64, 3, 2), (64, 3, 7, 1)]
    assert convolutions(made.method.g_ab) == convolutions(made.method.g_ba) == layers
    assert recipe.networks["generator"].parameters["norm"] == "instance"
    assert recipe.networks["generator"].parameters["padding"] == "reflect"
    assert recipe.networks["generator"].parameters["dropout"] == 0
    weights = made.method.g_ab.blocks[0].conv1.weight  # from N(0, 0.02)
    assert abs(weights.mean()) < 1e-4 and weights.std().item() == pytest.approx(0.02, rel=0.01)
    assert not torch.equal(weights, made.method.g_ba.blocks[0].conv1.weight)
    for name, between in (("adversarial_a", ["fake_a", "a"]), ("adversarial_b", ["fake_b", "b"])):
        term = made.adversaries[name]
        assert convolutions(term.loss.discriminator) == [(3, 64, 4, 2), *PATCHGAN_70]  # C64-C128-C256-C512, 70x70
        assert term.between == between and not term.given
        assert term.weight == 1 and term.discriminator_weight == 0.5
        assert term.loss.pool.size == 50 and not term.loss.penalties
        assert recipe.losses[name].parameters["objective"].name == "lsgan"
        assert recipe.losses[name].parameters["discriminator"].parameters["norm"] == "instance"
    lines = {name: (line.loss, line.between, line.weight) for name, line in recipe.losses.items()}
    del lines["adversarial_a"], lines["adversarial_b"]
    assert lines == {
        "cycle_a": ("l1", ["cycle_a", "a"], 10),
        "cycle_b": ("l1", ["cycle_b", "b"], 10),
        "identity_a": ("l1", ["same_a", "a"], 5),  # half of 10
        "identity_b": ("l1", ["same_b", "b"], 5),
    }
    check_jitter_and_adam(made)
    assert [*recipe.train.steps.items()] == [("generator", 1), ("discriminator", 1)]  # as the authors' code


def test_pix2pix_is_the_papers():
    """Isola, Zhu, Zhou, Efros 2017, arXiv:1611.07004: section 3 and 6.1, 6.2 (facades)."""
    made = built("pix2pix")
    recipe, generator = made.recipe, made.method.generator
    # C64-C128-C256-C512-C512-C512-C512-C512 and CD512-CD1024-CD1024-C1024-C1024-C512-C256-C128
    down = [3, 64, 128, 256, 512, 512, 512, 512, 512]
    layers = [(inner, outer, 4, 2) for inner, outer in pairwise(down)]
    up = [(512, 512), (1024, 512), (1024, 512), (1024, 512), (1024, 256), (512, 128), (256, 64), (128, 3)]
    assert convolutions(generator) == layers + [(inner, outer, 4, 2) for inner, outer in up]
    parameters = recipe.networks["generator"].parameters
    assert parameters["norm"] == "batch" and parameters["dropout"] == 0.5
    assert parameters["dropout_at_inference"] is True  # section 3.1: the only noise, also at test time
    assert parameters["statistics_at_inference"] == "batch"  # section 3.3: batch statistics of the test batch
    assert sum(type(module).__name__ == "Dropout" for module in generator.modules()) == 3
    term = made.adversaries["adversarial"]
    assert convolutions(term.loss.discriminator) == [(6, 64, 4, 2), *PATCHGAN_70]
    assert term.between == ["fake_b", "b"] and term.given == {"given": "a"}  # conditional
    assert term.weight == 1 and term.discriminator_weight == 0.5 and term.loss.pool.size == 0
    assert recipe.losses["adversarial"].parameters["objective"].name == "non_saturating"
    assert recipe.losses["adversarial"].parameters["discriminator"].parameters["norm"] == "batch"
    line = recipe.losses["l1"]
    assert (line.loss, line.between, line.weight) == ("l1", ["fake_b", "b"], 100)
    check_jitter_and_adam(made)
    assert [*recipe.train.steps.items()] == [("discriminator", 1), ("generator", 1)]


def check_jitter_and_adam(made: Built) -> None:
    """What both papers share: 286 to 256 px, mirrored; Adam at 2e-4 with beta1 = 0.5; 100 epochs and 100 of decay."""
    recipe = made.recipe
    data = recipe.data
    assert (data.load, data.crop, data.resize, data.flip, data.batch) == (286, 256, "stretch", True, 1)
    assert recipe.optimizer.name == "adam"
    settings = {"lr": 2e-4, "betas": (0.5, 0.999), "eps": 1e-8, "weight_decay": 0, "discriminator": None}
    assert recipe.optimizer.parameters == settings
    assert recipe.schedule.name == "linear"
    assert recipe.schedule.parameters == {"hold": 100, "decay": 100, "unit": "epochs", "warmup": 0}
    train = recipe.train
    assert (train.epochs, train.iterations, train.accumulate) == (200, None, 1)
    assert (train.clip, train.precision, train.average) == (None, "auto", None)


def test_a_term_that_is_off_costs_nothing():
    """How often each translator is called, and on how many images."""
    calls: Counter[str] = Counter()

    def count(*off: str, norm: str = "instance") -> dict[str, int]:
        made = built("cyclegan-small", *TINY_GAN, f"networks.generator.norm={norm}", *(f"losses.{o}=null" for o in off))
        calls.clear()
        for name in ("g_ab", "g_ba"):
            network = getattr(made.method, name)
            network.register_forward_pre_hook(lambda m, x, n=name: calls.update({n: 1, f"{n}.images": len(x[0])}))
        batch = {side: torch.zeros(2, 3, 64, 64) for side in "ab"}
        tensors = made.method(batch, named(made))
        assert named(made) <= tensors.keys()
        return dict(calls)

    identity, cycle = ["identity_a", "identity_b"], ["cycle_a", "cycle_b"]
    assert count() == {"g_ab": 2, "g_ab.images": 6, "g_ba": 1, "g_ba.images": 6}
    assert count(norm="batch") == {"g_ab": 3, "g_ab.images": 6, "g_ba": 3, "g_ba.images": 6}
    assert count(*identity) == {"g_ab": 2, "g_ab.images": 4, "g_ba": 1, "g_ba.images": 4}
    assert count(*cycle) == {"g_ab": 1, "g_ab.images": 4, "g_ba": 1, "g_ba.images": 4}
    assert count(*identity, *cycle) == {"g_ab": 1, "g_ab.images": 2, "g_ba": 1, "g_ba.images": 2}
    assert count(*identity, *cycle, "adversarial_a") == {"g_ab": 1, "g_ab.images": 2}
    assert count(*identity, "cycle_b", "adversarial_a", "adversarial_b") == {
        "g_ab": 1, "g_ab.images": 2, "g_ba": 1, "g_ba.images": 2
    }  # fmt: skip


def test_the_terms_say_which_tensors_they_need():
    made = built("cyclegan-small", *TINY_GAN, "losses.identity_a=null", "losses.cycle_b=null")
    assert named(made) == {"a", "b", "fake_a", "fake_b", "cycle_a", "same_b"}
    assert named(built("pix2pix-small", "networks.generator.width=2")) == {"a", "b", "fake_b"}


def test_the_weights_are_a_function_of_the_seed():
    one, again, other = (built("cyclegan-small", *TINY_GAN, f"seed={seed}") for seed in (1, 1, 2))
    for x, y, z in zip(one.method.parameters(), again.method.parameters(), other.method.parameters(), strict=True):
        assert torch.equal(x, y) and (x.numel() < 5 or not x.any() or not torch.equal(x, z))
    first, second = (made.terms.state_dict() for made in (one, again))
    assert all(torch.equal(value, second[key]) for key, value in first.items())


class Vector(nn.Module):
    """A loss that forgets the mean."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (x - y).abs()


class Nothing(nn.Module):
    """A loss that forgets the return."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> None:
        (x - y).abs().mean()


@pytest.mark.parametrize(("loss", "said"), [(Vector, "the loss gives .*, not one number"), (Nothing, "gives NoneType")])
def test_a_loss_gives_one_number(monkeypatch, loss: type[nn.Module], said: str):
    monkeypatch.setitem(components.LOSSES, "mine", loss)
    with pytest.raises(InputError, match=rf"^losses\.mine: can't be computed on b \[.*{said}"):
        built("cyclegan-small", *TINY_GAN, "losses.mine={loss: mine, between: [fake_b, b]}")


@pytest.mark.parametrize("attribute", ["fields", "tensors"])
def test_a_method_declares_its_fields_and_tensors(monkeypatch, attribute: str):
    class Mine(Method):
        fields: ClassVar[Any] = {"image": Image("a")}
        tensors: ClassVar[dict[str, str]] = {"made": "an image"}

        def forward(self, batch, wanted):
            return {"made": batch["image"]}

    delattr(Mine, attribute)
    monkeypatch.setitem(components.METHODS, "mine", Mine)
    with pytest.raises(InputError, match=f"method: 'mine' has no `{attribute}`"):
        built("pix2pix", "method.name=mine")
    setattr(Mine, attribute, {"image": "an image"})
    if attribute == "fields":
        with pytest.raises(InputError, match="'mine' declares the field image by 'an image'"):
            built("pix2pix", "method.name=mine")


@pytest.mark.parametrize("key", ["data.a", "data.b"])
def test_a_list_of_folders_is_not_empty(key: str):
    with pytest.raises(InputError, match=rf"{key}: is an empty list"):
        built("cyclegan-small", f"{key}=[]")


def test_metrics_and_terms_that_can_not_be_computed_are_named():
    small = [*TINY_GAN, "data.crop=8", "losses.adversarial_a.discriminator.layers=1"]
    with pytest.raises(InputError, match=r"^losses\.adversarial_b: can't be computed on b \[1, 3, 8, 8\], fake_b"):
        built("cyclegan-small", *small)
    small += ["losses.adversarial_b.discriminator.layers=1"]
    for between in ("fake_b, partner_b", "cycle_a, a"):
        with pytest.raises(InputError, match=r"^metrics\.psnr: can't be computed on images of \[1, 3, 8, 8\]: SSIM"):
            built("cyclegan-small", *small, f"metrics.psnr={{metric: ssim, between: [{between}]}}")
    built("cyclegan-small", *small)


def test_trying_out_leaves_no_trace():
    """The dry run of terms and metrics uses copies: batch statistics, pools and checks are as new."""
    made = built("cyclegan-small", *TINY_GAN, "losses.adversarial_a.discriminator.norm=batch")
    adversary = made.adversaries["adversarial_a"].loss
    assert isinstance(adversary, AdversarialLoss) and adversary.pool.filled is None
    norms = [module for module in adversary.modules() if isinstance(module, _BatchNorm)]
    assert norms and all(norm.num_batches_tracked == 0 for norm in norms)
    assert all(not parameter.is_meta for parameter in [*made.terms.parameters(), *made.method.parameters()])
    assert made.metrics["psnr"].measure.check.clock.iteration == 0


def test_optimizer_overrides_of_the_discriminator():
    words = ["optimizer.discriminator.lr=1e-3", "optimizer.discriminator.betas=[0, 0.9]"]
    settings = built("cyclegan-small", *TINY_GAN, *words).recipe.optimizer.parameters
    assert settings["lr"] == 4e-4 and settings["discriminator"] == {"lr": 1e-3, "betas": (0.0, 0.9)}
