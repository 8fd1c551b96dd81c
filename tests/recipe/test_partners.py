"""A loss that compares image by image stands between partners: what is drawn apart is refused, with a place."""

import pytest

from advloss.core.errors import InputError
from advloss.recipe import components
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read

PARTNERS = {name for name, loss in components.LOSSES.items() if getattr(loss, "partners", False)}
COMPARING = sorted(PARTNERS - {"patch_nce"})  # which compares features


def resolved(recipe: str, loss: str, between: str) -> None:
    source = read(recipe)
    source.override(f"losses.look={{loss: {loss}, between: {between}}}")
    resolve(source)


def test_the_losses_that_compare_are_those_of_images() -> None:
    assert COMPARING == ["charbonnier", "l1", "l2", "lpips", "ms_ssim", "ssim", "vgg"]


@pytest.mark.parametrize("loss", COMPARING)
@pytest.mark.parametrize("between", ["[fake_b, b]", "[cycle_a, b]", "[same_a, fake_a]"])
def test_images_that_are_drawn_apart_are_refused(loss: str, between: str) -> None:
    with pytest.raises(InputError, match=r"command line: losses.look.between: .* drawn apart.*; compare") as said:
        resolved("cyclegan-small", loss, between)
    assert "\n" not in str(said.value)


@pytest.mark.parametrize("loss", COMPARING)
def test_partners_pass(loss: str) -> None:
    resolved("cyclegan-small", loss, "[cycle_b, b]")
    resolved("pix2pix-small", loss, "[fake_b, b]")


@pytest.mark.parametrize(
    "line", ["adversarial, between: [fake_b, b], discriminator: patchgan", "style, between: [fake_b, b]"]
)
def test_losses_of_distributions_need_no_partners(line: str) -> None:
    source = read("cyclegan-small")
    source.override(f"losses.look={{loss: {line}}}")
    resolve(source)


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("{loss: cross_entropy, between: [logits_b, label]}", "between"),
        ("{loss: adversarial, between: [features_a, features_b], label: label, discriminator: mlp}", "label"),
    ],
)
def test_labels_of_other_images_are_refused(line: str, key: str) -> None:
    source = read("dann-small")
    source.override(f"losses.look={line}")
    with pytest.raises(InputError, match=rf"command line: losses.look.{key}: .* drawn apart"):
        resolve(source)
