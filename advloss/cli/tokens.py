"""Tokenizers: `advloss tokenize`, `detokenize` and `reconstruct`."""

from pathlib import Path
from typing import Annotated

import typer

from advloss.cli.app import app, exit_codes, say
from advloss.cli.common.options import Batch, Device, Input, Output, Overwrite, Size, TokenizerFile


@app.command(
    epilog="Examples: `advloss tokenize photos/ tokens.safetensors --model runs/NAME/model.safetensors` ·"
    " `advloss tokenize photos/ tokens.safetensors --model vqgan.safetensors --size 256 --shard 10000`"
)
@exit_codes
def tokenize(
    input: Input,
    tokens: Annotated[Path, typer.Argument(readable=False, help="The tokens file to write (.safetensors).")],
    model: TokenizerFile,
    size: Size = None,
    shard: Annotated[
        int | None,
        typer.Option(min=1, help="Pictures a file: TOKENS-00000.safetensors ... and TOKENS.json, which lists them."),
    ] = None,
    batch: Batch = None,
    overwrite: Overwrite = False,
    device: Device = None,
) -> None:
    """Encode a picture, or all below a folder, to integer tokens; with --shard a stopped command can go on.

    The file holds `tokens` (all pictures', one after the other; uint8, uint16, int32 or int64), `offsets` (those of
    picture i are tokens[offsets[i] : offsets[i + 1]]), `grids` (rows and columns of each picture's tokens), `sizes`
    (its height and width in pixels), and the names, the model's fingerprint and the number of codes as JSON in the
    metadata.
    """
    from advloss.core.devices import choose_device
    from advloss.core.threads import SharedCores
    from advloss.inference.model import load
    from advloss.inference.tokens.encoding import Reading
    from advloss.inference.tokens.tokenizing import tokenize_files

    loaded = load(model, choose_device(device))
    loaded.tokenizer("tokenize", codes=True, file=model)
    SharedCores(say).watch(*loaded.method.networks)
    reading = Reading(size, batch)
    summary = tokenize_files(loaded, input, tokens, reading, name=model.name, shard=shard, overwrite=overwrite, say=say)
    say(summary.words())
    summary.check()


@app.command(epilog="Example: `advloss detokenize tokens.safetensors photos/ --model runs/NAME/model.safetensors`")
@exit_codes
def detokenize(
    tokens: Annotated[
        Path, typer.Argument(readable=False, help="A tokens file, the index of its shards, or a folder with one.")
    ],
    output: Annotated[
        Path,
        typer.Argument(
            readable=False, help="The folder for the pictures: PNG, or .npy where the model was trained on floats."
        ),
    ],
    model: TokenizerFile,
    overwrite: Overwrite = False,
    device: Device = None,
) -> None:
    """Decode tokens to pictures, under their names, by the model that made them."""
    from advloss.core.devices import choose_device
    from advloss.core.threads import SharedCores
    from advloss.inference.model import load
    from advloss.inference.tokens.reconstructing import detokenize_files

    loaded = load(model, choose_device(device))
    loaded.tokenizer("detokenize", codes=True, file=model)
    SharedCores(say).watch(*loaded.method.networks)
    summary = detokenize_files(loaded, tokens, output, overwrite=overwrite, say=say)
    say(summary.words())
    summary.check()


@app.command(
    epilog="Examples: `advloss reconstruct photo.jpg again.png --model runs/NAME/model.safetensors` ·"
    " `advloss reconstruct photos/ again/ --model klvae.safetensors --size 256`"
)
@exit_codes
def reconstruct(
    input: Input,
    output: Output,
    model: TokenizerFile,
    size: Size = None,
    batch: Batch = None,
    overwrite: Overwrite = False,
    device: Device = None,
) -> None:
    """Show what a tokenizer keeps of pictures: encoded and decoded again (in folders PNG, or .npy for floats)."""
    from advloss.core.devices import choose_device
    from advloss.core.threads import SharedCores
    from advloss.inference.model import load
    from advloss.inference.tokens.encoding import Reading
    from advloss.inference.tokens.reconstructing import reconstruct_files

    loaded = load(model, choose_device(device))
    loaded.tokenizer("reconstruct", file=model)
    SharedCores(say).watch(*loaded.method.networks)
    summary = reconstruct_files(loaded, input, output, Reading(size, batch), overwrite=overwrite, say=say)
    say(summary.words())
    summary.check()
