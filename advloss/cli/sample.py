"""Images of noise: `advloss sample`."""

from pathlib import Path
from typing import Annotated

import typer

from advloss.cli.app import app, exit_codes, give, say
from advloss.cli.common.options import Device, Format, Overwrite
from advloss.core.errors import InputError

Truncate = Annotated[
    float | None,
    typer.Option(help="Draw normal noise beyond this again: below 1 images are better, and more alike."),
]
Output = Annotated[
    Path,
    typer.Argument(readable=False, help="A folder; a picture for --grid and --interpolate; a .npy for vectors."),
]
Interpolate = Annotated[
    int | None,
    typer.Option(
        min=2,
        metavar="N",
        help="The way from each image to the next in N images: a row for each way, or an animation (.webp).",
    ),
]


@app.command(
    epilog="Examples: `advloss sample runs/NAME/model.safetensors images/ --count 1000` ·"
    " `advloss sample model.safetensors grid.png --grid --count 64 --label cat` ·"
    " `advloss sample model.safetensors walk.webp --interpolate 30 --count 5 --truncate 0.7`"
)
@exit_codes
def sample(
    model: Annotated[Path, typer.Argument(readable=False, help="A model file (.safetensors) that makes images.")],
    output: Output,
    count: Annotated[int | None, typer.Option(min=1, help="Images; 64 if not given, for --interpolate 2.")] = None,
    grid: Annotated[bool, typer.Option("--grid", help="One picture of all images.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise: image i depends on it and on i alone.")] = 0,
    label: Annotated[str | None, typer.Option(help="A class's name or number; else all classes in turn.")] = None,
    truncate: Truncate = None,
    interpolate: Interpolate = None,
    format: Format = None,
    overwrite: Overwrite = False,
    device: Device = None,
) -> None:
    """Make images of noise with a trained model; images that are there already are skipped."""
    from advloss.core.devices import choose_device
    from advloss.inference.abilities import check_is_model
    from advloss.inference.files.convert import Writing
    from advloss.inference.files.sampling import makes_vectors, sample_files, sample_grid, sample_vectors, sample_walk
    from advloss.inference.generating import Sampling
    from advloss.inference.model import load

    if grid and interpolate is not None:
        raise InputError("--grid and --interpolate: say one of them")
    check_is_model(model, "generate")
    loaded = load(model, choose_device(device))
    loaded.use("generate", "sample", file=model)
    options, writing = Sampling(seed, label, truncate), Writing(format, overwrite)
    if interpolate is not None:
        sample_walk(loaded, output, count or 2, interpolate, options, writing)
    elif grid:
        sample_grid(loaded, output, count or 64, options, writing)
    elif makes_vectors(loaded):
        sample_vectors(loaded, output, count or 64, options, writing)
    else:
        summary = sample_files(loaded, output, count or 64, options, writing, say=say)
        say(summary.words())
        summary.check()
        return
    give(output)
