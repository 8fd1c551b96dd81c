"""What reaches gradio: requests of this page alone, which ask for nothing outside of this machine.

The browser gets a policy under which it loads nothing from other hosts, whatever the page asks for.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote, urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; worker-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
BODY_MOST = 2**20
"""Bytes of a request's JSON. Files come by another way, with a limit of their own."""


class Guard:
    """An ASGI application before another one. hosts: the names under which it may be asked; None: any.

    It refuses other hosts' names (a page elsewhere whose name was turned to this address), requests that pages of other
    origins send, and requests to fetch something from a network address.
    """

    def __init__(self, app: App, hosts: frozenset[str] | None) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refused = self._refused(scope, headers)
        body: bytes | None = None
        if refused is None and scope["method"] == "POST" and "json" in headers.get("content-type", ""):
            body = await _body(receive)
            refused = _refused_body(body)
        if refused is not None:
            await _answer(send, *refused)
            return
        await self.app(scope, receive if body is None else _again(body, receive), _with_headers(send))

    def _refused(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if self.hosts is not None and _name(host) not in self.hosts:
            return 421, "this page is on this machine alone; open the address that the demo printed"
        origin = headers.get("origin")
        if scope["method"] not in ("GET", "HEAD") and origin is not None and urlsplit(origin).netloc != host:
            return 403, "only the page itself may send this"
        path = unquote(scope["path"])
        if "/proxy=" in path or ("/file=" in path and ":/" in path.partition("/file=")[2]):
            return 403, "this page asks no other machine"
        return None


def _name(host: str) -> str:
    """The name in a Host header, without the port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _refused_body(body: bytes | None) -> tuple[int, str] | None:
    if body is None:
        return 413, "the request is too long"
    try:
        content = json.loads(body)
    except ValueError:
        return 400, "the request is no JSON"
    return (403, "this page asks no other machine") if _has_address(content) else None


def _has_address(content: Any) -> bool:
    """Whether a file in the request's JSON has a network address for its path."""
    waiting = [content]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if "://" in str(one.get("path", "")):
                return True
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return False


async def _body(receive: Receive) -> bytes | None:
    """The request's whole body; None if it is longer than `BODY_MOST`."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY_MOST:
            return None
        if not message.get("more_body", False):
            return body


def _again(body: bytes, receive: Receive) -> Receive:
    """`receive` with a body that was read already."""
    left = [body]

    async def again() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return again


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *HEADERS]
        await send(message)

    return sent


async def _answer(send: Send, status: int, text: str) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *HEADERS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
