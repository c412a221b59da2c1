"""Answers the list of buckets from memory, as fast as Python can: `python static_server.py ROWS.json`.

It stands in for the emulator where that would be what is measured. Prints its URL; serves until its stdin ends.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

PER_PAGE = 100
_PAGE = re.compile(rb"GET /api/buckets\?(?:[^ ]*&)?page=([0-9]+)")


class Answers(asyncio.Protocol):
    """One connection."""

    def __init__(self, pages: list[bytes]) -> None:
        self.pages = pages
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            request, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            found = _PAGE.match(request)
            self.transport.write(answer(self.pages[min(int(found[1]), len(self.pages)) - 1] if found else b"{}"))


def answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def pages_of(rows: list[object]) -> list[bytes]:
    """Return every page, and an empty one that stands for all that come after the last."""
    count = max(1, -(-len(rows) // PER_PAGE))
    return [
        json.dumps(
            {
                "data": rows[(number - 1) * PER_PAGE : number * PER_PAGE],
                "links": {},
                "meta": {"current_page": number, "last_page": count, "per_page": str(PER_PAGE), "total": len(rows)},
            }
        ).encode()
        for number in range(1, count + 2)
    ]


async def serve(rows: Path) -> None:
    pages = pages_of(json.loads(rows.read_bytes()))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answers(pages), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"export ACRSYNC_ENDPOINT=http://127.0.0.1:{port}\nexport ACRSYNC_TOKEN=t\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
