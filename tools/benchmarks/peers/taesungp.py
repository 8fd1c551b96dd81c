"""contrastive-unpaired-translation: `optimize_parameters` of its CUT and of its FastCUT."""

import contextlib
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from advloss.core.errors import InputError
from advloss.interop.junyanz import discriminator_from, generator_from
from advloss.methods import cut
from advloss.recipe.build import Built
from advloss.recipe.schema import Recipe
from advloss.training.fast.step import FastStep
from tools.benchmarks.peers import base
from tools.benchmarks.peers.base import Batch, Peer, Play
from tools.benchmarks.peers.junyanz import common_options


class CUT(Peer):
    project = "contrastive-unpaired-translation"
    recipe = "cut"
    marks = ("models/cut_model.py", "models/patchnce.py", "models/networks.py")
    overrides = ()
    order = "discriminator first, then the generator and the heads"
    notes = (
        "both compare the same places, which are drawn once: drawing is not timed; fastcut flips no batch",
        "on a CPU torch's F.instance_norm gives it a wrong gradient of one image, since that of drawn places comes in "
        "channels_last: the second iteration differs. tools/golden_cut.py compares them without this",
    )
    tolerances = (1e-3, 5e-2)
    identity = True

    def make(self, path: Path, recipe: Recipe) -> None:
        with base.imported_from(path, {}):
            self.model = base.module("models.cut_model").CUTModel(self.options(recipe))
        batch = torch.zeros(recipe.data.batch, 3, recipe.data.crop, recipe.data.crop, device=self.device)
        self.model.data_dependent_initialize(self.converted({"a": batch, "b": batch}))  # makes the heads
        self.networks = [self.model.netG, self.model.netF, self.model.netD]

    def options(self, recipe: Recipe) -> Namespace:
        """What its option parser gives, with our widths, weights and rates."""
        generator = recipe.networks["generator"].parameters
        nce = recipe.losses["nce"]
        assert nce is not None
        if generator["blocks"] not in (6, 9):
            raise InputError(f"--peer: {self.project} has generators of 6 and 9 blocks, not {generator['blocks']}")
        self.patches, self.factor = recipe.method.parameters["patches"], float(nce.weight)
        return Namespace(
            **common_options(recipe, self.device) | {"init_type": "xavier"},
            netG=f"resnet_{generator['blocks']}blocks",
            netF="mlp_sample",
            netF_nc=nce.parameters["width"],
            ndf=base.discriminator_options(recipe, "adversarial")["width"],
            normG="instance",
            normD="instance",
            no_dropout=True,
            no_antialias=False,
            no_antialias_up=False,
            gan_mode="lsgan",
            pool_size=0,
            beta2=recipe.optimizer.parameters["betas"][1],
            batch_size=recipe.data.batch,
            nce_layers="0,4,8,12,16",
            nce_idt=self.identity,
            nce_T=nce.parameters["temperature"],
            nce_includes_all_negatives_from_minibatch=False,
            num_patches=self.patches,
            flip_equivariance=not self.identity,
            lambda_GAN=1.0,
            lambda_NCE=self.factor,
        )

    def load_into(self, built: Built) -> None:
        built.method.generator.load_state_dict(generator_from(self.model.netG.state_dict())[1])
        base.adversary(built, "adversarial").load_state_dict(discriminator_from(self.model.netD.state_dict())[1])
        heads = {key.replace("mlp_", "heads."): value for key, value in self.model.netF.state_dict().items()}
        built.terms["nce"].loss.load_state_dict(heads)  # type: ignore[union-attr]

    def converted(self, batch: Batch) -> dict[str, Any]:
        return {"A": batch["a"], "B": batch["b"], "A_paths": [], "B_paths": []}

    def play(self, batch: Any) -> None:
        self.model.set_input(batch)
        with _told(self.patches):
            self.model.optimize_parameters()

    def ours(self, executor: FastStep) -> Play:
        play = super().ours(executor)

        def told(batches: Sequence[Batch]) -> Mapping[str, Tensor]:
            with _told(self.patches):
                return play(batches)

        return told

    def losses(self) -> dict[str, float]:
        model = self.model
        nce = (model.loss_NCE + model.loss_NCE_Y) / 2 if self.identity else model.loss_NCE
        values = {"adversarial": model.loss_G_GAN, "adversarial.discriminator": model.loss_D, "nce": nce / self.factor}
        return {name: base.number(value) for name, value in values.items()}


class FastCUT(CUT):
    recipe = "fastcut"
    identity = False


@cache
def _places(length: int, patches: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
    return np.random.RandomState(length).permutation(length)[:patches]


@cache
def _on_device(length: int, patches: int, device: torch.device) -> Tensor:
    return torch.from_numpy(_places(length, patches)).to(device)


def _drawn_places(maps: Sequence[Tensor], patches: int) -> list[Tensor]:
    return [_on_device(layer[0, 0].numel(), patches, layer.device) for layer in maps]


@contextlib.contextmanager
def _told(patches: int) -> Iterator[None]:
    """Within it both projects compare the same places, and flip nothing."""
    theirs, ours = (np.random.permutation, np.random.random), (cut.drawn_places, cut.drawn_coin)
    np.random.permutation = lambda length: _places(length, patches)  # type: ignore[assignment]
    np.random.random = lambda: 1.0  # type: ignore[assignment]
    cut.drawn_places = _drawn_places
    cut.drawn_coin = lambda like: torch.zeros((), dtype=torch.bool, device=like.device)
    try:
        yield
    finally:
        (np.random.permutation, np.random.random), (cut.drawn_places, cut.drawn_coin) = theirs, ours
