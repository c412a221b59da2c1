"""A forge on loopback: the comments and issues of GitHub and GitLab, as far as our examples use them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 100
# What a pipeline has there: a token for each half of the work, and a manifest that creates and deletes.
READ, WRITE = "read-token-0123456789", "write-token-0123456789"
MANIFEST = """\
version: 1
stack: radio
account: {uid: 19}
buckets:
  - {name: music, region: eu-west-1, type: File}
removed: [{name: adsfasdf}]
"""


@dataclass
class Forge:
    """Comments and issues, each a list of what was posted; and what was asked for."""

    token: str = "forge-token-0123456789"
    comments: list[dict[str, Any]] = field(default_factory=list)
    issues: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Any:
        kind, number = ("comments" if "/comments" in path else "issues"), path.rpartition("/")[2]
        items = self.comments if kind == "comments" else self.issues
        if method == "GET":
            page = int(query.get("page", ["1"])[0])
            wanted = [
                item
                for item in items
                if item.get("labels") in (None, query.get("labels"), *query.get("labels", []))
                and not ("state" in query and "closed" in (item.get("state"), f"{item.get('state_event')}d"))
            ]
            return wanted[(page - 1) * PAGE : page * PAGE]
        if method == "POST":
            item = {**body, "iid": len(items), "url": f"{self.url}{path}/{len(items)}", "user": {"type": "Bot"}}
            items.append(item)
            return item
        items[int(number)].update(body)
        return items[int(number)]


@contextmanager
def forge() -> Iterator[Forge]:
    """Serve an empty forge."""
    state = Forge()

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or "null")
            address = urlsplit(self.path)
            state.asked.append(f"{self.command} {self.path}")
            allowed = state.token in (self.headers.get("Authorization", "")[7:], self.headers.get("PRIVATE-TOKEN"))
            answer = state.answer(self.command, address.path, parse_qs(address.query), body) if allowed else {}
            data = json.dumps(answer).encode()
            self.send_response(200 if allowed else 401)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = do  # noqa: N815 - the names that the library looks for

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
