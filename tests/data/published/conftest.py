"""The server that the tests of downloads ask."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from advloss.data import download
from advloss.data.published import sets
from tests.data.published.serving import Server


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    served = Server()
    thread = threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("ADVLOSS_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("ADVLOSS_DATA_URL", served.url)
    monkeypatch.setattr(download, "PAUSE", 0.01)
    monkeypatch.setattr(sets, "CHECKSUMS", {})  # the archives here are not the published ones
    yield served
    served.shutdown()
    served.server_close()
    thread.join()
