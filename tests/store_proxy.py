"""What lies between a run store and its server: it loses requests and answers, and delivers late or twice."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar
from urllib.parse import urlsplit

from store_servers import Quiet, listening


@dataclass
class Between:
    """A way to a server. `trouble` is for the swaps that follow, one word each; then all is well again.

    "before": the request never arrives. "after": it is carried out, its answer is lost. "late": the answer is lost, and
    the request arrives with `deliver`. "twice": it arrives twice, the second answer is given. "busy": 503 instead.
    """

    server: str
    is_swap: Callable[[str, str], bool]
    url: str = ""
    trouble: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    late: list[Callable[[], object]] = field(default_factory=list)
    broken: bool = False  # each request is dropped
    ignored: str = ""  # a header that does not get through

    @property
    def swaps(self) -> int:
        return sum(self.is_swap(*line.split(" ", 1)) for line in self.asked)

    def deliver(self) -> None:
        late, self.late = self.late, []
        for send in late:
            send()


@contextmanager
def between(server: str, is_swap: Callable[[str, str], bool]) -> Iterator[Between]:
    way = Between(server, is_swap)
    with listening(type("Here", (Handler,), {"way": way})) as way.url:
        yield way


class Handler(Quiet):
    way: ClassVar[Between]

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        body = self.body()
        self.way.asked.append(f"{self.command} {self.path}")
        swap = self.way.is_swap(self.command, self.path)
        match "before" if self.way.broken else self.way.trouble.pop(0) if swap and self.way.trouble else "":
            case "before":
                self.close_connection = True
            case "after":
                self._ask(body)
                self.close_connection = True
            case "late":
                self.way.late.append(lambda: self._ask(body))
                self.close_connection = True
            case "busy":
                self.answer(503)
            case "twice":
                self._ask(body)
                self._pass_on(*self._ask(body))
            case _:
                self._pass_on(*self._ask(body))

    do_POST = do_PUT = do_GET  # noqa: N815

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream = http.client.HTTPConnection(urlsplit(self.way.server).netloc, timeout=20)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", self.way.ignored.lower()):
                upstream.putheader(name, value)
        upstream.putheader("Content-Length", str(len(body)))
        upstream.putheader("Connection", "close")
        upstream.endheaders(body)
        answer = upstream.getresponse()
        result = answer.status, answer.getheaders(), answer.read()
        upstream.close()
        return result

    def _pass_on(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
