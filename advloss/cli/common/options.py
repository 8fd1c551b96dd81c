"""Arguments and options that several commands share."""

import enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from advloss.core.errors import InputError

if TYPE_CHECKING:
    from advloss.inference.tiles.options import TileOptions


class PrecisionName(enum.StrEnum):
    """What the network computes in."""

    auto = enum.auto()
    fp32 = enum.auto()
    bf16 = enum.auto()
    fp16 = enum.auto()


Words = Annotated[
    list[str] | None,
    typer.Argument(help="recipe=NAME, the data (a set's name, a folder or shards), key=value ..."),
]
MovingInput = Annotated[
    Path,
    typer.Argument(
        readable=False,
        help="A picture (PNG, JPEG, WebP, TIFF, BMP, .npy), an animation (GIF, WebP), a video, or a folder of such.",
    ),
]
Device = Annotated[str | None, typer.Option(help="cpu or cuda; cuda where there is one if not given.")]
# readable=False: what can't be read is for us to say
Input = Annotated[
    Path, typer.Argument(readable=False, help="A picture (PNG, JPEG, WebP, TIFF, BMP, .npy), or a folder of pictures.")
]
Output = Annotated[Path, typer.Argument(readable=False, help="The result: a file for a file, a folder for a folder.")]
Tile = Annotated[
    int | None,
    typer.Option(min=0, help="Side in pixels of what the network sees at once; from free memory if not given, 0: all."),
]
Overlap = Annotated[
    str | None,
    typer.Option(
        metavar="PIXELS|exact",
        help="Pixels around each tile's own part; exact: as far as the network looks, so that the result is the whole"
        " picture's. If not given up to 64, and more where tiles show; fewer are faster, and cuts may show.",
    ),
]
Precision = Annotated[
    PrecisionName,
    typer.Option(
        help="auto: 16 bits where the device is fast with them and the picture's 8 bits stay the same, else fp32."
    ),
]
SelfEnsemble = Annotated[
    bool, typer.Option("--self-ensemble", help="The mean of 8 mirrored and turned passes: better, 8 times slower.")
]
TokenizerFile = Annotated[
    Path, typer.Option("--model", readable=False, help="A tokenizer's model file (.safetensors).")
]
Size = Annotated[
    int | None,
    typer.Option(
        min=1, help="Shorter side in pixels, of which the middle square is cut out; as they are if not given."
    ),
]
Batch = Annotated[
    int | None,
    typer.Option(min=1, help="Pictures of one size at once, on a GPU; 16 with --size and 1 without if not given."),
]
Format = Annotated[
    str | None, typer.Option(metavar="png|jpg|webp|tiff|npy", help="The results' format; each file's own if not given.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that are there.")]


def tile_options(
    tile: int | None, overlap: str | None, precision: PrecisionName | None, ensemble: bool = False
) -> "TileOptions":
    """What the commands' options say of tiles; precision: fp32 if not given."""
    from advloss.inference.tiles.options import TileOptions

    name: Any = "fp32" if precision is None else precision.value
    return TileOptions(tile, _pixels(overlap), name, ensemble)


def _pixels(overlap: str | None) -> int | Literal["exact"] | None:
    """--overlap: a number of pixels, or `exact`."""
    if overlap is None:
        return None
    if overlap == "exact":
        return "exact"
    if not overlap.isdecimal():
        raise InputError(f"--overlap {overlap}: is a number of pixels, or exact")
    return int(overlap)
