"""The iteration against whole training iterations of the reference implementation, in float64."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from advloss.interop.junyanz import discriminator_from, generator_from
from advloss.recipe.build import build
from advloss.recipe.resolve import resolve
from advloss.recipe.text.source import read
from advloss.training.fast.step import FastStep

RELATIVE = 1e-8


def make_executor(recipe, *overrides):
    source = read(recipe)
    for override in (*overrides, "train.precision=fp64"):
        source.override(override)
    return FastStep(build(resolve(source)), torch.device("cpu"))


def weights(tensors, prefix):
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def close(ours, theirs):
    torch.testing.assert_close(torch.as_tensor(ours, dtype=torch.float64), theirs, rtol=RELATIVE, atol=1e-12)


SMALL = ["networks.generator.width=8", "data.load=64", "data.crop=64"]


def test_cyclegan_plays_the_references_iterations(golden: Path):
    tensors = load_file(golden / "cyclegan_training.safetensors")
    adversaries = [f"losses.adversarial_{side}.{key}" for side in "ab" for key in ("discriminator.width=8", "pool=0")]
    executor = make_executor("cyclegan", *SMALL, "networks.generator.blocks=6", *adversaries)
    for ours, theirs in (("g_ab", "G_ab"), ("g_ba", "G_ba")):
        getattr(executor.method, ours).load_state_dict(generator_from(weights(tensors, f"weights.{theirs}."))[1])
    for side in "ab":
        discriminator = executor.by_name[f"adversarial_{side}"].loss.discriminator
        discriminator.load_state_dict(discriminator_from(weights(tensors, f"weights.D_{side}."))[1])
    for step in range(4):
        losses = executor.play([{"a": tensors["a"][step], "b": tensors["b"][step]}], step)
        for side in "ab":
            close(losses[f"adversarial_{side}"], tensors[f"loss.G_gan_{side}"][step])
            close(losses[f"adversarial_{side}.discriminator"], tensors[f"loss.D_{side}"][step])
            close(10 * losses[f"cycle_{side}"], tensors[f"loss.cycle_{side}"][step])
            close(5 * losses[f"identity_{side}"], tensors[f"loss.identity_{side}"][step])
    close(next(executor.method.g_ab.parameters()), tensors["after.G_ab.model.1.weight"])
    close(next(executor.method.g_ba.parameters()), tensors["after.G_ba.model.1.weight"])
    for side in "ab":
        close(next(executor.by_name[f"adversarial_{side}"].parameters()), tensors[f"after.D_{side}.model.0.weight"])


@pytest.mark.parametrize(("file", "objective"), [("vanilla", "non_saturating"), ("lsgan", "lsgan")])
def test_pix2pix_plays_the_references_iterations(golden: Path, file: str, objective: str):
    tensors = load_file(golden / f"pix2pix_training_{file}.safetensors")
    executor = make_executor(
        "pix2pix",
        "networks.generator.width=8",
        "networks.generator.levels=7",
        "networks.generator.dropout=0",
        "data.load=128",
        "data.crop=128",
        "losses.adversarial.discriminator.width=8",
        f"losses.adversarial.objective={objective}",
    )
    generator, discriminator = executor.method.generator, executor.by_name["adversarial"].loss.discriminator
    generator.load_state_dict(generator_from(weights(tensors, "weights.G."))[1])
    discriminator.load_state_dict(discriminator_from(weights(tensors, "weights.D."))[1])
    for step in range(4):
        losses = executor.play([{"a": tensors["a"][step], "b": tensors["b"][step]}], step)
        close(losses["adversarial"], tensors["loss.G_gan"][step])
        close(losses["adversarial.discriminator"], tensors["loss.D"][step])
        close(100 * losses["l1"], tensors["loss.G_l1"][step])
    after = generator.state_dict()
    close(after["downs.0.conv.weight"], tensors["after.G.model.model.0.weight"])
    close(after["ups.6.conv.weight"], tensors["after.G.model.model.3.weight"])
    close(next(discriminator.parameters()), tensors["after.D.model.0.weight"])
