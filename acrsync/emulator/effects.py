"""What each kind of fault does to a request and its answer; `EFFECTS` is the table, one line a kind.

Whatever ends a connection raises ConnectionAbortedError, which the server takes as its end.
"""

import json
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus

from werkzeug.wrappers import Response

from acrsync.emulator.faults import Kind, Rule
from acrsync.emulator.lag import Delay
from acrsync.emulator.state import OWNER, Emulator
from acrsync.emulator.store import Bucket

UNRELATED = "unrelated-"
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER of no time: closing sends RST, not FIN
USUAL_HANG_S = 60.0
USUAL_DRIP_S = 2.0
USUAL_LAG_S = 2.0
DROPS = 20


@dataclass(frozen=True, slots=True)
class Encounter:
    """One request and the rule that it fell to; `act` does what the request asks, as often as it is called."""

    rule: Rule
    number: int
    token: str
    connection: socket.socket
    emulator: Emulator
    act: Callable[[Delay | None], Response]

    def acted(self) -> Response:
        """Do what the request asks and return the answer to it."""
        return self.act(None)


def throttled(seconds: int, *, html: bool, until: float | None = None) -> Response:
    """Return a 429 with Retry-After. Source: reference 1.8. GUESS: Laravel's own headers and body."""
    wait = str(seconds) if until is None else formatdate(until, usegmt=True)
    return _failure(429, "Too Many Attempts.", html=html, headers={"Retry-After": wait, "X-RateLimit-Remaining": "0"})


def _failure(status: int, message: str, *, html: bool, headers: Mapping[str, str]) -> Response:
    """Return a failure as Laravel writes it, or as a proxy before it does."""
    title = f"{status} {HTTPStatus(status).phrase}"
    page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body><h1>{title}</h1></body>\r\n</html>\r\n"
    text, kind = (page, "text/html") if html else (json.dumps({"message": message}), "application/json")
    return Response(text, status, headers, content_type=kind)


def _throttle(met: Encounter) -> Response:
    rule = met.rule
    seconds = 1 if rule.retry_after is None else rule.retry_after
    until = met.emulator.clock() + seconds if rule.retry_after_form == "date" else None
    return throttled(seconds, html=rule.body == "html", until=until)


def _error(met: Encounter) -> Response:
    rule = met.rule
    headers = {} if rule.retry_after is None else {"Retry-After": str(rule.retry_after)}
    return _failure(rule.status, "Server Error", html=rule.body == "html", headers=headers)


def _reset(met: Encounter) -> Response:
    met.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    raise ConnectionAbortedError("reset by a fault")


def _hang(met: Encounter) -> Response:
    met.connection.settimeout(met.rule.lasts(USUAL_HANG_S))
    with suppress(OSError):
        met.connection.recv(1, socket.MSG_PEEK)  # returns when the client has gone
    raise ConnectionAbortedError("hung by a fault")


def _after(effect: Callable[[Encounter], Response]) -> Callable[[Encounter], Response]:
    """Return the effect with the request done first and its answer thrown away."""

    def run(met: Encounter) -> Response:
        met.acted()
        return effect(met)

    return run


def _cut_body(met: Encounter) -> Response:
    answer = met.acted()
    whole = answer.get_data()

    def half() -> Iterator[bytes]:
        yield whole[: len(whole) // 2]
        raise ConnectionAbortedError("cut short by a fault")

    return _streamed(answer, whole, half()) if whole else answer


def _drip_body(met: Encounter) -> Response:
    answer = met.acted()
    whole = answer.get_data()
    size = max(1, len(whole) // DROPS)

    def drops() -> Iterator[bytes]:
        for start in range(0, len(whole), size):
            time.sleep(met.rule.lasts(USUAL_DRIP_S) * size / len(whole))
            yield whole[start : start + size]

    return _streamed(answer, whole, drops())


def _streamed(answer: Response, whole: bytes, pieces: Iterator[bytes]) -> Response:
    answer.response = pieces
    answer.headers["Content-Length"] = str(len(whole))
    return answer


def _duplicate(met: Encounter) -> Response:
    first, second = met.acted(), met.acted()
    return first if met.rule.answer == "first" else second


def _lag(met: Encounter) -> Response:
    return met.act(Delay(met.rule.lasts(0.0 if met.rule.reads else USUAL_LAG_S), met.rule.reads))


def _shift_create(met: Encounter) -> Response:
    answer, account = met.acted(), met.emulator.account(met.token)
    uid = account.uid if account else OWNER
    with met.emulator.acting():
        met.emulator.store.save(Bucket(uid=uid, name=f"{UNRELATED}{met.number}", type="File", region="eu-west-1"))
    return answer


def _shift_delete(met: Encounter) -> Response:
    answer, store = met.acted(), met.emulator.store
    with met.emulator.acting():
        if rows := [row.id for row in store.buckets().values() if row.name.startswith(UNRELATED)]:
            store.delete(max(rows))
    return answer


def _expire_token(met: Encounter) -> Response:
    met.emulator.expired.add(met.token)
    return met.acted()


EFFECTS: Mapping[Kind, Callable[[Encounter], Response]] = {
    "throttle": _throttle,
    "error_before": _error,
    "error_after": _after(_error),
    "reset_before": _reset,
    "reset_after": _after(_reset),
    "hang_before": _hang,
    "hang_after": _after(_hang),
    "cut_body": _cut_body,
    "drip_body": _drip_body,
    "duplicate": _duplicate,
    "lag": _lag,
    "shift_create": _shift_create,
    "shift_delete": _shift_delete,
    "expire_token": _expire_token,
}
