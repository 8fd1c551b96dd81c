"""Other projects' weights: `advloss import`, `advloss export`."""

from pathlib import Path
from typing import Annotated

import typer

from advloss.cli.app import app, exit_codes, give, say


@app.command(
    "import",
    epilog="Examples: `advloss import cyclegan horse2zebra.pth horse2zebra.safetensors` ·"
    " `advloss import super_resolution RealESRGAN_x4plus.pth realesrgan.safetensors` ·"
    " `advloss import tokenizer vq_ds16_c2i.pt llamagen.safetensors` ·"
    " `advloss import pix2pix latest_net_G.pth model.safetensors networks.generator.dropout=0`",
)
@exit_codes
def import_(
    method: Annotated[str, typer.Argument(help="cut, cyclegan, pix2pix, pix2pixhd, super_resolution or tokenizer.")],
    file: Annotated[
        Path,
        typer.Argument(
            help="Weights, such as latest_net_G.pth, RealESRGAN_x4plus.pth or last.ckpt; of diffusers also a folder."
        ),
    ],
    model: Annotated[Path, typer.Argument(help="The model file to write (.safetensors).")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...", help="What the weights don't tell, such as networks.generator.dropout=0."
        ),
    ] = None,
) -> None:
    """Convert another project's checkpoint to a model file.

    Generators of pytorch-CycleGAN-and-pix2pix, contrastive-unpaired-translation (CUT and FastCUT), pix2pixHD, BasicSR
    and Real-ESRGAN; tokenizers of taming-transformers, latent-diffusion, LlamaGen and diffusers. Width, depth, norm and
    scale are read off the weights. They don't tell what a layer without weights does: dropout
    (networks.generator.dropout=0 if there was none), whether it works at inference
    (networks.generator.dropout_at_inference=false), and which statistics batch norm takes there
    (networks.generator.statistics_at_inference=running).
    """
    from advloss.interop.importing import import_model

    for key, network in import_model(method, file, model, settings or ()).networks.items():
        say(f"{key}: {', '.join(f'{name}={value}' for name, value in network.model_dump().items())}")
    give(model)


@app.command(epilog="Example: `advloss export runs/NAME/model.safetensors my-vqgan`")
@exit_codes
def export(
    model: Annotated[Path, typer.Argument(readable=False, help="A tokenizer's model file (.safetensors).")],
    folder: Annotated[Path, typer.Argument(readable=False, help="The new folder, for diffusers' `from_pretrained`.")],
    scaling_factor: Annotated[
        float | None, typer.Option(help="What a diffusion model multiplies latents by: 1 / their standard deviation.")
    ] = None,
) -> None:
    """Write a tokenizer as diffusers reads it: config.json and diffusion_pytorch_model.safetensors in a folder."""
    from advloss.inference.model import load
    from advloss.interop.exporting import export_diffusers

    loaded = load(model)
    factor = loaded.about.get("scaling_factor") if scaling_factor is None else scaling_factor  # an imported file's own
    loaded.use("tokenize", "export", model)
    name = export_diffusers(loaded.method, loaded.recipe, folder, factor, say)
    say(f"diffusers.{name}.from_pretrained('{folder}') reads it")
    give(folder)
