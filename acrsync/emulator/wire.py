"""Faults that change the bytes of an answer: before it, in its headers, in its body."""

import gzip
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, repeat
from typing import Any

from werkzeug.wrappers import Response

from acrsync.emulator.faulted import FaultedRequest
from acrsync.emulator.faults import Malformed

USUAL_DRIP_S = 2.0
LONGEST_STREAM_S = 60.0
DROPS = 20
MEGABYTE_OF_SPACE = b" " * 2**20
GARBAGE = b"<!-- cached -->"
EMPTY_LIST = b'{"data":[],"links":{},"meta":{"current_page":1,"last_page":1,"per_page":20,"total":0}}'


def interim(request: FaultedRequest) -> Response:
    """Send answers such as 103 Early Hints before the real one."""
    for status in request.rule.interim:
        request.connection.sendall(f"HTTP/1.1 {status} Interim\r\nLink: </style.css>; rel=preload\r\n\r\n".encode())
    return request.forward()


class _Sent(Response):
    """An answer that was already sent; the server only sends the remaining bytes and keeps the connection."""

    def __call__(self, *_: Any) -> Iterable[bytes]:
        return self.iter_encoded()


def malformed(request: FaultedRequest) -> Response:
    """Send an answer that is not valid HTTP, and keep the connection open."""
    answer = request.forward()
    request.connection.sendall(MALFORMED[request.rule.form](_line(answer), answer.get_data()))

    def stray() -> Iterator[bytes]:
        if request.rule.form == "two_answers_apart" and request.connection.recv(
            1, socket.MSG_PEEK
        ):  # the next request is there
            yield STRAY

    return _Sent(stray(), answer.status_code)


def _line(answer: Response) -> bytes:
    return f"HTTP/1.1 {answer.status}\r\nContent-Type: application/json\r\n".encode()


def _length(size: int) -> bytes:
    return b"Content-Length: %d\r\n" % size


def _whole(head: bytes, body: bytes) -> bytes:
    return head + _length(len(body)) + b"\r\n" + body


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(piece), piece)


STRAY = _whole(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n", EMPTY_LIST)
MALFORMED: Mapping[Malformed, Callable[[bytes, bytes], bytes]] = {
    "extra_bytes": lambda head, body: _whole(head, body) + GARBAGE,
    "two_answers": lambda head, body: _whole(head, body) + STRAY,
    "two_answers_apart": _whole,
    "length_short": lambda head, body: head + _length(len(body) // 2) + b"\r\n" + body,
    "length_long": lambda head, body: head + _length(len(body) + 1) + b"\r\n" + body,
    "length_twice": lambda head, body: head + _length(len(body) // 2) + _whole(b"", body),
    "length_negative": lambda head, body: head + _length(-1) + b"\r\n" + body,
    "length_and_chunks": lambda head, body: (
        head + b"Transfer-Encoding: chunked\r\n" + _length(len(body) // 2) + b"\r\n" + _chunk(body) + _chunk(b"")
    ),
    "chunk_of_bad_size": lambda head, body: head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body + b"\r\n",
    "header_without_colon": lambda head, body: _whole(head + b"no colon here\r\n", body),
    "bad_status_line": lambda _, body: _whole(b"HTTP/1.1 OK\r\n", body),
    "not_http": lambda _, __: b"\x15\x03\x01\x00\x02\x02\x46",  # a TLS alert
}


def cut_body(request: FaultedRequest) -> Response:
    """End the connection in the middle of the body."""
    answer = request.forward()
    whole = answer.get_data()
    half = whole[: len(whole) // 2]

    def cut(piece: bytes) -> Iterator[bytes]:
        yield piece
        raise ConnectionAbortedError("cut short by a fault")

    if not whole:
        return answer
    match request.rule.framing:
        case "length":
            return _streamed(answer, cut(half), {"Content-Length": str(len(whole))})
        case "chunked":
            return _streamed(answer, cut(b"%x\r\n" % len(whole) + half), {"Transfer-Encoding": "chunked"})
        case "close":  # only a client that parses the JSON notices
            return _streamed(answer, cut(half), {"Connection": "close"})


def drip_body(request: FaultedRequest) -> Response:
    """Send the body in small pieces."""
    answer = request.forward()
    whole = answer.get_data()
    size = max(1, len(whole) // DROPS)

    def drops() -> Iterator[bytes]:
        for start in range(0, len(whole), size):
            time.sleep(request.rule.duration(USUAL_DRIP_S) * size / len(whole))
            yield whole[start : start + size]

    return _streamed(answer, drops(), {"Content-Length": str(len(whole))})


def endless_body(request: FaultedRequest) -> Response:
    """Send the body and then space, until the client closes the connection or a minute has passed."""
    answer = request.forward()
    body = answer.get_data() or b" "
    end = time.monotonic() + request.rule.duration(LONGEST_STREAM_S)

    def pieces() -> Iterator[bytes]:
        yield _chunk(body)
        while time.monotonic() < end:
            yield _chunk(MEGABYTE_OF_SPACE)
        raise ConnectionAbortedError("the fault is over")

    return _streamed(answer, pieces(), {"Transfer-Encoding": "chunked"})


def huge_body(request: FaultedRequest) -> Response:
    """Send a lot of space before the body."""
    answer = request.forward()
    body, times = answer.get_data(), request.rule.megabytes
    size = times * len(MEGABYTE_OF_SPACE) + len(body)
    return _streamed(answer, chain(repeat(MEGABYTE_OF_SPACE, times), [body]), {"Content-Length": str(size)})


def gzip_bomb(request: FaultedRequest) -> Response:
    """Send the same compressed, as a sequence of gzip members, whatever the client accepts."""
    answer = request.forward()
    space, body, times = gzip.compress(MEGABYTE_OF_SPACE), gzip.compress(answer.get_data()), request.rule.megabytes
    headers = {"Content-Encoding": "gzip", "Content-Length": str(len(space) * times + len(body))}
    return _streamed(answer, chain(repeat(space, times), [body]), headers)


def _streamed(answer: Response, pieces: Iterable[bytes], headers: Mapping[str, str]) -> Response:
    """Return the answer with another body. An answer without a body keeps its status, so also a 204 gets one."""
    answer.headers.remove("Content-Length")
    answer.response = pieces
    answer.headers.update(headers)
    return answer
