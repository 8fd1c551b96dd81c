"""Models on pictures: `advloss translate`, `advloss upscale`."""

from pathlib import Path
from typing import Annotated

import typer

from advloss.cli.app import app, exit_codes, say
from advloss.cli.options import (
    Device,
    Format,
    Input,
    Output,
    Overlap,
    Overwrite,
    Precision,
    PrecisionName,
    SelfEnsemble,
    Tile,
    tile_options,
)


@app.command(
    epilog="Examples: `advloss translate runs/NAME/model.safetensors horse.jpg zebra.png` ·"
    " `advloss translate model.safetensors zebras/ horses/ --direction b2a`"
)
@exit_codes
def translate(
    model: Annotated[Path, typer.Argument(readable=False, help="A model file (.safetensors).")],
    input: Input,
    output: Output,
    direction: Annotated[str | None, typer.Option(help="Such as a2b or b2a; the model's first if not given.")] = None,
    tile: Tile = None,
    overlap: Overlap = None,
    precision: Precision = PrecisionName.auto,
    format: Format = None,
    overwrite: Overwrite = False,
    device: Device = None,
) -> None:
    """Translate a picture or a folder of pictures, of any size, with a trained model."""
    from advloss.core.devices import choose_device
    from advloss.core.threads import SharedCores
    from advloss.inference.abilities import check_is_model
    from advloss.inference.files.convert import Writing, translate_files
    from advloss.inference.model import load

    check_is_model(model, "translate")
    loaded = load(model, choose_device(device))
    loaded.use("translate", file=model)
    SharedCores(say).watch(loaded.network(loaded.direction(direction)))
    options, writing = tile_options(tile, overlap, precision), Writing(format, overwrite)
    summary = translate_files(loaded, input, output, direction, options, writing, say=say)
    say(summary.words())
    summary.check()


@app.command(
    epilog="Examples: `advloss upscale photo.jpg large.png --model runs/NAME/model.safetensors` ·"
    " `advloss upscale photos/ large/ --model RealESRGAN_x4plus.pth --format png` ·"
    " `advloss upscale scan.tif large.tif --model SwinIR.pth --precision fp32 --self-ensemble`"
)
@exit_codes
def upscale(
    input: Input,
    output: Output,
    model: Annotated[
        Path, typer.Option(readable=False, help="A model file, or another project's weights (.pth, .pt, .safetensors).")
    ],
    tile: Tile = None,
    overlap: Overlap = None,
    precision: Precision = PrecisionName.auto,
    self_ensemble: SelfEnsemble = False,
    format: Format = None,
    overwrite: Overwrite = False,
    device: Device = None,
) -> None:
    """Enlarge a picture or a folder of pictures, of any size; results that are there already are skipped."""
    from advloss.core.devices import choose_device
    from advloss.core.threads import SharedCores
    from advloss.inference.abilities import check_is_model
    from advloss.inference.files.convert import Writing, upscale_files
    from advloss.inference.upscaler import load_upscaler

    check_is_model(model, "upscale")
    upscaler = load_upscaler(model).to(choose_device(device))
    SharedCores(say).watch(upscaler.network)
    options = tile_options(tile, overlap, precision, self_ensemble)
    summary = upscale_files(upscaler, input, output, options, Writing(format, overwrite), say=say)
    say(summary.words())
    summary.check()
