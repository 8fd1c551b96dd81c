"""What reaches the page: its own requests, from the hosts that are allowed, for nothing on other machines."""

import asyncio
import json
from typing import Any

import pytest

from advloss.demo.guard import BODY_MOST, POLICY, Guard

LOCAL = frozenset({"127.0.0.1", "localhost"})


async def behind(scope: Any, receive: Any, send: Any) -> None:
    """An application that gives back the body of a request."""
    body, more = b"", scope["method"] == "POST"
    while more:
        message = await receive()
        body, more = body + message["body"], message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]})
    await send({"type": "http.response.body", "body": body})


def ask(
    path: str = "/", method: str = "GET", body: bytes = b"", hosts: frozenset[str] | None = LOCAL, **headers: str
) -> tuple[int, bytes, dict[bytes, bytes]]:
    """(status, body, headers) of the answer."""
    sent: list[Any] = []
    names = {"host": "127.0.0.1:7860"} | {name.replace("_", "-"): value for name, value in headers.items()}
    scope = {
        "type": "http",
        "path": path,
        "method": method,
        "headers": [(name.encode(), value.encode()) for name, value in names.items()],
    }
    parts = [{"body": body[:7], "more_body": True}, {"body": body[7:]}]

    async def receive() -> Any:
        return {"type": "http.request"} | parts.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(Guard(behind, hosts)(scope, receive, send))
    return sent[0]["status"], sent[1]["body"], dict(sent[0]["headers"])


def post(content: Any, **headers: str) -> int:
    return ask("/queue/join", "POST", json.dumps(content).encode(), content_type="application/json", **headers)[0]


def test_the_page_s_own_requests_go_through_whole() -> None:
    status, _, headers = ask()
    assert status == 200 and headers[b"x-own"] == b"1" and headers[b"content-security-policy"] == POLICY.encode()
    body = json.dumps({"data": [{"path": "/tmp/a.png", "url": "http://127.0.0.1:7860/file=/tmp/a.png"}]}).encode()
    assert ask("/queue/join", "POST", body, content_type="application/json")[:2] == (200, body)
    upload = b"--boundary" + bytes(BODY_MOST)
    assert ask("/upload", "POST", upload, content_type="multipart/form-data")[:2] == (200, upload)


@pytest.mark.parametrize(("host", "status"), [("evil.example", 421), ("", 421), ("localhost:1", 200), ("[::1", 421)])
def test_other_names_of_the_host(host: str, status: int) -> None:
    assert ask(host=host)[0] == status
    assert ask(hosts=None, host="page.example")[0] == 200


def test_pages_elsewhere_send_nothing() -> None:
    assert post({}, origin="http://evil.example") == 403
    assert post({}, origin="null") == 403
    assert post({}, origin="http://127.0.0.1:7860") == 200


@pytest.mark.parametrize(
    "path", ["/gradio_api/file=http://a.example/b", "/file=https%3A//a.example", "/gradio_api/proxy=http://a.example"]
)
def test_nothing_is_fetched_for_a_request(path: str) -> None:
    assert ask(path)[0] == 403


def test_no_file_of_a_request_is_a_network_address() -> None:
    assert post({"data": [[{"path": "http://a.example/x.png"}]]}) == 403
    assert ask("/q", "POST", rb'{"path": "\u0068ttp://a.example"}', content_type="application/json")[0] == 403
    assert ask("/q", "POST", b"{", content_type="application/json")[0] == 400
    assert post(["x" * BODY_MOST]) == 413
