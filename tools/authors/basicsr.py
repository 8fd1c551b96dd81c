"""BasicSR and Real-ESRGAN: `optimize_parameters` of their models, with the losses of their published option files."""

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torchvision
from torch import nn

from advloss.interop.basicsr import discriminator_from
from advloss.networks.layers.unit_range import to_unit
from tools.authors.loaded import Figures, Made, code_of, gradients, hollow, like_ours, settings, still
from tools.authors.scene import LAST_LAYER, Scene, frozen, norm
from tools.benchmarks.peers.basicsr import stand_ins

NAMES = {"l_g_pix": "pixel", "l_pix": "pixel", "l_g_percep": "perceptual", "l_g_gan": "adversarial"}


def rrdbnet(basicsr: Path, scene: Scene) -> Figures:
    """SRModel with options/train/ESRGAN/train_RRDBNet_PSNR_x4.yml."""
    options = settings(basicsr / "options/train/ESRGAN/train_RRDBNet_PSNR_x4.yml")["train"]
    with code_of(basicsr, stand_ins(basicsr)) as module:
        model = hollow(module("basicsr.models.sr_model").SRModel, **common(scene), **losses(module, options, scene))
    return played(model, scene)


def esrgan(basicsr: Path, scene: Scene) -> Figures:
    """ESRGANModel with options/train/ESRGAN/train_ESRGAN_x4.yml."""
    options = settings(basicsr / "options/train/ESRGAN/train_ESRGAN_x4.yml")["train"]
    with code_of(basicsr, stand_ins(basicsr)) as module:
        network = module("basicsr.archs.discriminator_arch").VGGStyleDiscriminator(3, 4, input_size=scene.side)
        kind = module("basicsr.models.esrgan_model").ESRGANModel
        model = hollow(kind, **common(scene), **losses(module, options, scene), **judge(network, options, scene))
    return played(model, scene)


def realesrgan(basicsr: Path, scene: Scene, checkout: Path) -> Figures:
    """RealESRGANModel with options/train_realesrgan_x4plus.yml."""
    said = settings(checkout / "options/train_realesrgan_x4plus.yml")
    options = said["train"]
    with code_of(basicsr, stand_ins(basicsr)) as module:
        network = module("basicsr.archs.discriminator_arch").UNetDiscriminatorSN(3, 4)
        made = losses(module, options, scene) | judge(network, options, scene)
        kind = module("basicsr.models.realesrgan_model").RealESRGANModel
        if (checkout / "realesrgan").is_dir():
            kind = own_model(checkout, kind)
    flags = {key: said[key] for key in ("l1_gt_usm", "percep_gt_usm", "gan_gt_usm")}
    model = hollow(kind, **common(scene), **made, gt_usm=to_unit(scene.given("sharp_hr")))
    model.opt |= flags
    return played(model, scene)


def own_model(checkout: Path, other: Any) -> Any:
    """Real-ESRGAN's own model class; its package's `__init__` needs a file that only an installation writes."""
    scope: dict[str, Any] = {"__name__": "realesrgan_model"}
    text = (checkout / "realesrgan/models/realesrgan_model.py").read_text(encoding="utf-8")
    text = text.replace("@MODEL_REGISTRY.register()", "")  # BasicSR has one of that name
    exec(compile(text, "realesrgan_model.py", "exec"), scope)  # the user's checkout, as an import would run it
    assert scope["RealESRGANModel"].__name__ == other.__name__
    return scope["RealESRGANModel"]


def common(scene: Scene) -> dict[str, Any]:
    """What every model has: images in [0, 1], a generator, an optimizer that moves nothing, no average."""
    return {
        "opt": {"dist": False},
        "lq": None,
        "gt": to_unit(scene.given("hr")),
        "net_g": Made(scene.layer, lambda: to_unit(scene.made("sr"))),
        "optimizer_g": still(scene.layer),
        "ema_decay": 0,
    }


def judge(network: nn.Module, options: Mapping[str, Any], scene: Scene) -> dict[str, Any]:
    """The discriminator, filled like ours."""
    like_ours(network, scene.terms["adversarial"].loss.discriminator, discriminator_from)
    return {
        "net_d": network,
        "optimizer_d": still(*network.parameters()),
        "net_d_iters": options["net_d_iters"],
        "net_d_init_iters": options["net_d_init_iters"],
    }


def losses(module: Any, options: Mapping[str, Any], scene: Scene) -> dict[str, Any]:
    """Its losses, as its own function builds them from the options."""
    random_vgg = lambda pretrained: torchvision.models.vgg19(weights=None, init_weights=False)  # noqa: E731
    found: dict[str, Any] = {}
    with patch.object(torchvision.models.vgg, "vgg19", random_vgg), contextlib.redirect_stdout(io.StringIO()):
        for name, key in (("cri_pix", "pixel_opt"), ("cri_perceptual", "perceptual_opt"), ("cri_gan", "gan_opt")):
            chosen = options.get(key)
            found[name] = module("basicsr.losses").build_loss(dict(chosen)).double() if chosen else None
    if found["cri_perceptual"]:
        ours = [layer for layer in frozen(scene.terms["perceptual"]).modules() if isinstance(layer, nn.Conv2d)]
        theirs = [layer for layer in found["cri_perceptual"].modules() if isinstance(layer, nn.Conv2d)]
        for mine, other in zip(ours, theirs, strict=True):
            other.load_state_dict(mine.state_dict())
    return found


def played(model: Any, scene: Scene) -> Figures:
    """One iteration; the log has the losses as they are summed."""
    model.optimize_parameters(1)
    found = {NAMES[key]: value for key, value in model.log_dict.items() if key in NAMES}
    found[LAST_LAYER] = norm([scene.layer.grad])
    if hasattr(model, "net_d"):
        found["adversarial.discriminator"] = model.log_dict["l_d_real"] + model.log_dict["l_d_fake"]
        found["gradient of adversarial.discriminator"] = norm(gradients(model.net_d.parameters()))
        found["adversarial.start"] = float(model.net_d_init_iters)
    return found
