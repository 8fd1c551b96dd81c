"""Published data sets that are absent, unsafe or out of reach."""

import functools
import http.server
import socket
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bad_input.helpers import SMALL
from tests.training.started import done, refused


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is served as the place where data sets are published."""
    folder = Path("server").resolve()
    archive = folder / "cyclegan/datasets/horse2zebra.zip"
    archive.parent.mkdir(parents=True)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("ADVLOSS_DATA", str(Path("cache").resolve()))
    monkeypatch.setenv("ADVLOSS_DATA_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr("advloss.data.published.sets.CHECKSUMS", {})  # the archives here are not the published ones
    yield archive
    server.shutdown()
    server.server_close()


def test_a_set_that_is_published(published: Path):
    with zipfile.ZipFile(published, "w") as file:
        for path in Path("photos").rglob("*.png"):
            file.write(path, f"horse2zebra/{path.relative_to('photos')}")
    done(*SMALL, "horse2zebra", "--iterations", "1")
    assert Path("runs/cyclegan-small-horse2zebra/model.safetensors").exists()


def test_an_archive_with_a_member_that_leads_out_of_it(published: Path):
    with zipfile.ZipFile(published, "w") as file:
        file.write("photos/trainA/000.png", "horse2zebra/trainA/000.png")
        file.writestr("../../evil.txt", "evil")
    said = refused(*SMALL, "horse2zebra")
    assert "horse2zebra.zip is not safe to unpack: its member '../../evil.txt' leads out of the archive" in said
    assert not list(Path().rglob("evil.txt")) and not Path("cache/unpaired/horse2zebra").exists()
    assert not Path("runs").exists()


def test_a_set_that_is_not_there(published: Path):
    said = refused(*SMALL, "horse2zebra")
    assert "can't download http://127.0.0.1" in said and "404" in said and "put it at" in said
    assert not Path("runs").exists()


def test_a_set_that_can_not_be_reached(monkeypatch: pytest.MonkeyPatch):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("ADVLOSS_DATA", str(Path("cache").resolve()))
    monkeypatch.setenv("ADVLOSS_DATA_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setattr("advloss.data.download.PAUSE", 0.01)
    said = refused(*SMALL, "horse2zebra")
    assert f"can't download http://127.0.0.1:{port}/cyclegan/datasets/horse2zebra.zip" in said
    assert "Get the file by other means and put it at" in said and "cache/horse2zebra.zip" in said
    assert not Path("runs").exists()
