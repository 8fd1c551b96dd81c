"""Measuring: `advloss evaluate`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from advloss.cli.app import app, exit_codes, say, table
from advloss.cli.common.options import Device, Overlap, PrecisionName, SelfEnsemble, Tile, tile_options

Truths = Annotated[
    Path | None,
    typer.Argument(help="A folder of pictures as they should be; with --real, those that --model translates."),
]
Real = Annotated[
    Path | None,
    typer.Option(
        help="Real pictures that are no partners of the results, a folder or a file of a set's statistics (.npz, .pt):"
        " results are measured as a set."
    ),
]
SaveReal = Annotated[
    Path | None, typer.Option(help="Write the features of --real to this .npz, for --real the next time.")
]
Features = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Measures of sets by this network: inception (for --real if not given), vgg16, alexnet, random (needs no"
        " weights), timm:NAME, or FILE.pt of TorchScript.",
    ),
]
Direction = Annotated[str | None, typer.Option(help="With --real: a2b or b2a; the model's first if not given.")]
Results = Annotated[Path | None, typer.Option(help="A folder of results, of the same names.")]
Suffix = Annotated[
    str, typer.Option(help="What results' names have beyond the truths': _out for a_out.png, the result of a.png.")
]
ModelFile = Annotated[
    Path | None,
    typer.Option(help="A model that enlarges, as for `advloss upscale`, or a tokenizer; with --real a translator."),
]
Bicubic = Annotated[int | None, typer.Option(min=1, help="Plain enlargement by this factor, the baseline.")]
Inputs = Annotated[
    Path | None, typer.Option(help="The small pictures; made from the truths by MATLAB's bicubic if not given.")
]
Border = Annotated[
    int | None, typer.Option(min=0, help="Pixels cut off each side; the scale if not given, 0 for results.")
]
Precision = Annotated[PrecisionName | None, typer.Option(help="What the model computes in; fp32 if not given.")]
Size = Annotated[
    int | None,
    typer.Option(min=1, help="For tokenizers: the truths' shorter side to so many pixels, then the middle square."),
]
Fid = Annotated[
    bool | None,
    typer.Option("--fid/--no-fid", help="FID; if neither is given, for tokenizers if Inception's weights are there."),
]
Out = Annotated[Path, typer.Option(help="Where the figures go, with all that they depend on.")]


@app.command(
    epilog="Examples: `advloss evaluate Set5/HR --model runs/NAME/model.safetensors` ·"
    " `advloss evaluate Set5/HR --inputs Set5/LR_x4 --bicubic 4` ·"
    " `advloss evaluate photos/ --results restored/ --border 4` ·"
    " `advloss evaluate photos/ --model tokenizer.safetensors --size 256` ·"
    " `advloss evaluate horses/ --model runs/NAME/best.safetensors --real zebras/` ·"
    " `advloss evaluate --results translated/ --real zebras/ --features vgg16`"
)
@exit_codes
def evaluate(
    truths: Truths = None,
    results: Results = None,
    model: ModelFile = None,
    bicubic: Bicubic = None,
    inputs: Inputs = None,
    border: Border = None,
    suffix: Suffix = "",
    tile: Tile = None,
    overlap: Overlap = None,
    precision: Precision = None,
    self_ensemble: SelfEnsemble = False,
    size: Size = None,
    fid: Fid = None,
    features: Features = None,
    real: Real = None,
    save_real: SaveReal = None,
    direction: Direction = None,
    out: Out = Path("evaluation.json"),
    device: Device = None,
) -> None:
    """Measure results against truths: PSNR and SSIM (of Y and of RGB), sharpness, LPIPS if its weights are there.

    Of a tokenizer also: usage of the codes, perplexity, bits per pixel, rFID. With --real, which needs no partners, the
    measures of sets: FID, KID, precision, recall, density, coverage, and by Inception its score.
    """
    from advloss.core.devices import choose_device
    from advloss.core.threads import SharedCores
    from advloss.evaluation import evaluate as evaluation

    asked = self_ensemble or any(option is not None for option in (tile, overlap, precision))
    options = tile_options(tile, overlap, precision, self_ensemble) if asked else None
    places: dict[str, Any] = {"results": results, "model": model, "inputs": inputs, "direction": direction}
    ways: dict[str, Any] = {"suffix": suffix, "bicubic": bicubic, "options": options, "size": size}
    subject = evaluation.Subject(**places, **ways, watch=SharedCores(say).watch)
    measures = evaluation.Measures(border=border, fid=fid, features=features, real=real, save_real=save_real)
    report = evaluation.evaluate(truths, subject, measures, device=choose_device(device), say=say, out=out)
    for header, rows in report.tables():
        table(header, rows)
    report.write(out, say)
    report.check()
