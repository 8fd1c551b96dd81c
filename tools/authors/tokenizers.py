"""taming-transformers, latent-diffusion and LlamaGen: their losses' `forward`, with their published settings."""

import ast
import contextlib
import importlib
import io
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import torch
import torchvision
from torch import Tensor

from advloss.interop.taming import discriminator_from
from tools.authors.loaded import Figures, code_of, gradients, like_ours, settings
from tools.authors.scene import LAST_LAYER, LATE, LATENT, Scene, frozen, norm

OPTIONS = {
    **{name: name for name in ("disc_start", "disc_loss", "disc_type", "disc_weight", "codebook_weight")},
    **{name: name for name in ("reconstruction_loss", "reconstruction_weight", "perceptual_weight")},
    "gen_adv_loss": "gen_loss",
}
"""Arguments of LlamaGen's loss, and the options of its script that they get."""
VALUES = 3 * 256**2
"""Of an image of 256 pixels a side, over which latent diffusion's KL autoencoder sums where we take a mean."""


def taming(checkout: Path, scene: Scene) -> Figures:
    """VQGAN with configs/imagenet_vqgan.yaml."""
    return vqgan(checkout, settings(checkout / "configs/imagenet_vqgan.yaml")["model"]["params"], scene)


def latent_diffusion_vq(taming_: Path, scene: Scene, checkout: Path) -> Figures:
    """Latent diffusion's VQ-f8, whose configuration names taming-transformers' loss."""
    return vqgan(taming_, settings(checkout / "models/first_stage_models/vq-f8/config.yaml")["model"]["params"], scene)


def vqgan(checkout: Path, said: Mapping[str, Any], scene: Scene) -> Figures:
    """taming-transformers' loss and quantizer; the quantizer in the form that its authors call mended."""
    with code_of(checkout, {"omegaconf": ModuleType("omegaconf")}) as module:
        quantize = module("taming.modules.vqvae.quantize").VectorQuantizer2
        loss = made_loss(module, said["lossconfig"], scene)
    bottleneck: Any = scene.bottleneck
    quantizer = quantize(bottleneck.codes, bottleneck.channels, beta=0.25, legacy=False).double()
    copy_codes(quantizer, scene)
    codebook_loss = quantizer(scene.latent)[1]

    def forward(turn: int, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        made = scene.made("reconstruction") if turn == 0 else scene.made("reconstruction").detach()
        result: tuple[Tensor, dict[str, Tensor]] = loss(
            codebook_loss, scene.given("image"), made, turn, step, last_layer=scene.layer
        )
        return result

    total, log = forward(0, LATE)
    found = {
        "pixel": log["train/rec_loss"] - log["train/p_loss"],
        "perceptual": log["train/p_loss"] * loss.perceptual_weight,
        "bottleneck": log["train/quant_loss"] * loss.codebook_weight,
        "adversarial": log["train/d_weight"] * log["train/disc_factor"] * log["train/g_loss"],
    }
    found[LATENT] = in_latent(loss.codebook_weight * codebook_loss, scene)
    return finished(loss, scene, total, found, forward(1, LATE)[0], first(loss, lambda iteration: iteration))


def in_latent(loss: Tensor, scene: Scene) -> Tensor:
    """The norm of a bottleneck's loss's gradient in what the bottleneck gets."""
    (gradient,) = torch.autograd.grad(loss, scene.latent, retain_graph=True)
    return gradient.norm()


def latent_diffusion_kl(taming_: Path, scene: Scene, checkout: Path) -> Figures:
    """AutoencoderKL with configs/autoencoder/autoencoder_kl_32x32x4.yaml, over the values of an image."""
    said = settings(checkout / "configs/autoencoder/autoencoder_kl_32x32x4.yaml")["model"]["params"]
    with code_of(taming_, {"omegaconf": ModuleType("omegaconf")}), code_of(checkout) as module:
        posterior = module("ldm.modules.distributions.distributions").DiagonalGaussianDistribution(scene.latent)
        loss = made_loss(module, said["lossconfig"], scene)
    image, made = scene.given("image"), scene.made("reconstruction")
    here = image[0].numel()
    total, log = loss(image, made, posterior, 0, LATE, last_layer=scene.layer)
    perceptual = loss.perceptual_loss(image, made).mean() * loss.perceptual_weight
    kl = float(log["train/kl_loss"]) * loss.kl_weight
    found = {
        "pixel": log["train/nll_loss"] / here - perceptual,
        "perceptual": perceptual,
        "kl": torch.tensor(kl / VALUES),
        "adversarial": log["train/d_weight"] * log["train/disc_factor"] * log["train/g_loss"] / here,
        LATENT: in_latent(loss.kl_weight / VALUES * posterior.kl().mean(), scene),
    }
    other = loss(image, made.detach(), posterior, 1, LATE, last_layer=scene.layer)[0]
    return finished(loss, scene, (total - kl) / here, found, other, first(loss, lambda iteration: iteration))


def llamagen(checkout: Path, scene: Scene) -> Figures:
    """VQLoss with the defaults of tokenizer/tokenizer_image/vq_train.py, which counts iterations from 1."""
    said = parser_defaults(checkout / "tokenizer/tokenizer_image/vq_train.py")
    with code_of(checkout) as module:
        quantize = module("tokenizer.tokenizer_image.vq_model").VectorQuantizer
        with without_weights(module("tokenizer.tokenizer_image.lpips")):
            chosen = {theirs: said[option] for theirs, option in OPTIONS.items()}
            loss = module("tokenizer.tokenizer_image.vq_loss").VQLoss(disc_dim=4, **chosen)
    like_ours_all(loss, scene)
    bottleneck: Any = scene.bottleneck
    beta, ratio = said["commit_loss_beta"], said["entropy_loss_ratio"]
    quantizer = quantize(bottleneck.codes, bottleneck.channels, beta, ratio, said["codebook_l2_norm"], False).double()
    copy_codes(quantizer, scene)
    codebook = quantizer(scene.latent)[1]
    weights = {"pixel": "rec_weight", "perceptual": "perceptual_weight", "adversarial": "disc_weight"}

    def forward(turn: int, counting: tuple[str, ...], codes: Any) -> Tensor:
        kept = {name: getattr(loss, weights[name]) for name in weights}
        for name in weights:
            setattr(loss, weights[name], kept[name] if name in counting else 0.0)
        made = scene.made("reconstruction") if turn == 0 else scene.made("reconstruction").detach()
        total: Tensor = loss(codes, scene.given("image"), made, turn, LATE + 1, last_layer=scene.layer)
        for name in weights:
            setattr(loss, weights[name], kept[name])
        return total

    nothing = (0.0, 0.0, 0.0)
    found = {name: forward(0, (name,), nothing) for name in weights}
    found["bottleneck"] = forward(0, (), codebook[:3])
    found[LATENT] = in_latent(found["bottleneck"], scene)
    total = forward(0, (*weights,), codebook[:3])
    other = forward(1, (*weights,), nothing)
    return finished(loss, scene, total, found, other, first(loss, lambda iteration: iteration + 1))


def made_loss(module: Any, config: Mapping[str, Any], scene: Scene) -> Any:
    """The loss of a configuration, at our scene's width, filled like ours."""
    place, _, name = config["target"].rpartition(".")
    with without_weights(module("taming.modules.losses.lpips")), contextlib.redirect_stdout(io.StringIO()):
        loss = getattr(module(place), name)(**config["params"])
        layers = scene.terms["adversarial"].loss.discriminator.layers
        assert layers == config["params"].get("disc_num_layers", 3)
        narrow = module("taming.modules.discriminator.model").NLayerDiscriminator(input_nc=3, ndf=4, n_layers=layers)
    loss.discriminator = narrow  # the configuration's is 64 wide
    loss.kl_weight = float(getattr(loss, "kl_weight", 0.0))
    like_ours_all(loss, scene)
    return loss


def like_ours_all(loss: Any, scene: Scene) -> None:
    """Fills a loss's discriminator and LPIPS like ours."""
    like_ours(loss.discriminator, scene.terms["adversarial"].loss.discriminator, discriminator_from)
    loss.double().train()
    loss.perceptual_loss.eval()  # else its dropout is on
    ours = frozen(scene.terms["perceptual"]).state_dict()
    theirs = loss.perceptual_loss.state_dict()
    loss.perceptual_loss.load_state_dict({key: ours.get(key, value) for key, value in theirs.items()})


def copy_codes(quantizer: Any, scene: Scene) -> None:
    """Our codes into their codebook."""
    with torch.no_grad():
        quantizer.embedding.weight.copy_(scene.bottleneck.codebook.weight)


def first(loss: Any, step: Any) -> int:
    """The first iteration, from 0, in which the adversary counts: by the authors' own function of their step."""
    adopt = importlib.import_module(type(loss).__module__).adopt_weight
    start = loss.discriminator_iter_start
    return next(i for i in range(max(start - 5, 0), start + 5) if adopt(1.0, step(i), threshold=start) > 0)


def finished(
    loss: Any, scene: Scene, total: Tensor, found: Mapping[str, Tensor], of_discriminator: Tensor, start: int
) -> Figures:
    """The figures, with the gradients of the generator's loss and of the discriminator's."""
    (gradient,) = torch.autograd.grad(total, scene.layer)
    loss.discriminator.zero_grad()
    of_discriminator.backward()
    return {
        **{name: float(value) for name, value in found.items()},
        LAST_LAYER: norm([gradient]),
        "adversarial.discriminator": float(of_discriminator),
        "gradient of adversarial.discriminator": norm(gradients(loss.discriminator.parameters())),
        "adversarial.start": float(start),
    }


@contextlib.contextmanager
def without_weights(lpips: Any) -> Any:
    """Within it their LPIPS downloads nothing."""
    make = torchvision.models.vgg16
    random_vgg = lambda pretrained: make(weights=None, init_weights=False)  # noqa: E731
    with (
        patch.object(torchvision.models, "vgg16", random_vgg),
        patch.object(lpips.LPIPS, "load_from_pretrained", lambda self: None),
    ):
        yield


def parser_defaults(path: Path) -> dict[str, Any]:
    """The defaults of a script's `add_argument` calls, read without running it."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_argument":
            keywords = {word.arg: word.value for word in node.keywords}
            name = ast.literal_eval(node.args[0]).removeprefix("--").replace("-", "_")
            if isinstance(keywords.get("default"), ast.Constant):
                found[name] = ast.literal_eval(keywords["default"])
    return found
