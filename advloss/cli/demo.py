"""The page on which models are tried: `advloss demo`."""

from pathlib import Path
from typing import Annotated

import typer

from advloss.cli.app import app, exit_codes, give, say
from advloss.cli.common.options import Device


@app.command(
    epilog="Examples: `advloss demo runs/NAME/model.safetensors` ·"
    " `advloss demo RealESRGAN_x4plus.pth vqgan.safetensors --examples photos/ --port 8000`"
)
@exit_codes
def demo(
    models: Annotated[
        list[Path], typer.Argument(readable=False, help="Model files; of other projects' weights, upscalers.")
    ],
    host: Annotated[
        str, typer.Option(help="The address to listen on; 0.0.0.0 is all of this machine's.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="7860 if not given, or a free one; 0: a free one.")
    ] = None,
    examples: Annotated[
        Path | None, typer.Option(readable=False, help="A picture, or a folder whose first 12 users may take.")
    ] = None,
    megapixels: Annotated[float, typer.Option(min=0.01, help="The largest picture, and the largest result.")] = 50,
    megabytes: Annotated[float, typer.Option(min=0.01, help="The largest file that can be uploaded.")] = 100,
    device: Device = None,
) -> None:
    """Show a page on which models are tried in a browser: translate, upscale, tokenize, sample, fill holes, classify.

    Results have the bytes of the command line's. The page's address is printed; it asks no other machine, and is on
    this machine alone unless --host says otherwise. One job is done at a time, and 16 may wait.
    """
    from advloss.core.devices import choose_device
    from advloss.demo.models import open_models
    from advloss.demo.server import Address, check_gradio, serve
    from advloss.demo.uploads import Limits

    check_gradio()
    opened = open_models(models, choose_device(device))
    limits = Limits(round(megabytes * 1e6), round(megapixels * 1e6))
    serve(opened, Address(host, port), limits, examples, say=say, give=give)
