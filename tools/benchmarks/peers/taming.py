"""taming-transformers: both turns of its VQModel's `training_step`, as Lightning 1.x ran them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import torchvision
from torch import Tensor, nn

from advloss.interop.taming import discriminator_from, tokenizer_from
from advloss.recipe.build import Built
from advloss.recipe.schema import Recipe
from advloss.training.fast.step import FastStep
from tools.benchmarks.peers import base
from tools.benchmarks.peers.base import Batch, Peer, Play

RESOLUTION = 256
"""Its configuration's: places the attention; images may have another size."""


class Taming(Peer):
    project = "taming-transformers"
    recipe = "vqgan-f16"
    marks = ("taming/models/vqgan.py", "taming/modules/losses/vqperceptual.py")
    order = "generator first, then the discriminator on a reconstruction made anew"
    as_played = "another algorithm: the discriminator learns from the reconstruction made before the generator's step"
    # its discriminator's loss is behind such a step in the first iteration already, and its batch norm makes that large
    tolerances = (1e-3, 5e-2)
    overrides = (
        "networks.bottleneck.legacy=true",
        "losses.perceptual.pretrained=false",
        "losses.adversarial.start=0",
        "optimizer.lr=4.5e-6",
    )
    notes = (
        "the adversary counts from the first iteration",
        "LPIPS has a random backbone, the same on both sides, and no dropout, which its trainer leaves on",
        "its training_step is its own; Lightning 1.x is stood in for by a loop without its overhead: for each "
        "optimizer the other's parameters are frozen, then training_step, backward, step",
    )

    def make(self, path: Path, recipe: Recipe) -> None:
        make_vgg = torchvision.models.vgg16
        random_vgg = lambda pretrained: make_vgg(weights=None, init_weights=False)  # noqa: E731
        with base.imported_from(path, stand_ins()), patch.object(torchvision.models, "vgg16", random_vgg):
            losses = base.module("taming.modules.losses.vqperceptual")
            with patch.object(losses.LPIPS, "load_from_pretrained", lambda self: None):
                self.model = base.module("taming.models.vqgan").VQModel(**configuration(recipe))
        self.model.to(self.device).train()
        self.model.loss.perceptual_loss.eval()
        self.model.learning_rate = recipe.optimizer.parameters["lr"]
        self.optimizers, _ = self.model.configure_optimizers()
        self.networks = [self.model]

    def load_into(self, built: Built) -> None:
        state = {key: x for key, x in self.model.state_dict().items() if not key.startswith("loss.")}
        built.method.load_state_dict(tokenizer_from(state).state)
        discriminator = discriminator_from(self.model.loss.discriminator.state_dict())[1]
        base.adversary(built, "adversarial").load_state_dict(discriminator)
        known = self.model.loss.perceptual_loss.state_dict()
        ours = base.frozen(built, "perceptual").state_dict()
        self.model.loss.perceptual_loss.load_state_dict({name: ours.get(name, x) for name, x in known.items()})

    def converted(self, batch: Batch) -> dict[str, Tensor]:
        return {"image": batch["image"].permute(0, 2, 3, 1).contiguous()}  # its data sets give [H, W, 3]

    def play(self, batch: Any) -> None:
        for number, optimizer in enumerate(self.optimizers):
            self.model.requires_grad_(False)
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    parameter.requires_grad_(True)
            loss = self.model.training_step(batch, self.model.global_step, number)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        self.model.global_step += 1

    def losses(self) -> dict[str, float]:
        logged = self.model.logged
        # its rec_loss is the sum of L1 and LPIPS
        return {
            "pixel": base.number(logged["train/rec_loss"] - logged["train/p_loss"]),
            "perceptual": base.number(logged["train/p_loss"]),
            "bottleneck": base.number(logged["train/quant_loss"]),
            "adversarial": base.number(logged["train/g_loss"]),
            "adversarial.discriminator": base.number(logged["train/disc_loss"]),
        }

    def ours(self, executor: FastStep) -> Play:
        """The discriminator learns from a reconstruction made after the generator's step, where `FastStep.play`
        reuses the one from before it."""
        executor.one_pass = set()  # the discriminator does not judge the fakes of the generator's turn for its own

        def play(batches: Sequence[Batch]) -> Mapping[str, Tensor]:
            with executor.precision.settings():
                executor.begin(0)
                generator, discriminator = players = [*executor.players.values()]
                losses, *_ = executor.generator_step(generator, (executor.forward(batch, players) for batch in batches))
                seen = executor.without_graph(batches, players)
                return losses | executor.discriminator_step(discriminator, seen, {})

        return play


class _LightningModule(nn.Module):
    """What its model asks of Lightning: a counter, and somewhere to log."""

    def __init__(self) -> None:
        super().__init__()
        self.global_step = 0
        self.logged: dict[str, Tensor] = {}

    def log(self, name: str, value: Tensor, **_: Any) -> None:
        self.logged[name] = value

    def log_dict(self, values: dict[str, Tensor], **_: Any) -> None:
        self.logged |= values


def stand_ins() -> dict[str, ModuleType]:
    """Lightning, and its training script, of which its model takes one function."""
    lightning, script = ModuleType("pytorch_lightning"), ModuleType("main")
    lightning.LightningModule = _LightningModule  # type: ignore[attr-defined]
    script.instantiate_from_config = instantiate  # type: ignore[attr-defined]
    return {"pytorch_lightning": lightning, "main": script}


def instantiate(config: Mapping[str, Any]) -> Any:
    """The object of a configuration's class, {target: module.class, params: {...}}."""
    place, _, name = config["target"].rpartition(".")
    return getattr(base.module(place), name)(**config["params"])


def configuration(recipe: Recipe) -> dict[str, Any]:
    """Its configs/imagenet_vqgan.yaml, with our widths."""
    encoder, bottleneck = (recipe.networks[name].parameters for name in ("encoder", "bottleneck"))
    discriminator = base.discriminator_options(recipe, "adversarial")
    networks = {
        "double_z": False,
        "z_channels": encoder["z_channels"],
        "resolution": RESOLUTION,
        "in_channels": 3,
        "out_ch": 3,
        "ch": encoder["width"],
        "ch_mult": encoder["multipliers"],
        "num_res_blocks": encoder["blocks"],
        "attn_resolutions": [RESOLUTION // factor for factor in encoder["attention"]],
        "dropout": 0.0,
    }
    loss = {
        "disc_conditional": False,
        "disc_in_channels": 3,
        "disc_num_layers": discriminator["layers"],
        "disc_ndf": discriminator["width"],
        "disc_start": 0,
        "disc_weight": base.weight(recipe, "adversarial"),
        "codebook_weight": base.weight(recipe, "bottleneck"),
    }
    return {
        "embed_dim": bottleneck["channels"],
        "n_embed": bottleneck["codes"],
        "ddconfig": networks,
        "lossconfig": {"target": "taming.modules.losses.vqperceptual.VQLPIPSWithDiscriminator", "params": loss},
    }
