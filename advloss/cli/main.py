"""The command line: words to calls, errors to exit codes (0 done, 1 training failed, 2 bad input, 130 interrupted)."""

import enum
import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from advloss.core.allocator import keep_freed_memory
from advloss.core.errors import InputError, Interrupted, TrainingError

if TYPE_CHECKING:
    from advloss.recipe.schema import Recipe
    from advloss.recipe.source import Source

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Translators, super-resolution and tokenizers with adversarial losses: trained, resumed, measured and used.",
    epilog="First steps: `advloss train recipe=cyclegan-small stripes`, then "
    "`advloss translate runs/cyclegan-small-stripes/model.safetensors PHOTOS RESULTS`.",
)
RUNS = Path("runs")


class PrecisionName(enum.StrEnum):
    """What the network computes in."""

    auto = enum.auto()
    fp32 = enum.auto()
    bf16 = enum.auto()
    fp16 = enum.auto()


class FormatName(enum.StrEnum):
    """Formats of results."""

    png = enum.auto()
    jpg = enum.auto()
    webp = enum.auto()
    tiff = enum.auto()


Words = Annotated[
    list[str] | None, typer.Argument(help="recipe=NAME, the data (a set's name or a folder), key=value ...")
]
Device = Annotated[str | None, typer.Option(help="cpu or cuda; cuda where there is one if not given.")]
# readable=False: what can't be read is for us to say
Input = Annotated[Path, typer.Argument(readable=False, help="A picture, or a folder of pictures.")]
Output = Annotated[Path, typer.Argument(readable=False, help="The result: a file for a file, a folder for a folder.")]
Tile = Annotated[
    int | None,
    typer.Option(min=0, help="Side in pixels of what the network sees at once; from free memory if not given, 0: all."),
]
Overlap = Annotated[
    str | None,
    typer.Option(
        metavar="PIXELS|exact", help="Pixels around each tile's own part; exact: as far as the network looks."
    ),
]
Precision = Annotated[
    PrecisionName,
    typer.Option(help="auto: what the device is fast with and the file's bit depth allows."),
]
SelfEnsemble = Annotated[
    bool, typer.Option("--self-ensemble", help="The mean of 8 mirrored and turned passes: better, 8 times slower.")
]
Tokenizer = Annotated[Path, typer.Option("--model", readable=False, help="A tokenizer's model file (.safetensors).")]
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
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that are there.")]


def say(sentence: str) -> None:
    """A line on standard error, where the progress bar is; standard output is for results."""
    print(sentence, file=sys.stderr)


def exit_codes(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with each of our errors as one message and its exit code, without a traceback."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except (InputError, TrainingError) as error:
            say(f"advloss: {error}")
            raise typer.Exit(error.exit_code) from None
        except (Interrupted, KeyboardInterrupt) as error:
            say(f"advloss: {error or 'interrupted'}")
            raise typer.Exit(Interrupted.exit_code) from None

    return run


@app.command(
    epilog="Examples: `advloss train recipe=cyclegan horse2zebra` ·"
    " `advloss train recipe=pix2pix data.a=labels data.b=photos optimizer.lr=1e-4 losses.l1.weight=50` ·"
    " `advloss train --run cyclegan-horse2zebra --resume` ·"
    " `torchrun --nproc-per-node 2 -m advloss -- train recipe=cyclegan horse2zebra`"
)
@exit_codes
def train(
    words: Words = None,
    run: Annotated[str | None, typer.Option(help="The run's name; RECIPE-DATA if not given.")] = None,
    iterations: Annotated[int | None, typer.Option(min=1, help="Stop after this many iterations in all.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    device: Device = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, train nothing.")] = False,
) -> None:
    """Train a recipe on a data set; the run's files lie under runs/NAME/."""
    from advloss.training.start import rehearse
    from advloss.training.start import train as start

    recipe, name = _wanted(words or [], run, iterations, resume)
    if dry_run:
        built, plan = rehearse(recipe, device, say)
        _table(["tensor", "shape"], [[tensor, str(list(shape))] for tensor, shape in sorted(built.shapes.items())])
        _table(["term", "loss", "between", "weight"], [_term_row(*item) for item in recipe.losses.items()])
        print(*plan, sep="\n")
        return
    model = start(recipe, RUNS / (run or name), resume=resume, device=device, say=say)
    if model:
        print(model)


@app.command(
    epilog="Examples: `advloss translate runs/NAME/model.safetensors horse.jpg zebra.png` ·"
    " `advloss translate model.safetensors zebras/ horses/ --direction b2a`"
)
@exit_codes
def translate(
    model: Annotated[Path, typer.Argument(readable=False, help="A model file (.safetensors).")],
    input: Input,
    output: Output,
    direction: Annotated[str | None, typer.Option(help="a2b or b2a; the model's first if not given.")] = None,
    tile: Tile = None,
    overlap: Overlap = None,
    precision: Precision = PrecisionName.auto,
    overwrite: Overwrite = False,
    device: Device = None,
) -> None:
    """Translate a picture or a folder of pictures, of any size, with a trained model."""
    from advloss.core.devices import choose_device
    from advloss.inference.files.convert import translate_files
    from advloss.inference.model import load

    loaded = load(model, choose_device(device))
    loaded.check_translates(model)
    options = {"tile": tile, "overlap": _overlap(overlap), "precision": str(precision), "say": say}
    outcome = translate_files(loaded, input, output, direction, options, overwrite=overwrite, say=say)
    say(outcome.words())
    outcome.check()


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
    format: Annotated[
        FormatName | None,
        typer.Option(help="The results' format; each file's own if not given."),
    ] = None,
    overwrite: Overwrite = False,
    device: Device = None,
) -> None:
    """Enlarge a picture or a folder of pictures, of any size; results that are there already are skipped."""
    from advloss.core.devices import choose_device
    from advloss.inference.files.convert import upscale_files
    from advloss.inference.model import load_upscaler

    network = load_upscaler(model).to(choose_device(device))
    tiling = {"tile": tile, "overlap": _overlap(overlap), "precision": str(precision), "ensemble": self_ensemble}
    form = str(format) if format else None
    outcome = upscale_files(network, input, output, {**tiling, "say": say}, form=form, overwrite=overwrite, say=say)
    say(outcome.words())
    outcome.check()


@app.command(
    epilog="Examples: `advloss tokenize photos/ tokens.safetensors --model runs/NAME/model.safetensors` ·"
    " `advloss tokenize photos/ tokens.safetensors --model vqgan.safetensors --size 256 --shard 10000`"
)
@exit_codes
def tokenize(
    input: Input,
    tokens: Annotated[Path, typer.Argument(readable=False, help="The tokens file to write (.safetensors).")],
    model: Tokenizer,
    size: Size = None,
    shard: Annotated[
        int | None,
        typer.Option(min=1, help="Pictures a file: TOKENS-00000.safetensors ... and TOKENS.json, which lists them."),
    ] = None,
    batch: Batch = None,
    overwrite: Overwrite = False,
    device: Device = None,
) -> None:
    """Turn a picture, or all below a folder, into integer tokens; with --shard a stopped command can go on.

    The file holds `tokens` (all pictures', one after the other; uint8, uint16, int32 or int64), `offsets` (those of
    picture i are tokens[offsets[i] : offsets[i + 1]]), `grids` (rows and columns of each picture's tokens), `sizes`
    (its height and width in pixels), and the names, the model's fingerprint and the number of codes as JSON in the
    metadata.
    """
    from advloss.core.devices import choose_device
    from advloss.inference.model import load
    from advloss.inference.tokens.encoding import Reading
    from advloss.inference.tokens.tokenizing import tokenize_files

    loaded = load(model, choose_device(device))
    loaded.tokenizer("tokenize", codes=True, file=model)
    reading = Reading(size, batch)
    outcome = tokenize_files(loaded, input, tokens, reading, name=model.name, shard=shard, overwrite=overwrite, say=say)
    say(outcome.words())
    outcome.check()


@app.command(epilog="Example: `advloss detokenize tokens.safetensors photos/ --model runs/NAME/model.safetensors`")
@exit_codes
def detokenize(
    tokens: Annotated[
        Path, typer.Argument(readable=False, help="A tokens file, the index of its shards, or a folder with one.")
    ],
    output: Annotated[Path, typer.Argument(readable=False, help="The folder for the pictures, as PNG.")],
    model: Tokenizer,
    overwrite: Overwrite = False,
    device: Device = None,
) -> None:
    """Turn tokens back into pictures, under their names; by the model that made them and no other."""
    from advloss.core.devices import choose_device
    from advloss.inference.model import load
    from advloss.inference.tokens.reconstructing import detokenize_files

    loaded = load(model, choose_device(device))
    loaded.tokenizer("detokenize", codes=True, file=model)
    outcome = detokenize_files(loaded, tokens, output, overwrite=overwrite, say=say)
    say(outcome.words())
    outcome.check()


@app.command(
    epilog="Examples: `advloss reconstruct photo.jpg again.png --model runs/NAME/model.safetensors` ·"
    " `advloss reconstruct photos/ again/ --model klvae.safetensors --size 256`"
)
@exit_codes
def reconstruct(
    input: Input,
    output: Output,
    model: Tokenizer,
    size: Size = None,
    batch: Batch = None,
    overwrite: Overwrite = False,
    device: Device = None,
) -> None:
    """Show what a tokenizer keeps of pictures: encoded and decoded again, as 8-bit RGB (PNG in folders)."""
    from advloss.core.devices import choose_device
    from advloss.inference.model import load
    from advloss.inference.tokens.encoding import Reading
    from advloss.inference.tokens.reconstructing import reconstruct_files

    loaded = load(model, choose_device(device))
    loaded.tokenizer("reconstruct", file=model)
    outcome = reconstruct_files(loaded, input, output, Reading(size, batch), overwrite=overwrite, say=say)
    say(outcome.words())
    outcome.check()


@app.command(
    "import",
    epilog="Examples: `advloss import cyclegan horse2zebra.pth horse2zebra.safetensors` ·"
    " `advloss import super_resolution RealESRGAN_x4plus.pth realesrgan.safetensors` ·"
    " `advloss import tokenizer vq_ds16_c2i.pt llamagen.safetensors`",
)
@exit_codes
def import_(
    method: Annotated[str, typer.Argument(help="cyclegan, pix2pix, super_resolution or tokenizer.")],
    file: Annotated[
        Path,
        typer.Argument(
            help="Weights, such as latest_net_G.pth, RealESRGAN_x4plus.pth or last.ckpt; of diffusers also a folder."
        ),
    ],
    model: Annotated[Path, typer.Argument(help="The model file to write (.safetensors).")],
) -> None:
    """Turn another project's checkpoint into a model file.

    Generators of pytorch-CycleGAN-and-pix2pix, BasicSR and Real-ESRGAN; tokenizers of taming-transformers,
    latent-diffusion, LlamaGen and diffusers.
    """
    from advloss.interop.importing import import_model

    for key, network in import_model(method, file, model).networks.items():
        say(f"{key}: {', '.join(f'{name}={value}' for name, value in network.model_dump().items())}")
    print(model)


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
    factor = scaling_factor or loaded.about.get("scaling_factor")  # an imported file's own
    name = export_diffusers(loaded.tokenizer("export", file=model), loaded.recipe, folder, factor, say)
    say(f"diffusers.{name}.from_pretrained('{folder}') reads it")
    print(folder)


@app.command(
    epilog="Examples: `advloss evaluate Set5/HR --model runs/NAME/model.safetensors` ·"
    " `advloss evaluate Set5/HR --inputs Set5/LR_x4 --bicubic 4` ·"
    " `advloss evaluate photos/ --results restored/ --border 4` ·"
    " `advloss evaluate photos/ --model tokenizer.safetensors --size 256`"
)
@exit_codes
def evaluate(
    truths: Annotated[Path, typer.Argument(help="A folder of pictures as they should be.")],
    results: Annotated[Path | None, typer.Option(help="A folder of results, of the same names.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="A model that enlarges, as for `advloss upscale`, or a tokenizer.")
    ] = None,
    bicubic: Annotated[int | None, typer.Option(min=1, help="Plain enlargement by this factor, the baseline.")] = None,
    inputs: Annotated[
        Path | None, typer.Option(help="The small pictures; made from the truths by MATLAB's bicubic if not given.")
    ] = None,
    border: Annotated[
        int | None, typer.Option(min=0, help="Pixels cut off each side; the scale if not given, 0 for results.")
    ] = None,
    suffix: Annotated[
        str, typer.Option(help="What results' names have beyond the truths': _out for a_out.png, the result of a.png.")
    ] = "",
    tile: Tile = None,
    overlap: Overlap = None,
    precision: Annotated[
        PrecisionName | None, typer.Option(help="What the model computes in; fp32 if not given.")
    ] = None,
    self_ensemble: SelfEnsemble = False,
    size: Annotated[
        int | None,
        typer.Option(min=1, help="For tokenizers: the truths' shorter side to so many pixels, then the middle square."),
    ] = None,
    fid: Annotated[
        bool | None,
        typer.Option(
            "--fid/--no-fid", help="FID; if neither is given, for tokenizers where Inception's weights are there."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the figures go, with all that they depend on.")] = Path(
        "evaluation.json"
    ),
    device: Device = None,
) -> None:
    """Measure results against truths: PSNR and SSIM (of Y and of RGB), sharpness, LPIPS if its weights are there.

    Of a tokenizer also: usage of the codes, perplexity, bits per pixel, rFID.
    """
    from advloss.core.devices import choose_device
    from advloss.evaluation.evaluate import Question
    from advloss.evaluation.evaluate import evaluate as measured

    options = {"tile": tile, "overlap": _overlap(overlap), "ensemble": self_ensemble}
    options["precision"] = str(precision) if precision else None
    question = Question(truths, results, model, bicubic, inputs, border, options, size, fid, suffix, out)
    answer = measured(question, choose_device(device), say)
    _table(*answer.table())
    if together := answer.together():
        _table(["all pictures", ""], together)
    answer.write(out)
    say(f"{out}: the figures, with all that they depend on")
    answer.check()


@app.command(epilog="Example: `advloss show recipe=cyclegan losses.cycle_a.weight=5`")
@exit_codes
def show(words: Words = None) -> None:
    """Show a recipe with every value resolved, and where each came from."""
    from advloss.recipe.show import rows

    recipe, source, _ = _recipe(words or [])
    _table(["key", "value", "from"], rows(recipe, source))


@app.command()
@exit_codes
def recipes() -> None:
    """List the recipes that can be asked for by name."""
    from advloss.recipe.show import headline
    from advloss.recipe.source import known_recipes

    _table(["recipe", "what it is", "file"], [[n, headline(path), str(path)] for n, path in known_recipes().items()])


@app.command(epilog="Example: `advloss theory pages`")
@exit_codes
def theory(
    folder: Annotated[Path, typer.Argument(help="Where theory.png and theory.html go.")] = Path("theory"),
) -> None:
    """Draw what theory says of adversarial losses, measured with this package: one page, PNG and HTML."""
    from advloss.theory.page import draw

    for file in draw(folder, say):
        print(file)


data = typer.Typer(invoke_without_command=True, help="List the data sets known by name, or check one.")
app.add_typer(data, name="data")


@data.callback()
def data_alone(context: typer.Context) -> None:
    """List the data sets known by name (also without `list`), or check one."""
    if context.invoked_subcommand is None:
        data_list()


@data.command("list")
@exit_codes
def data_list() -> None:
    """List the data sets that can be asked for by name."""
    from advloss.data import known

    _table(["name", "kind", "what it is"], [list(row) for row in known()])


@data.command("check", epilog="Example: `advloss data check datasets/horse2zebra`")
@exit_codes
def data_check(
    path: Annotated[str, typer.Argument(help="A folder, or a set's name.")],
) -> None:
    """Read every file of a data set: counts, sizes, modes, unreadable files, partners, duplicates, leaks."""
    from advloss.data import open_any
    from advloss.data.check import check

    report = check(open_any(path), full=True)
    _table(report.columns, report.rows)
    print(*report.words(), sep="\n")


def main() -> None:
    """The `advloss` command."""
    keep_freed_memory()
    app()


def _recipe(words: list[str]) -> "tuple[Recipe, Source, str]":
    """The recipe that the words ask for, where its values come from, and a name for its run."""
    from advloss.data import short_name
    from advloss.recipe.resolve import resolve
    from advloss.recipe.source import is_override, parse_value, read

    overrides = [word for word in words if is_override(word)]
    sets = [word for word in words if not is_override(word)]
    names = [word.partition("=")[2] for word in overrides if word.startswith("recipe=")]
    if len(names) != 1:
        raise InputError("say which recipe: recipe=NAME (`advloss recipes` lists them)")
    if len(sets) > 1:
        raise InputError(f"one data set at a time: {', '.join(sets)}; anything else is key=value")
    source = read(names[0])
    for override in overrides:
        if not override.startswith("recipe="):
            source.override(override)
    if sets:
        source.assign(("data", "name"), parse_value("data", sets[0]))
    recipe = resolve(source)
    data_name = short_name(recipe.data.name or next(iter(recipe.data.paths.values()), ["data"])[0]) or "data"
    return recipe, source, f"{Path(names[0]).stem}-{data_name}"


def _wanted(words: list[str], run: str | None, iterations: int | None, resume: bool) -> "tuple[Recipe, str]":
    """The recipe to train and its run's name; with --resume and --run alone, the recipe that the run had."""
    if iterations:
        words = [*words, f"train.iterations={iterations}"]
    if resume and not any(word.startswith("recipe=") for word in words):
        if run is None:
            raise InputError("--resume: say which run, --run NAME, or the words that it was started with")
        before = RUNS / run / "recipe.yaml"
        if not before.is_file():
            raise InputError(f"--resume: there is no run in {RUNS / run}")
        words = [f"recipe={before}", *words]
    recipe, _, name = _recipe(words)
    return recipe, name


def _overlap(text: str | None) -> int | str | None:
    """--overlap: a number of pixels, or `exact`."""
    if text is None or text == "exact":
        return text
    if not text.isdecimal():
        raise InputError(f"--overlap {text}: is a number of pixels, or exact")
    return int(text)


def _term_row(name: str, term: Any) -> list[str]:
    given = f" given {term.parameters['given']}" if term.parameters.get("given") else ""
    return [name, term.loss, ", ".join(term.between) + given, f"{term.weight:g}"]


def _table(header: list[str], rows: list[list[Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*header, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*[Text(str(cell)) for cell in row])
    console = Console()
    if not console.is_terminal:
        console.width = 400  # files and pipes have no edge
    console.print(table)
