"""Models on pictures: `advloss translate`, `upscale`, `inpaint` and `classify`."""

from pathlib import Path
from typing import Annotated

import typer

from advloss.cli.app import app, exit_codes, give, say, table
from advloss.cli.common.options import (
    Device,
    Format,
    Input,
    MovingInput,
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
    input: MovingInput,
    output: Output,
    direction: Annotated[str | None, typer.Option(help="Such as a2b or b2a; the model's first if not given.")] = None,
    tile: Tile = None,
    overlap: Overlap = None,
    precision: Precision = PrecisionName.auto,
    format: Format = None,
    overwrite: Overwrite = False,
    device: Device = None,
) -> None:
    """Translate a picture, an animation, a video or a folder of them, of any size, with a trained model."""
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
    input: MovingInput,
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
    """Enlarge a picture, an animation, a video or a folder of them; results that are there already are skipped."""
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


@app.command(
    epilog="Examples: `advloss inpaint model.safetensors photo.png mask.png filled.png` ·"
    " `advloss inpaint model.safetensors photos/ masks/ filled/`"
)
@exit_codes
def inpaint(
    model: Annotated[Path, typer.Argument(readable=False, help="A model file (.safetensors).")],
    image: Input,
    mask: Annotated[
        Path,
        typer.Argument(readable=False, help="White in holes, as large as the picture; for a folder, one of masks."),
    ],
    output: Output,
    format: Format = None,
    overwrite: Overwrite = False,
    device: Device = None,
) -> None:
    """Fill holes in a picture or a folder of pictures, of any size; all else stays as it was."""
    from advloss.core.devices import choose_device
    from advloss.inference.abilities import check_is_model
    from advloss.inference.files.convert import Writing
    from advloss.inference.files.inpainting import inpaint_files
    from advloss.inference.model import load

    check_is_model(model, "inpaint")
    loaded = load(model, choose_device(device))
    loaded.use("inpaint", file=model)
    summary = inpaint_files(loaded, image, mask, output, Writing(format, overwrite), say=say)
    say(summary.words())
    summary.check()


@app.command(
    epilog="Examples: `advloss classify runs/NAME/model.safetensors photos/` ·"
    " `advloss classify model.safetensors photos/ --out classes.jsonl`"
)
@exit_codes
def classify(
    model: Annotated[Path, typer.Argument(readable=False, help="A model file (.safetensors).")],
    folder: Input,
    out: Annotated[
        Path | None,
        typer.Option(readable=False, help="A .csv or .jsonl for the lines, instead of standard output."),
    ] = None,
    overwrite: Overwrite = False,
    device: Device = None,
) -> None:
    """Tell the class of each picture, with its probability, and how many there are of each class."""
    from advloss.core.devices import choose_device
    from advloss.inference.abilities import check_is_model
    from advloss.inference.files.classifying import classify_files
    from advloss.inference.model import load

    check_is_model(model, "classify")
    loaded = load(model, choose_device(device))
    loaded.use("classify", file=model)
    results = classify_files(loaded, folder, out, overwrite=overwrite, say=say, give=give)
    if out is not None:
        table(["class", "pictures"], [[name, str(number)] for name, number in results.counts.items()])
    else:
        say(", ".join(f"{name}: {number}" for name, number in results.counts.items()))
    say(results.words())
    results.check()
