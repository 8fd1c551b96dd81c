"""Serves the page on one address until Ctrl-C, from a folder of its own that is removed at the end."""

import os
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from PIL import Image

from advloss.core.errors import InputError
from advloss.core.storage.files import temporary_folder
from advloss.demo.bench import Bench
from advloss.demo.examples import copied
from advloss.demo.guard import Guard
from advloss.demo.models import Opened
from advloss.demo.uploads import Limits
from advloss.inference.files.summary import Say

if TYPE_CHECKING:
    import uvicorn

INSTALL = "pip install 'advloss[demo]'"
OLDEST = (6, 31)
"""Of gradio: the oldest that was tried. Before 6.16 requests could read files that are not theirs."""
PORT = 7860
"""The port that is tried first, if none is asked for."""
LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
SECONDS_TO_END = 1
"""How long open connections may last after Ctrl-C."""


@dataclass(frozen=True)
class Address:
    """Where the page is. port: 0 is any free one, None `PORT`, or any free one where that is taken."""

    host: str = "127.0.0.1"
    port: int | None = None


def check_gradio() -> None:
    """Raises InputError where gradio is not installed, or too old. It is not imported."""
    try:
        found = version("gradio")
    except PackageNotFoundError:
        raise InputError(f"the page needs gradio: {INSTALL}") from None
    if tuple(int(part) for part in found.split(".")[:2]) < OLDEST:
        raise InputError(f"gradio {found} is too old, the page needs {'.'.join(map(str, OLDEST))}: {INSTALL}")


def serve(
    models: Sequence[Opened], address: Address, limits: Limits, examples: Path | None, *, say: Say, give: Say
) -> None:
    """Serves the page until Ctrl-C or SIGTERM, which raise KeyboardInterrupt when all is ended and removed.

    give: gets the page's address once it can be opened. Raises InputError for an address that can't be listened on,
    and for examples that can't be read.
    """
    check_gradio()
    with _listening(address) as listener, temporary_folder(Path(tempfile.gettempdir()).resolve()) as folder:
        _settle(folder, limits)
        with Bench(folder, limits, say) as bench:
            bench.watch(*(network for one in models for network in one.networks))
            taken = copied(examples, folder, limits)
            from advloss.demo.page import application  # gradio reads its settings when it is imported

            app = Guard(application(models, bench, taken), LOCAL if address.host in LOCAL else None)
            _run(app, listener, address.host, say, give)


def _settle(folder: Path, limits: Limits) -> None:
    """Gradio's settings, and no others that the environment may hold: its files lie in `folder`, it asks no network.
    A picture that gradio itself decodes (what is drawn over one) has Pillow's limit."""
    for name in [name for name in os.environ if name.startswith("GRADIO_")]:
        del os.environ[name]
    os.environ |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_RUN_HISTORY": "False",
        "GRADIO_TEMP_DIR": str(folder / "public"),
        "GRADIO_EXAMPLES_CACHE": str(folder / "public"),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    Image.MAX_IMAGE_PIXELS = limits.pixels // 2  # twice as many are an error


@contextmanager
def _listening(address: Address) -> Iterator[socket.socket]:
    """A socket that listens at the address. Raises InputError where that can't be."""
    wanted = [PORT, 0] if address.port is None else [address.port]
    for number, port in enumerate(wanted):
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(
                address.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listener = socket.socket(family, kind, protocol)
        except (OSError, UnicodeError) as error:
            raise InputError(f"--host {address.host}: is no address of this machine ({_why(error)})") from None
        try:
            if os.name == "posix":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
            listener.listen(64)
        except OSError as error:
            listener.close()
            if number + 1 < len(wanted):
                continue
            raise InputError(
                f"{address.host}:{port}: can't be listened on ({_why(error)}); --port 0 takes a free port"
            ) from None
        with listener:
            yield listener
        return


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _run(app: Any, listener: socket.socket, host: str, say: Say, give: Say) -> None:
    """Answers requests until the process is told to end."""
    import uvicorn

    config = uvicorn.Config(app, log_level="error", access_log=False, timeout_graceful_shutdown=SECONDS_TO_END)
    server = uvicorn.Server(config)
    answering = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="answering", daemon=True)
    with _ended_by_sigterm():
        answering.start()
        try:
            _announce(server, answering, listener, host, say, give)
            while answering.is_alive():
                answering.join(0.5)
        finally:
            server.should_exit = True
            answering.join(SECONDS_TO_END + 2)


def _announce(
    server: "uvicorn.Server", answering: threading.Thread, listener: socket.socket, host: str, say: Say, give: Say
) -> None:
    while not server.started and answering.is_alive():
        answering.join(0.05)
    if not server.started:
        raise InputError("the page's server did not start; what it said stands above")
    shown = (
        "127.0.0.1" if host in ("", "0.0.0.0") else "[::1]" if host == "::" else f"[{host}]" if ":" in host else host
    )
    give(f"http://{shown}:{listener.getsockname()[1]}/")
    if host not in LOCAL:
        say("everybody who reaches this address can use the models: there is no password")
    say("Ctrl-C ends the demo")


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """A context in which SIGTERM does what Ctrl-C does."""

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
