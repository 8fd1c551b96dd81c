"""Servers that stall, cut, lie or never end: each download ends within its bounds, and leaves no bad file behind."""

import contextlib
import hashlib
import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from advloss.core.errors import InputError
from advloss.data import download
from advloss.data.download import fetch
from advloss.data.published.addresses import CHECKSUMS, addresses

DATA = np.random.default_rng(0).bytes(60_000)
Answer = Callable[[socket.socket, int], None]
"""A function of the connection and the first byte that is asked for."""


def head(status: str, **fields: object) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Connection: close", *(f"{k.replace('_', '-')}: {v}" for k, v in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def part(start: int, length: object = None) -> bytes:
    right = len(DATA) - start if length is None else length
    where = f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"
    return (
        head("206 Partial", Content_Length=right, Content_Range=where) if start else head("200", Content_Length=right)
    )


def cut_after(count: int) -> Answer:
    return lambda to, start: to.sendall(part(start) + DATA[start : start + count])


def stalls_after(count: int) -> Answer:
    def answer(to: socket.socket, start: int) -> None:
        to.sendall(part(start) + DATA[start : start + count])
        threading.Event().wait(0.4)

    return answer


def trickles(to: socket.socket, start: int) -> None:
    to.sendall(part(start))
    for place in itertools.count(start):
        to.sendall(DATA[place % len(DATA) : place % len(DATA) + 1])
        threading.Event().wait(0.02)


def never_ends(to: socket.socket, start: int) -> None:
    to.sendall(head("200"))
    while True:
        to.sendall(DATA)


def says(answer: bytes) -> Answer:
    return lambda to, start: to.sendall(answer)


class Server:
    """Answers each connection by one function, and notes the first byte that each asks for."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.asked, self.socket = answer, list[int](), socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self.socket.getsockname()[1]}/x.zip"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                to, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(to,), daemon=True).start()

    def _answer(self, to: socket.socket) -> None:
        with to:
            asked = to.recv(65536).decode(errors="replace")
            start = int(asked.split("bytes=")[1].split("-")[0]) if "bytes=" in asked else 0
            self.asked.append(start)
            with contextlib.suppress(OSError):  # the other side left
                self.answer(to, start)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Answer], Server]]:
    servers: list[Server] = []
    for name, value in (("TIMEOUT", 0.2), ("PAUSE", 0.01), ("PATIENCE", 1.5), ("SLOWEST", 10**6)):
        monkeypatch.setattr(download, name, value)
    monkeypatch.setattr(download, "BYTES_MOST", 10**6)

    def make(answer: Answer) -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield make
    for server in servers:
        server.socket.close()


@pytest.mark.parametrize(("answer", "tries"), [(cut_after(3000), 20), (stalls_after(9000), 7)], ids=["cuts", "stalls"])
def test_what_came_is_kept_and_the_pause_begins_anew(
    serve: Callable[[Answer], Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer, tries: int
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(download, "PATIENCE", 60)
    monkeypatch.setattr("advloss.data.download.time.sleep", pauses.append)
    server = serve(answer)
    assert fetch([f"http://{server.place}"], tmp_path / "x.zip").read_bytes() == DATA
    assert len(server.asked) == tries and server.asked == sorted(server.asked) and not pauses


def test_the_pause_is_bounded_however_often_tries_fail_between(
    serve: Callable[[Answer], Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("advloss.data.download.time.sleep", pauses.append)
    turn = itertools.count()

    def answer(to: socket.socket, start: int) -> None:
        if next(turn) % 4 == 0:  # three failed tries, then one that brings something
            cut_after(6000)(to, start)

    server = serve(answer)
    assert fetch([f"http://{server.place}"], tmp_path / "x.zip").read_bytes() == DATA
    assert pauses and set(pauses) == {0.01, 0.02, 0.04} and len(pauses) == 27


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda to, start: to.sendall(part(start, -5) + DATA[start:]), "a length of '-5'"),
        (lambda to, start: to.sendall(part(start, "many") + DATA), "a length of 'many'"),
        (lambda to, start: to.sendall(part(start, 10**15) + DATA), "more than 1,000,000 bytes"),
        (says(head("200", Content_Length=0)), "the server sent an empty file"),
        (says(head("200")), "the server sent an empty file"),
        (says(head("416 no", Content_Range="bytes */7")), "416"),
        (says(head("416 no", Content_Range="bytes */0")), "416"),
        (says(head("503 busy")), "503"),
        (says(head("404 no")), "404"),
        (says(b"gar\x1b[2Jbage\r\n\r\n"), r"'gar\\x1b\[2Jbage'"),
        (says(b""), "closed connection"),
        (says(head("302", Location="file:///etc/passwd")), "302|not allowed"),
        (says(head("200", Transfer_Encoding="chunked") + b"zz\r\nx"), "."),
        (trickles, "too slow"),
        (never_ends, "more than 1,000,000 bytes"),
        (lambda to, start: threading.Event().wait(0.4), "timed out"),
    ],
)
@pytest.mark.parametrize("begun", [False, True], ids=["anew", "begun"])
def test_what_can_not_be_had_is_refused_in_time(
    serve: Callable[[Answer], Server], tmp_path: Path, answer: Answer, why: str, begun: bool
) -> None:
    server, path = serve(answer), tmp_path / "x.zip"
    if begun:
        path.with_name("x.zip.part").write_bytes(DATA[:1000])
    began = time.monotonic()
    with pytest.raises(InputError, match=rf"can't download http://{server.place} \(.*({why}).*put it at"):
        fetch([f"http://{server.place}"], path)
    assert time.monotonic() - began < 5 and len(server.asked) <= 10
    assert not path.exists()


def test_https_first_and_http_where_nothing_answers_so(
    serve: Callable[[Answer], Server], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(cut_after(len(DATA)))  # does not speak TLS
    path = fetch([f"https://{server.place}", f"http://{server.place}"], tmp_path / "x.zip")
    assert path.read_bytes() == DATA
    assert f"can't download https://{server.place}" in (said := "".join(capsys.readouterr())) and "trying http:" in said


def test_the_published_addresses_begin_with_https(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADVLOSS_DATA_URL", raising=False)
    assert [one.split("/")[0] for one in addresses("x")] == ["https:", "http:"]
    monkeypatch.setenv("ADVLOSS_DATA_URL", "http://mine/")
    assert addresses("a/b") == ["http://mine/a/b"]
    assert all(len(bytes.fromhex(checksum)) == 32 for checksum in CHECKSUMS.values())


def test_another_file_than_the_published_one_is_removed(serve: Callable[[Answer], Server], tmp_path: Path) -> None:
    server, right = serve(cut_after(len(DATA))), hashlib.sha256(DATA).hexdigest()
    with pytest.raises(InputError, match=r"its SHA-256 is .*, not the published 0+\. .*download it yourself and put"):
        fetch([f"http://{server.place}"], tmp_path / "x.zip", "0" * 64)
    assert not list(tmp_path.iterdir())
    assert fetch([f"http://{server.place}"], tmp_path / "x.zip", right).read_bytes() == DATA
